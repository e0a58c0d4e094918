"""Degree days are the integral of what lies between the thresholds, however the curve runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.farm.errors import WeatherError
from analytics.farm.weather.degree_days import (
    accumulate,
    mean_degree_days,
    sine_degree_days,
    triangle_degree_days,
)

if TYPE_CHECKING:
    from collections.abc import Callable

EXTREMES = st.tuples(st.floats(-30.0, 40.0), st.floats(0.0, 30.0))
THRESHOLDS = st.tuples(st.floats(-5.0, 15.0), st.floats(0.5, 30.0))
PHASE = (np.arange(20_000) + 0.5) / 20_000
SHAPES: list[tuple[Callable[..., np.ndarray], np.ndarray]] = [
    (sine_degree_days, np.cos(2 * np.pi * PHASE)),
    (triangle_degree_days, 1 - 4 * np.abs(PHASE - 0.5)),
]


@pytest.mark.parametrize(("degree_days", "course"), SHAPES)
@given(extremes=EXTREMES, thresholds=THRESHOLDS)
def test_the_formula_is_the_integral(
    degree_days: Callable[..., np.ndarray],
    course: np.ndarray,
    extremes: tuple[float, float],
    thresholds: tuple[float, float],
) -> None:
    low, high = extremes[0], sum(extremes)
    base, upper = thresholds[0], sum(thresholds)
    temperature = (low + high) / 2 + (high - low) / 2 * course
    for limit in (upper, None):
        expected = np.mean(np.clip(temperature, base, limit) - base)
        assert degree_days(low, high, base, limit) == pytest.approx(expected, abs=2e-3)


@given(EXTREMES, THRESHOLDS)
def test_where_no_threshold_is_crossed_all_agree(
    extremes: tuple[float, float], thresholds: tuple[float, float]
) -> None:
    low, high = extremes[0], sum(extremes)
    base = low - abs(thresholds[0])
    expected = mean_degree_days(low, high, base, high + 1.0)
    for degree_days, _ in SHAPES:
        assert degree_days(low, high, base, high + 1.0) == pytest.approx(float(expected), abs=1e-9)


@pytest.mark.parametrize("degree_days", [sine_degree_days, triangle_degree_days])
def test_a_day_of_almost_one_temperature_is_one(degree_days: Callable[..., np.ndarray]) -> None:
    tiny = 2.3e-309
    assert degree_days(0.0, tiny, -1.0, 10.0) == pytest.approx(1.0)
    assert degree_days(0.0, tiny, 4.0) == 0.0


def test_warm_hours_of_a_cold_day_count_under_a_curve_only() -> None:
    assert mean_degree_days(-4.0, 8.0, 5.0) == 0.0
    assert sine_degree_days(-4.0, 8.0, 5.0) > 0.0
    assert triangle_degree_days(-4.0, 8.0, 5.0) == pytest.approx(9 / 24)


def test_a_missing_day_is_missing_from_then_on() -> None:
    low, high = np.array([[5.0, np.nan, 9.0]]), np.array([[15.0, 20.0, 19.0]])
    for degree_days in (mean_degree_days, sine_degree_days, triangle_degree_days):
        for extremes in ((low, high), (np.array([[5.0, 9.0, 9.0]]), np.where(np.isnan(low), np.nan, high))):
            got = accumulate(degree_days(*extremes, 4.0, 30.0))
            assert got[0, 0] == pytest.approx(6.0)
            assert np.isnan(got[0, 1:]).all()
        assert np.isnan(degree_days(np.nan, 2.0, 4.0))


@pytest.mark.parametrize("degree_days", [mean_degree_days, sine_degree_days, triangle_degree_days])
def test_thresholds_must_be_in_order(degree_days: Callable[..., np.ndarray]) -> None:
    with pytest.raises(WeatherError, match="upper threshold 5 deg C must be above the base 5 deg C"):
        degree_days(0.0, 10.0, 5.0, 5.0)
