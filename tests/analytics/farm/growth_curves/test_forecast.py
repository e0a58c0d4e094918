"""Forecasts keep to the pool while a series is young, and are refused where there is no experience."""

from __future__ import annotations

import numpy as np
import pytest

from analytics.farm.growth_curves import (
    GrowthForecast,
    GrowthPool,
    GrowthSeries,
    Refused,
    fit_pool,
    forecast_growth,
    growth,
)

DAYS = np.arange(50.0, 151.0, 10.0)
MEAN = np.array([np.log(15.0), np.log(0.1), 95.0])


def season(number: int) -> GrowthSeries:
    random = np.random.default_rng(number)
    drawn = MEAN + np.array([0.2, 0.15, 6.0]) * random.normal(size=3)
    mass = growth("logistic", drawn, DAYS) + 0.5 * random.normal(size=DAYS.size)
    return GrowthSeries(time=DAYS, mass=mass, environment=f"site {number}")


@pytest.fixture(scope="module")
def pool() -> GrowthPool:
    return fit_pool([season(number) for number in range(12)])


def forecast(pool: GrowthPool, series: GrowthSeries, at: float) -> GrowthForecast:
    got = forecast_growth(series.time, series.mass, np.array([at]), pool=pool)
    assert isinstance(got, GrowthForecast)
    return got


@pytest.mark.parametrize(
    ("time", "mass", "at", "pooled", "reason"),
    [
        ([60.0, 70.0], [0.5, 1.2], 120.0, False, "no_pool"),
        ([60.0], [np.nan], 120.0, True, "no_samples"),
        ([60.0], [0.5], 181.0, True, "beyond_pool"),
    ],
)
def test_what_is_refused(
    pool: GrowthPool, *, time: list[float], mass: list[float], at: float, pooled: bool, reason: str
) -> None:
    got = forecast_growth(np.array(time), np.array(mass), np.array([at]), pool=pool if pooled else None)
    assert isinstance(got, Refused)
    assert got.reason == reason
    assert got.label_ja
    assert got.label_en.startswith("No forecast")


def test_a_lead_beyond_the_pool_is_still_forecast(pool: GrowthPool) -> None:
    assert forecast(pool, season(30).until(100.0), 180.0).median[0] > 0.0


def test_a_young_series_does_not_run_away(pool: GrowthPool) -> None:
    """Two samples that grow by half a day are not extrapolated: the pool's seasons say how far it goes."""
    young = GrowthSeries(time=np.array([50.0, 60.0]), mass=np.array([0.2, 1.5]), environment="new")
    assert forecast(pool, young, 150.0).median[0] < 30.0


def test_samples_narrow_the_forecast_and_move_it_to_the_truth(pool: GrowthPool) -> None:
    apart, width = [], []
    for number in range(40, 60):
        new = season(number)
        early, late = (forecast(pool, new.until(until), 150.0) for until in (60.0, 120.0))
        apart.append([abs(each.median[0] - new.mass[-1]) for each in (early, late)])
        width.append(early.sd[0] > late.sd[0])
    assert all(width)
    assert np.mean(apart, axis=0)[1] < 0.6 * np.mean(apart, axis=0)[0]


def test_intervals_hold_what_they_promise(pool: GrowthPool) -> None:
    held = []
    for number in range(100, 300):
        new = season(number)
        lower, upper = forecast(pool, new.until(120.0), 150.0).interval(0.8)
        held.append(bool(lower[0] <= new.mass[-1] <= upper[0]))
    assert 0.7 <= np.mean(held) <= 0.95


def test_intervals_are_nested_and_never_below_nothing(pool: GrowthPool) -> None:
    got = forecast(pool, season(30).until(60.0), 51.0)
    (low_50, high_50), (low_95, high_95) = got.interval(0.5), got.interval(0.95)
    assert 0.0 == low_95[0] <= low_50[0] <= got.median[0] <= high_50[0] < high_95[0]
    assert got.basis == "logistic over 12 series of 12 environments"
    assert got.n_samples == 2
