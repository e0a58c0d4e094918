from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from tests.api.conftest import HOUR

if TYPE_CHECKING:
    from psycopg_pool import AsyncConnectionPool

    from tests.api.conftest import Asker

START = datetime(2026, 6, 30, 10, tzinfo=UTC)
NAMES = ("messages", "received", "committed", "duplicate", "conflicting", "quarantined")


async def fill(pool: AsyncConnectionPool, device_id: int, hours: int) -> list[tuple[int, ...]]:
    entries = []
    async with pool.connection() as conn:
        for i in range(hours):
            parts = (10 + i, 2, i % 3, 1)
            entries.append((3, sum(parts), *parts))
            await conn.execute(
                "INSERT INTO ledger VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
                [device_id, START + i * HOUR, *entries[-1], 100 + i],
            )
    return entries


async def test_hours_pages_and_totals(ask: Asker, pool: AsyncConnectionPool) -> None:
    entries = await fill(pool, ask.world.devices["shihoro-1"], 30)
    found, query = [], {"limit": 7}
    while True:
        page = (await ask("GET", "/api/v1/devices/shihoro-1/ledger", params=query)).data
        found += page["entries"]
        assert [page["total"][name] for name in NAMES] == [
            sum(column) for column in zip(*entries, strict=True)
        ]
        assert page["balances"] is True
        assert page["total"]["min_delay_ms"] == 100
        if page["next"] is None:
            break
        query["cursor"] = page["next"]
    assert [tuple(entry[name] for name in NAMES) for entry in found] == entries
    assert [datetime.fromisoformat(entry["start"]) for entry in found] == [
        START + i * HOUR for i in range(30)
    ]


@pytest.mark.parametrize("limit", [1, 100])
async def test_days_of_a_zone(ask: Asker, pool: AsyncConnectionPool, limit: int) -> None:
    entries = await fill(pool, ask.world.devices["shihoro-1"], 30)
    found, query = [], {"every": "1d", "limit": limit}
    while True:
        page = (await ask("GET", "/api/v1/devices/shihoro-1/ledger", params=query)).data
        found += page["entries"]
        if page["next"] is None:
            break
        query["cursor"] = page["next"]
    # 10:00 UTC is 19:00 in Tokyo: five hours of the first day, all of the second, one of the third.
    assert [entry["start"] for entry in found] == [
        f"{day}T00:00:00+09:00" for day in ("2026-06-30", "2026-07-01", "2026-07-02")
    ]
    sums = [sum(entry[1] for entry in part) for part in (entries[:5], entries[5:29], entries[29:])]
    assert [entry["received"] for entry in found] == sums


async def test_from_and_to(ask: Asker, pool: AsyncConnectionPool) -> None:
    entries = await fill(pool, ask.world.devices["shihoro-1"], 30)
    query = {"from": (START + 3 * HOUR).isoformat(), "to": (START + timedelta(hours=5)).isoformat()}
    page = (await ask("GET", "/api/v1/devices/shihoro-1/ledger", params=query)).data
    assert page["total"]["received"] == entries[3][1] + entries[4][1]
    assert len(page["entries"]) == 2


async def test_unregistered_senders(ask: Asker, pool: AsyncConnectionPool) -> None:
    await fill(pool, 0, 2)
    page = (await ask("GET", "/api/v1/ledger/unregistered")).data
    assert (page["device"], len(page["entries"])) == (None, 2)
    assert (await ask("GET", "/api/v1/devices/shihoro-1/ledger")).data["entries"] == []
