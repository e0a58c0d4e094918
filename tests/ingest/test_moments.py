from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.moments import from_us, read_at, to_us

RECEIVED = datetime(2026, 6, 1, tzinfo=UTC)
RECEIVED_US = to_us(RECEIVED)


@given(st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_microseconds_there_and_back(at):
    assert from_us(to_us(at)) == at


@given(
    st.datetimes(datetime(2000, 1, 2), datetime(2026, 6, 1)),  # noqa: DTZ001
    st.integers(-14 * 60, 14 * 60),
    st.sampled_from(["seconds", "milliseconds", "microseconds"]),
)
def test_rfc_3339_is_read_exactly(moment, minutes, timespec):
    at = moment.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    text = at.isoformat(timespec=timespec)
    assert read_at(text, RECEIVED_US) == to_us(datetime.fromisoformat(text))


@pytest.mark.parametrize(
    ("value", "at"),
    [
        (1_760_000_000_000, datetime(2025, 10, 9, 8, 53, 20, tzinfo=UTC)),
        (1_760_000_000_000.0, datetime(2025, 10, 9, 8, 53, 20, tzinfo=UTC)),
        ("2025-10-09T08:53:20Z", datetime(2025, 10, 9, 8, 53, 20, tzinfo=UTC)),
        ("2025-10-09t17:53:20.123456789+09:00", datetime(2025, 10, 9, 8, 53, 20, 123456, tzinfo=UTC)),
        (datetime(2025, 10, 9, tzinfo=UTC), datetime(2025, 10, 9, tzinfo=UTC)),
        (946_684_800_000, datetime(2000, 1, 1, tzinfo=UTC)),
        (to_us(RECEIVED + timedelta(days=1)) // 1000, RECEIVED + timedelta(days=1)),
    ],
)
def test_times_that_are_allowed(value, at):
    assert read_at(value, RECEIVED_US) == to_us(at)


@pytest.mark.parametrize(
    "value",
    [
        946_684_799_999,
        to_us(RECEIVED + timedelta(days=1)) // 1000 + 1,
        *(None, [], {}, float("nan"), float("inf"), datetime(2025, 10, 9)),  # noqa: DTZ001
        *("2025-10-09", "20251009T085320Z", "2025-10-09T08:53Z", "2025-10-09T08:53:20+0900"),
    ],
)
def test_times_that_are_not(value):
    assert isinstance(read_at(value, RECEIVED_US), str)


@pytest.mark.parametrize("at", [10**400, -(10**400), 10**18, 1.7e308], ids=["huge", "low", "large", "float"])
def test_numbers_beyond_all_reckoning_are_told(at):
    told = read_at(at, 0)
    assert isinstance(told, str)
    assert len(told) < 400
