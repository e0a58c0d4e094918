from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from store.heartbeats import beat, list_beats

if TYPE_CHECKING:
    from psycopg_pool import AsyncConnectionPool

STARTED = datetime(2026, 4, 1, tzinfo=UTC)


async def test_the_last_word_of_each_process_stays(pool: AsyncConnectionPool) -> None:
    async with pool.connection() as connection:
        await beat(connection, "gateway-2", 12, STARTED, {"committed": 5})
        await beat(connection, "gateway-1", 11, STARTED, {"committed": 1})
    async with pool.connection() as connection:
        await beat(connection, "gateway-1", 13, STARTED, {"committed": 2})
    async with pool.connection() as connection:
        first, second = await list_beats(connection)
    assert (first.process, first.pid, first.metrics) == ("gateway-1", 13, {"committed": 2})
    assert (second.process, second.started_at, second.metrics) == ("gateway-2", STARTED, {"committed": 5})
    assert 0 <= first.age_s < 5
    assert first.beat_at >= second.beat_at
