from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from store.batches import transaction
from store.errors import RowsRefused
from store.ledger import NO_DELAY, Entries, Move, add_entries, move_entries

HOUR = datetime(2026, 1, 1, tzinfo=UTC)


def entries(*, received: int = 3, committed: int = 3, delay: int = NO_DELAY) -> Entries:
    def one(count: int) -> np.ndarray:
        return np.array([0, count])

    return Entries(
        device=np.array([0, 5], np.int32),
        hour=np.full(2, int(HOUR.timestamp()) * 1_000_000),
        messages=one(1),
        received=one(received),
        committed=one(committed),
        duplicate=one(0),
        conflicting=one(0),
        quarantined=one(0),
        min_delay_ms=np.array([NO_DELAY, delay]),
    )


async def read(pool) -> list[tuple[object, ...]]:
    async with pool.connection() as conn:
        cursor = await conn.execute(
            "SELECT hour, messages, received, committed, quarantined, min_delay_ms "
            "FROM ledger WHERE device_id = 5"
        )
        return await cursor.fetchall()


async def test_entries_add_up_and_the_least_delay_stays(pool):
    for delay in (NO_DELAY, 70, NO_DELAY, -20, 50):
        async with transaction(pool) as conn:
            await add_entries(conn, entries(delay=delay))
    assert await read(pool) == [(HOUR, 5, 15, 15, 0, -20)]


async def test_an_account_that_does_not_balance_is_refused(pool):
    with pytest.raises(RowsRefused, match="ledger_balances"):
        async with transaction(pool) as conn:
            await add_entries(conn, entries(received=4))
    assert await read(pool) == []


async def test_moves_change_an_entry_or_open_one(pool):
    async with transaction(pool) as conn:
        await add_entries(conn, entries())
        later = HOUR + timedelta(hours=1)
        await move_entries(
            conn,
            [
                Move(device_id=5, hour=later, messages=1, received=2, committed=2),
                Move(device_id=5, hour=HOUR, received=-1, committed=-1),
            ],
        )
    assert await read(pool) == [(HOUR, 1, 2, 2, 0, None), (later, 1, 2, 2, 0, None)]


async def heard_at(pool) -> datetime | None:
    async with pool.connection() as conn:
        cursor = await conn.execute("SELECT heard_at FROM ledger WHERE device_id = 5")
        return (await cursor.fetchone())[0]


async def test_when_live_readings_were_last_booked(pool):
    async with transaction(pool) as conn:
        await add_entries(conn, entries())  # an import, or messages without readings
    assert await heard_at(pool) is None
    before = datetime.now(UTC) - timedelta(seconds=1)
    async with transaction(pool) as conn:
        await add_entries(conn, entries(delay=20))
    first = await heard_at(pool)
    assert before < first < datetime.now(UTC) + timedelta(seconds=1)
    async with transaction(pool) as conn:
        await add_entries(conn, entries())
    assert await heard_at(pool) == first
    async with transaction(pool) as conn:
        await add_entries(conn, entries(delay=30))
    assert await heard_at(pool) > first
