from __future__ import annotations

import numpy as np

from store.batches import transaction
from store.latest import put_latest
from store.readings import Rows

START = 1_760_000_000_000_000


def rows(received: int, *values: float) -> Rows:
    count = len(values)
    return Rows(
        series=np.arange(1, count + 1, dtype=np.int32),
        at=np.full(count, START - received),
        received=np.full(count, START + received),
        value=np.array(values),
        quality=np.ones(count, np.int16),
    )


async def test_the_last_to_arrive_stays_whatever_its_own_time(pool):
    for received, *values in ((5, 1.0, 2.0), (9, 3.0), (7, 4.0, 5.0), (8,)):
        async with transaction(pool) as conn:
            await put_latest(conn, rows(received, *values))
    async with pool.connection() as conn:
        cursor = await conn.execute("SELECT series_id, value FROM series_latest ORDER BY 1")
        assert await cursor.fetchall() == [(1, 3.0), (2, 5.0)]
