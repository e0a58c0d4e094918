from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime, timedelta

import pytest

from store.batches import transaction
from store.devices import add_device
from store.errors import StoreMissing
from store.quarantine import (
    Listed,
    Refusal,
    add_refusals,
    close_replayed,
    get_quarantine,
    is_taken,
    list_quarantine,
    list_sightings,
    lock_open,
    open_ids,
)

HOUR = datetime(2026, 1, 1, tzinfo=UTC)


def refusal(number: int, device_id: int = 0, **changes: object) -> Refusal:
    given = {
        "digest": number.to_bytes(32),
        "device_id": device_id,
        "topic": f"chiiki/v1/dev-{device_id}/up/readings",
        "payload": b"\x00\xff raw",
        "reason": "bad_json",
        "detail": 'a, "b" {c} \\',
        "rejected": None,
        "readings": 1,
        "received_at": HOUR,
        "hour": HOUR,
    }
    return Refusal(**(given | changes))


@pytest.fixture
async def device(pool):
    async with pool.connection() as conn:
        return await add_device(conn, name="north-1", lab="shihoro", kind="farm-station", password_hash="-")


async def add(pool, *refusals: Refusal) -> None:
    async with transaction(pool) as conn:
        await add_refusals(conn, refusals)


async def test_a_message_is_kept_as_it_came(pool, device):
    await add(pool, refusal(1, device.id, rejected=[0, 3], readings=2), refusal(2))
    async with pool.connection() as conn:
        second, listed = await list_quarantine(conn)
        first = await get_quarantine(conn, listed.id)
    shared = [field.name for field in fields(Listed)]
    assert [getattr(first, name) for name in shared] == [getattr(listed, name) for name in shared]
    assert (listed.size_bytes, hasattr(listed, "payload")) == (len(first.payload), False)
    assert (first.device, first.lab, first.payload, first.detail) == (
        "north-1",
        "shihoro",
        b"\x00\xff raw",
        'a, "b" {c} \\',
    )
    assert (first.rejected, first.readings, first.sightings, first.state) == ([0, 3], 2, 1, "open")
    assert (second.device, second.rejected) == (None, None)


async def test_the_same_again_is_counted_by_the_hour(pool, device):
    later = HOUR + timedelta(hours=1)
    await add(pool, refusal(1, device.id, sightings=3), refusal(1, device.id, hour=later, received_at=later))
    await add(pool, refusal(1, device.id))
    async with pool.connection() as conn:
        (row,) = await list_quarantine(conn)
        sightings = await list_sightings(conn, [row.id])
    assert (row.sightings, row.received_at) == (5, HOUR)
    assert sightings == {row.id: [(HOUR, 4), (later, 1)]}


async def test_a_lab_sees_its_own(pool, device):
    await add(pool, refusal(1, device.id), refusal(2))
    async with pool.connection() as conn:
        (mine,) = await list_quarantine(conn, lab="shihoro")
        assert await list_quarantine(conn, lab="sendai") == []
        assert (await get_quarantine(conn, mine.id, "shihoro")).id == mine.id
        with pytest.raises(StoreMissing):
            await get_quarantine(conn, mine.id, "sendai")
        assert await open_ids(conn, lab="sendai") == []
        assert await lock_open(conn, [mine.id], "sendai") == []


async def test_pages_and_filters(pool, device):
    await add(pool, *(refusal(number, device.id if number % 2 else 0) for number in range(10)))
    async with pool.connection() as conn:
        first = await list_quarantine(conn, limit=4)
        rest = await list_quarantine(conn, limit=100, before=first[-1].id)
        assert [row.id for row in first + rest] == sorted((row.id for row in first + rest), reverse=True)
        assert len(first + rest) == 10
        assert len(await list_quarantine(conn, device="north-1")) == 5
        assert await list_quarantine(conn, reason="bad_time") == []
        assert len(await open_ids(conn, device="dev-0")) == 5


async def test_a_row_is_closed_and_opens_again_when_seen_again(pool, device):
    await add(pool, refusal(1, device.id))
    async with transaction(pool) as conn:
        (row,) = await lock_open(conn, [1, 2, 3])
        async with pool.connection() as other:
            assert await lock_open(other, [row.id]) == []
        await close_replayed(conn, row.id, {"committed": 1})
    async with pool.connection() as conn:
        assert await list_quarantine(conn) == []
        (closed,) = await list_quarantine(conn, state="replayed")
        assert (closed.outcome, closed.sightings) == ({"committed": 1}, 0)
        assert await is_taken(conn, closed_digest := (1).to_bytes(32), 0)
        assert not await is_taken(conn, closed_digest, closed.id)
    await add(pool, refusal(1, device.id))
    async with pool.connection() as conn:
        (row,) = await list_quarantine(conn)
    assert row.sightings == 1
