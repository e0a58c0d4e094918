"""Batches on the real database: twice is once, conflicts are kept, refusals told, the ledger balances."""

from __future__ import annotations

import asyncio
import random
import time

import pytest

from ingest.chunk import REFUSAL_ROWS
from ingest.codecs import Undecodable
from ingest.intake import take_in
from ingest.samples import Rejection
from store.errors import RowsRefused
from tests.ingest.desk import LARGEST, NOW_MS, Desk, Messages, dumps, sample


async def test_readings_are_stored_with_both_clocks_and_a_quality_flag(desk: Desk):
    body = {
        "at": NOW_MS - 2000,
        "values": {"air_temperature": 21.5, "relative_humidity": 500, "wind_direction": 3},
    }
    await desk.send(body, sample(NOW_MS - 1000, air_temperature=-39.5))
    rows = await desk.rows(
        "SELECT quantity, unit, value, quality, extract(epoch FROM received_at - at)::float8 AS delay_s "
        "FROM readings JOIN series ON series.id = series_id ORDER BY at, quantity"
    )
    found = {(row["quantity"], row["value"]): (row["quality"], row["delay_s"], row["unit"]) for row in rows}
    assert found["air_temperature", 21.5] == (1, 2.0, "degC")
    assert found["relative_humidity", 500.0] == (4, 2.0, "%")
    assert found["air_temperature", -39.5] == (3, 1.0, "degC")
    (ledger,) = await desk.rows("SELECT min_delay_ms FROM ledger")
    assert ledger["min_delay_ms"] == 1000


async def test_a_redelivered_message_changes_nothing_but_a_count(desk: Desk):
    bodies = [sample(NOW_MS - n, air_temperature=n, relative_humidity=n) for n in range(10)]
    await desk.send(*bodies)
    before = await desk.rows("SELECT * FROM readings ORDER BY series_id, at")
    await desk.send(*bodies, received_ms=NOW_MS + 5000)
    await desk.send(*bodies[:3], sample(NOW_MS - 99))
    after = await desk.rows("SELECT * FROM readings ORDER BY series_id, at")
    assert [row for row in after if row in before] == before
    assert len(after) == 21
    assert await desk.ledger() == {"messages": 24, "received": 47, "committed": 21, "duplicate": 26}
    assert await desk.quarantine() == []


async def test_another_value_for_the_same_time_is_kept_but_not_stored(desk: Desk):
    await desk.send(sample(air_temperature=1, relative_humidity=5))
    await desk.send(sample(air_temperature=2, relative_humidity=5), sample(NOW_MS + 1, air_temperature=3))
    assert await desk.values() == {"air_temperature": [1.0, 3.0], "relative_humidity": [5.0]}
    (row,) = await desk.quarantine()
    assert (row.reason, row.rejected, row.readings) == ("conflicting", [0], 1)
    assert "stored 1.0, came 2.0" in row.detail
    expected = {"messages": 3, "received": 5, "committed": 3, "duplicate": 1, "conflicting": 1}
    assert await desk.ledger() == expected


async def test_duplicates_and_conflicts_within_one_batch(desk: Desk):
    written = await desk.send(*(sample(air_temperature=value) for value in (1, 1, 2, 1)))
    assert written.counts.tolist() == [1, 2, 1, 0]
    assert await desk.values() == {"air_temperature": [1.0]}
    # Now the stored value decides, not the one that came first in the batch.
    written = await desk.send(*(sample(air_temperature=value) for value in (2, 1, 2)))
    assert written.counts.tolist() == [0, 1, 2, 0]
    assert [row.sightings for row in await desk.quarantine()] == [3]
    expected = {"messages": 7, "received": 7, "committed": 1, "duplicate": 3, "conflicting": 3}
    assert await desk.ledger() == expected


async def test_a_batch_of_nothing_but_bad_messages(desk: Desk):
    await desk.send(b"{", b"}")
    assert await desk.ledger() == {"messages": 2, "received": 2, "quarantined": 2}


async def test_two_gateways_write_the_same_keys_at_once(desk: Desk):
    await desk.register("south-1")
    other = Desk(desk.pool)
    chance = random.Random(5)
    sent = 0

    async def pour(mine: Desk, values: int) -> int:
        count = 0
        for _ in range(25):
            bodies = [
                {
                    "at": NOW_MS - chance.randrange(300),
                    "values": {"air_temperature": chance.randrange(values)},
                }
                for _ in range(40)
            ]
            await mine.send(*bodies, device=chance.choice(["north-1", "south-1"]))
            count += len(bodies)
        return count

    sent = sum(await asyncio.gather(pour(desk, 2), pour(other, 2)))
    ledger = await desk.ledger()
    assert ledger["received"] == sent
    assert (
        sum(ledger.get(name, 0) for name in ("committed", "duplicate", "conflicting", "quarantined")) == sent
    )
    (stored,) = await desk.rows("SELECT count(*) AS count FROM readings")
    assert stored["count"] == ledger["committed"]
    assert (
        sum(row.readings * row.sightings for row in await desk.quarantine(limit=1000))
        == ledger["conflicting"]
    )
    assert ledger["conflicting"] > 100
    assert ledger["duplicate"] > 100


async def test_only_the_rows_that_the_database_refuses_are_quarantined(desk: Desk):
    async with desk.pool.connection() as conn:
        await conn.execute("ALTER TABLE readings ADD CONSTRAINT cold CHECK (value < 60)")
    bodies = [sample(NOW_MS - n, air_temperature=n % 70, relative_humidity=5) for n in range(140)]
    await desk.send(*bodies, sample(NOW_MS - 61, air_temperature=61))
    rows = await desk.quarantine(limit=1000)
    assert {row.reason for row in rows} == {"database_refused"}
    assert all("cold" in row.detail for row in rows)
    assert sum(row.readings * row.sightings for row in rows) == 21
    expected = {"messages": 141, "received": 281, "committed": 260, "quarantined": 21}
    assert await desk.ledger() == expected
    async with desk.pool.connection() as conn:
        await conn.execute("ALTER TABLE readings DROP CONSTRAINT cold")
    await desk.replay()
    assert await desk.ledger() == {"messages": 141, "received": 281, "committed": 280, "duplicate": 1}


async def test_a_status_that_the_database_refuses_costs_nothing_else(desk: Desk):
    async with desk.pool.connection() as conn:
        await conn.execute("ALTER TABLE device_status ADD CONSTRAINT never CHECK (false)")
    messages = Messages(
        NOW_MS * 1000,
        ["chiiki/v1/north-1/up/status", "chiiki/v1/north-1/up/readings"],
        [dumps({"online": True}), dumps(sample() | {"boot": "b", "seq": 1})],
        [False, False],
    )
    written = await desk.deliver(messages)
    assert [item.seq for item in written.committed] == [1]
    assert await desk.rows("SELECT * FROM device_status") == []
    assert await desk.ledger() == {"messages": 2, "received": 1, "committed": 1}


async def test_the_batch_waits_for_a_database_that_refuses_its_ledger(desk: Desk, monkeypatch):
    tries = 0

    async def refuse(*_: object) -> None:
        nonlocal tries
        tries += 1
        raise RowsRefused("no")

    monkeypatch.setattr("ingest.write.add_entries", refuse)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.7):
            await desk.send(sample())
    assert tries > 2
    assert await desk.values() == {}


async def test_the_last_to_arrive_is_the_latest(desk: Desk):
    await desk.send(sample(NOW_MS, air_temperature=1), sample(NOW_MS - 50, air_temperature=2))
    await desk.latest.write(desk.pool)
    (row,) = await desk.rows("SELECT value FROM series_latest")
    assert row["value"] == 2.0
    await desk.send(sample(NOW_MS, air_temperature=1), received_ms=NOW_MS + 1000)  # a duplicate is no arrival
    await desk.send(sample(NOW_MS - 90, air_temperature=3), received_ms=NOW_MS - 1000)
    await desk.latest.write(desk.pool)
    (row,) = await desk.rows("SELECT value FROM series_latest")
    assert row["value"] == 2.0


def test_a_rejection_of_a_whole_message_counts_as_one():
    assert Rejection("bad_json", "", None).readings == 1
    assert Rejection("bad_time", "", [1, 2]).readings == 2


async def test_whatever_a_detail_holds_it_can_be_kept(desk: Desk, monkeypatch):
    """A text that PostgreSQL cannot hold would stop the line for ever: the message comes again and again."""
    odd = "\x00\ud800" + "x" * 100_000
    monkeypatch.setattr("ingest.examine.decode", lambda _: Undecodable("bad_cbor", odd))
    async with asyncio.timeout(5):
        await desk.send(b"\x00")
    (row,) = await desk.quarantine()
    assert row.detail.startswith("\\x00\\ud800xxx")
    assert len(row.detail) < 2000


async def test_a_flood_of_bad_messages_leaves_the_loop_to_others(desk: Desk):
    bad = [b'{"at": %d, "values": {"air' % number for number in range(8000)]
    topics = ["chiiki/v1/north-1/up/readings"] * len(bad)
    messages = Messages(NOW_MS * 1000, topics, bad, [False] * len(bad))
    chunks = [chunk async for chunk in take_in(desk.registry, messages, LARGEST)]
    assert sum(chunk.rows for chunk in chunks) == REFUSAL_ROWS * len(bad)
    sheet = desk.scribe.seal(chunks)
    shares: list[float] = []

    async def watch() -> None:
        while True:
            began_s = time.thread_time()
            await asyncio.sleep(0.001)
            shares.append(time.thread_time() - began_s)

    watching = asyncio.create_task(watch())
    await desk.scribe.write(sheet)
    watching.cancel()
    assert max(shares) < 0.1
    assert await desk.ledger() == {"messages": 8000, "received": 8000, "quarantined": 8000}
