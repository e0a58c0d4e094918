"""Daily temperatures of past years, brought from elsewhere: so that forecasts know what weather may come."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from store.daily_values import ABSENT, IMPORTED, Daily, DailyKey, read_daily, upsert_daily
from store.dues import note_site_due

if TYPE_CHECKING:
    from datetime import date

    from numpy.typing import NDArray
    from psycopg import AsyncConnection

AIR: Final = DailyKey("air_temperature")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What became of the days that came: those measured here, which stay, and those new or different."""

    measured: int
    changed: int


async def keep_past_weather(
    conn: AsyncConnection,
    site_id: int,
    first_day: date,
    tmin: NDArray[np.float64],
    tmax: NDArray[np.float64],
) -> Kept:
    """Write the days that were not measured here, and have the forecasts of the site made anew.

    Parameters
    ----------
    tmin, tmax : float64[D], deg C
        NaN: not known, the day stays as it is.
    """
    known = (await read_daily(conn, site_id, first_day, len(tmin), keys=[AIR]))[AIR]
    there = (known.method != ABSENT) & (known.method != IMPORTED)
    measured = there & np.isfinite(known.minimum) & np.isfinite(known.maximum)
    given = np.isfinite(tmin) & np.isfinite(tmax) & ~measured
    blank = np.full(len(tmin), np.nan)
    daily = Daily(
        minimum=tmin,
        mean=blank,
        maximum=tmax,
        total=blank,
        n=np.zeros(len(tmin), np.int32),
        coverage=np.zeros(len(tmin)),
        method=np.where(given, IMPORTED, ABSENT).astype(np.int16),
    )
    changed = await upsert_daily(conn, site_id, first_day, {AIR: daily})
    if changed:
        await note_site_due(conn, site_id, "past_weather")
    return Kept(measured=int(measured.sum()), changed=len(changed))
