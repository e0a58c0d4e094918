"""Time series of any origin: daily values, gaps, quality. Pure."""
