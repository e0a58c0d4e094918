"""Whatever is lost, doubled or reordered: what was recorded is kept until it is committed, and it will be."""

from __future__ import annotations

import itertools
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.simulator.protocol import BufferFullError, Outbox, Outgoing, SimpleOutbox

if TYPE_CHECKING:
    import random

Item = tuple[str, int]


def body(number: int) -> dict[str, Any]:
    return {"at": 1_760_000_000_000 + number, "values": {"air_temperature": float(number)}}


def items(message: Outgoing) -> list[Item]:
    payload = message.payload if isinstance(message.payload, list) else [message.payload]
    return [(sample["boot"], sample["seq"]) for sample in payload]


class Peer:
    """Broker and gateway as the device sees them: a set of what is stored, and what is contiguous from 1."""

    def __init__(self) -> None:
        self.stored: dict[str, set[int]] = defaultdict(set)
        self.given_up: dict[str, int] = defaultdict(lambda: 1)

    def take(self, message: Outgoing) -> None:
        if message.topic == "readings":
            for boot, seq in items(message):
                self.stored[boot].add(seq)
        else:
            assert isinstance(message.payload, dict)
            boot = message.payload["boot"]
            self.given_up[boot] = max(self.given_up[boot], message.payload["oldest"])

    def committed(self, boot: str) -> int:
        seq = self.given_up[boot] - 1
        while seq + 1 in self.stored[boot]:
            seq += 1
        return seq


class World:
    """A device, a peer, and a network that misbehaves by the given random numbers."""

    def __init__(self, dice: random.Random, outbox: Outbox) -> None:
        self.dice = dice
        self.outbox = outbox
        self.peer = Peer()
        self.now = 0.0
        self.recorded: list[Item] = []
        self.air: list[Outgoing] = []
        self.answers: list[tuple[str, int]] = []
        self.boots = 1

    def record(self) -> None:
        self.outbox.record(body(len(self.recorded)))
        self.recorded.append((self.outbox.boot, self.outbox.last_seq))

    def send(self) -> None:
        self.air += self.outbox.outgoing(self.now)

    def deliver(self) -> None:
        self.dice.shuffle(self.air)
        for message in self.air:
            fate = self.dice.random()
            if fate < 0.6:
                self.peer.take(message)
            if fate < 0.9:
                self.outbox.acknowledged(message.token)  # also of what the broker lost afterwards
            if fate > 0.3 and message.topic == "status":
                self.answer()
        self.air = [message for message in self.air if self.dice.random() < 0.1]  # comes twice, and late

    def answer(self) -> None:
        self.answers += [(boot, self.peer.committed(boot)) for boot in list(self.peer.stored)]
        for boot, seq in self.answers:
            if self.dice.random() < 0.5:
                self.outbox.committed(boot, seq, self.now)

    def reconnect(self) -> None:
        self.outbox.disconnected()
        self.now += self.dice.random() * 5
        self.outbox.connected(self.now)

    def restart(self) -> None:
        self.boots += 1
        self.outbox.restart(f"b{self.boots}")
        self.outbox.connected(self.now)

    def step(self) -> None:
        self.now += self.dice.random() * 10
        acts = [self.record] * 6 + [self.send] * 4 + [self.deliver] * 4 + [self.answer] * 2
        self.dice.choice([*acts, self.reconnect, self.restart])()

    def settle(self) -> None:
        """From here on everything works."""
        self.outbox.connected(self.now)
        for _ in range(200):
            for message in self.outbox.outgoing(self.now):
                self.peer.take(message)
                self.outbox.acknowledged(message.token)
            for boot in list(self.peer.stored):
                self.outbox.committed(boot, self.peer.committed(boot), self.now)
            self.now += 5.0

    def held(self) -> set[Item]:
        return {(e.boot, e.seq) for e in (*self.outbox._sent, *self.outbox._waiting)}


@given(st.randoms(use_true_random=False), st.integers(1, 120))
@settings(max_examples=200, deadline=None)
def test_everything_recorded_is_committed_in_the_end(dice: random.Random, steps: int) -> None:
    world = World(dice, Outbox("b1", unacknowledged=3, batch=4))
    world.outbox.connected(0.0)
    for _ in range(steps):
        world.step()
        lost = [i for i in world.recorded if i[1] > world.peer.committed(i[0]) and i not in world.held()]
        assert not lost, "what is not committed is still kept"
    world.settle()
    assert all(seq in world.peer.stored[boot] for boot, seq in world.recorded)
    assert world.outbox.held == 0


@given(st.randoms(use_true_random=False), st.integers(1, 120))
@settings(max_examples=100, deadline=None)
def test_a_full_buffer_loses_the_oldest_and_does_not_get_stuck(dice: random.Random, steps: int) -> None:
    world = World(dice, Outbox("b1", capacity=5, unacknowledged=2, batch=2))
    world.outbox.connected(0.0)
    for _ in range(steps):
        world.step()
        assert world.outbox.held <= 5
    kept = world.held()
    world.settle()
    assert all(seq in world.peer.stored[boot] for boot, seq in kept)
    assert world.outbox.held == 0


@given(st.randoms(use_true_random=False), st.integers(1, 100))
@settings(max_examples=100, deadline=None)
def test_a_simple_device_keeps_what_the_broker_did_not_acknowledge(dice: random.Random, steps: int) -> None:
    outbox = SimpleOutbox(unacknowledged=3)
    outbox.connected(0.0)
    recorded, taken, air = 0, set(), list[Outgoing]()
    for _ in range(steps):
        act = dice.randrange(4)
        if act < 2:
            outbox.record(body(recorded))
            recorded += 1
        elif act == 2:
            air += outbox.outgoing(0.0)
        else:
            outbox.disconnected()
            outbox.connected(0.0)
            air.clear()
        while air and dice.random() < 0.5:
            message = air.pop(dice.randrange(len(air)))
            assert isinstance(message.payload, dict)
            taken.add(message.payload["at"])
            outbox.acknowledged(message.token)
    outbox.disconnected()
    outbox.connected(0.0)
    while messages := outbox.outgoing(0.0):
        for message in messages:
            assert isinstance(message.payload, dict)
            taken.add(message.payload["at"])
            outbox.acknowledged(message.token)
    assert taken == {body(number)["at"] for number in range(recorded)}
    assert outbox.held == 0


def test_numbers_begin_at_one_in_every_boot() -> None:
    outbox = Outbox("b1")
    outbox.record(body(1))
    outbox.record(body(2))
    outbox.restart("b2")
    outbox.record(body(3))
    outbox.connected(0.0)
    [message] = outbox.outgoing(0.0)
    assert items(message) == [("b1", 1), ("b1", 2), ("b2", 1)]


def test_columns_travel_alone_and_single_samples_together() -> None:
    outbox = Outbox("b1", batch=2)
    outbox.record({"at": [1, 2], "values": {"air_temperature": [1.0, 2.0]}})
    for number in range(3):
        outbox.record(body(number))
    outbox.connected(0.0)
    first, second, third = outbox.outgoing(0.0)
    assert first.payload == {"boot": "b1", "seq": 1, "at": [1, 2], "values": {"air_temperature": [1.0, 2.0]}}
    assert (items(second), items(third)) == ([("b1", 2), ("b1", 3)], [("b1", 4)])


def test_a_puback_makes_room_and_drops_nothing() -> None:
    outbox = Outbox("b1", unacknowledged=1, batch=1)
    outbox.record(body(1))
    outbox.record(body(2))
    outbox.connected(0.0)
    [first] = outbox.outgoing(0.0)
    assert outbox.outgoing(0.0) == []
    outbox.acknowledged(first.token)
    [second] = outbox.outgoing(0.0)
    assert items(second) == [("b1", 2)]
    assert outbox.held == 2


def test_after_a_reconnect_it_asks_first_and_sends_the_rest_upon_the_answer() -> None:
    outbox = Outbox("b1", batch=1)
    for number in range(3):
        outbox.record(body(number))
    outbox.connected(0.0)
    assert len(outbox.outgoing(0.0)) == 3
    outbox.disconnected()
    assert outbox.outgoing(1.0) == []
    outbox.connected(2.0)
    [question] = outbox.outgoing(2.0)
    assert question.payload == {"online": True, "boot": "b1", "ask": "committed", "oldest": 1}
    assert not question.retain
    assert outbox.outgoing(3.0) == [], "it waits for the answer"
    outbox.committed("b1", 2, 3.5)
    assert [items(message) for message in outbox.outgoing(3.5)] == [[("b1", 3)]]


def test_without_an_answer_it_sends_all_again_and_grows_patient() -> None:
    outbox = Outbox("b1", ask_s=1, resend_s=10, resend_most_s=40)
    outbox.record(body(1))
    outbox.connected(0.0)
    sent_at = []
    for tenth in range(2000):
        for message in outbox.outgoing(tenth / 10):
            outbox.acknowledged(message.token)
            if message.topic == "readings":
                sent_at.append(tenth / 10)
    waits = [later - earlier for earlier, later in itertools.pairwise(sent_at)]
    assert waits[:4] == pytest.approx([11.0, 21.0, 41.0, 41.0])


def test_a_stale_or_foreign_answer_drops_nothing() -> None:
    outbox = Outbox("b2")
    outbox.record(body(1))
    outbox.committed("b2", 99, 0.0)  # never sent: cannot be committed
    outbox.connected(0.0)
    assert len(outbox.outgoing(0.0)) == 1
    outbox.committed("b1", 99, 0.0)
    outbox.committed("b2", 0, 0.0)
    assert outbox.held == 1
    outbox.committed("b2", 1, 0.0)
    assert outbox.held == 0


def test_after_a_quiet_time_a_new_sample_is_not_taken_for_an_old_one() -> None:
    outbox = Outbox("b1", resend_s=10)
    outbox.connected(0.0)
    for now in (0.0, 1000.0):
        outbox.record(body(int(now)))
        [message] = outbox.outgoing(now)
        assert message.topic == "readings"
        outbox.committed("b1", outbox.last_seq, now + 0.5)
        assert outbox.outgoing(now + 1) == []


def test_a_simple_device_says_when_its_queue_is_full() -> None:
    outbox = SimpleOutbox(capacity=1)
    outbox.record(body(1))
    with pytest.raises(BufferFullError, match="wait for the broker"):
        outbox.record(body(2))


def test_what_goes_by_another_topic_goes_with_its_like_and_images_alone() -> None:
    outbox = Outbox("b1", batch=3)
    outbox.connected(0.0)
    for topic in ["readings", "events", "events", "events", "events", "frames", "frames", "verifications"]:
        outbox.record({"at": 1}, topic)
    messages = outbox.outgoing(0.0)
    sizes = [
        (message.topic, len(message.payload) if isinstance(message.payload, list) else 1)
        for message in messages
    ]
    assert sizes == [
        ("readings", 1),
        ("events", 3),
        ("events", 1),
        ("frames", 1),
        ("frames", 1),
        ("verifications", 1),
    ]
    assert [seq for message in messages for _, seq in items(message)] == list(range(1, 9))


def test_what_has_its_own_number_keeps_it() -> None:
    outbox = Outbox("b1")
    outbox.connected(0.0)
    outbox.record({"boot": "day", "seq": 41, "at": 1}, "events")
    outbox.record(body(1))
    outbox.record({"boot": "day", "seq": 42, "at": 2}, "events")
    sent = [item for message in outbox.outgoing(0.0) for item in items(message)]
    assert sent == [("day", 41), ("b1", 1), ("day", 42)]
    outbox.committed("day", 41, 1.0)
    assert outbox.held == 2
    outbox.committed("b1", 41, 1.0)
    assert outbox.held == 1
    outbox.committed("day", 42, 1.0)
    assert outbox.held == 0


def test_a_device_without_a_buffer_sends_by_other_topics_too() -> None:
    outbox = SimpleOutbox()
    outbox.connected(0.0)
    outbox.record({"at": 1}, "events")
    outbox.record(body(1))
    assert [message.topic for message in outbox.outgoing(0.0)] == ["events", "readings"]
