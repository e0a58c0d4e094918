"""How good pooled growth curves have been: each environment forecast from all others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from analytics.farm.growth_curves.forecast import GrowthForecast, forecast_growth
from analytics.farm.growth_curves.pool import fit_pool
from analytics.farm.growth_curves.series import GrowthSeries

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_KG_PER_T: Final = 1000.0
_LEVEL: Final = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class GrowthBacktest:
    """Forecasts of last samples, and what they were.

    Attributes
    ----------
    observed, forecast, lower_80, upper_80, naive : float64[n], t/ha
        `naive` is the mean of the last samples in all other environments.
    environment : tuple of n str
    refused : int
        Series for which there was no forecast, since they are longer than any in the pool.
    curve : str
    lead_d : float, d
    """

    observed: Floats
    forecast: Floats
    lower_80: Floats
    upper_80: Floats
    naive: Floats
    environment: tuple[str, ...]
    refused: int
    curve: str
    lead_d: float

    @property
    def n(self) -> int:
        """How many series were forecast."""
        return self.observed.size

    @property
    def environments(self) -> int:
        """How many environments were left out in turn."""
        return len(set(self.environment))

    @property
    def mean(self) -> float:
        """Mean of the last samples, t/ha."""
        return float(self.observed.mean())

    @property
    def rmse(self) -> float:
        """Root mean square error, t/ha."""
        return float(np.sqrt(np.mean((self.forecast - self.observed) ** 2)))

    @property
    def mae(self) -> float:
        """Mean absolute error, t/ha."""
        return float(np.abs(self.forecast - self.observed).mean())

    @property
    def bias(self) -> float:
        """Mean of forecast - observed, t/ha."""
        return float((self.forecast - self.observed).mean())

    @property
    def naive_rmse(self) -> float:
        """Root mean square error of the mean of the other environments, t/ha."""
        return float(np.sqrt(np.mean((self.naive - self.observed) ** 2)))

    @property
    def coverage_80(self) -> float:
        """Share of the observed within the 80 % interval."""
        return float(((self.lower_80 <= self.observed) & (self.observed <= self.upper_80)).mean())

    @property
    def half_width_80(self) -> float:
        """Mean half width of the 80 % interval, t/ha."""
        return float((self.upper_80 - self.lower_80).mean() / 2)


def backtest_tuber_mass(
    growth: pl.DataFrame,
    phenology: pl.DataFrame,
    *,
    curve: str = "logistic",
    lead_d: float = 30.0,
    minimum_samples: int = 4,
) -> GrowthBacktest:
    """Forecast the last tuber dry mass of each potato series from its samples up to `lead_d` before.

    Leave-one-environment-out: an environment is a site and planting year, and its pool has never seen it.

    Parameters
    ----------
    growth : DataFrame
        Columns experiment, treatment, date, tuber_dry_kg_ha.
    phenology : DataFrame
        Columns experiment, treatment, wsta, planting (dates); series without a row have no clock and are left
        out.
    curve : str
        One of `CURVES`.
    lead_d : float, d
    minimum_samples : int
        Series with fewer up to the lead still teach, but are not forecast.

    Returns
    -------
    GrowthBacktest
    """
    return backtest_growth(
        tuber_series(growth, phenology), curve=curve, lead_d=lead_d, minimum_samples=minimum_samples
    )


def tuber_series(growth: pl.DataFrame, phenology: pl.DataFrame) -> list[GrowthSeries]:
    """Give each treatment's tuber dry mass over days since planting; tables as for `backtest_tuber_mass`.

    Examples
    --------
    >>> from datetime import date
    >>> plot = {"experiment": ["A"], "treatment": [1]}
    >>> grown = pl.DataFrame({**plot, "date": [date(1990, 7, 9)], "tuber_dry_kg_ha": [2500.0]})
    >>> planted = pl.DataFrame({**plot, "wsta": ["DIJY9001"], "planting": [date(1990, 4, 10)]})
    >>> tuber_series(grown, planted)
    [GrowthSeries(time=array([90.]), mass=array([2.5]), environment='DIJY 1990')]
    """
    samples = growth.filter(pl.col("tuber_dry_kg_ha").is_not_null()).join(
        phenology.select("experiment", "treatment", "wsta", "planting"), on=["experiment", "treatment"]
    )
    # A station's code is its site's four letters, some with year and number behind.
    timed = samples.with_columns(
        time=(pl.col("date") - pl.col("planting")).dt.total_days().cast(pl.Float64),
        environment=pl.col("wsta").str.slice(0, 4) + " " + pl.col("planting").dt.year().cast(pl.String),
    ).sort("experiment", "treatment", "date")
    return [
        GrowthSeries(
            time=plot["time"].to_numpy(),
            mass=plot["tuber_dry_kg_ha"].to_numpy() / _KG_PER_T,
            environment=plot["environment"][0],
        )
        for plot in timed.partition_by("experiment", "treatment", maintain_order=True)
    ]


def backtest_growth(
    series: Sequence[GrowthSeries], *, curve: str, lead_d: float, minimum_samples: int = 4
) -> GrowthBacktest:
    """Forecast the last sample of each series `lead_d` ahead, from a pool of all other environments.

    Raises
    ------
    TooFewSeasonsError
        Fewer than four environments.
    """
    tried = [each for each in series if each.until(each.time[-1] - lead_d).time.size >= minimum_samples]
    rows = [
        row
        for left_out in sorted({each.environment for each in tried})
        for row in _forecast_environment(series, tried, left_out, curve, lead_d)
    ]
    environments, *columns = zip(*rows, strict=True)
    observed, forecast, lower, upper, naive = (np.array(column) for column in columns)
    return GrowthBacktest(
        observed=observed,
        forecast=forecast,
        lower_80=lower,
        upper_80=upper,
        naive=naive,
        environment=environments,
        refused=len(tried) - len(rows),
        curve=curve,
        lead_d=lead_d,
    )


def _forecast_environment(
    series: Sequence[GrowthSeries], tried: Sequence[GrowthSeries], left_out: str, curve: str, lead_d: float
) -> list[tuple[str, float, float, float, float, float]]:
    pool = fit_pool([each for each in series if each.environment != left_out], curve=curve, lead=lead_d)
    naive = float(np.mean([each.mass[-1] for each in tried if each.environment != left_out]))
    rows = []
    for own in (each for each in tried if each.environment == left_out):
        early = own.until(own.time[-1] - lead_d)
        forecast = forecast_growth(early.time, early.mass, own.time[-1:], pool=pool)
        if isinstance(forecast, GrowthForecast):
            lower, upper = forecast.interval(_LEVEL)
            median, low, high = (float(each[0]) for each in (forecast.median, lower, upper))
            rows.append((left_out, float(own.mass[-1]), median, low, high, naive))
    return rows
