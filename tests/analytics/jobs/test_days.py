"""Daily values of a site: what is computed, from which series, and in which order it is written."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest

from analytics.jobs.days import _chunks, _local_days, refresh
from store.daily_values import DailyKey, daily_span, read_daily
from store.devices import add_device
from store.readings import Rows, merge_readings
from store.series import open_series
from tests.analytics.jobs.farm import LAB, MEASURED_DAYS, NOW, TODAY, ZONE

if TYPE_CHECKING:
    from tests.analytics.jobs.farm import Farm

TEMPERATURE = DailyKey("air_temperature")


async def test_up_to_yesterday_and_no_further(farm: Farm) -> None:
    await farm.measure(TODAY, 1)
    await refresh(farm.desk(), farm.site_id)
    async with farm.pool.connection() as conn:
        assert (await daily_span(conn, farm.site_id))[1] == TODAY - timedelta(days=1)
        daily = await read_daily(conn, farm.site_id, TODAY - timedelta(days=MEASURED_DAYS), MEASURED_DAYS)
    values = daily[TEMPERATURE]
    assert (values.n == 24).all()
    assert (values.minimum < values.mean).all()
    assert (values.mean < values.maximum).all()
    assert np.isnan(values.total).all()


async def test_of_two_sensors_the_one_that_covers_the_day(farm: Farm) -> None:
    """The second device stands in on a day of which the first measured a third, in its own unit."""
    day = TODAY - timedelta(days=1)
    begin = datetime(day.year, day.month, day.day, tzinfo=UTC) - ZONE
    async with farm.pool.connection() as conn:
        await conn.execute(
            "DELETE FROM readings WHERE series_id = %s AND at >= %s AND at < %s",
            [farm.series_id, begin + timedelta(hours=8), begin + timedelta(hours=24)],
        )
        other = await add_device(
            conn, name="north-2", lab=LAB, kind="farm-station", site="north", password_hash="-"
        )
        series = await open_series(conn, other.id, "air_temperature", "", "degF")
        at = (int((begin - timedelta(days=1)).timestamp()) + 3600 * np.arange(60)) * 1_000_000
        rows = Rows(
            series=np.full(60, series.id, np.int32),
            at=at,
            received=at,
            value=np.full(60, 50.0),
            quality=np.ones(60, np.int16),
        )
        await merge_readings(conn, rows)
    await refresh(farm.desk(), farm.site_id)
    async with farm.pool.connection() as conn:
        daily = await read_daily(conn, farm.site_id, day - timedelta(days=1), 2)
    assert daily[TEMPERATURE].maximum[0] != pytest.approx(10.0)
    assert daily[TEMPERATURE].minimum[1] == pytest.approx(10.0)


async def test_a_station_of_a_planting_has_days_of_its_own(farm: Farm) -> None:
    from store.plantings import add_planting

    async with farm.pool.connection() as conn:
        await add_planting(
            conn,
            lab=LAB,
            site="north",
            field="field-0",
            crop="potato",
            sown_on=date(2025, 5, 1),
            station="north-1",
        )
        cursor = await conn.execute("SELECT id FROM devices WHERE name = 'north-1'")
        (device_id,) = await cursor.fetchone()
    await refresh(farm.desk(), farm.site_id)
    async with farm.pool.connection() as conn:
        span = await daily_span(conn, farm.site_id, device_id=device_id)
    assert span == (TODAY - timedelta(days=MEASURED_DAYS), TODAY - timedelta(days=1))


async def test_a_site_without_readings(farm: Farm) -> None:
    from store.sites import add_site

    async with farm.pool.connection() as conn:
        site = await add_site(conn, lab=LAB, slug="bare", name_ja="空", name_en="Bare")
    await refresh(farm.desk(), site.id)
    async with farm.pool.connection() as conn:
        assert await daily_span(conn, site.id) is None


def test_a_utc_day_touches_two_local_days() -> None:
    from zoneinfo import ZoneInfo

    assert _local_days(date(2025, 5, 1), ZoneInfo("Asia/Tokyo")) == {date(2025, 5, 1), date(2025, 5, 2)}
    assert _local_days(date(2025, 5, 1), ZoneInfo("UTC")) == {date(2025, 5, 1)}


def test_long_runs_are_cut() -> None:
    days = {date(2025, 1, 1) + timedelta(days=n) for n in range(100)} | {NOW.date()}
    assert [length for _, length in _chunks(days)] == [62, 38, 1]
