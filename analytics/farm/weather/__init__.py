"""The weather of a day and what follows from it: humidity, sun, light, degree days, evaporation."""
