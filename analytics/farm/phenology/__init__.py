"""Crops, their parameters, and the simulation of their stages."""
