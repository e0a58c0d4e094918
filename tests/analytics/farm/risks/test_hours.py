"""Hours laid out by local days, also where the clocks are changed or data are missing."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from analytics.farm.risks.hours import from_noon, lay_out, share_known
from analytics.series.errors import TimeZoneError

HOUR = 3_600_000_000


def hours_from(begin: datetime, count: int) -> np.ndarray:
    return int(begin.timestamp() * 1_000_000) + HOUR * np.arange(count)


def local_hours(begin: datetime, count: int) -> list[int]:
    zone = begin.tzinfo
    at = hours_from(begin, count)
    return [datetime.fromtimestamp(each / 1e6, UTC).astimezone(zone).hour for each in at.tolist()]


def test_japans_days_begin_at_their_midnight() -> None:
    begin = datetime(2016, 6, 1, 5, tzinfo=ZoneInfo("Asia/Tokyo"))
    hour = np.array(local_hours(begin, 30), dtype=np.float64)
    got = lay_out(hours_from(begin, 30), hour, hour + 50, hour / 10, "Asia/Tokyo")
    assert (got.first_day, got.days) == (date(2016, 6, 1), 2)
    assert np.isnan(got.temperature[0, :5]).all()
    assert got.temperature[0, 5:].tolist() == list(range(5, 24))
    assert got.humidity[1, :11].tolist() == list(range(50, 61))
    assert np.isnan(got.rainfall[1, 11:]).all()


def test_the_order_of_hours_does_not_matter() -> None:
    begin = datetime(2016, 6, 1, tzinfo=ZoneInfo("Asia/Tokyo"))
    at, value = hours_from(begin, 48), np.arange(48.0)
    mixed = np.random.default_rng(3).permutation(48)
    got = lay_out(at[mixed], value[mixed], value[mixed], value[mixed], "Asia/Tokyo")
    assert got.temperature.ravel().tolist() == value.tolist()


@pytest.mark.parametrize(("day", "known"), [((2024, 3, 31), 23), ((2024, 10, 27), 24)])
def test_days_of_23_and_25_hours(day: tuple[int, int, int], known: int) -> None:
    begin = datetime(*day, tzinfo=ZoneInfo("Europe/Berlin"))
    got = lay_out(hours_from(begin, 26), np.ones(26), np.ones(26), np.ones(26), "Europe/Berlin")
    assert got.first_day == date(*day)
    assert share_known(got.temperature)[0] == known / 24
    assert np.isfinite(got.temperature[1]).sum() == 26 - (23 if known == 23 else 25)


def test_an_hour_that_begins_before_midnight_belongs_to_the_day_of_its_middle() -> None:
    at = hours_from(datetime(2024, 6, 1, 18, 0, tzinfo=UTC), 2)  # 23:45 and 0:45 in Kathmandu
    got = lay_out(at, np.array([1.0, 2.0]), np.zeros(2), np.zeros(2), "Asia/Kathmandu")
    assert got.first_day == date(2024, 6, 2)
    assert got.temperature[0, :2].tolist() == [1.0, 2.0]


def test_no_hours_are_no_days() -> None:
    none = np.empty(0)
    assert lay_out(none.astype(np.int64), none, none, none, "Asia/Tokyo").days == 0
    assert from_noon(np.empty((0, 24))).shape == (0, 24)


def test_an_unknown_zone_is_named() -> None:
    with pytest.raises(TimeZoneError):
        lay_out(np.zeros(1, np.int64), np.zeros(1), np.zeros(1), np.zeros(1), "Asia/Obihiro")


def test_the_last_day_from_noon_is_half_known() -> None:
    assert share_known(from_noon(np.ones((3, 24)))).tolist() == [1.0, 1.0, 0.5]
