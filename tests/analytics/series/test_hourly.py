"""Hourly values: means over time, sums, directions, and hours that do not count."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.series.errors import LengthError
from analytics.series.hourly import US_PER_H, HourlyValues, summarise_hours

MIN_US = 60_000_000


def hourly(
    quantity: str, minutes: list[float], values: list[float], hours: int = 2, **how: object
) -> HourlyValues:
    at = np.array([round(minute * MIN_US) for minute in minutes], np.int64)
    return summarise_hours(quantity, at, values, first=0, hours=hours, **how)  # type: ignore[arg-type]


def test_the_mean_is_over_time_and_a_burst_weighs_no_more() -> None:
    even = hourly("air_temperature", [*range(0, 121, 10)], [0.0] * 7 + [6.0] * 6)
    assert even.value.tolist() == pytest.approx([0.0, 5.5])
    burst = hourly("air_temperature", [*range(0, 61, 10), 30.1, 30.2, 30.3], [0.0] * 7 + [100.0] * 3, hours=1)
    assert burst.value[0] < 20
    assert burst.n.tolist() == [9]
    assert (burst.minimum[0], burst.maximum[0]) == (0.0, 100.0)


def test_order_quality_and_not_a_numbers() -> None:
    minutes = [*range(0, 121, 10)]
    values = np.linspace(0, 12, 13)
    shuffled = np.random.default_rng(1).permutation(13)
    straight = hourly("air_temperature", minutes, values.tolist())
    mixed = hourly("air_temperature", [minutes[i] for i in shuffled], values[shuffled].tolist())
    assert mixed.value.tolist() == straight.value.tolist() == pytest.approx([3.0, 9.0])
    wild = values.copy()
    wild[3] = 500.0
    flags = np.where(wild > 100, 4, 1)
    assert hourly("air_temperature", minutes, wild.tolist(), quality=flags).value[0] == pytest.approx(3.0)
    suspect = np.where(wild > 100, 3, 2)
    assert hourly("air_temperature", minutes, wild.tolist(), quality=suspect).value[0] == pytest.approx(3.0)
    assert hourly("air_temperature", minutes, wild.tolist(), quality=suspect, with_suspect=True).value[0] > 50
    wild[3] = np.nan
    assert hourly("air_temperature", minutes, wild.tolist()).n.tolist() == [5, 6]


def test_an_hour_that_is_not_covered_has_no_value_and_says_why() -> None:
    got = hourly("air_temperature", [*range(0, 61, 10), *range(100, 121, 10)], [1.0] * 10, step_s=600)
    assert got.value[0] == 1.0
    assert np.isnan(got.value[1])
    assert np.isnan(got.minimum[1])
    assert got.coverage.tolist() == pytest.approx([1.0, 40 / 60])
    nothing = hourly("air_temperature", [], [])
    assert np.isnan(nothing.value).all()
    assert nothing.coverage.tolist() == [0.0, 0.0]
    assert hourly("air_temperature", [0], [1.0], hours=0).value.tolist() == []


def test_rain_adds_up_and_the_sample_at_the_full_hour_belongs_to_the_hour_that_ends() -> None:
    got = hourly("rainfall", [*range(0, 121, 10)], [9.0] + [0.5] * 6 + [1.0] * 6)
    assert got.value.tolist() == [3.0, 6.0]


def test_the_mean_of_north_and_north_is_not_south() -> None:
    got = hourly("wind_direction", [*range(0, 61, 10)], [350.0, 10.0] * 3 + [350.0], hours=1)
    assert min(got.value[0], 360 - got.value[0]) < 1e-6
    assert hourly("wind_direction", [*range(0, 61, 10)], [260.0, 280.0] * 3 + [260.0], hours=1).value[0] == (
        pytest.approx(270.0)
    )


def test_hourly_readings_are_enough_and_begin_is_cut_to_the_hour() -> None:
    at = np.arange(0, 5, dtype=np.int64) * US_PER_H
    got = summarise_hours("air_temperature", at, [0.0, 1, 2, 3, 4], first=MIN_US, hours=4)
    assert got.first == 0
    assert got.value.tolist() == pytest.approx([0.5, 1.5, 2.5, 3.5])


def test_lengths_must_agree() -> None:
    with pytest.raises(LengthError, match="value 1"):
        hourly("air_temperature", [0, 10], [1.0])


@given(st.lists(st.tuples(st.floats(-60, 240), st.floats(-40, 40)), max_size=60))
def test_a_mean_lies_between_the_readings_around_it(readings: list[tuple[float, float]]) -> None:
    got = hourly("air_temperature", [m for m, _ in readings], [v for _, v in readings], hours=3)
    values = [value for _, value in readings]
    for mean in got.value[np.isfinite(got.value)]:
        assert min(values) - 1e-9 <= mean <= max(values) + 1e-9
    assert ((got.coverage >= 0) & (got.coverage <= 1)).all()
