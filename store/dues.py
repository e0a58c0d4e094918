"""Which plantings a forecast is due for.

Triggers note each change that may move a forecast, in the transaction of the change, and say so on
``chiiki_plantings``. Each note raises a planting's mark. Who computes reads the marks first, then the data,
and settles up to these marks: what was noted meanwhile stays due, and nothing is lost.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from store.query import fetch_all

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

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
        Among planting, observation, neighbour, weather_forecast, past_weather, site, late_data.
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


# Which day it is there is said by Python, as everywhere: the server may not know all of its time zones.
_SELECT_ZONES = """
SELECT DISTINCT s.timezone
FROM plantings p JOIN fields f ON f.id = p.field_id JOIN sites s ON s.id = f.site_id
WHERE p.ended_on IS NULL AND p.removed_at IS NULL
"""


async def _local_times(conn: AsyncConnection, now: datetime | None) -> dict[str, datetime]:
    """Tell the time in each time zone in which there are open plantings."""
    cursor = await conn.execute(_SELECT_ZONES)
    now = now or datetime.now(UTC)
    return {name: now.astimezone(ZoneInfo(name)) for (name,) in await cursor.fetchall()}


_SELECT_MORNINGS = """
SELECT p.id AS planting_id, labs.slug AS lab, p.crop, s.timezone, today.day AS issued_on
FROM unnest(%s::text[], %s::date[]) AS today (timezone, day)
JOIN sites s ON s.timezone = today.timezone JOIN fields f ON f.site_id = s.id
JOIN plantings p ON p.field_id = f.id JOIN labs ON labs.id = s.lab_id
WHERE p.ended_on IS NULL AND p.removed_at IS NULL AND NOT EXISTS (
    SELECT FROM forecasts c WHERE c.planting_id = p.id AND c.issued_on >= today.day
) AND NOT EXISTS (
    SELECT FROM planting_dues u WHERE u.planting_id = p.id AND u.not_before > clock_timestamp()
)
ORDER BY p.id
LIMIT %s
"""


async def next_mornings(
    conn: AsyncConnection, *, now: datetime | None = None, hour: int = MORNING_HOUR, limit: int = 1000
) -> list[Morning]:
    """List open plantings whose morning has come and that have no forecast of the day, nor were put off.

    Parameters
    ----------
    now : datetime | None
        Aware; None: this machine's clock.
    hour : int
        When the morning comes, by the site's clock.
    """
    times = await _local_times(conn, now)
    days = {name: local.date() for name, local in times.items() if local.hour >= hour}
    return await fetch_all(conn, Morning, _SELECT_MORNINGS, [list(days), list(days.values()), limit])


async def next_morning_at(
    conn: AsyncConnection, *, now: datetime | None = None, hour: int = MORNING_HOUR
) -> datetime | None:
    """Tell when the next morning comes at a site with open plantings; None where there are none."""
    times = await _local_times(conn, now)
    return min((_next_morning(local, hour) for local in times.values()), default=None)


def _next_morning(local: datetime, hour: int) -> datetime:
    """Tell when it is next that hour, in UTC."""
    day = local.date() + timedelta(days=local.hour >= hour)
    return datetime.combine(day, time(hour), local.tzinfo).astimezone(UTC)
