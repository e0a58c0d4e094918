"""Readings of one or more series of the same quantity, as pages and as tables."""

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Annotated, Final
from zoneinfo import ZoneInfo

from msgspec import Meta

from api.conversion import shown
from api.house import House
from api.instants import Every
from store.pool import AsyncConnection
from store.series_readings import Reading, Span, Summary, first_at, page, summarise

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
Microseconds = Annotated[int, Meta(ge=-(2**52), le=2**53)]
CSV_ROWS: Final = 2_000
"""Rows of a table made at once: some 5 ms of work, and how often a connection is taken for the next."""
CSV_BUCKETS: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What is read, and how it is to be shown.

    Attributes
    ----------
    units : dict[int, str]
        Stored unit by series id.
    unit : str
        In which values are shown.
    zone : ZoneInfo
        In which instants are shown and buckets begin.
    simulated : bool
        Told in every line of a table, so that it is not lost when tables are joined or files renamed.
    """

    span: Span
    units: dict[int, str]
    unit: str
    zone: ZoneInfo
    simulated: bool
    newest_first: bool
    every: Every | None

    def shown(self, series_id: int, value: float) -> float | None:
        """Return a value in the unit in which it is shown."""
        return shown(value, self.units[series_id], self.unit)

    def local(self, at: datetime) -> datetime:
        """Return an instant with the offset of the zone."""
        return at.astimezone(self.zone)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """What was measured between two edges."""

    start: datetime
    end: datetime
    count: int
    mean: float | None
    min: float | None
    max: float | None
    worst_quality: int


Place = tuple[datetime, int]


async def read_rows(
    conn: AsyncConnection, subject: Subject, limit: int, after: Place | None
) -> tuple[list[Reading], Place | None]:
    """Read a page of readings and the place to go on from, None at the end."""
    rows = await page(conn, subject.span, limit=limit + 1, after=after, newest_first=subject.newest_first)
    last = (rows[limit - 1].at, rows[limit - 1].series_id) if len(rows) > limit else None
    return rows[:limit], last


async def read_buckets(
    conn: AsyncConnection, subject: Subject, limit: int, after: datetime | None
) -> tuple[list[Bucket], datetime | None]:
    """Read a page of buckets and the edge to go on from, None at the end.

    First the `limit` buckets in a row from the first reading, whatever is in them; then, where gaps have left
    room, those of as many further readings. So the cost of a page does not grow with what lies behind it.
    """
    first = await first_at(conn, _narrow(subject, after), newest_first=subject.newest_first)
    if first is None:
        return [], None
    buckets, edge = await _between(conn, subject, after, _edges(subject, first, limit))
    if edge is None or len(buckets) == limit:
        return buckets, edge
    rows = await page(
        conn, _narrow(subject, edge), limit=limit - len(buckets), newest_first=subject.newest_first
    )
    further, edge = await _between(conn, subject, edge, _edges_around(subject, rows))
    return buckets + further, edge


async def _between(
    conn: AsyncConnection, subject: Subject, after: datetime | None, edges: list[datetime]
) -> tuple[list[Bucket], datetime | None]:
    """Read the buckets between edges, and the last edge, if there are readings beyond it."""
    buckets = fold(await summarise(conn, _narrow(subject, after), edges), edges, subject)
    beyond = edges[0] if subject.newest_first else edges[-1]
    more = await first_at(conn, _narrow(subject, beyond), newest_first=subject.newest_first)
    return (buckets[::-1] if subject.newest_first else buckets), None if more is None else beyond


def _edges(subject: Subject, first: datetime, count: int) -> list[datetime]:
    assert subject.every is not None
    cut = subject.every.edges_before if subject.newest_first else subject.every.edges
    return cut(first, count, subject.zone)


def _edges_around(subject: Subject, rows: Iterable[Reading]) -> list[datetime]:
    """Return the edges of the buckets that readings lie in; what lies between them is empty."""
    assert subject.every is not None
    edges: set[datetime] = set()
    start = end = EPOCH
    for row in rows:
        if not start <= row.at < end:
            start, end = subject.every.edges(row.at, 1, subject.zone)
            edges |= {start, end}
    return sorted(edges)


def _narrow(subject: Subject, edge: datetime | None) -> Span:
    """Return what is left of the span beyond an edge."""
    span = subject.span
    if edge is None:
        return span
    begin, end = (
        (span.begin, min(span.end, edge)) if subject.newest_first else (max(span.begin, edge), span.end)
    )
    return Span(series=span.series, begin=begin, end=end, worst=span.worst)


def fold(summaries: Iterable[Summary], edges: Sequence[datetime], subject: Subject) -> list[Bucket]:
    """Join the summaries of several series per bucket, in the unit in which they are shown."""
    return [
        _join(list(group), edges[bucket - 1], edges[bucket], subject)
        for bucket, group in groupby(summaries, key=lambda summary: summary.bucket)
    ]


def _join(parts: list[Summary], start: datetime, end: datetime, subject: Subject) -> Bucket:
    count = sum(part.number for part in parts)
    means = [(part.number / count, subject.shown(part.series_id, part.mean())) for part in parts]
    bounds = [subject.shown(part.series_id, bound) for part in parts for bound in (part.least, part.greatest)]
    finite = [bound for bound in bounds if bound is not None]
    whole = len(finite) == len(bounds)
    least, greatest = (min(finite), max(finite)) if whole else (None, None)
    mean = sum(weight * value for weight, value in means if value is not None) if whole else None
    if mean is not None and least is not None and greatest is not None:
        mean = min(max(mean, least), greatest)
    return Bucket(
        start=subject.local(start),
        end=subject.local(end),
        count=count,
        mean=mean,
        min=least,
        max=greatest,
        worst_quality=max(part.worst for part in parts),
    )


def to_microseconds(at: datetime) -> int:
    """Return microseconds since 1970."""
    return (at - EPOCH) // timedelta(microseconds=1)


def from_microseconds(number: int) -> datetime:
    """Return the instant, in UTC."""
    return EPOCH + timedelta(microseconds=number)


async def csv_pieces(house: House, subject: Subject, label: str, limit: int | None) -> AsyncIterator[str]:
    """Write a table piece by piece; between pieces no connection is held, however slowly they are taken.

    Parameters
    ----------
    label : str
        Name of the column of values, to which the unit is added.
    limit : int | None
        Most rows; None: all.
    """
    head = _header(label, subject)
    left = limit
    row_place: Place | None = None
    edge: datetime | None = None
    while left is None or left > 0:
        most = CSV_ROWS if subject.every is None else CSV_BUCKETS
        size = most if left is None else min(most, left)
        async with house.connection() as conn:
            if subject.every is None:
                rows, row_place = await read_rows(conn, subject, size, row_place)
                lines = list(_row_lines(rows, subject))
            else:
                buckets, edge = await read_buckets(conn, subject, size, edge)
                lines = list(_bucket_lines(buckets, subject))
        yield head + "".join(lines)
        head = ""
        if row_place is None and edge is None:
            return
        left = None if left is None else left - len(lines)


def _header(label: str, subject: Subject) -> str:
    if subject.every is None:
        return csv_line(["at", "received_at", f"{label} [{subject.unit}]", "quality", "simulated"])
    values = [f"{name} {label} [{subject.unit}]" for name in ("mean", "min", "max")]
    return csv_line(["start", "end", "count", *values, "worst_quality", "simulated"])


def _row_lines(rows: Iterable[Reading], subject: Subject) -> Iterator[str]:
    simulated = _truth(subject.simulated)
    for row in rows:
        value = subject.shown(row.series_id, row.value)
        at, received_at = subject.local(row.at).isoformat(), subject.local(row.received_at).isoformat()
        yield f"{at},{received_at},{_number(value)},{row.quality},{simulated}\r\n"


def _bucket_lines(buckets: Iterable[Bucket], subject: Subject) -> Iterator[str]:
    simulated = _truth(subject.simulated)
    for bucket in buckets:
        values = ",".join(_number(value) for value in (bucket.mean, bucket.min, bucket.max))
        start, end = bucket.start.isoformat(), bucket.end.isoformat()
        yield f"{start},{end},{bucket.count},{values},{bucket.worst_quality},{simulated}\r\n"


def _number(value: float | None) -> str:
    return "" if value is None else repr(value)


def _truth(flag: bool) -> str:
    return "true" if flag else "false"


def csv_line(cells: Iterable[str]) -> str:
    """Write a line of text cells (RFC 4180), none of which a spreadsheet takes for a formula."""
    return ",".join(_cell(text) for text in cells) + "\r\n"


def _cell(text: str) -> str:
    if text[:1] in {"=", "+", "-", "@", "\t", "\r"}:
        text = "'" + text
    return '"' + text.replace('"', '""') + '"' if any(char in text for char in ',"\r\n') else text
