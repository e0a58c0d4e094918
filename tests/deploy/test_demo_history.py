"""What a demonstration sends when it starts: what the real database lacks, and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from deploy.demo_history import first_missing
from devices.simulator.run import DeviceConfig, make_feed
from store.devices import add_device
from store.series import open_series

if TYPE_CHECKING:
    from psycopg_pool import AsyncConnectionPool

DAYS = 5
NOW = datetime(2026, 7, 10, 12, tzinfo=UTC).timestamp()
DEVICES = [
    DeviceConfig(name="farm-1", password="", role="farm-station", seed=1, site="farm"),
    DeviceConfig(name="echo-1", password="", role="echo-unit", seed=2),
]


async def put(pool: AsyncConnectionPool, device: DeviceConfig, instants: list[int]) -> None:
    async with pool.connection() as connection:
        added = await add_device(
            connection, name=device.name, lab="shihoro", kind=device.role, password_hash="x"
        )
        series = await open_series(connection, added.id, "device_temperature", "", "degC")
        rows = [
            (series.id, datetime.fromtimestamp(at, UTC), datetime.fromtimestamp(at, UTC)) for at in instants
        ]
        await connection.cursor().executemany("INSERT INTO readings VALUES (%s, %s, %s, 1.0, 1)", rows)


async def ask(pool: AsyncConnectionPool, device: DeviceConfig) -> float:
    async with pool.connection() as connection:
        return await first_missing(connection, device, history_days=DAYS, now=NOW)


def expected(device: DeviceConfig) -> list[int]:
    instants: list[int] = make_feed(device).columns(int(NOW - DAYS * 86_400), int(NOW)).at_s.tolist()
    return instants


@pytest.mark.parametrize("device", DEVICES, ids=lambda device: device.role)
class TestFirstMissing:
    async def test_of_a_new_device_all_is_missing(
        self, pool: AsyncConnectionPool, device: DeviceConfig
    ) -> None:
        assert await ask(pool, device) == expected(device)[0]

    async def test_nothing_is_missing(self, pool: AsyncConnectionPool, device: DeviceConfig) -> None:
        await put(pool, device, expected(device))
        assert await ask(pool, device) == NOW

    async def test_after_two_days_without_it_two_days_are_missing(
        self, pool: AsyncConnectionPool, device: DeviceConfig
    ) -> None:
        stopped_at = NOW - 2 * 86_400
        await put(pool, device, [at for at in expected(device) if at < stopped_at])
        assert await ask(pool, device) == min(at for at in expected(device) if at >= stopped_at)

    async def test_a_hole_is_missing(self, pool: AsyncConnectionPool, device: DeviceConfig) -> None:
        instants = expected(device)
        hole = instants[len(instants) // 3]
        await put(pool, device, [at for at in instants if at != hole])
        assert await ask(pool, device) == hole
