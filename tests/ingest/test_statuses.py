from __future__ import annotations

import cbor2
import pytest

from tests.ingest.desk import NOW_MS, Desk, Messages, dumps

TOPIC = "chiiki/v1/north-1/up/status"


async def stored(desk: Desk) -> list[tuple[bool | None, object]]:
    return [
        (row["online"], row["payload"])
        for row in await desk.rows("SELECT online, payload FROM device_status")
    ]


async def test_the_newest_status_is_kept(desk: Desk):
    await desk.send({"online": True, "firmware": "1.2"}, topic=TOPIC)
    await desk.send(cbor2.dumps({"battery": 0.5}), topic=TOPIC, received_ms=NOW_MS + 1)
    assert await stored(desk) == [(True, {"battery": 0.5})]
    await desk.send({"online": True}, {"online": False}, {"ip": 1}, topic=TOPIC, received_ms=NOW_MS + 2)
    assert await stored(desk) == [(False, {"ip": 1})]
    await desk.send({"online": True}, topic=TOPIC, received_ms=NOW_MS - 9)
    assert await stored(desk) == [(False, {"ip": 1})]
    assert await desk.ledger() == {"messages": 6}


async def test_a_retained_status_that_says_nothing_new_keeps_its_time(desk: Desk):
    for received_ms, body in (
        (NOW_MS, {"online": True}),
        (NOW_MS + 5, {"online": True}),
        (NOW_MS + 9, {"online": False}),
    ):
        await desk.deliver(Messages(received_ms * 1000, [TOPIC], [dumps(body)], [True]))
        (row,) = await desk.rows(
            "SELECT extract(epoch FROM received_at)::float8 * 1000 AS ms, online FROM device_status"
        )
        assert row["ms"] == (NOW_MS if body["online"] else NOW_MS + 9)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"{", "bad_json"),
        (b"\xff", "bad_cbor"),
        ([1], "bad_shape"),
        ({"online": "yes"}, "bad_shape"),
        ({"note": "\x00"}, "bad_shape"),
        (cbor2.dumps({"note": {1: 2.0, (1, 2): 3}}), "bad_cbor"),
        ({"note": "x" * 20_000}, "oversized"),
        ({"ask": "the way"}, "bad_shape"),
        ({"ask": "committed"}, "bad_sequence"),
        ({"ask": "committed", "boot": "b", "oldest": 0}, "bad_sequence"),
    ],
)
async def test_a_bad_status_is_quarantined(desk: Desk, body, reason):
    await desk.send(body, topic=TOPIC)
    assert [row.reason for row in await desk.quarantine()] == [reason]
    assert await stored(desk) == []
    assert await desk.ledger() == {"messages": 1, "received": 1, "quarantined": 1}


async def test_clearing_a_retained_status_is_no_fault(desk: Desk):
    await desk.send(b"", topic=TOPIC)
    assert await desk.ledger() == {"messages": 1}
    assert await desk.quarantine() == []


async def test_a_question_leaves_the_status_as_it_is(desk: Desk):
    await desk.send({"online": True}, {"boot": "b", "ask": "committed"}, topic=TOPIC)
    assert await stored(desk) == [(True, {"online": True})]
    await desk.send({"online": True, "boot": "b", "ask": "committed", "oldest": 3}, topic=TOPIC)
    assert await stored(desk) == [(True, {"online": True, "boot": "b"})]
