"""Daily values of a site: readings -> `analytics.series.daily` -> daily values, and what rested on them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

import numpy as np

from analytics.series.daily import DailyValues, summarise_days
from devices.quantities import QUANTITIES
from devices.units import UNITS, linear
from store import daily_values, dues, forecasts, plantings, site_series, stale_days
from store.batches import transaction
from store.daily_values import OF_SITE, Daily, DailyKey
from store.series_readings import Span, first_at
from store.sites import Site, get_site

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from analytics.jobs.desk import Desk
    from store.pool import AsyncConnection
    from store.readings import Rows
    from store.site_series import SiteSeries
    from store.stale_days import StaleDay

RECENT_DAYS: Final = 3
"""Computed again each time: readings that are a few hours late are not marked as such."""
CHUNK_DAYS: Final = 62
"""Written in one transaction; a year of minutes of ten quantities is 5 million readings."""
MARGIN: Final = timedelta(hours=3)
"""Readings around a day that make its midnights exact."""
MEASURED: Final = 0
MOST: Final = 100_000


@dataclass(frozen=True, slots=True)
class _Place:
    """Whose daily values: a site's, or those of one device that stands there."""

    site: Site
    device_id: int
    series: list[SiteSeries]

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.site.timezone)

    @property
    def ids(self) -> list[int]:
        return [each.id for each in self.series]


async def refresh(desk: Desk, site_id: int) -> None:
    """Bring the daily values of a site up to its yesterday, and compute days again whose readings came late.

    Forecasts that rested on a day whose numbers changed are marked as revised, and due again. A crash in the
    middle loses nothing: what was marked stays marked until all of it is written.
    """
    async with transaction(desk.pool) as conn:
        site = await get_site(conn, site_id)
        taken = await stale_days.take_stale_days(conn, site_id)
        devices = [OF_SITE, *await _stations(conn, site)]
        places = [_Place(site, each, await _measured(conn, site_id, each)) for each in devices]
    for place in places:
        async with transaction(desk.pool) as conn:
            wanted = await _wanted_days(conn, place, taken, desk.now())
        for first, days in _chunks(wanted):
            await _refresh_chunk(desk, place, first, days)
    async with transaction(desk.pool) as conn:
        await stale_days.clear_stale_days(conn, taken)


async def _stations(conn: AsyncConnection, site: Site) -> list[int]:
    """List the devices at the site that a planting takes its weather from alone."""
    found = await plantings.list_plantings(conn, lab=site.lab, limit=MOST)
    return sorted({each.station_id for each in found if each.station_id and each.weather_site_id == site.id})


async def _measured(conn: AsyncConnection, site_id: int, device_id: int) -> list[SiteSeries]:
    """List the series of which a day has a mean: no directions."""
    found = await site_series.site_series(conn, site_id, device_id=device_id)
    return [each for each in found if UNITS[QUANTITIES[each.quantity].unit].dimension != "angle"]


async def _wanted_days(
    conn: AsyncConnection, place: _Place, taken: Sequence[StaleDay], now: datetime
) -> set[date]:
    """List the days to compute: those after the last one known, the last few, and those marked."""
    yesterday = now.astimezone(place.zone).date() - timedelta(days=1)
    begin = await _first_unknown(conn, place, now)
    if begin is None:
        return set()
    begin = min(begin, yesterday - timedelta(days=RECENT_DAYS - 1))
    wanted = {begin + timedelta(days=number) for number in range((yesterday - begin).days + 1)}
    ids = set(place.ids)
    for stale in taken:
        if stale.series_id in ids:
            wanted |= {day for day in _local_days(stale.day, place.zone) if day <= yesterday}
    return wanted


async def _first_unknown(conn: AsyncConnection, place: _Place, now: datetime) -> date | None:
    """Find the first day after those computed; None where there is no reading at all."""
    span = await daily_values.daily_span(conn, place.site.id, device_id=place.device_id, imported=False)
    if span is not None:
        return span[1] + timedelta(days=1)
    if not place.series:
        return None
    ever = Span(series=place.ids, begin=datetime(1970, 1, 1, tzinfo=UTC), end=now)
    earliest = await first_at(conn, ever)
    return None if earliest is None else earliest.astimezone(place.zone).date()


def _local_days(utc_day: date, zone: ZoneInfo) -> set[date]:
    """Name the local days that a UTC day touches."""
    begin = datetime.combine(utc_day, time(), UTC)
    return {begin.astimezone(zone).date(), (begin + timedelta(hours=23, minutes=59)).astimezone(zone).date()}


def _chunks(wanted: Iterable[date]) -> list[tuple[date, int]]:
    """Join neighbouring days into runs of at most `CHUNK_DAYS`.

    Examples
    --------
    >>> _chunks({date(2026, 1, 1), date(2026, 1, 2), date(2026, 1, 5)})
    [(datetime.date(2026, 1, 1), 2), (datetime.date(2026, 1, 5), 1)]
    """
    runs: list[tuple[date, int]] = []
    for day in sorted(wanted):
        if runs and runs[-1][1] < CHUNK_DAYS and day == runs[-1][0] + timedelta(days=runs[-1][1]):
            runs[-1] = (runs[-1][0], runs[-1][1] + 1)
        else:
            runs.append((day, 1))
    return runs


async def _refresh_chunk(desk: Desk, place: _Place, first: date, days: int) -> None:
    """Compute some days and write them, with all that follows from what changed, in one transaction."""
    begin = datetime.combine(first, time(), place.zone)
    end = datetime.combine(first + timedelta(days=days), time(), place.zone)
    async with transaction(desk.pool) as conn:
        rows = await site_series.read_columns(conn, place.ids, begin - MARGIN, end + MARGIN)
        chunk = _Chunk(place.series, rows, place.site.timezone, first, days)
        values = await asyncio.to_thread(chunk.summarise)
        if not values:
            return
        site_id, device_id = place.site.id, place.device_id
        changed = await daily_values.upsert_daily(conn, site_id, first, values, device_id=device_id)
        if changed:
            await _tell(conn, place, datetime.combine(changed[0], time(), place.zone))


async def _tell(conn: AsyncConnection, place: _Place, since: datetime) -> None:
    """Mark the forecasts that rested on what changed, and have new ones made."""
    found = await plantings.list_plantings(conn, lab=place.site.lab, ended=False, limit=MOST)
    concerned = [
        each.id
        for each in found
        if each.weather_site_id == place.site.id and (each.station_id or OF_SITE) == place.device_id
    ]
    await forecasts.mark_revised(conn, concerned, "late_data", data_after=since)
    await dues.note_due(conn, concerned, "late_data")


@dataclass(frozen=True, slots=True)
class _Chunk:
    """Readings of some days, and what they become."""

    series: Sequence[SiteSeries]
    rows: Rows
    timezone: str
    first: date
    days: int

    def summarise(self) -> dict[DailyKey, Daily]:
        """Summarise each quantity and position; of several series the one that covers a day best."""
        found: dict[DailyKey, list[DailyValues]] = {}
        for each in self.series:
            mine = self.rows.series == each.id
            if mine.any():
                found.setdefault(DailyKey(each.quantity, each.position), []).append(self._one(each, mine))
        return {key: _choose(several) for key, several in found.items()}

    def _one(self, each: SiteSeries, mine: NDArray[np.bool_]) -> DailyValues:
        factor, offset = linear(each.unit, QUANTITIES[each.quantity].unit)
        return summarise_days(
            each.quantity,
            self.rows.at[mine],
            factor * self.rows.value[mine] + offset,
            self.rows.quality[mine],
            timezone=self.timezone,
            first_day=self.first,
            days=self.days,
        )


def _choose(several: Sequence[DailyValues]) -> Daily:
    """Take for each day the series that covers it best; of equals, the oldest."""
    coverage = np.stack([np.where(each.covered, 1.0 + each.coverage, each.coverage) for each in several])
    best = np.argmax(coverage, axis=0)[None]

    def take(name: str) -> NDArray[np.float64]:
        stacked = np.stack([np.asarray(getattr(each, name), np.float64) for each in several])
        chosen: NDArray[np.float64] = np.take_along_axis(stacked, best, axis=0)[0]
        return chosen

    return Daily(
        minimum=take("minimum"),
        mean=take("mean"),
        maximum=take("maximum"),
        total=take("total"),
        coverage=np.clip(take("coverage"), 0.0, 1.0),
        n=take("n").astype(np.int32),
        method=np.full(best.shape[1], MEASURED, np.int16),
    )
