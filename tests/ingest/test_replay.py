"""Quarantined messages taken in after the mend: their readings, and the ledger of their hours."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from ingest.replay import replay
from store.quarantine import is_taken
from tests.ingest.desk import LARGEST, NOW_MS, Desk, sample

HOUR_MS = 3_600_000


def allow(desk: Desk, quantity: str, like: str = "air_temperature") -> None:
    """Add a quantity to every kind, as a change of the kind's file would."""
    kinds = desk.registry._kinds
    desk.registry._kinds = {
        name: msgspec.structs.replace(kind, quantities={**kind.quantities, quantity: kind.quantities[like]})
        if like in kind.quantities
        else kind
        for name, kind in kinds.items()
    }


async def hours(desk: Desk, column: str) -> list[int]:
    rows = await desk.rows(f"SELECT {column} AS n FROM ledger WHERE device_id <> 0 ORDER BY hour")
    return [row["n"] for row in rows]


async def test_readings_of_a_device_that_was_registered_since(desk: Desk):
    body = [sample(NOW_MS - n) | {"boot": "b", "seq": n} for n in (1, 2, 3)]
    await desk.send(body, body, device="south-1")
    await desk.send(body, device="south-1", received_ms=NOW_MS + HOUR_MS)
    assert await desk.ledger(0) == {"messages": 3, "received": 3, "quarantined": 3}
    south = await desk.register("south-1")
    assert await desk.replay() == {"rows": 1, "closed": 1, "committed": 3, "duplicate": 6}
    assert await desk.ledger(0) == {}
    assert await desk.ledger(south.id) == {"messages": 3, "received": 9, "committed": 3, "duplicate": 6}
    assert await hours(desk, "committed") == [3, 0]
    assert await hours(desk, "duplicate") == [3, 3]
    (row,) = await desk.quarantine(state="replayed")
    assert row.outcome == {"committed": 3, "duplicate": 6, "conflicting": 0, "quarantined": 0}
    (boot,) = await desk.rows("SELECT seqs::text AS seqs FROM device_boots")
    assert boot["seqs"] == "{[1,4)}"
    received = await desk.rows(
        "SELECT DISTINCT extract(epoch FROM received_at)::float8 * 1000 AS ms FROM readings"
    )
    assert [row["ms"] for row in received] == [NOW_MS]
    assert await desk.replay() == {}


async def test_readings_of_a_quantity_that_the_kind_now_has(desk: Desk):
    await desk.send(sample(air_temperature=1, moonlight=2), sample(NOW_MS - 1, moonlight="x"))
    assert await desk.replay() == {"rows": 2, "quarantined": 2}
    allow(desk, "moonlight")
    assert await desk.replay() == {"rows": 2, "closed": 1, "committed": 1, "quarantined": 1}
    assert await desk.values() == {"air_temperature": [1.0], "moonlight": [2.0]}
    assert await desk.ledger() == {"messages": 2, "received": 3, "committed": 2, "quarantined": 1}
    (row,) = await desk.quarantine()
    assert (row.reason, row.rejected, row.state) == ("not_a_number", [0], "open")


async def test_what_is_left_for_several_reasons_becomes_several_rows(desk: Desk):
    body = [sample(NOW_MS, moonlight=1), sample(NOW_MS - 1, moonlight=2), sample(NOW_MS - 2, starlight=3)]
    await desk.send(sample(NOW_MS - 1, air_temperature=5))
    await desk.send(body, body)
    allow(desk, "moonlight")
    assert await desk.replay() == {"rows": 1, "committed": 2, "duplicate": 2, "quarantined": 2}
    (row,) = await desk.quarantine()
    assert (row.reason, row.rejected, row.readings, row.sightings) == ("unknown_quantity", [2], 1, 2)
    await desk.send(body)
    (row,) = await desk.quarantine()
    assert (row.rejected, row.sightings) == ([2], 3)
    expected = {"messages": 4, "received": 10, "committed": 3, "duplicate": 4, "quarantined": 3}
    assert await desk.ledger() == expected


async def test_a_replay_that_conflicts_stays_open_as_conflicting(desk: Desk):
    await desk.send(sample(air_temperature=1))
    await desk.send([sample(air_temperature=2), sample(NOW_MS - 1)], device="south-1")
    await desk.rows("UPDATE devices SET name = 'north-2' WHERE name = 'north-1' RETURNING 1")
    await desk.rows("UPDATE devices SET name = 'south-1' WHERE name = 'north-2' RETURNING 1")
    assert await desk.replay() == {"rows": 1, "committed": 1, "conflicting": 1}
    (row,) = await desk.quarantine()
    assert (row.reason, row.rejected, row.device) == ("conflicting", [0], "south-1")
    assert await desk.ledger(0) == {}
    assert await desk.ledger() == {"messages": 2, "received": 3, "committed": 2, "conflicting": 1}
    assert await desk.replay() == {"rows": 1, "conflicting": 1}
    await desk.rows("DELETE FROM readings WHERE value = 1 RETURNING 1")
    assert await desk.replay() == {"rows": 1, "closed": 1, "committed": 1}
    assert await desk.ledger() == {"messages": 2, "received": 3, "committed": 3}


async def test_a_former_undecodable_message_counts_its_readings(desk: Desk):
    await desk.send(
        sample(NOW_MS, air_temperature=1, relative_humidity=2), topic="chiiki/v1/north-1/up/frames"
    )
    await desk.rows(
        "UPDATE quarantine SET topic = 'chiiki/v1/north-1/up/readings' "
        "WHERE reason = 'no_product' RETURNING 1"
    )
    assert await desk.ledger() == {"messages": 1, "received": 1, "quarantined": 1}
    assert await desk.replay() == {"rows": 1, "closed": 1, "committed": 2}
    assert await desk.ledger() == {"messages": 1, "received": 2, "committed": 2}


async def test_a_row_whose_new_reason_has_a_row_already_is_joined_to_it(desk: Desk):
    bad = sample(moonlight="x")
    await desk.send(bad, device="south-1")
    await desk.register("south-1")
    await desk.send(bad, device="south-1")
    assert [(row.reason, row.sightings) for row in await desk.quarantine()] == [
        ("unknown_device", 1),
        ("not_a_number", 1),
    ]
    assert await desk.replay() == {"rows": 2, "closed": 1, "quarantined": 2}
    # The second of the two was replayed after the first had been joined to it.
    (row,) = await desk.quarantine()
    assert (row.reason, row.sightings) == ("not_a_number", 2)
    assert await desk.ledger() == {"messages": 2, "received": 2, "quarantined": 2}


async def test_two_gateways_replay_each_row_once(desk: Desk):
    bodies = [sample(NOW_MS - n) for n in range(120)]
    await desk.send(*bodies, device="south-1")
    await desk.register("south-1")
    other = Desk(desk.pool)
    ids = [row.id for row in await desk.quarantine(limit=1000)]
    done = await asyncio.gather(
        *(replay(desk.pool, each.registry, ids, largest=LARGEST) for each in (desk, other, desk))
    )
    assert sum(each["rows"] for each in done) == sum(each["closed"] for each in done) == 120
    assert await desk.ledger() == {"messages": 120, "received": 120, "committed": 120}


async def test_a_lab_replays_only_its_own(desk: Desk):
    await desk.send(b"{")
    (row,) = await desk.quarantine()
    done = await replay(desk.pool, desk.registry, [row.id], lab="sendai", largest=LARGEST)
    assert done["rows"] == 0
    done = await replay(desk.pool, desk.registry, [row.id], lab="shihoro", largest=LARGEST)
    assert done["rows"] == 1


@pytest.mark.parametrize("body", [b"{", b"\x00"])
async def test_what_cannot_be_mended_stays_as_it_is(desk: Desk, body):
    await desk.send(body)
    before = await desk.quarantine()
    await desk.replay()
    (after,) = await desk.quarantine()
    assert (after.id, after.reason, after.detail) == (before[0].id, before[0].reason, before[0].detail)
    assert after.replayed_at is not None
    assert await desk.ledger() == {"messages": 1, "received": 1, "quarantined": 1}


async def test_a_row_that_the_database_refuses_does_not_hold_up_the_others(desk: Desk, caplog):
    bodies = [sample(NOW_MS - n, air_temperature=n) for n in range(5)]
    await desk.send(*bodies, device="south-1")
    south = await desk.register("south-1")
    # Its ledger lacks what the row would take out.
    first = (await desk.quarantine())[0]
    async with desk.pool.connection() as conn:
        await conn.execute("UPDATE quarantine_sightings SET pending = 9 WHERE quarantine_id = %s", [first.id])
    assert await desk.replay() == {"rows": 4, "closed": 4, "committed": 4, "failed": 1}
    assert [row.id for row in await desk.quarantine()] == [first.id]
    assert await desk.ledger(south.id) == {"messages": 4, "received": 4, "committed": 4}
    assert f"message {first.id} cannot be replayed" in caplog.text


async def test_a_new_reason_that_is_taken_a_moment_later_is_tried_again(desk: Desk, monkeypatch):
    bad = sample(moonlight="x")
    await desk.send(bad, device="south-1")
    (row,) = await desk.quarantine()
    await desk.register("south-1")
    await desk.send(bad, device="south-1")
    answers = iter([False])  # what a look before the other row came would have told

    async def taken(*arguments):
        return next(answers, None) is not False and await is_taken(*arguments)

    monkeypatch.setattr("ingest.replay.is_taken", taken)
    async with asyncio.timeout(10):
        done = await replay(desk.pool, desk.registry, [row.id], largest=LARGEST)
    assert (done["rows"], done["closed"], done["quarantined"]) == (1, 1, 1)
    assert [(row.reason, row.sightings) for row in await desk.quarantine()] == [("not_a_number", 2)]
    assert await desk.ledger() == {"messages": 2, "received": 2, "quarantined": 2}


async def test_a_state_is_replayed_too_unless_a_newer_one_is_known(desk: Desk):
    topic = "chiiki/v1/south-1/up/status"
    await desk.send({"online": True, "rssi": 1}, topic=topic)
    await desk.register("south-1")
    await desk.replay()
    (row,) = await desk.rows("SELECT online, payload FROM device_status")
    assert row == {"online": True, "payload": {"online": True, "rssi": 1}}
