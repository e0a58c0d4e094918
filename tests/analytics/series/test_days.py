"""Local days begin where the site's clocks say, also where these are changed at midnight."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.series.days import day_axis, day_edges_us, day_of_year
from analytics.series.errors import TimeZoneError

HOUR_US = 3_600_000_000


@pytest.mark.parametrize(
    ("timezone", "day", "hours"),
    [
        ("Asia/Tokyo", date(2024, 3, 31), 24),
        ("Europe/Zurich", date(2024, 3, 31), 23),
        ("Europe/Zurich", date(2024, 10, 27), 25),
        ("Australia/Lord_Howe", date(2024, 4, 7), 24.5),
        ("America/Sao_Paulo", date(2018, 11, 4), 23),  # midnight does not exist
        ("America/Havana", date(2023, 11, 5), 25),  # midnight comes twice
        ("Pacific/Apia", date(2011, 12, 30), 0),  # the day was left out
    ],
)
def test_a_day_is_as_long_as_the_clocks_make_it(timezone: str, day: date, hours: float) -> None:
    edges = day_edges_us(timezone, day, 1)
    assert (edges[1] - edges[0]) / HOUR_US == hours


def test_days_begin_at_local_midnight() -> None:
    (start,) = day_edges_us("Asia/Tokyo", date(2024, 6, 1), 0)
    assert datetime.fromtimestamp(start / 1e6, UTC) == datetime(2024, 5, 31, 15, tzinfo=UTC)


@given(st.dates(date(1900, 1, 1), date(2100, 1, 1)), st.integers(0, 800))
def test_the_axis_counts_like_the_calendar(first: date, days: int) -> None:
    axis = day_axis(first, days)
    expected = [first + timedelta(days=number) for number in range(days)]
    assert axis.tolist() == expected
    assert day_of_year(axis).tolist() == [day.timetuple().tm_yday for day in expected]


def test_an_unknown_zone_is_named() -> None:
    with pytest.raises(TimeZoneError, match="Asia/Shihoro") as caught:
        day_edges_us("Asia/Shihoro", date(2024, 1, 1), 1)
    assert caught.value.timezone == "Asia/Shihoro"
    assert np.isscalar(caught.value.timezone)
