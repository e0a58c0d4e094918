from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import numpy as np

from store.daily_values import IMPORTED, Daily, read_daily, upsert_daily
from store.past_weather import AIR, Kept, keep_past_weather

if TYPE_CHECKING:
    from tests.store.farm import Farm

FIRST = date(2020, 1, 1)
LOW, HIGH = np.array([1.0, np.nan, 3.0, 4.0]), np.array([11.0, 12.0, 13.0, 14.0])


async def measure(farm: Farm, site: int, *, minimum: float) -> None:
    """A station's third and fourth day."""
    one = Daily.absent(2)
    one.minimum[:] = minimum
    one.maximum[:] = 9.0
    one.method[:] = 0
    await farm.do(upsert_daily, site, date(2020, 1, 3), {AIR: one})


async def test_what_was_measured_stays_and_the_rest_is_taken(farm: Farm):
    site = await farm.one("SELECT id FROM sites WHERE slug = 'farm'")
    await measure(farm, site, minimum=5.0)
    assert await farm.do(keep_past_weather, site, FIRST, LOW, HIGH) == Kept(measured=2, changed=1)
    found = (await farm.do(read_daily, site, FIRST, 4))[AIR]
    assert found.minimum.tolist()[::2] == [1.0, 5.0]
    assert found.method.tolist() == [IMPORTED, -1, 0, 0]
    assert await farm.do(keep_past_weather, site, FIRST, LOW, HIGH) == Kept(measured=2, changed=0)


async def test_days_that_were_measured_in_part_are_filled(farm: Farm):
    site = await farm.one("SELECT id FROM sites WHERE slug = 'farm'")
    await measure(farm, site, minimum=np.nan)
    assert await farm.do(keep_past_weather, site, FIRST, LOW, HIGH) == Kept(measured=0, changed=3)


async def test_forecasts_are_due_once(farm: Farm):
    site = await farm.one("SELECT id FROM sites WHERE slug = 'farm'")
    planting = await farm.plant()
    await farm.settle_all()
    await farm.do(keep_past_weather, site, FIRST, LOW, HIGH)
    assert await farm.due() == {planting.id: ["past_weather"]}
    await farm.settle_all()
    await farm.do(keep_past_weather, site, FIRST, LOW, HIGH)
    assert await farm.due() == {}
