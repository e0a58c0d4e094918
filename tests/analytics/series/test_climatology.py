"""Normals find the year that is in the data, and refuse where there is no year."""

from __future__ import annotations

import numpy as np
import pytest

from analytics.series.climatology import fit_climatology, harmonics
from analytics.series.errors import ClimatologyError, LengthError


def red_noise(days: int, persistence: float, deviation: float, seed: int) -> np.ndarray:
    shocks = np.random.default_rng(seed).normal(0.0, deviation * np.sqrt(1 - persistence**2), days)
    noise = np.empty(days)
    noise[0] = shocks[0]
    for day in range(1, days):
        noise[day] = persistence * noise[day - 1] + shocks[day]
    return noise


def test_normals_spread_and_persistence_are_found() -> None:
    days = np.datetime64("1995-03-01") + np.arange(25 * 365)
    level = harmonics(days, 3) @ np.array([7.0, -11.0, -4.0, 0.6, 0.3, -0.2, 0.1])
    deviation = np.sqrt(harmonics(days, 1) @ np.array([9.0, 4.0, 0.0]))
    found = fit_climatology(days, level + deviation * red_noise(len(days), 0.7, 1.0, 3))
    assert np.abs(found.normal(days) - level).max() < 0.6
    assert found.deviation(days) == pytest.approx(deviation, rel=0.1)
    assert found.persistence == pytest.approx(0.7, abs=0.03)


def test_holes_do_not_move_the_normals() -> None:
    days = np.datetime64("2001-01-01") + np.arange(6 * 365)
    level = harmonics(days, 1) @ np.array([7.0, -11.0, -4.0])
    there = np.random.default_rng(4).random(len(days)) > 0.4
    found = fit_climatology(days, np.where(there, level, np.nan))
    assert found.n == there.sum()
    assert np.allclose(found.normal(days), level, atol=1e-9)


@pytest.mark.parametrize(("first", "n"), [("2020-01-01", 299), ("2020-01-01", 333)])
def test_less_than_a_year_is_refused(first: str, n: int) -> None:
    days = np.datetime64(first) + np.arange(n)
    with pytest.raises(ClimatologyError, match=f"these are {n} days in 1[01] months") as caught:
        fit_climatology(days, np.zeros(n))
    assert caught.value.days == n


def test_lengths_must_agree() -> None:
    with pytest.raises(LengthError, match="days 2, values 3"):
        fit_climatology(np.array(["2020-01-01", "2020-01-02"], "datetime64[D]"), np.zeros(3))
