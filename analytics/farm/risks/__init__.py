"""Risks of weather: frost, heat, late blight and Fusarium head blight, by local day."""
