"""Growth curves of yield and organ mass: a prior pooled over seasons, never extrapolated alone."""

from __future__ import annotations

from analytics.farm.growth_curves.backtest import GrowthBacktest, backtest_growth, backtest_tuber_mass
from analytics.farm.growth_curves.curves import CURVES, growth
from analytics.farm.growth_curves.forecast import GrowthForecast, Refused, forecast_growth
from analytics.farm.growth_curves.pool import GrowthPool, fit_pool
from analytics.farm.growth_curves.series import GrowthSeries

__all__ = [
    "CURVES",
    "GrowthBacktest",
    "GrowthForecast",
    "GrowthPool",
    "GrowthSeries",
    "Refused",
    "backtest_growth",
    "backtest_tuber_mass",
    "fit_pool",
    "forecast_growth",
    "growth",
]
