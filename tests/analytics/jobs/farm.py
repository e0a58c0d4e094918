"""A farm in a real database: two fields of wheat, ten years of temperatures, readings of the last weeks."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

from analytics.jobs.app import build_app
from analytics.jobs.desk import Desk
from analytics.jobs.worker import WorkerSettings, run
from store.daily_values import Daily, DailyKey, upsert_daily
from store.devices import add_device
from store.fields import add_field
from store.forecasts import list_forecasts
from store.labs import add_lab
from store.observations import add_observation
from store.plantings import add_planting
from store.readings import Rows, merge_readings
from store.series import open_series
from store.sites import add_site
from tests.analytics.farm.forecast.lab_of_wheat import FIRST_DAY, temperatures

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from store.forecasts import Forecast
    from store.pool import AsyncConnectionPool

LAB, CROP = "tokachi", "wheat"
ZONE = timedelta(hours=9)
TODAY = date(2025, 5, 10)
NOW = datetime(2025, 5, 9, 21, 0, tzinfo=UTC)  # six in the morning of the tenth
MEASURED_DAYS = 20


@dataclass
class Farm:
    """Handles on what was put into the database."""

    pool: AsyncConnectionPool
    url: str
    site_id: int = 0
    series_id: int = 0
    plantings: list[int] = field(default_factory=list)

    @classmethod
    async def make(cls, pool: AsyncConnectionPool, url: str, *, fields: int = 2) -> Farm:
        farm = cls(pool, url)
        async with pool.connection() as conn:
            await add_lab(conn, slug=LAB, name_ja="十勝", name_en="Tokachi")
            site = await add_site(
                conn, lab=LAB, slug="north", name_ja="北", name_en="North", latitude=43.1, longitude=143.3
            )
            farm.site_id = site.id
            device = await add_device(
                conn, name="north-1", lab=LAB, kind="farm-station", site="north", password_hash="-"
            )
            for number in range(fields):
                slug = f"field-{number}"
                await add_field(conn, lab=LAB, site="north", slug=slug, name_ja="畑", name_en="Field")
                planting = await add_planting(
                    conn, lab=LAB, site="north", field=slug, crop=CROP, sown_on=date(2024, 9, 20)
                )
                farm.plantings.append(planting.id)
            farm.series_id = (await open_series(conn, device.id, "air_temperature", "", "degC")).id
            await farm._add_history(conn)
        await farm.measure(TODAY - timedelta(days=MEASURED_DAYS), MEASURED_DAYS)
        return farm

    async def _add_history(self, conn) -> None:
        days = (TODAY - FIRST_DAY).days - MEASURED_DAYS
        tmin, tmax = (values[:days] for values in temperatures(14, 1))
        daily = Daily(
            minimum=tmin,
            mean=(tmin + tmax) / 2,
            maximum=tmax,
            total=np.full(days, np.nan),
            n=np.full(days, 24, np.int32),
            coverage=np.ones(days),
            method=np.zeros(days, np.int16),
        )
        await upsert_daily(conn, self.site_id, FIRST_DAY, {DailyKey("air_temperature"): daily})

    async def measure(self, first: date, days: int, *, warmer: float = 0.0) -> None:
        """Store hourly readings."""
        tmin, tmax = temperatures(14, 1)
        place = (first - FIRST_DAY).days
        begin = datetime(first.year, first.month, first.day, tzinfo=UTC) - ZONE
        hours = np.arange(24 * days)
        at = (int(begin.timestamp()) + 3600 * hours) * 1_000_000
        low, high = (np.repeat(values[place : place + days], 24) for values in (tmin, tmax))
        wave = 0.5 - 0.5 * np.cos(2 * np.pi * (hours % 24 - 3) / 24)
        rows = Rows(
            series=np.full(len(at), self.series_id, np.int32),
            at=at,
            received=at,
            value=low + (high - low) * wave + warmer,
            quality=np.ones(len(at), np.int16),
        )
        async with self.pool.connection() as conn:
            await merge_readings(conn, rows)

    def desk(self, now: datetime = NOW) -> Desk:
        return Desk(pool=self.pool, app=build_app(), now=lambda: now)

    def settings(self, process: str = "worker-1", **changes: object) -> WorkerSettings:
        quick = {"sweep_s": 0.5, "settle_s": 0.05, "poll_s": 0.2, "beat_s": 0.2, "stalled_s": 1.0}
        quick["shutdown_s"] = 5.0
        return WorkerSettings(database_url=self.url, process=process, now=lambda: NOW, **(quick | changes))

    async def see(self, planting_id: int, bbch: int, day: date) -> None:
        async with self.pool.connection() as conn:
            await add_observation(conn, planting_id, bbch=bbch, observed_on=day)

    async def forecasts(self, planting_id: int) -> list[Forecast]:
        async with self.pool.connection() as conn:
            return await list_forecasts(conn, planting_id)


@contextlib.asynccontextmanager
async def working(settings: WorkerSettings) -> AsyncIterator[asyncio.Task[None]]:
    """Run a worker for as long as the block lasts; then it stops in good order."""
    stop = asyncio.Event()
    task = asyncio.create_task(run(settings, stop))
    try:
        yield task
    finally:
        stop.set()
        await task


async def eventually(check, within_s: float = 15.0):
    """Wait until an async check gives something true, and give that."""
    end_at = asyncio.get_running_loop().time() + within_s
    while True:
        found = await check()
        if found:
            return found
        assert asyncio.get_running_loop().time() < end_at, "it did not happen in time"
        await asyncio.sleep(0.05)
