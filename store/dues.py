"""Which plantings a forecast is due for.

Triggers note each change that may move a forecast, in the transaction of the change, and say so on
``chiiki_plantings``. Each note raises a planting's mark. Who computes reads the marks first, then the data,
and settles up to these marks: what was noted meanwhile stays due, and nothing is lost.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from store.query import fetch_all

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date, datetime

    from psycopg import AsyncConnection

MORNING_HOUR: Final = 5
"""By the site's clock: after the night's minimum is measured and before people go to the field."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """A planting that is due.

    Attributes
    ----------
    mark : int
        To be settled once the forecast is stored.
    since : datetime
        Of the first note that is not settled.
    reasons : list[str]
        Among planting, observation, neighbour, weather_forecast, site, late_data.
    """

    planting_id: int
    lab: str
    crop: str
    timezone: str
    mark: int
    since: datetime
    reasons: list[str]


_SELECT_DUE = """
SELECT u.planting_id, labs.slug AS lab, p.crop, s.timezone, u.noted AS mark, u.since, u.reasons
FROM planting_dues u JOIN plantings p ON p.id = u.planting_id
JOIN fields f ON f.id = p.field_id JOIN sites s ON s.id = f.site_id JOIN labs ON labs.id = s.lab_id
WHERE u.noted > u.done AND p.ended_on IS NULL AND p.removed_at IS NULL
  AND (u.not_before IS NULL OR u.not_before <= clock_timestamp())
ORDER BY u.since, u.planting_id
LIMIT %s
"""


async def list_due(conn: AsyncConnection, *, limit: int = 1000) -> list[Due]:
    """List open plantings that are due, the longest waiting first, without those put off."""
    return await fetch_all(conn, Due, _SELECT_DUE, [limit])


_SELECT_MARKS = "SELECT planting_id, noted FROM planting_dues WHERE planting_id = ANY(%s::int4[])"


async def marks_of(conn: AsyncConnection, planting_ids: Sequence[int]) -> dict[int, int]:
    """Read the marks of plantings, due or not; to be called before their data is read."""
    cursor = await conn.execute(_SELECT_MARKS, [list(planting_ids)])
    return dict(await cursor.fetchall())


_SETTLE = """
WITH came AS (
    SELECT planting_id, mark FROM unnest(%s::int4[], %s::int8[]) AS m (planting_id, mark)
), mine AS (
    SELECT u.planting_id, came.mark FROM planting_dues u JOIN came USING (planting_id)
    ORDER BY u.planting_id
    FOR UPDATE OF u
)
UPDATE planting_dues u SET
    done = GREATEST(u.done, mine.mark),
    since = CASE WHEN u.noted > GREATEST(u.done, mine.mark) THEN u.since END,
    reasons = CASE WHEN u.noted > GREATEST(u.done, mine.mark) THEN u.reasons ELSE '{}' END,
    not_before = NULL
FROM mine
WHERE u.planting_id = mine.planting_id
RETURNING u.planting_id, u.noted > u.done
"""


async def settle(conn: AsyncConnection, marks: Mapping[int, int]) -> list[int]:
    """Note that plantings are done up to their marks.

    Returns
    -------
    list[int]
        Plantings that are still due, since something was noted after the marks were read.
    """
    cursor = await conn.execute(_SETTLE, [list(marks), list(marks.values())])
    return sorted(planting_id for planting_id, due in await cursor.fetchall() if due)


_PUT_OFF = "UPDATE planting_dues SET not_before = %s WHERE planting_id = ANY(%s::int4[])"


async def put_off(conn: AsyncConnection, planting_ids: Sequence[int], until: datetime) -> None:
    """Leave plantings out of `list_due` for a while, as after a failure; what is noted anew ends it."""
    await conn.execute(_PUT_OFF, [until, list(planting_ids)])


_NOTE_DUE = "SELECT note_dues(%s::int4[], %s)"


async def note_due(conn: AsyncConnection, planting_ids: Sequence[int], reason: str) -> None:
    """Make plantings due; ended and removed ones are left out."""
    await conn.execute(_NOTE_DUE, [list(planting_ids), reason])


_NOTE_SITE_DUE = """
SELECT note_dues(ARRAY(SELECT planting_id FROM planting_sites WHERE weather_site_id = %s), %s)
"""


async def note_site_due(conn: AsyncConnection, site_id: int, reason: str) -> None:
    """Make due the open plantings that have this site's weather."""
    await conn.execute(_NOTE_SITE_DUE, [site_id, reason])


@dataclass(frozen=True, slots=True, kw_only=True)
class Morning:
    """A planting without a forecast of today.

    Attributes
    ----------
    issued_on : date
        Today, by its site's clock.
    """

    planting_id: int
    lab: str
    crop: str
    timezone: str
    issued_on: date


_SELECT_MORNINGS = """
SELECT * FROM (
    SELECT p.id AS planting_id, labs.slug AS lab, p.crop, s.timezone, local.now::date AS issued_on
    FROM plantings p JOIN fields f ON f.id = p.field_id JOIN sites s ON s.id = f.site_id
    JOIN labs ON labs.id = s.lab_id
    CROSS JOIN LATERAL (
        SELECT COALESCE(%(now)s::timestamptz, clock_timestamp()) AT TIME ZONE s.timezone AS now
    ) local
    WHERE p.ended_on IS NULL AND p.removed_at IS NULL AND extract(hour FROM local.now) >= %(hour)s
) open
WHERE NOT EXISTS (
    SELECT FROM forecasts f WHERE f.planting_id = open.planting_id AND f.issued_on >= open.issued_on
)
ORDER BY planting_id
LIMIT %(limit)s
"""


async def next_mornings(
    conn: AsyncConnection, *, now: datetime | None = None, hour: int = MORNING_HOUR, limit: int = 1000
) -> list[Morning]:
    """List open plantings whose morning has come and that have no forecast of the day.

    Parameters
    ----------
    now : datetime | None
        Aware; None: the database's clock.
    hour : int
        When the morning comes, by the site's clock.
    """
    parameters = {"now": now, "hour": hour, "limit": limit}
    return await fetch_all(conn, Morning, _SELECT_MORNINGS, parameters)


_SELECT_NEXT_MORNING = """
SELECT min((local.day + make_interval(days => 1, hours => %(hour)s)) AT TIME ZONE local.timezone)
FROM (
    SELECT DISTINCT s.timezone, date_trunc('day', (COALESCE(%(now)s::timestamptz, clock_timestamp())
        - make_interval(hours => %(hour)s)) AT TIME ZONE s.timezone) AS day
    FROM plantings p JOIN fields f ON f.id = p.field_id JOIN sites s ON s.id = f.site_id
    WHERE p.ended_on IS NULL AND p.removed_at IS NULL
) local
"""


async def next_morning_at(
    conn: AsyncConnection, *, now: datetime | None = None, hour: int = MORNING_HOUR
) -> datetime | None:
    """Tell when the next morning comes at a site with open plantings; None where there are none."""
    cursor = await conn.execute(_SELECT_NEXT_MORNING, {"now": now, "hour": hour})
    row = await cursor.fetchone()
    return None if row is None else row[0]
