"""How good forecasts are and what they learn: pooled residuals, ensembles, intervals, scores, back-tests."""
