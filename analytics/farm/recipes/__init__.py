"""Cultivation recipes: what a crop likes at each stage, what to do then, and how a field compares."""
