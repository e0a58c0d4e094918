"""The fish market: what a lot holds, and whether the unit is still right. Pure."""
