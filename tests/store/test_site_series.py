from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest

from store.batches import transaction
from store.errors import StoreMissing
from store.readings import Rows, copy_readings
from store.series import open_series
from store.site_series import read_columns, site_series
from store.sites import find_site, get_site

if TYPE_CHECKING:
    from tests.store.farm import Farm

BEGIN = datetime(2026, 6, 1, tzinfo=UTC)


async def test_a_site_is_found_by_its_number_within_its_lab(farm: Farm):
    site = await farm.do(find_site, "shihoro", "farm")
    assert await farm.do(get_site, site.id) == await farm.do(get_site, site.id, "shihoro") == site
    with pytest.raises(StoreMissing, match="no site"):
        await farm.do(get_site, site.id, "kaga")


async def test_the_series_of_a_site_are_those_of_the_devices_there(farm: Farm):
    await farm.site("shihoro", "hill", "top")
    north, south = await farm.station("north-1"), await farm.station("south-1")
    await farm.station("hill-1", "hill")
    await farm.station("loose-1", None)
    rain = await farm.do(open_series, north.device_id, "precipitation", "", "mm")
    site = await farm.do(find_site, "shihoro", "farm")
    found = await farm.do(site_series, site.id)
    assert [(s.id, s.device, s.quantity, s.unit, s.kind) for s in found] == [
        (north.id, "north-1", "air_temperature", "degC", "farm-station"),
        (south.id, "south-1", "air_temperature", "degC", "farm-station"),
        (rain.id, "north-1", "precipitation", "mm", "farm-station"),
    ]
    assert [s.id for s in await farm.do(site_series, site.id, device_id=south.device_id)] == [south.id]
    assert [s.id for s in await farm.do(site_series, site.id, quantities=["precipitation"])] == [rain.id]


async def test_columns_come_back_exactly_in_order_and_without_what_failed(farm: Farm):
    n, start = 500, int(BEGIN.timestamp()) * 1_000_000
    given = Rows(
        series=np.repeat(np.array([3, 8], np.int32), n),
        at=np.tile(start + 60_000_000 * np.arange(n), 2),
        received=np.tile(start + 60_000_000 * np.arange(n) + 7, 2),
        value=np.random.default_rng(1).normal(size=2 * n),
        quality=np.tile(np.array([1, 2, 3, 4], np.int16), n // 2),
    )
    async with transaction(farm.pool) as conn:
        await copy_readings(conn, given)
    begin, end = BEGIN + timedelta(minutes=10), BEGIN + timedelta(minutes=400)
    found = await farm.do(read_columns, [8, 3], begin, end)
    inside = (given.at >= start + 600_000_000) & (given.at < start + 24_000_000_000)
    expected = given.take(inside & (given.quality <= 3))
    for name in ("series", "at", "received", "value", "quality"):
        column = getattr(found, name)
        assert column.tolist() == getattr(expected, name).tolist()
        assert column.dtype == getattr(given, name).dtype
    assert len(await farm.do(read_columns, [8], begin, end, worst=4)) == 390
    assert len(await farm.do(read_columns, [5], begin, end)) == 0
