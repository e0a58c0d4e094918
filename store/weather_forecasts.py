"""A lab's own weather forecasts, fed in. Each issue stays, so that what was known when can be told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from store.errors import StoreConflict
from store.query import fetch_one
from store.sites import find_site

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime

    from psycopg import AsyncConnection


class ForecastDay(NamedTuple):
    """A day (site's time zone) of a weather forecast: deg C, mm, and MJ/m² of global radiation."""

    day: date
    tmin_c: float
    tmax_c: float
    rain_mm: float | None = None
    radiation_mj: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WeatherForecast:
    """One issue.

    Attributes
    ----------
    issued_at, noted_at : datetime
        When it was made, and when it reached us.
    days : list[ForecastDay]
        Ascending.
    """

    site_id: int
    source: str
    issued_at: datetime
    noted_at: datetime
    days: list[ForecastDay]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Issue:
    """What names an issue."""

    site_id: int
    source: str
    issued_at: datetime


_INSERT_DAYS = """
INSERT INTO weather_forecasts (site_id, source, issued_at, day, tmin_c, tmax_c, rain_mm, radiation_mj)
SELECT %s, %s, %s, * FROM unnest(%s::date[], %s::float8[], %s::float8[], %s::float8[], %s::float8[])
ORDER BY 4
ON CONFLICT (site_id, source, issued_at, day) DO NOTHING
"""


async def add_weather_forecast(
    conn: AsyncConnection,
    *,
    lab: str,
    site: str,
    source: str,
    issued_at: datetime,
    days: Sequence[ForecastDay],
) -> WeatherForecast:
    """Take an issue in; the same again changes nothing. The plantings of its site become due.

    Raises
    ------
    StoreConflict
        This issue is there with other numbers or other days: all of it is left as it was.
    StoreMissing
        The lab has no such site.
    ValueError
        There are no days.
    """
    if not days:
        raise ValueError("a weather forecast of no days")
    site_id = (await find_site(conn, lab, site)).id
    issue, wanted = _Issue(site_id=site_id, source=source, issued_at=issued_at), sorted(days)
    async with conn.transaction():
        forecast = await _with_days(conn, issue)
        if forecast is None:
            columns: list[list[Any]] = [list(column) for column in zip(*wanted, strict=True)]
            await conn.execute(_INSERT_DAYS, [site_id, source, issued_at, *columns])
            forecast = await _with_days(conn, issue)
        if forecast is None or forecast.days != wanted:
            raise StoreConflict("weather forecast", f"{source} {issued_at:%Y-%m-%dT%H:%MZ}")
    return forecast


_SELECT_NEWEST = """
SELECT site_id, source, issued_at
FROM weather_forecasts
WHERE site_id = %(site_id)s AND (%(as_of)s::timestamptz IS NULL
    OR (noted_at <= %(as_of)s AND issued_at <= %(as_of)s))
ORDER BY issued_at DESC, noted_at DESC, source
LIMIT 1
"""


async def newest_weather_forecast(
    conn: AsyncConnection, site_id: int, *, as_of: datetime | None = None
) -> WeatherForecast | None:
    """Read the newest issue for a site; with `as_of`, the newest that was known at that instant."""
    issue = await fetch_one(conn, _Issue, _SELECT_NEWEST, {"site_id": site_id, "as_of": as_of})
    return None if issue is None else await _with_days(conn, issue)


_SELECT_DAYS = """
SELECT noted_at, day, tmin_c, tmax_c, rain_mm, radiation_mj
FROM weather_forecasts
WHERE site_id = %s AND source = %s AND issued_at = %s
ORDER BY day
"""


async def _with_days(conn: AsyncConnection, issue: _Issue) -> WeatherForecast | None:
    cursor = await conn.execute(_SELECT_DAYS, [issue.site_id, issue.source, issue.issued_at])
    rows = await cursor.fetchall()
    if not rows:
        return None
    return WeatherForecast(
        site_id=issue.site_id,
        source=issue.source,
        issued_at=issue.issued_at,
        noted_at=rows[0][0],
        days=[ForecastDay(*row[1:]) for row in rows],
    )
