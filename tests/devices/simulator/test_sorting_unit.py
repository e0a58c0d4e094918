"""What a unit sends of its fish: whole, in order, numbered without gaps, the same at every start."""

from __future__ import annotations

import hashlib
import itertools
import zlib
from datetime import date
from typing import Any

import numpy as np
import pytest

from analytics.fish.faults import begin_frames, learn_frames, watch_frames
from analytics.fish.images import frame_statistics
from devices.kinds import load_kinds
from devices.simulator.market import day_number, opening_s
from devices.simulator.sorting import lots_of
from devices.simulator.sorting_frames import DEPTH, LINES, disturb, draw_fish
from devices.simulator.sorting_scores import EFFECTS, Fault
from devices.simulator.sorting_unit import Message, SortingUnit
from devices.simulator.trades import COD, MACKEREL, TRADES
from ingest.registry import Sender
from ingest.sort_messages import walk_sorting

MONDAY = day_number(date(2026, 11, 23))
BEGIN = opening_s(MONDAY)
END = BEGIN + 12 * 3_600


def day(unit: SortingUnit) -> list[Message]:
    return list(unit.messages(BEGIN, END))


@pytest.fixture(scope="module")
def echo() -> list[Message]:
    return day(SortingUnit(COD, 3))


def of(messages: list[Message], topic: str) -> list[dict[str, Any]]:
    return [message.body for message in messages if message.topic == topic]


@pytest.mark.parametrize("kind", TRADES)
def test_the_gateway_takes_every_message(kind: str) -> None:
    sender = Sender.__new__(Sender)
    known = {"id": 1, "kind": load_kinds()[kind], "kind_name": kind, "name": "unit"}
    for name, value in known.items():
        object.__setattr__(sender, name, value)
    for message in day(SortingUnit(TRADES[kind], 3))[:600]:
        contents = walk_sorting(message.topic, sender, message.body, message.at_ms * 1_000)
        assert not contents.rejections, message
        ((_, item),) = contents.items
        assert getattr(item, "more", None) is None, "nothing is left that the gateway does not know"


def test_numbers_have_no_gap_and_rise_with_time(echo: list[Message]) -> None:
    assert [message.body["seq"] for message in echo] == list(range(1, len(echo) + 1))
    assert {message.body["boot"] for message in echo} == {"sim3-2026-11-23"}
    assert all(a.at_ms <= b.at_ms for a, b in itertools.pairwise(echo))
    assert SortingUnit(COD, 3).total(MONDAY) == len(echo)


def test_every_fish_has_its_event_and_nothing_tells_the_truth(echo: list[Message]) -> None:
    events = of(echo, "events")
    lots = lots_of(COD, 3, MONDAY)
    assert [(body["lot"], body["fish"]) for body in events] == [
        (lot.code, number + 1) for lot in lots for number in range(lot.true.size)
    ]
    assert len({body["id"] for body in events}) == len(events)
    assert not any("true" in key or "truth" in key for body in events for key in body)
    assert all(body["class"] == max(body["probabilities"], key=body["probabilities"].get) for body in events)


def test_checks_name_events_that_came_before_and_say_the_truth(echo: list[Message]) -> None:
    events = {body["seq"]: body for body in of(echo, "events")}
    truth = {lot.code: lot.true for lot in lots_of(COD, 3, MONDAY)}
    checks = of(echo, "verifications")
    assert 60 < len(checks) < 200
    for body in checks:
        event = events[body["event"]["seq"]]
        assert body["event"]["boot"] == event["boot"]
        assert body["seq"] > event["seq"]
        assert body["class"] == COD.classes[truth[event["lot"]][event["fish"] - 1]]


def test_events_name_the_frames_that_are_sent(echo: list[Message]) -> None:
    frames = of(echo, "frames")
    assert len(frames) == COD.frames * COD.lots_a_day
    named = [body["frame"] for body in of(echo, "events") if "frame" in body]
    assert named == [hashlib.sha256(body["data"]).hexdigest() for body in frames]
    assert all(len(zlib.decompress(body["data"])) == DEPTH * LINES for body in frames)


def test_windows_and_what_is_stored_leave_out_nothing_else(echo: list[Message]) -> None:
    unit = SortingUnit(COD, 3)
    cut = BEGIN + 7_000.5
    assert [*unit.messages(BEGIN - 86_400 * 2, cut), *unit.messages(cut, END)][-len(echo) :] == echo
    again = list(unit.messages(BEGIN, END, {"sim3-2026-11-23": 100, "another": 7}))
    assert again == echo[100:]
    assert unit.sent_until(MONDAY, 100) == echo[99].at_ms / 1_000
    assert unit.sent_until(MONDAY, 0) == 0
    assert list(unit.messages(END, BEGIN)) == []


def test_a_fault_keeps_the_numbers(echo: list[Message]) -> None:
    ill = day(SortingUnit(COD, 3, Fault(name="gain", from_s=BEGIN + 9_000)))
    assert [(m.at_ms, m.topic, m.body["seq"]) for m in ill] == [
        (m.at_ms, m.topic, m.body["seq"]) for m in echo
    ]
    changed = [a.at_ms / 1_000 for a, b in zip(ill, echo, strict=True) if a != b]
    assert len(changed) > 100
    assert min(changed) >= BEGIN + 9_000


CAUSES = {"gain": "gain", "dead-line": "dead scan lines", "focus": "focus", "shift": "gain over depth"}


@pytest.mark.parametrize("name", EFFECTS)
def test_faults_show_in_the_images(name: Any) -> None:
    lots = [lot for number in range(60) for lot in lots_of(COD, 3, MONDAY - number)]
    frames = [draw_fish(lot, fish) for lot in lots for fish in range(3)]
    clean = learn_frames(np.stack([frame_statistics(frame) for frame in frames[:300]]))
    well = np.stack([frame_statistics(frame) for frame in frames[300:400]])
    ill = np.stack([frame_statistics(disturb(frame, name)) for frame in frames[400:420]])
    state, quiet = watch_frames(begin_frames(), clean, well)
    _, found = watch_frames(state, clean, ill)
    assert not quiet
    assert found[0].frame <= len(well) + 1, "within two fish"
    assert found[0].cause == CAUSES[name]


def test_images_are_their_own_and_small() -> None:
    lot = lots_of(MACKEREL, 4, MONDAY)[0]
    first = draw_fish(lot, 0)
    assert first.shape == (DEPTH, LINES)
    assert first.dtype == np.uint8
    assert np.array_equal(first, draw_fish(lot, 0))
    assert not np.array_equal(first, draw_fish(lot, 1))
