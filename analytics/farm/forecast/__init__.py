"""A lab's forecast of growth stages: `assembly.forecast` from `season.Case` to `result.PlantingForecast`."""
