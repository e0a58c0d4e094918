"""The weather by days: one row for each site, quantity and day, as columns on an axis of days."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from store.arrays import float8_array, int2_array, int4_array

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray
    from psycopg import AsyncConnection

OF_SITE: Final = 0
"""The device id of what is derived from all devices of a site."""
ABSENT: Final = -1
"""The method of a day that has no row."""
IMPORTED: Final = 100
"""The method of a day that the lab brought from elsewhere; below it are those of `analytics.series.gaps`."""


class DailyKey(NamedTuple):
    """What a daily series is of."""

    quantity: str
    position: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Daily:
    """Consecutive days of one quantity, in its canonical unit (`devices.quantities`).

    Attributes
    ----------
    minimum, mean, maximum, total : float64[n]
        NaN where it is not known.
    n : int32[n]
        Readings that a day rests on.
    coverage : float64[n]
        Share of the day that they speak for, 0 to 1.
    method : int16[n]
        0: measured; else how it was filled; `ABSENT` where there is nothing.
    """

    minimum: NDArray[np.float64]
    mean: NDArray[np.float64]
    maximum: NDArray[np.float64]
    total: NDArray[np.float64]
    n: NDArray[np.int32]
    coverage: NDArray[np.float64]
    method: NDArray[np.int16]

    def __len__(self) -> int:
        return len(self.method)

    @classmethod
    def absent(cls, days: int) -> Daily:
        """Give so many days of which nothing is known."""
        minimum, mean, maximum, total = np.full((4, days), np.nan)
        return cls(
            minimum=minimum,
            mean=mean,
            maximum=maximum,
            total=total,
            n=np.zeros(days, np.int32),
            coverage=np.zeros(days),
            method=np.full(days, ABSENT, np.int16),
        )


_COLUMNS: Final = tuple(field.name for field in fields(Daily))

# NaN stands for NULL on the way in: no measured quantity is NaN.
_UPSERT_DAYS = """
WITH changed AS (
    INSERT INTO daily_values AS v (site_id, device_id, quantity, position, day,
                                   minimum, mean, maximum, total, n, coverage, method)
    SELECT %(site_id)s, %(device_id)s, %(quantity)s, %(position)s, %(first_day)s::date + came.day,
           NULLIF(came.minimum, 'NaN'), NULLIF(came.mean, 'NaN'), NULLIF(came.maximum, 'NaN'),
           NULLIF(came.total, 'NaN'), came.n, came.coverage, came.method
    FROM unnest(%(day)s, %(minimum)s, %(mean)s, %(maximum)s, %(total)s, %(n)s, %(coverage)s, %(method)s)
        AS came (day, minimum, mean, maximum, total, n, coverage, method)
    ORDER BY came.day
    ON CONFLICT (site_id, device_id, quantity, position, day) DO UPDATE SET
        minimum = EXCLUDED.minimum, mean = EXCLUDED.mean, maximum = EXCLUDED.maximum, total = EXCLUDED.total,
        n = EXCLUDED.n, coverage = EXCLUDED.coverage, method = EXCLUDED.method, computed_at = now()
    WHERE (v.minimum, v.mean, v.maximum, v.total, v.n, v.coverage, v.method) IS DISTINCT FROM
        (EXCLUDED.minimum, EXCLUDED.mean, EXCLUDED.maximum, EXCLUDED.total, EXCLUDED.n, EXCLUDED.coverage,
         EXCLUDED.method)
      AND NOT (v.method = %(imported)s AND EXCLUDED.method <> %(imported)s
               AND (EXCLUDED.minimum IS NULL OR EXCLUDED.maximum IS NULL))
    RETURNING v.day - %(first_day)s::date AS day
)
SELECT string_agg(int4send(day), '') FROM changed
"""


async def upsert_daily(
    conn: AsyncConnection,
    site_id: int,
    first_day: date,
    values: Mapping[DailyKey, Daily],
    *,
    device_id: int = OF_SITE,
) -> list[date]:
    """Write days from `first_day` on; days whose method is `ABSENT` are left as they are.

    A day that was brought from elsewhere gives way to a measured one that knows its extremes, to no other.

    Returns
    -------
    list[date]
        The days of which a number is new or another than before, ascending.
    """
    changed: set[int] = set()
    for key in sorted(values):
        row = {"site_id": site_id, "device_id": device_id, "first_day": first_day, "imported": IMPORTED}
        row |= key._asdict()
        async with conn.cursor(binary=True) as cursor:
            await cursor.execute(_UPSERT_DAYS, row | _as_arrays(values[key]), prepare=False)
            answer = await cursor.fetchone()
        assert answer is not None
        changed.update(np.frombuffer(answer[0] or b"", ">i4").tolist())
    return [first_day + timedelta(days=day) for day in sorted(changed)]


def _as_arrays(daily: Daily) -> dict[str, Any]:
    """Pack the days that there are."""
    there = daily.method != ABSENT
    packed: dict[str, Any] = {
        name: float8_array(getattr(daily, name)[there])
        for name in ("minimum", "mean", "maximum", "total", "coverage")
    }
    packed["day"] = int4_array(np.flatnonzero(there))
    packed["n"] = int4_array(daily.n[there])
    packed["method"] = int2_array(daily.method[there])
    return packed


_SELECT_DAYS = """
SELECT quantity, position,
       string_agg(int4send(day - %(first_day)s::date), ''),
       string_agg(float8send(COALESCE(minimum, 'NaN')), ''),
       string_agg(float8send(COALESCE(mean, 'NaN')), ''),
       string_agg(float8send(COALESCE(maximum, 'NaN')), ''),
       string_agg(float8send(COALESCE(total, 'NaN')), ''),
       string_agg(int4send(n), ''), string_agg(float8send(coverage), ''), string_agg(int2send(method), '')
FROM daily_values
WHERE site_id = %(site_id)s AND device_id = %(device_id)s
  AND day >= %(first_day)s::date AND day < %(first_day)s::date + %(days)s::int4
  AND (%(quantities)s::text[] IS NULL OR (quantity, position) IN (
      SELECT * FROM unnest(%(quantities)s::text[], %(positions)s::text[])
  ))
GROUP BY quantity, position
ORDER BY quantity, position
"""


async def read_daily(
    conn: AsyncConnection,
    site_id: int,
    first_day: date,
    days: int,
    *,
    keys: Sequence[DailyKey] | None = None,
    device_id: int = OF_SITE,
) -> dict[DailyKey, Daily]:
    """Read so many days from `first_day` on.

    Parameters
    ----------
    keys : Sequence[DailyKey] | None
        Which series; each of them is in the answer. None: all that there are.
    """
    parameters = {
        "site_id": site_id,
        "device_id": device_id,
        "first_day": first_day,
        "days": days,
        "quantities": None if keys is None else [key.quantity for key in keys],
        "positions": None if keys is None else [key.position for key in keys],
    }
    async with conn.cursor(binary=True) as cursor:
        await cursor.execute(_SELECT_DAYS, parameters)
        rows = await cursor.fetchall()
    found = {DailyKey(row[0], row[1]): _spread(days, *row[2:]) for row in rows}
    return {key: Daily.absent(days) for key in keys or ()} | found


def _spread(days: int, day: bytes, *columns: bytes) -> Daily:
    """Lay columns out on the axis of days."""
    daily, place = Daily.absent(days), np.frombuffer(day, ">i4")
    for name, column in zip(_COLUMNS, columns, strict=True):
        target = getattr(daily, name)
        target[place] = np.frombuffer(column, target.dtype.newbyteorder(">"))
    return daily


_SELECT_SPAN = """
SELECT min(day), max(day) FROM daily_values
WHERE site_id = %s AND device_id = %s AND method <> ALL(%s::int2[])
"""


async def daily_span(
    conn: AsyncConnection, site_id: int, *, device_id: int = OF_SITE, imported: bool = True
) -> tuple[date, date] | None:
    """Tell the first and the last day of which anything is known, with or without those from elsewhere."""
    cursor = await conn.execute(_SELECT_SPAN, [site_id, device_id, [] if imported else [IMPORTED]])
    row = await cursor.fetchone()
    return None if row is None or row[0] is None else (row[0], row[1])
