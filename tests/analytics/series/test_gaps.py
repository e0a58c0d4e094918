"""Filling is never silent, its order follows its error, and the error is the one that is made."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.series.climatology import fit_climatology
from analytics.series.errors import LengthError
from analytics.series.gaps import FillMethod, fill_days, order_extremes

DATA = Path(__file__).parents[4] / "shared/data/weather_debilt/debilt.csv"
DAYS = np.datetime64("2010-01-01") + np.arange(3 * 365)
YEAR = 8.0 - 12.0 * np.cos(2 * np.pi * np.arange(len(DAYS)) / 365.2425)
WEATHER = YEAR + np.convolve(
    np.random.default_rng(2).normal(0, 3.0, len(DAYS) + 4), np.ones(5) / 5**0.5, "valid"
)
NORMALS = fit_climatology(DAYS, WEATHER)


def with_gap(first: int, length: int) -> np.ndarray:
    values = WEATHER.copy()
    values[first : first + length] = np.nan
    return values


def test_what_is_measured_stays() -> None:
    got = fill_days(DAYS, WEATHER, climatology=NORMALS, neighbours=[WEATHER + 1.0])
    assert np.array_equal(got.value, WEATHER)
    assert got.counts() == {
        "measured": len(DAYS),
        "interpolated": 0,
        "neighbour": 0,
        "climatology": 0,
        "missing": 0,
    }
    assert not got.error.any()


def test_a_gap_runs_from_interpolation_into_the_climatology_and_back() -> None:
    got = fill_days(DAYS, with_gap(400, 40), climatology=NORMALS)
    gap = slice(400, 440)
    assert got.method[[400, 439]].tolist() == [FillMethod.INTERPOLATED] * 2
    assert (got.method[410:430] == FillMethod.CLIMATOLOGY).all()
    assert np.allclose(got.value[410:430], NORMALS.normal(DAYS)[410:430])
    assert (np.diff(got.error[400:405]) > 0).all()
    assert (np.diff(got.error[435:440]) < 0).all()
    assert (got.error[gap] <= NORMALS.deviation(DAYS)[gap] + 1e-12).all()


def test_a_good_neighbour_beats_the_climatology_and_a_bad_one_does_not() -> None:
    noise = np.random.default_rng(3)
    good = 1.1 * WEATHER - 2.0 + noise.normal(0.0, 0.5, len(DAYS))
    bad = noise.normal(0.0, 5.0, len(DAYS))
    got = fill_days(DAYS, with_gap(400, 40), climatology=NORMALS, neighbours=[bad, good])
    gap = slice(400, 440)
    assert (got.method[gap] == FillMethod.NEIGHBOUR).all()
    assert (got.neighbour[gap] == 1).all()
    assert np.abs(got.value[gap] - WEATHER[gap]).max() < 2.0
    assert got.error[gap] == pytest.approx(np.full(40, 0.5 / 1.1), rel=0.1)


def test_a_neighbour_of_few_common_days_is_not_used() -> None:
    values = np.where(np.arange(len(DAYS)) < 29, WEATHER, np.nan)
    got = fill_days(DAYS, values, neighbours=[WEATHER])
    assert got.counts()["neighbour"] == 0
    assert got.counts()["missing"] == len(DAYS) - 29


@pytest.mark.parametrize(("length", "method"), [(1, "INTERPOLATED"), (3, "INTERPOLATED"), (4, "MISSING")])
def test_without_climatology_only_short_gaps_are_filled(length: int, method: str) -> None:
    got = fill_days(DAYS, with_gap(400, length))
    assert {FillMethod(code).name for code in got.method[400 : 400 + length]} == {method}
    assert np.isnan(got.value[400]) == (method == "MISSING")
    assert np.isnan(got.error[400]) == (method == "MISSING")


def test_the_ends_are_not_extrapolated_without_climatology() -> None:
    values = WEATHER.copy()
    values[[0, -1]] = np.nan
    got = fill_days(DAYS, values)
    assert got.method[[0, -1]].tolist() == [FillMethod.MISSING] * 2
    filled = fill_days(DAYS, values, climatology=NORMALS)
    assert filled.method[[0, -1]].tolist() == [FillMethod.INTERPOLATED] * 2


def test_nothing_at_all_is_climatology() -> None:
    got = fill_days(DAYS, np.full(len(DAYS), np.nan), climatology=NORMALS)
    assert np.allclose(got.value, NORMALS.normal(DAYS))
    assert np.allclose(got.error, NORMALS.deviation(DAYS))
    assert got.counts()["climatology"] == len(DAYS)


def test_minima_stay_below_maxima() -> None:
    days = DAYS[:4]
    low = fill_days(days, np.array([1.0, np.nan, np.nan, 9.0]), climatology=NORMALS)
    high = fill_days(days, np.array([5.0, low.value[1] - 1.0, np.nan, 8.0]), climatology=NORMALS)
    high.value[2], high.error[2] = low.value[2] - 1.0, low.error[2] + 1.0
    ordered_low, ordered_high = order_extremes(low, high)
    assert ordered_low.value[1] == high.value[1]
    assert ordered_high.value[2] == low.value[2]
    assert (ordered_low.value[3], ordered_high.value[3]) == (9.0, 8.0)  # measured is not bent


def test_lengths_must_agree() -> None:
    with pytest.raises(LengthError, match="days 3, values 2, neighbour 0 2"):
        fill_days(DAYS[:3], np.zeros(2), neighbours=[np.zeros(2)])


@given(st.lists(st.booleans(), min_size=60, max_size=60), st.booleans())
def test_every_day_says_how_it_came_about(there: list[bool], known: bool) -> None:
    values = np.where(there, WEATHER[:60], np.nan)
    got = fill_days(DAYS[:60], values, climatology=NORMALS if known else None)
    missing = got.method == FillMethod.MISSING
    assert np.array_equal(np.isnan(got.value), missing)
    assert np.array_equal(np.isnan(got.error), missing)
    assert np.array_equal(got.method == FillMethod.MEASURED, np.array(there))
    assert not (known and missing.any())


@pytest.mark.skipif(
    not DATA.exists() and "CI" not in os.environ,  # in CI its absence is a failure
    reason=f"no field data in {DATA}",
)
@pytest.mark.parametrize("column", ["tmin_c", "tmax_c"])
@pytest.mark.parametrize("length", [1, 3, 10])
def test_the_error_told_is_the_error_made(column: str, length: int) -> None:
    frame = pl.read_csv(DATA, try_parse_dates=True)
    days = frame["date"].to_numpy().astype("datetime64[D]")
    truth = frame[column].to_numpy()
    later = days >= np.datetime64("2010-01-01")
    normals = fit_climatology(days[~later], truth[~later])
    hidden = np.arange(later.sum()) % (length + 6) >= 6
    got = fill_days(days[later], np.where(hidden, np.nan, truth[later]), climatology=normals)
    missed = got.value - truth[later]
    for method in (FillMethod.INTERPOLATED, FillMethod.CLIMATOLOGY):
        of = got.method == method
        assert of.any() == (length == 10 or method == FillMethod.INTERPOLATED)
        if of.any():  # measured: 0.98 to 1.07
            assert np.sqrt(np.mean((missed[of] / got.error[of]) ** 2)) == pytest.approx(1.0, abs=0.12)
