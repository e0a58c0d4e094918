"""The demonstration's farm in the store: fields, past years' weather, plantings, what was seen of them.

Each start writes what is not there yet: the story goes on where it was left.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from time import monotonic
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from deploy.demo import FARM, FARM_STATIONS, LATITUDE, LONGITUDE
from deploy.demo_truth import grow, sky, sowings
from store.daily_values import ABSENT, read_daily
from store.errors import StoreConflict
from store.fields import add_field
from store.forecasts import newest_forecasts
from store.observations import add_observation, list_observations
from store.past_weather import AIR, keep_past_weather
from store.plantings import add_planting, end_planting, list_plantings
from store.series_readings import list_latest
from store.sites import find_site

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deploy.demo_truth import Grown, Plan
    from store.plantings import Planting
    from store.pool import AsyncConnection, AsyncConnectionPool

LAB: Final = "shihoro"
ZONE: Final = ZoneInfo("Asia/Tokyo")
PAST_YEARS: Final = 13
LANDED_S: Final = 90.0
"""How long the readings of the last months may take; plantings do not wait for longer."""
FORECAST_S: Final = 120.0
LOOK_S: Final = 0.5
LATE_S: Final = 1_800
MORNING: Final = time(6)
MOST: Final = 10_000
SEEN_BY: Final = "模擬の観察 (simulated)"
GOAL: Final = "模擬の作付け(育てたものではない)"


def _rectangle(west: float, south: float, east: float, north: float) -> dict[str, Any]:
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "Polygon", "coordinates": [ring]}


FIELDS: Final[list[dict[str, Any]]] = [
    {
        "slug": "north",
        "name_ja": "北の畑(模擬)",
        "name_en": "North field (simulated)",
        "area_m2": 9_000.0,
        "polygon": _rectangle(LONGITUDE - 0.0010, LATITUDE + 0.0006, LONGITUDE + 0.0010, LATITUDE + 0.0011),
    },
    {
        "slug": "south",
        "name_ja": "南の畑(模擬)",
        "name_en": "South field (simulated)",
        "area_m2": 7_200.0,
        "polygon": _rectangle(LONGITUDE - 0.0008, LATITUDE - 0.0011, LONGITUDE + 0.0008, LATITUDE - 0.0006),
    },
]


def today_at_farm() -> date:
    """Give the farm's day."""
    return datetime.now(ZONE).date()


async def lay_out(connection: AsyncConnection) -> None:
    """Make the fields that are not there yet."""
    for field in FIELDS:
        try:
            async with connection.transaction():
                await add_field(connection, lab=LAB, site=FARM, **field)
        except StoreConflict:
            continue


async def remember_weather(connection: AsyncConnection, today: date, *, measured_days: int) -> int:
    """Give past years their daily temperatures, up to the days that the stations tell themselves.

    Returns
    -------
    int
        Days that were not there.
    """
    site = await find_site(connection, LAB, FARM)
    first = date(today.year - PAST_YEARS, 1, 1)
    days = (today - first).days - measured_days + 1
    known = (await read_daily(connection, site.id, first, days, keys=[AIR]))[AIR]
    missing = (known.method == ABSENT).nonzero()[0]
    if not len(missing):
        return 0
    begin, end = int(missing[0]), int(missing[-1]) + 1
    since = first + timedelta(days=begin)
    tmin, tmax = await asyncio.to_thread(sky, since, end - begin, until=today)
    return (await keep_past_weather(connection, site.id, since, tmin.round(1), tmax.round(1))).changed


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What is to be written: a sowing, and the planting that it is already."""

    plan: Plan
    sown_on: date
    known: Planting | None


async def plant(connection: AsyncConnection, today: date) -> list[int]:
    """Note what was sown, seen and harvested up to a day; ended plantings come first.

    Returns
    -------
    list[int]
        Plantings that are open.
    """
    known = {_key(each): each for each in await list_plantings(connection, lab=LAB, site=FARM, limit=MOST)}
    removed = await list_plantings(connection, lab=LAB, site=FARM, removed=True, limit=MOST)
    gone = {_key(each) for each in removed}
    wanted = [
        _Wanted(plan, sown_on, known.get(_name(plan, sown_on)))
        for plan, sown_on in sowings(today)
        if _name(plan, sown_on) not in gone
    ]
    grown = await asyncio.to_thread(_grow, wanted, today)
    for each, planting in sorted(grown, key=lambda pair: (pair[0].ended_on is None, pair[0].sown_on)):
        await _note(connection, each, planting)
    still = await list_plantings(connection, lab=LAB, site=FARM, ended=False, limit=MOST)
    return [each.id for each in still]


def _grow(wanted: Sequence[_Wanted], today: date) -> list[tuple[Grown, Planting | None]]:
    """Let grow what is not over and written already."""
    return [
        (grow(each.plan, each.sown_on, today), each.known)
        for each in wanted
        if each.known is None or each.known.ended_on is None
    ]


def _key(planting: Planting) -> tuple[object, ...]:
    return planting.field, planting.sown_on, planting.crop, planting.cultivar, planting.label


def _name(plan: Plan, sown_on: date) -> tuple[object, ...]:
    return plan.field, sown_on, plan.crop, plan.cultivar, plan.label


async def _note(connection: AsyncConnection, grown: Grown, planting: Planting | None) -> None:
    plan = grown.plan
    if planting is None:
        planting = await add_planting(
            connection,
            lab=LAB,
            site=FARM,
            field=plan.field,
            crop=plan.crop,
            cultivar=plan.cultivar,
            sown_on=grown.sown_on,
            label=plan.label,
            goal=GOAL,
            target_t_ha=plan.yield_t_ha[0],
            simulated=True,
        )
    noted = {each.bbch for each in await list_observations(connection, planting.id, withdrawn=True)}
    for bbch in sorted(grown.seen.keys() - noted):
        await add_observation(
            connection, planting.id, bbch=bbch, observed_on=grown.seen[bbch], observer=SEEN_BY
        )
    if grown.ended_on is not None:
        await end_planting(
            connection, planting.id, ended_on=grown.ended_on, yield_t_ha=grown.yield_t_ha, outcome_note=GOAL
        )


async def wait_landed(pool: AsyncConnectionPool, since: datetime) -> None:
    """Wait until the database has what the stations measured until shortly before `since`."""
    end_at = monotonic() + LANDED_S
    while monotonic() < end_at:
        async with pool.connection() as connection:
            latest = await list_latest(connection, lab=LAB, limit=1_000)
        newest = [each.newest.at for each in latest if each.newest and each.series.device in FARM_STATIONS]
        if newest and min(newest) > since - timedelta(seconds=LATE_S):
            return
        await asyncio.sleep(LOOK_S)


async def first_forecast(pool: AsyncConnectionPool, plantings: Sequence[int]) -> int | None:
    """Give the first of the plantings that has a forecast; None where it takes too long."""
    end_at = monotonic() + FORECAST_S
    while monotonic() < end_at:
        async with pool.connection() as connection:
            stand = await newest_forecasts(connection, plantings)
        if stand:
            return min(stand)
        await asyncio.sleep(LOOK_S)
    return None


async def go_on(pool: AsyncConnectionPool) -> None:
    """Note each morning what was seen, sown and harvested; without end."""
    while True:
        await asyncio.sleep(morning_in_s(datetime.now(ZONE)))
        async with pool.connection() as connection:
            await plant(connection, today_at_farm())


def morning_in_s(now: datetime) -> float:
    """Tell how long it is until the next morning; `now` by the farm's clock, aware."""
    morning = datetime.combine(now.date() + timedelta(days=now.time() >= MORNING), MORNING, now.tzinfo)
    return (morning - now).total_seconds()


async def settle(pool: AsyncConnectionPool, *, measured_days: int) -> list[int]:
    """Bring the farm up to today, once the stations' own readings are there.

    Returns
    -------
    list[int]
        Plantings that a forecast is due for.
    """
    started_at, today = datetime.now(UTC), today_at_farm()
    async with pool.connection() as connection:
        await lay_out(connection)
        await remember_weather(connection, today, measured_days=measured_days)
    await wait_landed(pool, started_at)
    async with pool.connection() as connection:
        return await plant(connection, today)
