from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from store.devices import add_device
from store.pool import open_pool
from store.series import SeriesKey, all_series, list_series, open_all_series, open_series

if TYPE_CHECKING:
    from psycopg_pool import AsyncConnectionPool


@pytest.fixture
async def device_id(pool: AsyncConnectionPool) -> int:
    async with pool.connection() as connection:
        device = await add_device(
            connection, name="north-1", lab="kaga", kind="generic-logger", password_hash="$7$"
        )
    return device.id


async def test_a_series_is_opened_once(pool: AsyncConnectionPool, device_id: int) -> None:
    async with pool.connection() as connection:
        first = await open_series(connection, device_id, "soil_moisture", "30cm", "%")
        assert await open_series(connection, device_id, "soil_moisture", "30cm", "%") == first
        others = [
            await open_series(connection, device_id, "soil_moisture", "", "%"),
            await open_series(connection, device_id, "soil_moisture", "30cm", "m3/m3"),
            await open_series(connection, device_id, "air_temperature", "", "degC"),
        ]
        assert len({series.id for series in [first, *others]}) == 4
        assert await all_series(connection) == [first, *others]


async def test_those_who_open_the_same_at_once_get_the_same(database_url: str, device_id: int) -> None:
    pool = await open_pool(database_url, process="race", min_size=8, max_size=8)
    begin = asyncio.Barrier(8)

    async def open_some() -> list[int]:
        async with pool.connection() as connection:
            await begin.wait()
            return [(await open_series(connection, device_id, f"q{n}", "", "%")).id for n in range(10)]

    opened = await asyncio.gather(*(open_some() for _ in range(8)))
    await pool.close()
    assert all(ids == opened[0] for ids in opened)
    assert len(set(opened[0])) == 10


async def test_a_devices_series_are_its_labs(pool: AsyncConnectionPool, device_id: int) -> None:
    async with pool.connection() as connection:
        second = await open_series(connection, device_id, "soil_moisture", "30cm", "%")
        first = await open_series(connection, device_id, "air_temperature", "", "degC")
        assert await list_series(connection, "north-1") == [first, second]
        assert await list_series(connection, "north-1", "kaga") == [first, second]
        assert await list_series(connection, "north-1", "hakusan") == []


async def test_many_are_opened_at_once(pool: AsyncConnectionPool, device_id: int) -> None:
    keys = [SeriesKey(device_id, "soil_moisture", f"{n}cm", "%") for n in range(20)]
    async with pool.connection() as connection:
        first = await open_series(connection, *keys[3])
        opened = await open_all_series(connection, [*keys, keys[5]])
        assert opened[keys[3]] == first
        assert {(s.device_id, s.quantity, s.position, s.unit) for s in opened.values()} == set(keys)
        assert await open_all_series(connection, keys[:7]) == {key: opened[key] for key in keys[:7]}
        assert await open_all_series(connection, []) == {}
        assert len(await all_series(connection)) == 20
