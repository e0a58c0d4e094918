"""The demonstration's farm in a real database: written once, continued at each start."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from deploy import demo_farm
from deploy.demo import FARM, register
from deploy.demo_farm import LAB, PAST_YEARS, lay_out, plant, remember_weather
from devices.geometry import check_polygon
from store.daily_values import IMPORTED, Daily, read_daily, upsert_daily
from store.fields import list_fields
from store.observations import list_observations, withdraw_observation
from store.past_weather import AIR
from store.plantings import end_planting, list_plantings, remove_planting
from store.sites import find_site

if TYPE_CHECKING:
    from psycopg_pool import AsyncConnectionPool

TODAY = date(2026, 11, 23)
MEASURED_DAYS = 120


async def test_the_farm_is_laid_out_once(pool: AsyncConnectionPool) -> None:
    async with pool.connection() as conn:
        await register(conn)
        for _ in range(2):
            await lay_out(conn)
        fields = await list_fields(conn, lab=LAB)
    assert [field.slug for field in fields] == ["north", "south"]
    for field in fields:
        assert field.polygon is not None
        check_polygon(field.polygon)


async def test_past_weather_is_written_once_and_quickly_and_holes_are_filled(
    pool: AsyncConnectionPool,
) -> None:
    async with pool.connection() as conn:
        await register(conn)
        began_s = time.process_time()
        written = await remember_weather(conn, TODAY, measured_days=MEASURED_DAYS)
        assert time.process_time() - began_s < 5
        assert written > 365 * 12
        assert await remember_weather(conn, TODAY, measured_days=MEASURED_DAYS) == 0
        assert await remember_weather(conn, TODAY + timedelta(days=30), measured_days=MEASURED_DAYS) == 30

        site = await find_site(conn, LAB, FARM)
        first = date(TODAY.year - PAST_YEARS, 1, 1)
        air = (await read_daily(conn, site.id, first, written, keys=[AIR]))[AIR]
    assert set(air.method.tolist()) == {IMPORTED}
    assert (air.minimum < air.maximum).all()


async def test_what_the_stations_measured_stays(pool: AsyncConnectionPool) -> None:
    async with pool.connection() as conn:
        await register(conn)
        site = await find_site(conn, LAB, FARM)
        one = Daily.absent(1)
        one.minimum[:], one.maximum[:], one.method[:] = 1.0, 2.0, 0
        day = TODAY - timedelta(days=MEASURED_DAYS + 5)
        await upsert_daily(conn, site.id, day, {AIR: one})
        await remember_weather(conn, TODAY, measured_days=MEASURED_DAYS)
        air = (await read_daily(conn, site.id, day, 1, keys=[AIR]))[AIR]
    assert air.maximum.tolist() == [2.0]


async def test_plantings_are_written_once_and_the_season_goes_on(pool: AsyncConnectionPool) -> None:
    async with pool.connection() as conn:
        await register(conn)
        await lay_out(conn)
        growing = await plant(conn, TODAY)
        first = await list_plantings(conn, lab=LAB, limit=500)
        assert await plant(conn, TODAY) == growing
        assert await list_plantings(conn, lab=LAB, limit=500) == first
        assert all(each.simulated for each in first)
        assert {each.crop for each in first} == {"wheat", "potato", "garlic", "carrot"}
        assert {each.crop for each in first if each.ended_on is None} == {"wheat", "garlic"}
        before = await list_observations(conn, growing[0])

        later = await plant(conn, TODAY + timedelta(days=200))
        after = await list_observations(conn, growing[0])
    assert set(growing) < set(later), "potatoes are planted in spring"
    assert before == after[: len(before)]
    assert len(after) > len(before)


async def test_what_people_changed_is_left_alone(pool: AsyncConnectionPool) -> None:
    async with pool.connection() as conn:
        await register(conn)
        await lay_out(conn)
        removed, ended, corrected = await plant(conn, TODAY)
        await remove_planting(conn, removed)
        await end_planting(conn, ended, ended_on=TODAY, yield_t_ha=1.0)
        (seen, *_) = await list_observations(conn, corrected)
        await withdraw_observation(conn, seen.id)
        assert await plant(conn, TODAY + timedelta(days=30)) == [corrected]
        assert seen.bbch not in {each.bbch for each in await list_observations(conn, corrected)}


async def test_plantings_do_not_wait_for_readings_for_ever(
    pool: AsyncConnectionPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo_farm, "LANDED_S", 0.3)
    monkeypatch.setattr(demo_farm, "LOOK_S", 0.1)
    began_s = time.monotonic()
    await demo_farm.wait_landed(pool, datetime.now(UTC))
    assert 0.3 <= time.monotonic() - began_s < 5


async def test_no_forecast_is_no_planting(pool: AsyncConnectionPool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo_farm, "FORECAST_S", 0.3)
    assert await demo_farm.first_forecast(pool, [1]) is None


def test_the_next_morning() -> None:
    midnight = datetime(2027, 5, 1, tzinfo=demo_farm.ZONE)
    assert demo_farm.morning_in_s(midnight) == 6 * 3600
    assert demo_farm.morning_in_s(midnight + timedelta(hours=6)) == 24 * 3600
    assert demo_farm.morning_in_s(midnight + timedelta(hours=30)) == 24 * 3600


async def test_each_morning_the_season_goes_on(
    pool: AsyncConnectionPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    days = iter([TODAY, TODAY + timedelta(days=200)])
    monkeypatch.setattr(demo_farm, "today_at_farm", lambda: next(days))
    monkeypatch.setattr(demo_farm, "morning_in_s", lambda _: 0.0)
    async with pool.connection() as conn:
        await register(conn)
        await lay_out(conn)
    with pytest.raises(RuntimeError):  # what a generator that is used up becomes
        await demo_farm.go_on(pool)
    async with pool.connection() as conn:
        found = await list_plantings(conn, lab=LAB, ended=False, limit=500)
    assert "potato" in {each.crop for each in found}
