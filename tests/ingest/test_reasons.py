"""Each reason of REASONS: what is rejected, with which detail, and that it is counted."""

from __future__ import annotations

import json

import cbor2
import pytest

from devices.model import UNREGISTERED
from ingest.errors import REASONS
from store.devices import restore_device, revoke_device
from tests.ingest.desk import LARGEST, NOW_MS, Desk, sample

NAN = float("nan")
REJECTED = [
    ("bad_json", b'{"at": 1760000000000, "values": {"air_temperature": 1}', "delimiter"),
    ("bad_json", b"", "Expecting value"),
    ("bad_json", b'{"at": 1, "values": {"\xff": 1}}', "UTF-8"),
    ("bad_json", b"[" * 100_000, "deep"),
    ("bad_json", b'{"at": ' + b"9" * 5000 + b"}", "digits"),
    ("bad_cbor", b"hello", "end of stream"),
    ("bad_cbor", b"\xa2\x61", "end of stream"),
    ("bad_cbor", cbor2.dumps(sample()) + b"\x00", "1 bytes follow"),
    ("bad_cbor", b"\x81" * 1000, "depth"),
    ("bad_shape", b"[]", "empty"),
    ("bad_shape", b"\x18\x2a", "the message is 42"),
    ("bad_shape", {"at": NOW_MS}, "values is missing"),
    ("bad_shape", {"values": {"air_temperature": 1}}, "at is missing"),
    ("bad_shape", {"at": NOW_MS, "values": {}}, "values is empty"),
    ("bad_shape", {"at": NOW_MS, "values": [1]}, "values is a list"),
    ("bad_shape", {"at": [NOW_MS], "values": {"air_temperature": [1, 2]}}, "1 entries"),
    ("bad_shape", {"at": [NOW_MS], "values": {"air_temperature": 1}}, "at is a list"),
    ("bad_shape", {"at": [], "values": {"air_temperature": []}}, "empty list"),
    ("bad_shape", {"at": NOW_MS, "values": {"air_temperature": [1]}}, "at is not"),
    ("bad_time", sample(NOW_MS // 1000), "seconds, send milliseconds"),
    ("bad_time", sample(NOW_MS * 1000), "microseconds, send milliseconds"),
    ("bad_time", sample(0), "before 2000-01-01"),
    ("bad_time", sample(NOW_MS + 2 * 86_400_000), "2.0 days after it was received"),
    ("bad_time", sample("2026-01-01T00:00:00"), "offset is missing"),
    ("bad_time", sample("yesterday"), "not RFC 3339"),
    ("bad_time", sample("2026-02-30T00:00:00Z"), "day"),
    ("bad_time", sample("9999-12-31T23:59:59-23:59"), "at is"),
    ("bad_time", sample(True), "at is true"),
    ("bad_time", sample(NOW_MS + 0.5), "at is"),
    ("bad_time", sample(10**40), "a huge number"),
    ("unknown_quantity", sample(air_temprature=1), "did you mean air_temperature?"),
    ("unknown_quantity", {"at": NOW_MS, "values": {"a b": 1}}, "cannot be read"),
    ("unknown_quantity", cbor2.dumps({"at": NOW_MS, "values": {b"x": 1.0}}), "a key is bytes"),
    ("unknown_position", {"at": NOW_MS, "values": {"air_temperature@roof": 1}}, "it has '', 'canopy'"),
    ("not_a_number", sample(air_temperature=None), "air_temperature is null"),
    ("not_a_number", sample(air_temperature="21.5"), 'air_temperature is "21.5"'),
    ("not_a_number", sample(air_temperature=True), "air_temperature is true"),
    ("not_finite", sample(air_temperature=NAN), "air_temperature is nan"),
    ("not_finite", b'{"at": %d, "values": {"air_temperature": 1e999}}' % NOW_MS, "inf"),
    ("not_finite", sample(air_temperature=10**400), "a huge number"),
    ("not_finite", cbor2.dumps(sample(air_temperature=NAN)), "nan"),
    ("bad_sequence", sample() | {"boot": "b", "seq": 0}, "seq is 0"),
    ("bad_sequence", sample() | {"boot": "b", "seq": "1"}, 'seq is "1"'),
    ("bad_sequence", sample() | {"boot": "b" * 65, "seq": 1}, "boot is"),
    ("bad_sequence", sample() | {"boot": "b\x00", "seq": 1}, "boot is"),
    ("oversized", b" " * (LARGEST + 1), f"{LARGEST + 1} bytes"),
]


@pytest.mark.parametrize(
    ("reason", "body", "told"),
    REJECTED,
    ids=[f"{reason}-{number}" for number, (reason, *_) in enumerate(REJECTED)],
)
async def test_a_bad_message_is_kept_raw_and_counted(desk: Desk, reason, body, told):
    await desk.send(sample(NOW_MS - 1), body, sample(NOW_MS + 1))
    (row,) = await desk.quarantine()
    assert (row.reason, row.device, row.readings, row.sightings) == (reason, "north-1", 1, 1)
    assert row.payload == (body if isinstance(body, bytes) else json.dumps(body).encode())
    assert told in row.detail
    assert await desk.ledger() == {"messages": 3, "received": 3, "committed": 2, "quarantined": 1}


@pytest.mark.parametrize(
    "topic",
    [
        "chiiki/v1/north-1/up/nonsense",
        "chiiki/v2/north-1/up/readings",
        "x",
        "",
        "chiiki/v1/a\x00\udcff/up/readings",
    ],
)
async def test_a_topic_that_is_not_ours(desk: Desk, topic):
    await desk.send(sample(), topic=topic)
    (row,) = await desk.quarantine()
    assert row.reason == ("unknown_device" if "udcff" in ascii(topic) else "bad_topic")
    assert row.device == ("north-1" if "v1/north-1" in topic else None)


async def test_unknown_device_is_counted_without_one(desk: Desk):
    await desk.send(sample(), device="nobody")
    (row,) = await desk.quarantine()
    assert (row.reason, row.device_id) == ("unknown_device", UNREGISTERED)
    assert await desk.ledger(UNREGISTERED) == {"messages": 1, "received": 1, "quarantined": 1}


async def test_a_device_is_welcome_the_moment_it_is_registered(desk: Desk):
    await desk.send(sample(), device="south-1")
    await desk.register("south-1")
    await desk.send(sample(), device="south-1")
    assert [row.reason for row in await desk.quarantine()] == ["unknown_device"]
    assert await desk.values() == {"air_temperature": [21.5]}


async def test_a_revoked_device_is_not_welcome_until_it_is_restored(desk: Desk):
    await desk.send(sample(NOW_MS - 2))
    async with desk.pool.connection() as conn:
        await revoke_device(conn, "north-1")
    await desk.registry.refresh()
    await desk.send(sample(NOW_MS - 1))
    async with desk.pool.connection() as conn:
        await restore_device(conn, "north-1")
    await desk.send(sample(NOW_MS))
    assert [row.reason for row in await desk.quarantine()] == ["device_revoked"]
    assert len((await desk.values())["air_temperature"]) == 2


async def test_a_kind_without_a_file(desk: Desk):
    await desk.register("odd-1", kind="no-such-kind")
    await desk.send(sample(), device="odd-1")
    (row,) = await desk.quarantine()
    assert (row.reason, row.device) == ("unknown_kind", "odd-1")


async def test_too_many_series(desk: Desk):
    await desk.register("log-1", kind="generic-logger")
    most = desk.registry._kinds["generic-logger"].max_series
    values = {f"air_temperature@p{number}": number for number in range(most + 2)}
    await desk.send({"at": NOW_MS, "values": values}, device="log-1")
    (row,) = await desk.quarantine()
    assert (row.reason, row.rejected, row.readings) == ("too_many_series", [most, most + 1], 2)
    assert len(await desk.values()) == most


async def test_an_unexpected_fault_costs_one_message(desk: Desk, monkeypatch):
    def fail(*_: object) -> None:
        raise ZeroDivisionError("boom")

    await desk.send(sample(NOW_MS - 5))
    monkeypatch.setattr("ingest.examine.walk", fail)
    await desk.send(sample(NOW_MS - 1), sample(NOW_MS // 1000), sample(NOW_MS))
    (row,) = await desk.quarantine()
    assert (row.reason, row.detail) == ("internal", "ZeroDivisionError: boom")
    assert await desk.ledger() == {"messages": 4, "received": 4, "committed": 3, "quarantined": 1}


async def test_a_fault_of_the_quick_way_costs_nothing(desk: Desk, monkeypatch):
    def fail(*_: object) -> None:
        raise ZeroDivisionError("boom")

    monkeypatch.setattr("ingest.intake.lay_flat", fail)
    await desk.send(sample(), b"{")
    assert await desk.ledger() == {"messages": 2, "received": 2, "committed": 1, "quarantined": 1}


async def test_of_a_partly_bad_message_the_good_readings_are_kept(desk: Desk):
    body = [
        sample(NOW_MS, air_temperature=1, relative_humidity=None, nonsense=3),
        sample(NOW_MS // 1000, air_temperature=2),
        {"at": NOW_MS},
        sample(NOW_MS + 1, air_temperature=NAN, relative_humidity=50),
    ]
    await desk.send(body)
    rows = {row.reason: row.rejected for row in await desk.quarantine()}
    assert rows == {
        "not_a_number": [1],
        "unknown_quantity": [2],
        "bad_time": [3],
        "bad_shape": [4],
        "not_finite": [5],
    }
    assert await desk.values() == {"air_temperature": [1.0], "relative_humidity": [50.0]}
    assert await desk.ledger() == {"messages": 1, "received": 7, "committed": 2, "quarantined": 5}


async def test_the_same_bad_message_again_is_one_row_seen_twice(desk: Desk):
    bad = sample(air_temprature=1)
    await desk.send(bad, bad)
    await desk.send(bad, received_ms=NOW_MS + 3_600_000)
    (row,) = await desk.quarantine()
    assert (row.sightings, row.readings) == (3, 1)
    assert row.seen_at > row.received_at
    hours = await desk.rows("SELECT pending FROM quarantine_sightings ORDER BY hour")
    assert [hour["pending"] for hour in hours] == [2, 1]
    assert await desk.ledger() == {"messages": 3, "received": 3, "quarantined": 3}


def test_every_reason_says_what_to_mend_and_is_tested():
    tested = {reason for reason, _, _ in REJECTED} | {
        "bad_topic",
        "unknown_device",
        "device_revoked",
        "unknown_kind",
        "kind_not_supported",  # of earlier versions; test_events.py
        "no_product",  # test_events.py
        "unknown_class",
        "bad_probabilities",
        "bad_field",
        "product_changed",
        "bad_frame",  # test_checks.py
        "too_many_series",
        "internal",
        "conflicting",  # test_write.py
        "database_refused",  # test_write.py
    }
    assert tested == set(REASONS)
    assert all(text.endswith(".") for text in REASONS.values())
