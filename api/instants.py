"""Instants, spans and buckets as people write them: ``2026-07-01``, ``from`` … ``to``, ``every=1d``."""

import functools
import re
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from api.problems import invalid_parameter
from devices.geometry import GeometryError, check_timezone

EARLIEST: Final = datetime(1900, 1, 1, tzinfo=UTC)
LATEST: Final = datetime(2200, 1, 1, tzinfo=UTC)
DEFAULT_ZONE: Final = "Asia/Tokyo"
MONDAY: Final = date(2000, 1, 3)
"""Days and weeks are counted from it, as TimescaleDB's time_bucket does."""

_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_RFC3339: Final = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d{1,6})?([Zz]|[+-]\d{2}:\d{2})", re.ASCII
)
_LOST_PLUS: Final = re.compile(r"(?<=\d) (?=\d{2}:\d{2}$)")
_INSTANT_RULE: Final = (
    "write RFC 3339 with offset, such as 2026-07-01T00:00:00+09:00 (the + as %2B), or a date: 2026-07-01"
)


def read_zone(name: str) -> ZoneInfo:
    """Return the time zone of an IANA name.

    Raises
    ------
    Problem
        There is none of that name.
    """
    try:
        check_timezone(name)
    except GeometryError as error:
        raise invalid_parameter("tz", str(error)) from error
    return ZoneInfo(name)


def read_instant(field: str, text: str | None, zone: ZoneInfo, default: datetime) -> datetime:
    """Return the instant meant, in UTC; a date means its first moment in the zone.

    Raises
    ------
    Problem
        The text is neither RFC 3339 nor a date, or lies outside 1900 … 2200.
    """
    if text is None:
        return default
    text = _LOST_PLUS.sub("+", text)  # an unescaped + in a query arrives as a space
    try:
        if _DATE.fullmatch(text):
            at = midnight(date.fromisoformat(text), zone)
        elif _RFC3339.fullmatch(text):
            at = datetime.fromisoformat(text.upper()).astimezone(UTC)
        else:
            raise invalid_parameter(field, _INSTANT_RULE)
    except (ValueError, OverflowError) as error:
        raise invalid_parameter(field, f"{error}; {_INSTANT_RULE}") from error
    if not EARLIEST <= at <= LATEST:
        raise invalid_parameter(field, "must lie between 1900 and 2200")
    return at


def read_span(
    begin: str | None, end: str | None, zone: ZoneInfo, *, default: datetime = EARLIEST
) -> tuple[datetime, datetime]:
    """Return `from` (included) and `to` (excluded).

    Raises
    ------
    Problem
        One cannot be read, or `from` lies after `to`.
    """
    first = read_instant("from", begin, zone, default)
    last = read_instant("to", end, zone, LATEST)
    if first > last:
        raise invalid_parameter("from", "must not lie after to")
    return first, last


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """Return the first moment of a day, in UTC; where midnight was skipped, the moment of the leap."""
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


@dataclass(frozen=True, slots=True)
class Every:
    """Length of a bucket: parts of a day by the clock on the wall, days, weeks, months or years.

    Attributes
    ----------
    step_s : int
        Of buckets shorter than a day; 0 for others.
    days, months : int
        Of longer ones; one of the two is 0.
    """

    step_s: int = 0
    days: int = 0
    months: int = 0

    def edges(self, at: datetime, count: int, zone: ZoneInfo) -> list[datetime]:
        """Return count + 1 edges in UTC, the first being the start of the bucket that `at` lies in."""
        if self.step_s:
            return self._walk(at, zone, 1, lambda edges, place: edges[place : place + count + 1], count)
        first = self._number(at.astimezone(zone).date())
        return [self._begin(number, zone) for number in self._numbers(first, first + count)]

    def edges_before(self, at: datetime, count: int, zone: ZoneInfo) -> list[datetime]:
        """Return count + 1 edges in UTC, the last being the end of the bucket that `at` lies in."""
        if self.step_s:
            return self._walk(
                at, zone, -1, lambda edges, place: edges[max(place + 1 - count, 0) : place + 2], count
            )
        last = self._number(at.astimezone(zone).date())
        return [self._begin(number, zone) for number in self._numbers(last + 1 - count, last + 1)]

    def _walk(
        self,
        at: datetime,
        zone: ZoneInfo,
        way: int,
        cut: Callable[[list[datetime], int], list[datetime]],
        count: int,
    ) -> list[datetime]:
        """Add days until `cut` finds enough edges around `at`."""
        day = at.astimezone(zone).date()
        edges = {edge for near in (-1, 0, 1) for edge in self._of_day(day + timedelta(days=near), zone)}
        number = 1
        while True:
            ordered = sorted(edges)
            found = cut(ordered, bisect_right(ordered, at) - 1)
            if len(found) > count:
                return found
            missing_days = 1 + (count + 1 - len(found)) * self.step_s // _DAY_S
            for _ in range(missing_days):
                number += 1
                edges.update(self._of_day(day + timedelta(days=way * number), zone))

    @functools.lru_cache(maxsize=64)  # noqa: B019 - hashed by what it is; few and small
    def _of_day(self, day: date, zone: ZoneInfo) -> list[datetime]:
        """Return the edges of one day by the clock on the wall.

        Where the clock is set back, steps of up to an hour are cut in both of the repeated hours, and longer
        ones last longer.
        """
        start, end = midnight(day, zone), midnight(day + timedelta(days=1), zone)
        step = timedelta(seconds=self.step_s)
        if end - start == timedelta(days=1):
            return [start + number * step for number in range(_DAY_S // self.step_s)]
        clock = datetime(day.year, day.month, day.day, tzinfo=zone)
        walls = [clock + number * step for number in range(_DAY_S // self.step_s)]
        edges = {wall.astimezone(UTC) for wall in walls}
        if self.step_s <= _HOUR_S:
            again = ((wall.astimezone(UTC), wall.replace(fold=1).astimezone(UTC)) for wall in walls)
            edges.update(second for first, second in again if second > first)
        return sorted(edges)

    def _number(self, day: date) -> int:
        if self.months:
            return ((day.year - MONDAY.year) * 12 + day.month - 1) // self.months
        return (day - MONDAY).days // self.days

    def _numbers(self, first: int, last: int) -> range:
        """Return bucket numbers, none of which begins outside what a calendar can say."""
        least, most = self._number(EARLIEST.date()), self._number(LATEST.date()) + 2
        return range(max(first, least), min(last, most) + 1)

    def _begin(self, number: int, zone: ZoneInfo) -> datetime:
        if self.months:
            years, months = divmod(number * self.months, 12)
            return midnight(date(MONDAY.year + years, months + 1, 1), zone)
        return midnight(MONDAY + timedelta(days=number * self.days), zone)


_HOUR_S: Final = 3_600
_DAY_S: Final = 86_400
_EVERY: Final = re.compile(r"([1-9]\d{0,3})(m|h|d|w|mo|y)", re.ASCII)
_SECONDS: Final = {"m": 60, "h": _HOUR_S}
_MOST_DAYS: Final = 366
_MOST_MONTHS: Final = 120
_EVERY_RULE: Final = (
    "write a number and m, h, d, w, mo or y, such as 10m, 1h, 1d, 1w, 1mo; what is shorter than a day "
    "must divide it, months must divide a year"
)


def read_every(text: str) -> Every:
    """Return the length of bucket meant.

    Raises
    ------
    Problem
        It cannot be read, or its buckets would not begin at the same time each day.
    """
    match = _EVERY.fullmatch(text)
    if match is None:
        raise invalid_parameter("every", _EVERY_RULE)
    number, unit = int(match[1]), match[2]
    if unit in _SECONDS:
        step_s = number * _SECONDS[unit]
        every = Every(days=step_s // _DAY_S) if step_s % _DAY_S == 0 else Every(step_s=step_s)
        fits = step_s % _DAY_S == 0 or _DAY_S % step_s == 0
    elif unit in "dw":
        every = Every(days=number * (7 if unit == "w" else 1))
        fits = True
    else:
        every = Every(months=number * (12 if unit == "y" else 1))
        fits = 12 % every.months == 0 or every.months % 12 == 0
    if not fits or every.days > _MOST_DAYS or every.months > _MOST_MONTHS:
        raise invalid_parameter("every", _EVERY_RULE)
    return every
