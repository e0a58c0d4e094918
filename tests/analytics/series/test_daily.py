"""Daily values: exact where they can be, and absent where the readings do not carry them."""

from __future__ import annotations

import os
import time
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.series.daily import LEAST_COVERAGE, LONGEST_GAP_H, DailyValues, summarise_days
from analytics.series.days import day_edges_us
from analytics.series.errors import LengthError
from analytics.series.totals import TOTALS
from devices.model import Quality
from devices.quantities import QUANTITIES

CHUNCHEON = Path(__file__).parents[4] / "shared/data/weather_chuncheon/hourly.parquet"
DAY = date(2024, 6, 1)
MINUTE = 60_000_000
HOUR = 60 * MINUTE
START = int(day_edges_us("Asia/Tokyo", DAY, 0)[0])


def summarise(
    quantity: str, at: object, value: object, quality: object = None, **options: object
) -> DailyValues:
    settings = {"timezone": "Asia/Tokyo", "first_day": DAY, "days": 1} | options
    return summarise_days(quantity, np.asarray(at), value, quality, **settings)


def every(minutes: float, days: float = 1.0) -> np.ndarray:
    """Instants from an hour before the day to an hour after `days`."""
    return START + np.arange(-60, days * 1440 + 60, minutes).astype(np.int64) * MINUTE


def course(at: np.ndarray) -> np.ndarray:
    """A day's course: least at 05:00, greatest at 17:00, mean 15, amplitude 7."""
    return 15.0 - 7.0 * np.cos(2 * np.pi * ((at - START) / HOUR - 5.0) / 24.0)


def test_a_day_of_ten_minute_readings() -> None:
    at = every(10)
    got = summarise("air_temperature", at, course(at))
    assert got.minimum[0] == pytest.approx(8.0)
    assert got.maximum[0] == pytest.approx(22.0)
    assert got.mean[0] == pytest.approx(15.0, abs=1e-9)
    assert (got.n[0], got.coverage[0], got.longest_gap_h[0], got.step_s) == (
        144,
        1.0,
        pytest.approx(1 / 6),
        600.0,
    )
    assert np.isnan(got.total[0])
    assert got.total_unit is None


def test_a_burst_weighs_no_more_than_its_time() -> None:
    at = every(10)
    burst = START + 17 * HOUR + np.arange(3_000) * 100_000
    both = np.union1d(at, burst)
    assert summarise("air_temperature", both, course(both)).mean[0] == pytest.approx(15.0, abs=0.005)
    assert summarise("air_temperature", both, course(both)).coverage[0] == 1.0
    assert course(both).mean() > 21.0


@pytest.mark.parametrize(
    ("missing_from_h", "missing_h", "counts"),
    [(2, 3.2, False), (12, 2.8, True), (0, 24, False), (20, 3.5, False)],
)
def test_a_day_whose_night_is_missing_has_no_minimum(
    missing_from_h: float, missing_h: float, counts: bool
) -> None:
    at = every(10)
    kept = at[~((at >= START + missing_from_h * HOUR) & (at < START + (missing_from_h + missing_h) * HOUR))]
    got = summarise("air_temperature", kept, course(kept))
    assert got.covered[0] == counts
    for column in (got.minimum, got.mean, got.maximum):
        assert np.isfinite(column[0]) == counts


def test_many_short_holes_are_too_many() -> None:
    at = every(10)
    kept = at[(at - START) % (3 * HOUR) >= 70 * MINUTE]  # 8 of 18 readings of each three hours
    got = summarise("air_temperature", kept, course(kept))
    assert got.longest_gap_h[0] < LONGEST_GAP_H
    assert got.coverage[0] < LEAST_COVERAGE
    assert np.isnan(got.mean[0])


def test_quality_decides_who_counts() -> None:
    at = every(10)
    value, quality = course(at), np.full(len(at), Quality.GOOD)
    marked = {20: (-40.0, Quality.FAIL), 30: (-30.0, Quality.MISSING), 40: (-20.0, Quality.SUSPECT)}
    for place, (bad, flag) in marked.items():
        value[place], quality[place] = bad, flag
    value[50], quality[50] = -10.0, Quality.NOT_EVALUATED
    strict = summarise("air_temperature", at, value, quality)
    loose = summarise("air_temperature", at, value, quality, with_suspect=True)
    assert (strict.minimum[0], strict.n[0], strict.n_left_out[0]) == (-10.0, 141, 3)
    assert (loose.minimum[0], loose.n[0], loose.n_left_out[0]) == (-20.0, 142, 2)


def test_not_a_number_is_no_reading() -> None:
    at = every(10)
    value = np.where(at == START + 5 * HOUR, np.nan, course(at))
    got = summarise("air_temperature", at, value)
    assert got.minimum[0] > 8.0
    assert (got.n[0], got.n_left_out[0]) == (143, 1)


@pytest.mark.parametrize(("day", "hours"), [(date(2024, 3, 31), 23), (date(2024, 10, 27), 25)])
def test_days_of_23_and_25_hours(day: date, hours: int) -> None:
    edges = day_edges_us("Europe/Zurich", day, 1)
    at = np.arange(edges[0] - HOUR, edges[1] + HOUR, 10 * MINUTE)
    got = summarise("global_radiation", at, np.full(len(at), 100.0), timezone="Europe/Zurich", first_day=day)
    assert (got.n[0], got.mean[0], got.coverage[0]) == (hours * 6, 100.0, 1.0)
    assert got.total[0] == pytest.approx(100.0 * hours * 3_600 / 1e6)


@pytest.mark.parametrize(
    ("quantity", "total", "unit"),
    [
        ("global_radiation", 50.0 * 0.0864, "MJ/m2/d"),
        ("photosynthetic_photon_flux", 50.0 * 0.0864, "mol/m2/d"),
        ("irrigation_flow", 50.0 * 1_440, "L/d"),
        ("rainfall", 50.0 * 144, "mm/d"),
        ("irrigation_volume", 50.0 * 144, "L/d"),
    ],
)
def test_totals_by_quantity(quantity: str, total: float, unit: str) -> None:
    at = every(10)
    got = summarise(quantity, at, np.full(len(at), 50.0))
    assert got.total[0] == pytest.approx(total)
    assert got.total_unit == unit


def test_rain_of_the_sample_at_midnight_belongs_to_the_day_that_ends() -> None:
    at = every(10, 2)
    rain = np.where((at == START) | (at == START + 24 * HOUR), [[1.0], [0.0]], 0.0)[0]
    got = summarise("rainfall", at, rain, days=2)
    assert got.total.tolist() == [1.0, 0.0]


def test_totals_are_of_quantities_that_exist() -> None:
    assert set(TOTALS) <= set(QUANTITIES)


def test_order_and_kind_of_instants_do_not_matter() -> None:
    at = every(10)
    mixed = np.random.default_rng(1).permutation(at)
    one, other = (
        summarise("air_temperature", at, course(at)),
        summarise("air_temperature", mixed.astype("datetime64[us]").astype("datetime64[ms]"), course(mixed)),
    )
    for name in ("minimum", "mean", "maximum", "coverage", "n"):
        assert getattr(one, name).tolist() == getattr(other, name).tolist()


def test_no_reading_is_no_value() -> None:
    got = summarise("air_temperature", np.array([], np.int64), [], days=3)
    assert got.n.tolist() == [0, 0, 0]
    assert got.coverage.tolist() == [0.0, 0.0, 0.0]
    assert np.isnan([got.minimum, got.mean, got.maximum]).all()
    assert got.longest_gap_h.tolist() == [24.0, 24.0, 24.0]


def test_the_kinds_period_may_be_given() -> None:
    at = every(60)
    assert summarise("air_temperature", at, course(at)).coverage[0] == 1.0
    assert summarise("air_temperature", at, course(at), step_s=600.0).coverage[0] == pytest.approx(
        1 / 3, abs=0.02
    )


def test_directions_have_a_mean_across_north_and_no_extremes() -> None:
    at = every(10)
    got = summarise("wind_direction", at, np.where(np.arange(len(at)) % 2, 350.0, 14.0))
    assert got.mean[0] == pytest.approx(2.0, abs=0.2)
    assert np.isnan([got.minimum[0], got.maximum[0], got.total[0]]).all()


def test_lengths_must_agree() -> None:
    with pytest.raises(LengthError, match="at 2, value 1, quality 2"):
        summarise("air_temperature", [0, 1], [1.0])


@given(
    st.lists(
        st.tuples(st.integers(-HOUR, 50 * HOUR), st.floats(-50, 50)), max_size=60, unique_by=lambda r: r[0]
    ),
)
def test_whatever_comes_the_mean_lies_between(rows: list[tuple[int, float]]) -> None:
    at = START + np.array([row[0] for row in rows], np.int64)
    value = np.array([row[1] for row in rows])
    got = summarise("air_temperature", at, value, days=2)
    inside = (at >= START) & (at < START + 48 * HOUR)
    assert got.n.sum() == inside.sum()
    assert ((got.coverage >= 0.0) & (got.coverage <= 1.0)).all()
    shown = np.isfinite(got.mean)
    assert shown.tolist() == (got.covered & (got.n > 0)).tolist()
    assert (got.minimum[shown] <= got.maximum[shown]).all()


@pytest.mark.skipif(
    not CHUNCHEON.exists() and "CI" not in os.environ,  # in CI its absence is a failure
    reason=f"no field data in {CHUNCHEON}",
)
def test_ten_years_of_hours_are_those_of_a_plain_grouping() -> None:
    hours = pl.read_parquet(CHUNCHEON).with_columns(
        local=pl.col("timestamp").str.to_datetime("%Y-%m-%dT%H:%M:%S%.f", time_unit="us")
    )
    plain = hours.group_by(day=pl.col("local").dt.date(), maintain_order=True).agg(
        pl.len(), low=pl.col("temp_c").min(), mean=pl.col("temp_c").mean(), high=pl.col("temp_c").max()
    )
    at = hours["local"].dt.replace_time_zone("Asia/Seoul").dt.epoch("us").to_numpy()
    settings = {"timezone": "Asia/Seoul", "first_day": plain["day"][0], "days": len(plain)}
    got = summarise_days("air_temperature", at, hours["temp_c"].to_numpy(), **settings)
    rain = summarise_days("rainfall", at + HOUR, hours["rain_mm"].to_numpy(), **settings)
    assert len(plain) > 3_600
    assert got.covered.all() == (plain["len"] == 24).all()
    assert np.array_equal(got.minimum, plain["low"].to_numpy())
    assert np.array_equal(got.maximum, plain["high"].to_numpy())
    assert np.abs(got.mean - plain["mean"].to_numpy()).max() < 0.6  # half an hour of two midnights
    assert np.nansum(rain.total) == pytest.approx(hours["rain_mm"].sum())


def test_a_season_of_six_series_takes_no_time() -> None:
    at = every(10, 250)
    value = course(at)
    begin = time.perf_counter()
    for _ in range(6):
        got = summarise("air_temperature", at, value, days=250)
    assert time.perf_counter() - begin < 0.5  # measured: 0.04 s
    assert got.covered.all()
    assert got.minimum == pytest.approx(np.full(250, 8.0))
    assert DAY + timedelta(days=249) == date(2025, 2, 5)
