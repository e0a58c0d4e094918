from __future__ import annotations

import pytest

from store.batches import transaction
from store.boots import BootNews, add_seqs
from store.devices import add_device


@pytest.fixture
async def device_id(pool):
    async with pool.connection() as conn:
        return (
            await add_device(conn, name="north-1", lab="shihoro", kind="farm-station", password_hash="-")
        ).id


async def add(pool, device_id: int, *news: tuple[str, tuple[tuple[int, int], ...], int]) -> dict[str, int]:
    async with transaction(pool) as conn:
        told = await add_seqs(
            conn,
            [
                BootNews(device_id=device_id, boot=boot, ranges=ranges, oldest=oldest)
                for boot, ranges, oldest in news
            ],
        )
    return {item.boot: item.seq for item in told}


async def test_ranges_join_and_gaps_hold(pool, device_id):
    assert await add(pool, device_id, ("a", ((2, 4),), 0), ("b", ((1, 1), (3, 3)), 0)) == {"a": 0, "b": 1}
    assert await add(pool, device_id, ("a", ((1, 1), (6, 6)), 0)) == {"a": 4}
    assert await add(pool, device_id, ("a", ((5, 5),), 0), ("b", (), 0)) == {"a": 6, "b": 1}


async def test_what_is_given_up_closes_gaps_until_it_comes_after_all(pool, device_id):
    assert await add(pool, device_id, ("a", ((3, 3), (7, 7)), 6)) == {"a": 5}
    assert await add(pool, device_id, ("a", (), 2)) == {"a": 5}
    assert await add(pool, device_id, ("a", ((2, 2),), 0)) == {"a": 5}
    async with pool.connection() as conn:
        cursor = await conn.execute("SELECT seqs::text, given_up::text FROM device_boots")
        assert await cursor.fetchall() == [("{[2,4),[7,8)}", "{[1,2),[4,6)}")]


async def test_the_largest_number_and_a_strange_name(pool, device_id):
    assert await add(pool, device_id, ('"{,} ä', ((2**53, 2**53),), 2**53)) == {'"{,} ä': 2**53}
    assert await add(pool, device_id) == {}


async def test_a_boot_full_of_gaps_does_not_grow_without_end(pool, device_id, monkeypatch):
    monkeypatch.setattr("store.boots.MOST_RUNS", 3)
    assert await add(pool, device_id, ("a", ((1, 1), (3, 3), (5, 5)), 0)) == {"a": 1}
    assert await add(pool, device_id, ("a", ((9, 9),), 0)) == {"a": 1}
    assert await add(pool, device_id, ("a", ((2, 2), (4, 4)), 0)) == {"a": 5}
    assert await add(pool, device_id, ("a", ((9, 9),), 9)) == {"a": 9}


async def test_what_is_not_noted_stays_given_up(pool, device_id, monkeypatch):
    """Else what a device was told to be safe would not be any more."""
    monkeypatch.setattr("store.boots.MOST_RUNS", 2)
    assert await add(pool, device_id, ("a", ((5, 5), (9, 9)), 5)) == {"a": 5}
    assert await add(pool, device_id, ("a", ((2, 2), (12, 12)), 0)) == {"a": 5}
