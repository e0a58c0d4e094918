"""How far each boot is safe without a gap, whoever wrote it, and when devices are told."""

from __future__ import annotations

import asyncio
import json

import pytest

from ingest.committed import LEAST_PAUSE_S, Notices
from ingest.metrics import Metrics
from ingest.sequences import find_runs
from store.boots import Committed
from tests.ingest.desk import NOW_MS, Desk, sample

TOPIC = "chiiki/v1/north-1/up/status"


def numbered(*numbers: int, boot: object = "b") -> list[dict[str, object]]:
    return [sample(NOW_MS - number) | {"boot": boot, "seq": number} for number in numbers]


def told(written) -> dict[str, int]:
    return {item.boot: item.seq for item in written.committed}


async def test_committed_is_what_is_there_without_a_gap(desk: Desk):
    assert told(await desk.send(*numbered(2, 3))) == {"b": 0}
    assert told(await desk.send(*numbered(1))) == {"b": 3}
    assert told(await desk.send(*numbered(5, 6), *numbered(1, boot=7))) == {"b": 3, "7": 1}
    assert told(await desk.send(numbered(4, 8))) == {"b": 6}
    assert told(await desk.send(*numbered(4))) == {"b": 6}


async def test_rejected_readings_are_safe_too(desk: Desk):
    bad = [
        sample(0) | {"boot": "b", "seq": 1},
        {"boot": "b", "seq": 2},
        sample(air_temperature=None) | {"boot": "b", "seq": 3},
    ]
    assert told(await desk.send(*bad)) == {"b": 3}


async def test_two_gateways_share_a_device(desk: Desk):
    other = Desk(desk.pool)
    await asyncio.gather(
        *((desk if number % 2 else other).send(*numbered(number)) for number in range(1, 60))
    )
    assert told(await desk.send(*numbered(60))) == {"b": 60}
    (row,) = await desk.rows("SELECT seqs::text AS seqs FROM device_boots")
    assert row["seqs"] == "{[1,61)}"


async def test_a_question_is_answered_and_what_is_lost_is_given_up(desk: Desk):
    ask = {"boot": "b", "ask": "committed"}
    assert told(await desk.send(ask, topic=TOPIC)) == {"b": 0}
    await desk.send(*numbered(1, 2, 5, 9))
    assert told(await desk.send(ask, topic=TOPIC)) == {"b": 2}
    assert told(await desk.send(ask | {"oldest": 8}, ask | {"oldest": 4}, topic=TOPIC)) == {"b": 7}
    (row,) = await desk.rows("SELECT given_up::text AS lost FROM device_boots")
    assert row["lost"] == "{[3,5),[6,8)}"
    assert told(await desk.send(*numbered(8))) == {"b": 9}
    assert told(await desk.send(*numbered(4))) == {"b": 9}
    (row,) = await desk.rows("SELECT given_up::text AS lost FROM device_boots")
    assert row["lost"] == "{[3,4),[6,8)}"


@pytest.mark.parametrize(
    ("numbers", "runs"), [([], ()), ([1], ((1, 1),)), ([5, 4, 4, 1, 2, 9], ((1, 2), (4, 5), (9, 9)))]
)
def test_runs(numbers, runs):
    assert find_runs(numbers) == runs


class Outbox:
    """What was published; takes nothing while `full`."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, object]] = []
        self.full = False
        self.tries = 0

    def publish(self, topic: str, payload: bytes) -> bool:
        self.tries += 1
        if not self.full:
            self.sent.append((topic, json.loads(payload)))
        return not self.full


@pytest.fixture
async def outbox() -> Outbox:
    return Outbox()


async def test_devices_are_told_at_most_once_a_second_unless_they_ask(desk: Desk, outbox, monkeypatch):
    await desk.registry.load()
    device = desk.registry.by_name["north-1"].id
    now_s = 100.0
    monkeypatch.setattr("ingest.committed.time.monotonic", lambda: now_s)
    notices = Notices(outbox, desk.registry, Metrics())

    def note(seq: int, *, asked: bool = False) -> None:
        keys = {(device, "b")} if asked else set()
        notices.note([Committed(device_id=device, boot="b", seq=seq)], keys)
        notices.tell_due()

    note(1)
    note(2)
    assert [body["seq"] for _, body in outbox.sent] == [1]
    note(3, asked=True)
    assert outbox.sent[-1] == ("chiiki/v1/north-1/down/committed", {"boot": "b", "seq": 3})
    outbox.full = True
    now_s += LEAST_PAUSE_S
    note(4)
    outbox.full = False
    notices.tell_due()
    notices.tell_due()
    assert [body["seq"] for _, body in outbox.sent] == [1, 3, 4]


def committed(seq: int, boot: str = "b") -> Committed:
    return Committed(device_id=1, boot=boot, seq=seq)


@pytest.fixture
async def notices(desk: Desk, outbox) -> Notices:
    await desk.registry.load()
    assert desk.registry.by_name["north-1"].id == 1
    return Notices(outbox, desk.registry, Metrics())


async def test_a_batch_that_was_overtaken_does_not_take_anything_back(outbox, notices: Notices):
    """Of two batches written at once the second may be committed first, and know less."""
    notices.note([committed(20)], set())
    notices.note([committed(0)], set())
    notices.tell_due()
    notices.note([committed(10)], set())
    assert [body["seq"] for _, body in outbox.sent] == [20]
    notices.note([committed(10)], {(1, "b")})  # an answer there is all the same
    assert [body["seq"] for _, body in outbox.sent] == [20, 20]


async def test_a_link_that_takes_nothing_is_not_tried_for_each_device(outbox, notices: Notices):
    outbox.full = True
    notices.note([committed(1, str(number)) for number in range(1000)], set())
    notices.tell_due()
    assert outbox.tries == 1
    assert len(notices._waiting) == 1000
    outbox.full = False
    notices.tell_due()
    assert len(outbox.sent) == 1000


@pytest.mark.parametrize("more", [{}, {"oldest": 1}, {"oldest": 7}, {"online": True}, {"note": "\u0000"}])
async def test_whoever_asks_is_answered_though_nothing_is_known(desk: Desk, more):
    ask = {"boot": "b", "ask": "committed"} | more
    assert told(await desk.send(ask, topic=TOPIC)) == {"b": max(0, more.get("oldest", 1) - 1)}


async def test_who_sends_again_is_told_again(outbox, notices: Notices, monkeypatch):
    """The notice before may have been lost on its way."""
    now_s = 100.0
    monkeypatch.setattr("ingest.committed.time.monotonic", lambda: now_s)
    for _ in range(2):
        notices.note([committed(20)], set())
        notices.tell_due()
    assert [body["seq"] for _, body in outbox.sent] == [20]
    now_s += LEAST_PAUSE_S
    notices.tell_due()
    assert [body["seq"] for _, body in outbox.sent] == [20, 20]
