"""HTTP for people and programs: operations under /api/v1, health, metrics and the reference page."""
