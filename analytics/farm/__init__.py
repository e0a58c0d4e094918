"""The farm: weather, phenology, forecasts, recipes and risks. Pure."""
