"""Late data: days of series whose readings were committed long after they were measured.

The writers mark them in the transaction that commits the readings; who computes daily values takes the marks
before it reads, and clears those that nobody has set anew meanwhile.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import date, datetime  # noqa: TC003 - used by the dataclasses at run time
from typing import TYPE_CHECKING, Final

import numpy as np

from store.arrays import int4_array, int8_array
from store.query import fetch_all
from store.readings import Fate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from psycopg import AsyncConnection

    from store.readings import Fates, Rows

LATE_US: Final = 4 * 3600 * 1_000_000
"""Readings that are older than this when they are committed are late. What is younger is there before the
forecast of the morning, five hours after the day that it uses has ended."""
QUIET_S: Final = 10.0
"""After so long without a further mark, what a device had in its buffer has come."""

DAY_US: Final = 86400 * 1_000_000

# In the order of the key: two writers who mark the same days wait for one another and do not deadlock.
_MARK_DAYS = """
INSERT INTO stale_days (series_id, day)
SELECT came.series_id, DATE '1970-01-01' + came.day::int4
FROM unnest(%s, %s) AS came (series_id, day)
JOIN series s ON s.id = came.series_id JOIN devices d ON d.id = s.device_id
WHERE d.site_id IS NOT NULL
ORDER BY 1, 2
ON CONFLICT (series_id, day) DO UPDATE SET mark = nextval('stale_marks'), noted_at = EXCLUDED.noted_at
"""


async def note_late(conn: AsyncConnection, rows: Rows, fates: Fates) -> int:
    """Mark the days of late readings that were committed, of devices that stand at a site.

    Belongs into the transaction that commits them, once in it, after the readings.

    Returns
    -------
    int
        How many days of series were found to be late; 0 costs no statement.
    """
    series, day = late_days(rows, fates, time.time_ns() // 1000)
    if len(series):
        await conn.execute(_MARK_DAYS, (int4_array(series), int8_array(day)))
    return len(series)


def late_days(rows: Rows, fates: Fates, now_us: int) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Find the days of late readings that were committed.

    Not their receipt counts but the commit: what comes out of quarantine was received long before.

    Parameters
    ----------
    now_us : int
        µs since 1970.

    Returns
    -------
    int32[k], int64[k]
        Series and day since 1970-01-01 (UTC), sorted, each pair once.
    """
    late = rows.at < now_us - LATE_US
    if not late.any():
        return np.zeros(0, np.int32), np.zeros(0, np.int64)
    late &= fates.code == Fate.COMMITTED
    series, day = rows.series[late], rows.at[late] // DAY_US
    fresh = np.ones(len(series), np.bool_)
    fresh[1:] = (series[1:] != series[:-1]) | (day[1:] != day[:-1])
    return series[fresh], day[fresh]


@dataclass(frozen=True, slots=True, kw_only=True)
class StaleSite:
    """A site with stale days.

    Attributes
    ----------
    days : int
        Of how many series together.
    since, noted_at : datetime
        Of the first and the last mark.
    """

    site_id: int
    lab: str
    timezone: str
    days: int
    since: datetime
    noted_at: datetime


_SELECT_STALE_SITES = """
SELECT sites.id AS site_id, labs.slug AS lab, sites.timezone, count(*)::int4 AS days,
       min(m.since) AS since, max(m.noted_at) AS noted_at
FROM stale_days m JOIN series s ON s.id = m.series_id JOIN devices d ON d.id = s.device_id
JOIN sites ON sites.id = d.site_id JOIN labs ON labs.id = sites.lab_id
GROUP BY sites.id, labs.slug
HAVING max(m.noted_at) <= clock_timestamp() - make_interval(secs => %(quiet_s)s)
    OR min(m.since) <= clock_timestamp() - make_interval(secs => %(longest_s)s)
ORDER BY since, sites.id
LIMIT %(limit)s
"""


async def list_stale_sites(
    conn: AsyncConnection, *, quiet_s: float = QUIET_S, longest_s: float = 120.0, limit: int = 100
) -> list[StaleSite]:
    """List sites with stale days, the longest waiting first.

    Parameters
    ----------
    quiet_s : float
        For so long nothing was marked: the buffer that a device sends has ended.
    longest_s : float
        Or the first mark has waited for so long.
    """
    parameters = {"quiet_s": quiet_s, "longest_s": longest_s, "limit": limit}
    return await fetch_all(conn, StaleSite, _SELECT_STALE_SITES, parameters)


@dataclass(frozen=True, slots=True, kw_only=True)
class StaleDay:
    """A day (UTC) of a series, and its mark; it touches up to two days of the site's time zone."""

    series_id: int
    device_id: int
    quantity: str
    position: str
    day: date
    mark: int


_SELECT_STALE_DAYS = """
SELECT m.series_id, s.device_id, s.quantity, s.position, m.day, m.mark
FROM stale_days m JOIN series s ON s.id = m.series_id JOIN devices d ON d.id = s.device_id
WHERE d.site_id = %s
ORDER BY m.day, m.series_id
LIMIT %s
"""


async def take_stale_days(conn: AsyncConnection, site_id: int, *, limit: int = 10_000) -> list[StaleDay]:
    """Read a site's stale days by day; to be called before the readings are read."""
    return await fetch_all(conn, StaleDay, _SELECT_STALE_DAYS, [site_id, limit])


# A row that a writer holds is about to get another mark: skipping it is right, and waits for nobody.
_CLEAR_STALE_DAYS = """
DELETE FROM stale_days WHERE (series_id, day) IN (
    SELECT m.series_id, m.day
    FROM stale_days m JOIN unnest(%s::int4[], %s::date[], %s::int8[]) AS taken (series_id, day, mark)
      USING (series_id, day, mark)
    FOR UPDATE OF m SKIP LOCKED
)
"""


async def clear_stale_days(conn: AsyncConnection, taken: Sequence[StaleDay]) -> int:
    """Forget stale days that were not marked again since they were taken; give how many."""
    columns = [[getattr(item, name) for item in taken] for name in ("series_id", "day", "mark")]
    cursor = await conn.execute(_CLEAR_STALE_DAYS, columns)
    return cursor.rowcount
