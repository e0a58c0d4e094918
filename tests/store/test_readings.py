from __future__ import annotations

import numpy as np
import psycopg
import pytest

from store.batches import attempt, transaction
from store.errors import RowsRefused, RowsRepeated, StoreUnavailable
from store.readings import CHUNK_US, Fate, Rows, bisect_readings, copy_readings, merge_readings

START = 1_760_000_000_000_000


def rows(*triples: tuple[int, int, float]) -> Rows:
    """Series, time in µs after START, value."""
    series, at, value = (np.array(column) for column in zip(*triples, strict=True))
    return Rows(
        series=series.astype(np.int32),
        at=at + START,
        received=np.full(len(triples), START + 5),
        value=value.astype(np.float64),
        quality=np.ones(len(triples), np.int16),
    )


async def stored(pool) -> list[tuple[int, int, float]]:
    async with pool.connection() as conn:
        cursor = await conn.execute(
            "SELECT series_id, (extract(epoch FROM at) * 1000000)::int8 - %s, value "
            "FROM readings ORDER BY 1, 2",
            [START],
        )
        return await cursor.fetchall()


async def test_copy_stores_columns_exactly(pool):
    given = [(1, 0, 1.5), (1, 1, -0.25), (2, 0, 1e-300), (7, 9 * CHUNK_US, 3.0)]
    async with transaction(pool) as conn:
        fates = await copy_readings(conn, rows(*given))
    assert fates.code.tolist() == [Fate.COMMITTED] * 4
    assert await stored(pool) == given
    async with pool.connection() as conn:
        cursor = await conn.execute("SELECT received_at - at, quality FROM readings WHERE series_id = 2")
        ((delay, quality),) = await cursor.fetchall()
    assert (delay.total_seconds(), quality) == (5e-6, 1)


async def test_copy_of_one_known_key_is_refused_as_a_whole(pool):
    async with transaction(pool) as conn:
        await copy_readings(conn, rows((1, 0, 1.0)))
    with pytest.raises(RowsRepeated):
        async with transaction(pool) as conn:
            await copy_readings(conn, rows((1, -1, 1.0), (1, 0, 1.0)))
    assert len(await stored(pool)) == 1


async def test_merge_tells_new_from_known_from_different(pool):
    async with transaction(pool) as conn:
        await copy_readings(conn, rows((1, 0, 1.0), (1, 5, 2.0), (3, 10 * CHUNK_US, 4.0)))
    given = rows((1, 0, 1.0), (1, 1, 9.0), (1, 5, 7.0), (2, 0, 8.0), (3, 10 * CHUNK_US, 5.0))
    async with transaction(pool) as conn:
        fates = await merge_readings(conn, given)
    assert fates.code.tolist() == [
        Fate.DUPLICATE,
        Fate.COMMITTED,
        Fate.CONFLICTING,
        Fate.COMMITTED,
        Fate.CONFLICTING,
    ]
    assert fates.stored.tolist() == [1.0, 9.0, 2.0, 8.0, 4.0]
    assert len(await stored(pool)) == 5


async def test_merge_waits_for_another_writer_of_the_same_key(pool):
    async with transaction(pool) as first:
        await merge_readings(first, rows((1, 0, 1.0)))
        with pytest.raises(StoreUnavailable):  # noqa: PT012
            async with transaction(pool) as second:
                await second.execute("SET LOCAL lock_timeout = '50ms'")
                await merge_readings(second, rows((1, 0, 2.0)))


async def test_bisect_stores_all_but_the_refused(pool):
    async with pool.connection() as conn:
        await conn.execute("ALTER TABLE readings ADD CONSTRAINT cold CHECK (value < 60)")
    given = [(1, number, float(number)) for number in range(64)]
    async with transaction(pool) as conn:
        fates = await bisect_readings(conn, rows(*given))
    assert np.flatnonzero(fates.code == Fate.REFUSED).tolist() == [60, 61, 62, 63]
    assert sorted(fates.refusals) == [60, 61, 62, 63]
    assert "cold" in fates.refusals[63]
    assert len(await stored(pool)) == 60


async def test_nothing_is_nothing(pool):
    nothing = rows((1, 0, 1.0)).take(np.array([], np.intp))
    async with transaction(pool) as conn:
        for insert in (copy_readings, merge_readings, bisect_readings):
            assert (await insert(conn, nothing)).code.tolist() == []


async def test_a_refused_part_leaves_the_rest(pool):
    async with transaction(pool) as conn:
        assert await attempt(conn, copy_readings(conn, rows((1, 0, float("1"))))) is not None
        assert await attempt(conn, copy_readings(conn, rows((1, 0, 2.0)))) is None
        assert await attempt(conn, copy_readings(conn, rows((1, 1, 3.0)))) is not None
    assert [value for _, _, value in await stored(pool)] == [1.0, 3.0]


async def test_errors_are_told_in_our_own_words(pool):
    with pytest.raises(RowsRefused, match="division by zero"):
        async with transaction(pool) as conn:
            await conn.execute("SELECT 1/0")
    with pytest.raises(StoreUnavailable, match="terminating connection"):
        async with transaction(pool) as conn:
            await conn.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    with pytest.raises(psycopg.errors.DivisionByZero):  # noqa: PT012
        async with pool.connection() as conn:
            await attempt(conn, _lose(conn))
            await conn.execute("SELECT 1/0")


async def _lose(conn) -> None:
    await conn.execute("SELECT 1")
