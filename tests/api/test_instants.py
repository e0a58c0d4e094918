from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.instants import Every, midnight, read_every, read_instant, read_span, read_zone
from api.problems import Problem

TOKYO, ROME = ZoneInfo("Asia/Tokyo"), ZoneInfo("Europe/Rome")
ZONES = [
    "Asia/Tokyo",
    "Europe/Rome",
    "America/Sao_Paulo",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "Pacific/Apia",
]
EVERIES = ["1m", "10m", "40m", "1h", "90m", "2h", "6h", "12h", "24h", "1d", "5d", "1w", "1mo", "3mo", "1y"]
NEVER = datetime(2000, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-07-01", "2026-06-30T15:00:00+00:00"),
        ("2026-07-01T00:00:00+09:00", "2026-06-30T15:00:00+00:00"),
        ("2026-07-01T00:00:00 09:00", "2026-06-30T15:00:00+00:00"),
        ("2026-07-01t00:00:00.25z", "2026-07-01T00:00:00.250000+00:00"),
        ("2026-07-01 00:00:00Z", "2026-07-01T00:00:00+00:00"),
    ],
)
def test_read_instant(text: str, expected: str) -> None:
    assert read_instant("from", text, TOKYO, NEVER) == datetime.fromisoformat(expected)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2026-13-01",
        "2026-02-30",
        "2026-07-01T00:00:00",
        "0001-01-01",
        "9999-12-31",
        "1760000000000",
    ],
)
def test_what_is_no_instant(text: str) -> None:
    with pytest.raises(Problem) as caught:
        read_instant("from", text, TOKYO, NEVER)
    assert caught.value.errors[0].field == "from"


def test_read_span_refuses_from_after_to_and_allows_nothing() -> None:
    begin, end = read_span("2026-07-01", "2026-07-01", TOKYO)
    assert begin == end
    with pytest.raises(Problem):
        read_span("2026-07-02", "2026-07-01", TOKYO)


@pytest.mark.parametrize("name", ["Mars/Olympus", "../../etc/passwd", "", "Asia", "Asia/Tokyo\n"])
def test_read_zone_refuses(name: str) -> None:
    with pytest.raises(Problem, match="tz"):
        read_zone(name)


@pytest.mark.parametrize(
    "text", ["30s", "0h", "7h", "1.5h", "h", "25h", "11m1", "7m", "5mo", "400d", "1 d", "9999y", "１h"]
)
def test_read_every_refuses(text: str) -> None:
    with pytest.raises(Problem, match="every"):
        read_every(text)


def test_midnight_that_was_skipped_is_the_moment_of_the_leap() -> None:
    assert midnight(date(2018, 11, 4), ZoneInfo("America/Sao_Paulo")) == datetime(2018, 11, 4, 3, tzinfo=UTC)


def test_days_of_23_and_25_hours() -> None:
    every = read_every("1d")
    spring = every.edges(datetime(2026, 3, 29, 12, tzinfo=UTC), 1, ROME)
    autumn = every.edges(datetime(2026, 10, 25, 12, tzinfo=UTC), 1, ROME)
    assert [b - a for a, b in (spring, autumn)] == [timedelta(hours=23), timedelta(hours=25)]
    assert every.edges(datetime(2026, 6, 30, 15, tzinfo=UTC), 1, TOKYO)[0] == datetime(
        2026, 6, 30, 15, tzinfo=UTC
    )


def test_the_repeated_hour_is_two_hours_and_longer_steps_last_longer() -> None:
    before = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)  # 02:30 summer time; an hour later it is 02:30 again
    hours = read_every("1h").edges(before, 2, ROME)
    assert [edge.hour for edge in hours] == [0, 1, 2]
    two = read_every("2h").edges(before, 1, ROME)
    assert [edge.astimezone(ROME).hour for edge in two] == [2, 4]
    assert two[1] - two[0] == timedelta(hours=3)


def test_weeks_begin_on_monday_months_on_the_first() -> None:
    at = datetime(2026, 7, 16, tzinfo=UTC)
    assert read_every("1w").edges(at, 1, TOKYO)[0].astimezone(TOKYO).date() == date(2026, 7, 13)
    assert read_every("3mo").edges(at, 1, TOKYO)[0].astimezone(TOKYO).date() == date(2026, 7, 1)
    assert read_every("24h") == Every(days=1)


@settings(deadline=None)
@given(
    st.integers(631_152_000, 2_840_140_800).map(lambda second: datetime.fromtimestamp(second, UTC)),
    st.sampled_from(EVERIES),
    st.sampled_from(ZONES),
    st.integers(1, 60),
)
def test_edges_hold_the_instant_and_both_ways_agree(at: datetime, text: str, name: str, count: int) -> None:
    every, zone = read_every(text), ZoneInfo(name)
    edges, before = every.edges(at, count, zone), every.edges_before(at, count, zone)
    assert len(edges) == len(before) == count + 1
    assert edges == sorted(set(edges))
    assert before == sorted(set(before))
    assert edges[0] <= at < edges[1]
    assert before[-2] <= at < before[-1]
    assert (before[-2], before[-1]) == (edges[0], edges[1])
    again = every.edges(before[0], count, zone)
    assert again == before
