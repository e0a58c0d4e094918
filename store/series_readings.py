"""Reading back: a series, pages of its readings, its buckets, and the latest values.

Every question is held to a lab in SQL where one is given. Pages follow the primary key (series, at): the cost
of one is the cost of its rows, and rows that arrive meanwhile neither shift nor repeat what was shown.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from psycopg import sql

from store.errors import StoreMissing
from store.query import fetch_all

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from psycopg import AsyncConnection

ANY_QUALITY: Final = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesView:
    """A series and what is needed to show it.

    Attributes
    ----------
    unit : str
        In which the values are stored.
    simulated : bool
        Whether the device is a simulated one.
    timezone : str | None
        Of the device's site; None where it stands at none.
    """

    id: int
    device: str
    simulated: bool
    lab: str
    quantity: str
    position: str
    unit: str
    timezone: str | None


class Reading(NamedTuple):
    """One stored reading; `value` in the unit of its series."""

    at: datetime
    series_id: int
    received_at: datetime
    value: float
    quality: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Which readings are meant.

    Attributes
    ----------
    series : Sequence[int]
        Ids.
    begin, end : datetime
        Half open, aware.
    worst : int
        The worst quality flag that is let through.
    """

    series: Sequence[int]
    begin: datetime
    end: datetime
    worst: int = ANY_QUALITY

    def parameters(self) -> dict[str, object]:
        """Return what the queries below name."""
        return {"series": list(self.series), "begin": self.begin, "end": self.end, "worst": self.worst}


class Summary(NamedTuple):
    """What was measured in one bucket of one series; the mean is `ordinary` + `huge` · 2⁶⁴ over `number`.

    Attributes
    ----------
    bucket : int
        1 for what lies between the first two edges.
    ordinary, huge : float
        Sums of the values below and above 1e290; the latter divided by 2⁶⁴, since PostgreSQL refuses a sum
        that overflows, and one mad device must not make its series unreadable.
    """

    bucket: int
    series_id: int
    number: int
    least: float
    greatest: float
    ordinary: float
    huge: float
    worst: int

    def mean(self) -> float:
        """Return the mean, which lies between the extremes whatever rounding did."""
        mean = self.ordinary / self.number + self.huge / self.number * HUGE_SCALE
        return min(max(mean, self.least), self.greatest)


HUGE_SCALE: Final = 2.0**64

_SERIES = """
SELECT s.id, d.name AS device, d.simulated, labs.slug AS lab, s.quantity, s.position, s.unit, sites.timezone
FROM series s JOIN devices d ON d.id = s.device_id JOIN labs ON labs.id = d.lab_id
LEFT JOIN sites ON sites.id = d.site_id
WHERE (%(lab)s::text IS NULL OR labs.slug = %(lab)s)
"""
_SELECT_ONE = _SERIES + "AND s.id = %(id)s"


async def find_series(conn: AsyncConnection, series_id: int, lab: str | None = None) -> SeriesView:
    """Find a series by its number.

    Raises
    ------
    StoreMissing
        There is none, or it is another lab's.
    """
    found = await fetch_all(conn, SeriesView, _SELECT_ONE, {"id": series_id, "lab": lab})
    if not found:
        raise StoreMissing("series", str(series_id))
    return found[0]


_SELECT_MANY = (
    _SERIES
    + """
AND d.name = %(device)s AND (%(quantity)s::text IS NULL OR s.quantity = %(quantity)s)
AND (%(position)s::text IS NULL OR s.position = %(position)s)
ORDER BY s.quantity, s.position, s.id
"""
)


async def series_of(
    conn: AsyncConnection,
    device: str,
    *,
    lab: str | None = None,
    quantity: str | None = None,
    position: str | None = None,
) -> list[SeriesView]:
    """List a device's series; more than one for a quantity and position where its unit was changed."""
    parameters = {"device": device, "lab": lab, "quantity": quantity, "position": position}
    return await fetch_all(conn, SeriesView, _SELECT_MANY, parameters)


_SELECT_PAGE = sql.SQL("""
SELECT r.at, r.series_id, r.received_at, r.value, r.quality
FROM unnest(%(series)s::int4[]) AS s (id) CROSS JOIN LATERAL (
    SELECT * FROM readings
    WHERE series_id = s.id AND at >= %(begin)s AND at < %(end)s AND quality <= %(worst)s {beyond}
    ORDER BY at {way} LIMIT %(limit)s
) r
ORDER BY r.at {way}, r.series_id {way}
LIMIT %(limit)s
""")
_FORWARD = {"way": sql.SQL("ASC"), "beyond": sql.SQL("")}
_BACKWARD = {"way": sql.SQL("DESC"), "beyond": sql.SQL("")}
_FURTHER = {
    "way": sql.SQL("ASC"),
    "beyond": sql.SQL("AND at >= %(last_at)s AND (at, series_id) > (%(last_at)s, %(last_id)s)"),
}
_FURTHER_BACK = {
    "way": sql.SQL("DESC"),
    "beyond": sql.SQL("AND at <= %(last_at)s AND (at, series_id) < (%(last_at)s, %(last_id)s)"),
}


async def page(
    conn: AsyncConnection,
    span: Span,
    *,
    limit: int,
    after: tuple[datetime, int] | None = None,
    newest_first: bool = False,
) -> list[Reading]:
    """Read a page, in the order of device time.

    Parameters
    ----------
    after : tuple[datetime, int] | None
        Instant and series of the last reading of the page before.
    """
    if after is None:
        parts = _BACKWARD if newest_first else _FORWARD
    else:
        parts = _FURTHER_BACK if newest_first else _FURTHER
    last = {} if after is None else {"last_at": after[0], "last_id": after[1]}
    async with conn.cursor(binary=True) as cursor:
        query = _SELECT_PAGE.format(**parts)
        await cursor.execute(query, {**span.parameters(), "limit": limit, **last})
        return [Reading._make(row) for row in await cursor.fetchall()]


_SELECT_EDGE = sql.SQL("""
SELECT r.at
FROM unnest(%(series)s::int4[]) AS s (id) CROSS JOIN LATERAL (
    SELECT at FROM readings
    WHERE series_id = s.id AND at >= %(begin)s AND at < %(end)s AND quality <= %(worst)s
    ORDER BY at {way} LIMIT 1
) r
ORDER BY r.at {way}
LIMIT 1
""")


async def first_at(conn: AsyncConnection, span: Span, *, newest_first: bool = False) -> datetime | None:
    """Find the first (or the last) instant at which there is a reading."""
    way = sql.SQL("DESC" if newest_first else "ASC")
    cursor = await conn.execute(_SELECT_EDGE.format(way=way), span.parameters())
    row = await cursor.fetchone()
    return None if row is None else row[0]


_SELECT_SUMMARIES = """
SELECT width_bucket(at, %(edges)s::timestamptz[]) AS bucket, series_id, count(*), min(value), max(value),
       COALESCE(sum(value) FILTER (WHERE abs(value) < 1e290), 0),
       COALESCE(sum(value * 5.421010862427522e-20) FILTER (WHERE abs(value) >= 1e290), 0), max(quality)
FROM readings
WHERE series_id = ANY(%(series)s::int4[]) AND at >= %(begin)s AND at < %(end)s AND quality <= %(worst)s
  AND at >= %(edge_first)s AND at < %(edge_last)s
GROUP BY bucket, series_id
ORDER BY bucket, series_id
"""


async def summarise(conn: AsyncConnection, span: Span, edges: Sequence[datetime]) -> list[Summary]:
    """Count, average and bound the readings between each two edges; empty buckets are left out.

    Parameters
    ----------
    edges : Sequence[datetime]
        At least two, ascending, aware. That they are given, and not an interval and a time zone, keeps days
        of 23 and 25 hours right without asking whether server and client know the same time zones.
    """
    parameters = {
        **span.parameters(),
        "edges": list(edges),
        "edge_first": edges[0],
        "edge_last": edges[-1],
    }
    async with conn.cursor(binary=True) as cursor:
        await cursor.execute(_SELECT_SUMMARIES, parameters)
        return [Summary._make(row) for row in await cursor.fetchall()]


@dataclass(frozen=True, slots=True, kw_only=True)
class Latest:
    """The newest reading of a series by device time, and the one that arrived last."""

    series: SeriesView
    newest: Reading | None
    received: Reading | None


_SELECT_LATEST = """
SELECT s.id, d.name, d.simulated, labs.slug, s.quantity, s.position, s.unit, sites.timezone,
       n.at, n.received_at, n.value, n.quality, l.at, l.received_at, l.value, l.quality
FROM series s JOIN devices d ON d.id = s.device_id JOIN labs ON labs.id = d.lab_id
LEFT JOIN sites ON sites.id = d.site_id
LEFT JOIN series_latest l ON l.series_id = s.id
LEFT JOIN LATERAL (
    SELECT r.at, r.received_at, r.value, r.quality FROM readings r
    WHERE r.series_id = s.id ORDER BY r.at DESC LIMIT 1
) n ON true
WHERE (%(lab)s::text IS NULL OR labs.slug = %(lab)s) AND (%(device)s::text IS NULL OR d.name = %(device)s)
  AND s.id > %(after)s
ORDER BY s.id
LIMIT %(limit)s
"""


async def list_latest(
    conn: AsyncConnection, *, lab: str | None = None, device: str | None = None, after: int = 0, limit: int
) -> list[Latest]:
    """List the latest values by series; the next page begins `after` the last series' id."""
    parameters = {"lab": lab, "device": device, "after": after, "limit": limit}
    cursor = await conn.execute(_SELECT_LATEST, parameters)
    return [_latest(row) for row in await cursor.fetchall()]


def _latest(row: tuple[Any, ...]) -> Latest:
    names = [field.name for field in fields(SeriesView)]
    view = SeriesView(**dict(zip(names, row, strict=False)))
    values = row[len(names) :]
    newest, noted = _reading(view.id, values[:4]), _reading(view.id, values[4:])
    # What is noted as received last may be a second old: the newest by device time may have come after it.
    known = [reading for reading in (noted, newest) if reading is not None]
    return Latest(
        series=view, newest=newest, received=max(known, key=lambda reading: reading.received_at, default=None)
    )


def _reading(series_id: int, values: tuple[Any, ...]) -> Reading | None:
    at, received_at, value, quality = values
    return None if at is None else Reading(at, series_id, received_at, value, quality)
