from __future__ import annotations

import dataclasses
import time
from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np

from store.daily_values import ABSENT, IMPORTED, Daily, DailyKey, daily_span, read_daily, upsert_daily

if TYPE_CHECKING:
    from tests.store.farm import Farm

FIRST = date(2026, 6, 1)
AIR = DailyKey("air_temperature")
SOIL = DailyKey("soil_temperature", "10cm")


def daily(days: int, seed: int = 1) -> Daily:
    rng = np.random.default_rng(seed)
    minimum, mean, maximum, total = rng.normal(10, 5, (4, days)).round(3)
    return Daily(
        minimum=minimum,
        mean=mean,
        maximum=maximum,
        total=total,
        n=rng.integers(1, 1440, days).astype(np.int32),
        coverage=rng.random(days),
        method=rng.integers(0, 4, days).astype(np.int16),
    )


def same(one: Daily, other: Daily) -> bool:
    return all(
        np.array_equal(getattr(one, field.name), getattr(other, field.name), equal_nan=True)
        and getattr(one, field.name).dtype == getattr(other, field.name).dtype
        for field in dataclasses.fields(Daily)
    )


async def site_id(farm: Farm) -> int:
    number: int = await farm.one("SELECT id FROM sites WHERE slug = 'farm'")
    return number


async def test_days_come_back_as_they_were_given(farm: Farm):
    site, given = await site_id(farm), {AIR: daily(30), SOIL: daily(30, 2)}
    given[AIR].minimum[3] = given[AIR].total[:] = np.nan
    assert await farm.do(upsert_daily, site, FIRST, given) == [FIRST + timedelta(n) for n in range(30)]
    found = await farm.do(read_daily, site, FIRST, 30)
    assert found.keys() == given.keys()
    assert all(same(found[key], given[key]) for key in given)
    assert await farm.do(daily_span, site) == (FIRST, FIRST + timedelta(29))


async def test_only_days_that_changed_are_told(farm: Farm):
    site, given = await site_id(farm), daily(10)
    given.total[:] = np.nan
    await farm.do(upsert_daily, site, FIRST, {AIR: given, SOIL: given})
    assert await farm.do(upsert_daily, site, FIRST, {AIR: given, SOIL: given}) == []
    given.maximum[4] += 0.5
    given.coverage[7] /= 2
    changed = await farm.do(upsert_daily, site, FIRST, {SOIL: given})
    assert changed == [date(2026, 6, 5), date(2026, 6, 8)]
    assert same((await farm.do(read_daily, site, FIRST, 10))[SOIL], given)


async def test_absent_days_are_left_as_they_are_and_read_as_absent(farm: Farm):
    site, given = await site_id(farm), daily(5)
    await farm.do(upsert_daily, site, FIRST, {AIR: given})
    assert await farm.do(upsert_daily, site, FIRST - timedelta(1), {AIR: Daily.absent(6)}) == []
    found = (await farm.do(read_daily, site, FIRST - timedelta(2), 9, keys=[AIR, SOIL]))[AIR]
    assert found.method.tolist() == [ABSENT, ABSENT, *given.method, ABSENT, ABSENT]
    assert np.isnan(found.mean[[0, 1, 7, 8]]).all()
    assert found.coverage[[0, 8]].tolist() == [0, 0]
    assert same((await farm.do(read_daily, site, FIRST, 5, keys=[SOIL]))[SOIL], Daily.absent(5))
    assert await farm.do(read_daily, site + 1, FIRST, 5) == {}
    assert await farm.do(daily_span, site + 1) is None


async def test_a_devices_own_days_are_apart_from_the_sites(farm: Farm):
    site, own, whole = await site_id(farm), daily(3, 1), daily(3, 2)
    await farm.do(upsert_daily, site, FIRST, {AIR: whole})
    await farm.do(upsert_daily, site, FIRST, {AIR: own}, device_id=7)
    assert same((await farm.do(read_daily, site, FIRST, 3))[AIR], whole)
    assert same((await farm.do(read_daily, site, FIRST, 3, device_id=7))[AIR], own)


async def test_thirty_years_are_read_at_once(farm: Farm):
    site, days = await site_id(farm), 30 * 365
    keys = {DailyKey(name): daily(days, seed) for seed, name in enumerate(("a", "b", "c"))}
    await farm.do(upsert_daily, site, date(1996, 1, 1), keys)
    started_at = time.perf_counter()
    found = await farm.do(read_daily, site, date(1996, 1, 1), days)
    assert time.perf_counter() - started_at < 2
    assert all(same(found[key], keys[key]) for key in keys)


async def test_a_day_from_elsewhere_gives_way_only_to_one_that_knows_its_extremes(farm: Farm):
    site, brought, half, whole = await site_id(farm), daily(4), daily(4, 2), daily(4, 3)
    brought.method[:] = IMPORTED
    half.method[:] = whole.method[:] = 0
    half.minimum[:] = np.nan
    await farm.do(upsert_daily, site, FIRST, {AIR: brought})
    assert await farm.do(daily_span, site, imported=False) is None
    assert await farm.do(upsert_daily, site, FIRST, {AIR: half}) == []
    assert same((await farm.do(read_daily, site, FIRST, 4))[AIR], brought)
    assert len(await farm.do(upsert_daily, site, FIRST, {AIR: whole})) == 4
    assert await farm.do(daily_span, site, imported=False) == (FIRST, FIRST + timedelta(3))
