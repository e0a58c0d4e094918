"""Verifications and images from units: matched with their fish whichever comes first; fetched by hash."""

from __future__ import annotations

import hashlib
import struct
import zlib
from datetime import UTC, datetime, timedelta

import cbor2
import numpy as np
import pytest

from ingest.sort_frames import FRAME_BYTES
from store.errors import StoreMissing
from store.frames import drop_frames, get_frame, list_frames, read_frame
from store.lot_dues import list_due_lots, lot_marks, settle_lots
from store.lots import find_lot
from store.sort_pages import page_of_lot
from store.verifications import list_verifications, waiting_verifications
from store.verified import verified_of_lot
from tests.ingest.desk import NOW_MS, Desk, Messages, dumps
from tests.ingest.fish import check, event, send

LOT = "2026-11-23-01"
ULID = "01JDCK8M5G0000000000000000"


@pytest.fixture
async def unit(desk: Desk) -> Desk:
    """The desk with a cod echo unit that has sorted three fish."""
    await desk.register("echo-1", kind="echo-unit")
    await send(desk, "events", [event(1, id=ULID), event(2), event(3, **{"class": "roe"})])
    return desk


async def known(desk: Desk) -> dict[int, str | None]:
    async with desk.pool.connection() as conn:
        lot = await find_lot(conn, "echo-1", LOT)
        return {fish.seq: fish.verified for fish in await page_of_lot(conn, lot.id, limit=100)}


async def test_a_fish_is_named_by_number_or_by_id(unit: Desk):
    await send(unit, "verifications", [check(4, 3), check(5, ULID, **{"class": "roe"})])
    assert await known(unit) == {1: "roe", 2: None, 3: "milt"}
    assert await unit.ledger() == {"messages": 2, "received": 5, "committed": 5}
    async with unit.pool.connection() as conn:
        lot = await find_lot(conn, "echo-1", LOT)
        found = await list_verifications(conn, lot.id)
        columns = await verified_of_lot(conn, lot.id)
    assert [(one.seq, one.cls, one.said, one.operator) for one in found] == [
        (3, "milt", "roe", "佐藤"),
        (1, "roe", "milt", "佐藤"),
    ]
    assert (columns.seq.tolist(), columns.cls.tolist(), columns.true.tolist()) == ([1, 3], [0, 1], [1, 0])
    assert columns.probabilities.shape == (2, 3)
    assert (columns.chance.tolist(), columns.reason, columns.method) == (
        [0.1] * 2,
        ["random"] * 2,
        ["cut"] * 2,
    )


async def test_what_comes_before_its_fish_waits_for_it(unit: Desk):
    later = "01JDCK8M5G0000000000000001"
    await send(unit, "verifications", [check(10, 7), check(11, later)])
    assert await unit.ledger() == {"messages": 2, "received": 5, "committed": 5}
    async with unit.pool.connection() as conn:
        waiting = await waiting_verifications(conn, "echo-1")
        marks = await lot_marks(conn, [due.lot_id for due in await list_due_lots(conn)])
        assert await settle_lots(conn, marks) == []
    assert [(one.seq, one.lot_id, one.said) for one in waiting] == [(7, None, None), (None, None, None)]
    await send(unit, "events", event(7), event(8, id=later))
    assert await known(unit) == {1: None, 2: None, 3: None, 7: "milt", 8: "milt"}
    async with unit.pool.connection() as conn:
        assert await waiting_verifications(conn, "echo-1") == []
        (due,) = await list_due_lots(conn)
    assert due.reasons == ["events", "verification"]


async def test_a_fish_and_its_verification_in_one_batch(unit: Desk):
    other = "chiiki/v1/echo-1/up/"
    messages = Messages(NOW_MS * 1000)
    for kind, body in (("verifications", check(6, 5)), ("events", event(5)), ("verifications", check(7, 1))):
        messages.topics.append(other + kind)
        messages.payloads.append(dumps(body))
        messages.retained.append(False)
    await unit.deliver(messages)
    assert await known(unit) == {1: "milt", 2: None, 3: None, 5: "milt"}


async def test_the_later_word_holds_whatever_comes_first(unit: Desk):
    await send(unit, "verifications", check(5, 1, at=NOW_MS + 5, **{"class": "roe"}), check(4, 1))
    assert (await known(unit))[1] == "roe"
    async with unit.pool.connection() as conn:
        lot = await find_lot(conn, "echo-1", LOT)
        history = await list_verifications(conn, lot.id, everything=True)
    assert [(one.cls, one.current) for one in history] == [("milt", False), ("roe", True)]


async def test_twice_is_once_and_another_is_kept_apart(unit: Desk):
    await send(
        unit, "verifications", [check(4, 1), check(4, 1), check(4, 2), check(5, 2)], check(5, 2, note="x")
    )
    totals = await unit.ledger()
    assert (totals["duplicate"], totals["conflicting"], totals["committed"]) == (1, 2, 5)
    assert sorted(row.rejected or [] for row in await unit.quarantine()) == [[0], [2]]


BAD = [
    (check(9, 1, method="guess"), "bad_field"),
    (check(9, 1, method=None), "bad_field"),
    (check(9, 1, reason="By Chance"), "bad_field"),
    (check(9, 1, selection_probability=None), "bad_field"),
    (check(9, 1, selection_probability=0), "bad_field"),
    (check(9, 1, selection_probability=1.01), "bad_field"),
    (check(9, 1, selection_probability=True), "bad_field"),
    (check(9, "not-a-ulid"), "bad_field"),
    (check(9, None), "bad_field"),
    (check(9, {"boot": "b1"}), "bad_sequence"),
    (check(9, 1, **{"class": "tai"}), "unknown_class"),
    (check(9, 1, at="yesterday"), "bad_time"),
    (check(9, 1, boot=None), "bad_sequence"),
]


async def test_bad_verifications_are_kept_with_their_reasons(unit: Desk):
    await send(unit, "verifications", *(body for body, _ in BAD), check(8, 2))
    found = {row.payload: row.reason for row in await unit.quarantine(limit=1000)}
    assert [found[dumps(body)] for body, _ in BAD] == [reason for _, reason in BAD]
    assert await known(unit) == {1: None, 2: "milt", 3: None}


def png(rows: int = 4, columns: int = 6, *, bits: int = 8, seed: int = 1) -> bytes:
    """A grey PNG of noise, the smallest way."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    pixels = np.random.default_rng(seed).integers(0, 256, (rows, columns * bits // 8), np.uint8)
    lines = b"".join(b"\0" + line.tobytes() for line in pixels)
    head = struct.pack(">IIBBBBB", columns, rows, bits, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(lines))
        + chunk(b"IEND", b"")
    )


def frame(seq: int = 1, **more: object) -> dict[str, object]:
    body = {"boot": "f1", "seq": seq, "at": NOW_MS, "format": "png", "dtype": "uint8", "shape": [4, 6]}
    return body | {"mm_per_px": 0.21, "mhz": 5, "tgc": [0, 3, 6], "data": png()} | more


async def test_an_image_is_fetched_by_its_hash(unit: Desk):
    digest = hashlib.sha256(png()).hexdigest()
    pixels = bytes(range(24))
    packed = zlib.compress(pixels)
    raw = frame(2, format="zlib", data=packed, sha256=hashlib.sha256(packed).hexdigest())
    await send(unit, "frames", cbor2.dumps(frame()), cbor2.dumps(raw), cbor2.dumps(frame()))
    assert await unit.ledger() == {"messages": 4, "received": 6, "committed": 5, "duplicate": 1}
    async with unit.pool.connection() as conn:
        found = await get_frame(conn, digest, "shihoro")
        assert await read_frame(conn, digest, "shihoro") == png()
        assert zlib.decompress(await read_frame(conn, hashlib.sha256(packed).hexdigest())) == pixels
        assert len(await list_frames(conn, "echo-1")) == 2
        for lab, name in (("sendai", digest), (None, "0" * 64), (None, "x")):
            with pytest.raises(StoreMissing):
                await read_frame(conn, name, lab)
    assert found.header == {"dtype": "uint8", "shape": [4, 6], "mm_per_px": 0.21, "mhz": 5, "tgc": [0, 3, 6]}
    assert (found.device, found.format, found.size_bytes) == ("echo-1", "png", len(png()))
    (boot,) = await unit.rows("SELECT seqs::text AS seqs FROM device_boots WHERE boot = 'f1'")
    assert boot["seqs"] == "{[1,3)}"


async def test_the_same_image_with_another_header_is_kept_apart(unit: Desk):
    await send(
        unit,
        "frames",
        cbor2.dumps(frame(1)),
        cbor2.dumps(frame(2, mhz=7)),
        cbor2.dumps(frame(3, at=NOW_MS + 1)),
    )
    totals = await unit.ledger()
    assert (totals["conflicting"], totals["committed"]) == (1, 3 + 2)
    (stored,) = await unit.rows("SELECT count(*) AS n FROM frame_bytes")
    assert stored["n"] == 1


DAMAGED = bytearray(png())
DAMAGED[45] ^= 1
BAD_FRAMES = [
    frame(data="text"),
    frame(data=b""),
    frame(data=b"GIF89a"),
    frame(data=bytes(DAMAGED)),
    frame(data=png()[:-3]),
    frame(shape=[6, 4]),
    frame(shape=[4, 6, 3]),
    frame(shape=[4]),
    frame(shape=[4, -6]),
    frame(shape=[1 << 20, 1 << 20]),
    frame(dtype="uint16"),
    frame(dtype="complex"),
    frame(format="jpeg"),
    frame(sha256="0" * 64),
    frame(format="zlib"),
    frame(format="zlib", data=zlib.compress(bytes(23))),
    frame(format="zlib", data=zlib.compress(bytes(10_000_000))),
    frame(format="zlib", data=zlib.compress(bytes(24))[:-1]),
]


async def test_bad_images_are_kept_with_their_reason(unit: Desk):
    payloads = [cbor2.dumps(body) for body in BAD_FRAMES]
    await send(unit, "frames", *payloads)
    kept = {row.payload: row.reason for row in await unit.quarantine(limit=100)}
    assert kept == dict.fromkeys(payloads, "bad_frame")
    assert await unit.rows("SELECT 1 FROM frames") == []


async def test_images_have_a_limit_of_their_own(unit: Desk):
    noise = np.random.default_rng(2).bytes(700_000)
    big = frame(format="zlib", shape=[700, 1000], data=zlib.compress(noise))
    more = frame(
        format="zlib", shape=[1100, 1000], data=zlib.compress(np.random.default_rng(3).bytes(1_100_000))
    )
    assert len(cbor2.dumps(more)) > FRAME_BYTES > len(cbor2.dumps(big)) > 256 * 1024
    await send(unit, "frames", cbor2.dumps(big), cbor2.dumps(more))
    assert [row.reason for row in await unit.quarantine()] == ["oversized"]
    assert len(await unit.rows("SELECT 1 FROM frame_bytes")) == 1


async def test_old_images_go_but_not_those_of_checked_fish(unit: Desk):
    one, other = (hashlib.sha256(png(seed=seed)).hexdigest() for seed in (1, 2))
    await send(unit, "events", event(20, frame=one), event(21, frame=other))
    await send(unit, "verifications", check(22, 21))
    await send(unit, "frames", cbor2.dumps(frame(1)), cbor2.dumps(frame(2, data=png(seed=2))))
    now = datetime.now(UTC)
    async with unit.pool.connection() as conn:
        assert await drop_frames(conn, now - timedelta(days=1)) == 0
        assert await drop_frames(conn, now + timedelta(days=1)) == 1
        assert await drop_frames(conn, now + timedelta(days=1)) == 0
        assert (await get_frame(conn, one)).dropped_at is not None
        with pytest.raises(StoreMissing):
            await read_frame(conn, one)
        assert await read_frame(conn, other) == png(seed=2)
