"""Sorting events through the line: each fish once, what is wrong kept, and everything accounted for."""

from __future__ import annotations

import cbor2
import msgspec
import pytest

from devices.kinds import load_kinds
from devices.ulid import read_ulid
from store.boots import BootNews, add_seqs
from store.lot_counts import recount_lot
from store.lot_dues import list_due_lots
from store.lots import find_lot
from store.sort_boots import missing_fish
from store.sort_pages import find_fish, page_of_lot
from tests.ingest.desk import NOW_MS, Desk, dumps
from tests.ingest.fish import VECTOR, event, send

LOT = "2026-11-23-01"
HOUR_MS = 3_600_000


@pytest.fixture
async def unit(desk: Desk) -> Desk:
    """The desk with a cod echo unit."""
    await desk.register("echo-1", kind="echo-unit")
    return desk


async def stored(desk: Desk) -> list[tuple[str, int]]:
    rows = await desk.rows(
        "SELECT b.boot, e.seq FROM sort_events e JOIN sort_boots b ON b.id = e.boot_id ORDER BY 1, 2"
    )
    return [(row["boot"], row["seq"]) for row in rows]


async def reasons(desk: Desk) -> dict[str, list[int] | None]:
    return {row.reason: row.rejected for row in await desk.quarantine()}


async def test_every_field_comes_back(unit: Desk):
    body = event(
        1,
        id="01JDCK8M5G0000000000000000",
        frame="ab" * 32,
        spine_ratio=0.125,
        bin_confirmed="B",
        coil=7,
    )
    await send(unit, "events", body)
    async with unit.pool.connection() as conn:
        lot = await find_lot(conn, "echo-1", LOT)
        (fish,) = await page_of_lot(conn, lot.id, limit=10)
        assert await find_fish(conn, lot.id, 1) == [fish]
    assert (lot.product, lot.classes, lot.events) == ("cod-sex", ["milt", "roe", "other"], 1)
    assert fish.probabilities == pytest.approx(VECTOR)
    assert (fish.boot, fish.seq, fish.fish, fish.cls) == ("b1", 1, 1, "milt")
    assert (fish.model, fish.calibration, fish.lot, fish.device) == ("echo-7", "c3", LOT, "echo-1")
    assert fish.at.timestamp() * 1000 == pytest.approx(NOW_MS - 59_999)
    assert (fish.weight_g, fish.fork_length_mm, fish.spine_ratio, fish.latency_ms) == (2450, 610, 0.125, 180)
    assert (fish.bin_commanded, fish.bin_confirmed, fish.frame) == ("A", "B", "ab" * 32)
    assert (fish.id, fish.more, fish.verified) == ("01JDCK8M5G0000000000000000", {"coil": 7}, None)


@pytest.mark.parametrize("encode", [lambda body: body, cbor2.dumps])
async def test_one_event_and_a_list_in_json_and_cbor(unit: Desk, encode):
    await send(unit, "events", encode(event(1)), encode([event(2), event(3)]))
    assert await stored(unit) == [("b1", 1), ("b1", 2), ("b1", 3)]
    assert await unit.ledger() == {"messages": 2, "received": 3, "committed": 3}


async def test_twice_is_once_and_another_is_kept_apart(unit: Desk):
    await send(unit, "events", event(1), event(1), event(2))
    await send(unit, "events", [event(2), event(1, **{"class": "roe"}), event(3)])
    await send(unit, "events", [event(3, weight_g=1), event(3, weight_g=2450), event(4), event(4, fish=9)])
    assert await stored(unit) == [("b1", seq) for seq in (1, 2, 3, 4)]
    assert await unit.ledger() == {
        "messages": 5, "received": 10, "committed": 4, "duplicate": 3, "conflicting": 3,
    }  # fmt: skip
    kept = await unit.quarantine()
    assert [(row.reason, row.rejected) for row in kept] == [("conflicting", [1]), ("conflicting", [0, 3])]
    assert "stored milt" in kept[0].detail
    assert "came roe" in kept[0].detail


async def test_the_same_number_at_another_time_is_no_second_fish(unit: Desk):
    week_ms = 7 * 24 * HOUR_MS
    await send(unit, "events", event(1), event(2, at=NOW_MS - week_ms))
    await send(unit, "events", event(1, at=NOW_MS - 3 * week_ms), event(2), event(2, at=NOW_MS - week_ms))
    assert await stored(unit) == [("b1", 1), ("b1", 2)]
    assert await unit.ledger() == {
        "messages": 5, "received": 5, "committed": 2, "duplicate": 1, "conflicting": 2,
    }  # fmt: skip


async def test_boots_and_units_have_their_own_numbers(unit: Desk):
    await unit.register("echo-2", kind="echo-unit")
    await send(unit, "events", event(1), event(1, boot="b2", fish=2))
    await send(unit, "events", event(1), device="echo-2")
    assert await unit.ledger() == {"messages": 3, "received": 3, "committed": 3}
    rows = await unit.rows(
        "SELECT d.name, l.code FROM lots l JOIN devices d ON d.id = l.device_id ORDER BY 1"
    )
    assert [(row["name"], row["code"]) for row in rows] == [("echo-1", LOT), ("echo-2", LOT)]


BAD = [
    (event(1, at=None), "bad_shape"),
    (event(1, at=NOW_MS // 1000), "bad_time"),
    (event(1, boot=None), "bad_sequence"),
    (event(0), "bad_sequence"),
    (event(1, lot=None), "bad_field"),
    (event(1, lot="x" * 65), "bad_field"),
    (event(1, lot="a\x00"), "bad_field"),
    (event(1, model=["m"]), "bad_field"),
    (event(1, **{"class": "tai"}), "unknown_class"),
    (event(1, **{"class": ["milt"]}), "unknown_class"),
    (event(1, probabilities=None), "bad_probabilities"),
    (event(1, probabilities=[0.9, 0.08, 0.02]), "bad_probabilities"),
    (event(1, probabilities={"milt": 0.9, "roe": 0.1}), "bad_probabilities"),
    (event(1, probabilities=VECTOR | {"tai": 0}), "bad_probabilities"),
    (event(1, probabilities=VECTOR | {"roe": 0.2}), "bad_probabilities"),
    (event(1, probabilities=VECTOR | {"roe": "0.08"}), "bad_probabilities"),
    (event(1, probabilities={"milt": 1.2, "roe": -0.1, "other": -0.1}), "bad_probabilities"),
    (event(1, probabilities={"milt": float("nan"), "roe": 0.5, "other": 0.5}), "bad_probabilities"),
    (event(1, story="x" * 5000), "bad_shape"),
    (event(1, story="a\x00"), "bad_shape"),
    ("fish", "bad_shape"),
]


async def test_bad_events_among_good_ones_are_kept_with_their_reasons(unit: Desk):
    messages = [[event(100 + n), body, event(200 + n)] for n, (body, _) in enumerate(BAD)]
    await send(unit, "events", *messages, [], 7)
    found = {row.payload: (row.reason, row.rejected) for row in await unit.quarantine(limit=1000)}
    assert [found[dumps(message)] for message in messages] == [(reason, [1]) for _, reason in BAD]
    assert (found[b"[]"], found[b"7"]) == (("bad_shape", None), ("bad_shape", [0]))
    n = len(BAD)
    assert await unit.ledger() == {
        "messages": n + 2, "received": 3 * n + 2, "committed": 2 * n, "quarantined": n + 2,
    }  # fmt: skip
    assert len(await stored(unit)) == 2 * n


async def test_a_measurement_that_cannot_be_read_does_not_cost_the_fish(unit: Desk):
    await send(
        unit,
        "events",
        event(
            1, weight_g=float("nan"), fork_length_mm="long", coupling=7, fish=0, frame="x", id="y", at=NOW_MS
        ),
        event(2, at=NOW_MS + 1) | {"weight_g": None},
    )
    rows = await unit.rows("SELECT * FROM sort_events ORDER BY seq")
    assert rows[0]["more"] == {
        "weight_g": None, "fork_length_mm": "long", "coupling": 7, "fish": 0, "frame": "x", "id": "y",
    }  # fmt: skip
    assert {rows[0][key] for key in rows[0]["more"]} == {None}
    assert (rows[1]["weight_g"], rows[1]["more"]) == (None, None)


async def test_a_device_whose_kind_sorts_nothing(desk: Desk):
    await send(desk, "events", [event(1), event(2)], device="north-1")
    (row,) = await desk.quarantine()
    assert (row.reason, row.rejected, row.readings) == ("no_product", None, 1)


async def test_what_an_earlier_version_kept_raw_is_replayed(unit: Desk):
    kinds = unit.registry._kinds
    unit.registry._kinds = {name: kind for name, kind in kinds.items() if name != "echo-unit"}
    await send(unit, "events", [event(1), event(2), event(3, **{"class": "tai"})], event(4))
    await unit.rows("UPDATE quarantine SET reason = 'kind_not_supported' RETURNING 1")
    assert await unit.ledger() == {"messages": 2, "received": 2, "quarantined": 2}
    unit.registry._kinds = kinds  # the update
    assert await unit.replay() == {"rows": 2, "closed": 1, "committed": 3, "quarantined": 1}
    assert await stored(unit) == [("b1", 1), ("b1", 2), ("b1", 4)]
    assert await reasons(unit) == {"unknown_class": [2]}
    assert await unit.ledger() == {"messages": 2, "received": 4, "committed": 3, "quarantined": 1}
    assert await unit.replay() == {"rows": 1, "quarantined": 1}


async def test_a_class_that_the_product_has_since_is_replayed_into_a_lot_of_its_own(unit: Desk):
    vector = {"milt": 0.5, "roe": 0.2, "other": 0.1, "spent": 0.2}
    await send(unit, "events", event(1), event(2, lot="L2", probabilities=vector))
    assert await reasons(unit) == {"bad_probabilities": [0]}
    product = load_kinds()["echo-unit"].product
    assert product is not None
    spent = msgspec.structs.replace(product.classes[2], name="spent")
    grown = msgspec.structs.replace(product, classes=(*product.classes, spent))
    kinds = unit.registry._kinds
    unit.registry._kinds = {
        **kinds,
        "echo-unit": msgspec.structs.replace(kinds["echo-unit"], product=grown),
    }
    await unit.registry.load()
    assert await unit.replay() == {"rows": 1, "closed": 1, "committed": 1}
    await send(unit, "events", event(3, probabilities=vector))
    assert await reasons(unit) == {"product_changed": [0]}
    assert [(await unit.quarantine())[0].device, (await unit.ledger())["quarantined"]] == ["echo-1", 1]


async def test_an_event_that_the_database_refuses_does_not_take_the_others_along(unit: Desk):
    async with unit.pool.connection() as conn:
        await conn.execute("ALTER TABLE sort_events ADD CONSTRAINT no_seven CHECK (seq <> 7)")
    written = await send(unit, "events", [event(seq) for seq in range(1, 12)])
    assert len(await stored(unit)) == 10
    (row,) = await unit.quarantine()
    assert (row.reason, row.rejected) == ("database_refused", [6])
    assert "no_seven" in row.detail
    assert (written.counts.tolist(), written.quarantined) == ([10, 0, 0, 0], 1)
    async with unit.pool.connection() as conn:
        await conn.execute("ALTER TABLE sort_events DROP CONSTRAINT no_seven")
        lot = await find_lot(conn, "echo-1", LOT)
    assert lot.events == 10
    assert await unit.replay() == {"rows": 1, "closed": 1, "committed": 1}
    assert await unit.ledger() == {"messages": 1, "received": 11, "committed": 11}


async def test_readings_and_events_share_the_numbers_of_a_boot(unit: Desk):
    await send(unit, "events", event(1), [event(2), event(3, **{"class": "tai"})])
    reading = {"boot": "b1", "seq": 4, "at": NOW_MS, "values": {"battery_charge": 50}}
    written = await unit.send(reading, device="echo-1")
    assert [(item.boot, item.seq) for item in written.committed] == [("b1", 4)]
    await send(unit, "events", event(7), event(9))
    async with unit.pool.connection() as conn:
        (gaps,) = await missing_fish(conn, "echo-1")
        assert (gaps.boot, gaps.events, gaps.missing, gaps.given_up) == ("b1", 4, 3, 0)
        assert gaps.ranges == [[5, 6], [8, 8]]
        device_id = (await find_lot(conn, "echo-1", LOT)).device_id
        await add_seqs(conn, [BootNews(device_id=device_id, boot="b1", oldest=7)])
        (gaps,) = await missing_fish(conn, "echo-1")
        assert (gaps.missing, gaps.given_up) == (3, 2)
        assert await missing_fish(conn, "echo-1", lab="sendai") == []


async def test_a_device_that_only_sorts_is_heard_and_its_clock_is_seen(unit: Desk):
    await send(unit, "events", event(1, at=NOW_MS - 4_000), event(2, at=NOW_MS - 3_000))
    (row,) = await unit.rows("SELECT min_delay_ms, heard_at FROM ledger")
    assert row["min_delay_ms"] == 3_000
    assert row["heard_at"] is not None


async def test_running_statistics_are_those_of_the_events_themselves(unit: Desk):
    for turn in range(4):
        bodies = [
            event(
                10 * turn + n,
                probabilities={"milt": 0.9 - n / 20, "roe": 0.06 + n / 20, "other": 0.04},
                weight_g=2000 + n if n % 2 else None,
                bin_confirmed="B" if n == 3 else "A",
            )
            for n in range(1, 9)
        ]
        await send(unit, "events", bodies, *bodies[:2])
    running = await unit.rows("SELECT * FROM lot_cells ORDER BY class, cell")
    async with unit.pool.connection() as conn:
        lot = await find_lot(conn, "echo-1", LOT)
        await recount_lot(conn, lot.id)
        (due,) = await list_due_lots(conn)
    again = await unit.rows("SELECT * FROM lot_cells ORDER BY class, cell")
    assert len(running) == len(again) == 5
    for mine, theirs in zip(running, again, strict=True):
        assert mine.pop("scores") == pytest.approx(theirs.pop("scores"))
        assert mine == theirs
    assert sum(row["fish"] for row in running) == lot.events == due.events == 32
    assert (sum(row["misplaced"] for row in running), sum(row["placed"] for row in running)) == (4, 32)
    assert sum(row["weight_n"] for row in running) == 16
    spans = await unit.rows("SELECT sum(fish)::int AS fish, sum(misplaced)::int AS misplaced FROM unit_spans")
    assert spans == [{"fish": 32, "misplaced": 4}]
    assert due.reasons == ["events"]


def test_ulids_that_are_none():
    assert read_ulid("8ZZZZZZZZZZZZZZZZZZZZZZZZZ") is None
    assert read_ulid("01JDCK8M5G000000000000000U") is None
    assert read_ulid("01jdck8m5g0000000000000000") == read_ulid("01JDCK8M5G0000000000000000")
