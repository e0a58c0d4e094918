"""What a simulated unit sends of its fish: events, verifications and images in the order of their time.

All of a day is numbered beforehand, under a boot that is named after the day: a simulator that is started
again sends the same messages under the same numbers, which are stored once.
"""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from devices.simulator.market import date_of, day_of
from devices.simulator.sorting import lots_of
from devices.simulator.sorting_frames import take_frame
from devices.simulator.sorting_scores import sort
from devices.ulid import write_ulid

if TYPE_CHECKING:
    from collections.abc import Iterator

    from devices.simulator.feed import Instants
    from devices.simulator.sorting_scores import Checking, Fault, Sorted
    from devices.simulator.trades import Trade

OPERATOR: Final = "模擬 (simulated)"
BINS: Final = "ABCDEFGH"
"""By class."""
FRAME, EVENT, VERIFICATION = range(3)
TOPICS: Final = ("frames", "events", "verifications")


@dataclass(frozen=True, slots=True)
class Message:
    """A message; its body has its own boot and number."""

    at_ms: int
    topic: str
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class SortingUnit:
    """A unit that sorts fish.

    Attributes
    ----------
    checking : Checking
        How the fish that are checked by hand are chosen.
    """

    trade: Trade
    seed: int
    fault: Fault | None = None
    checking: Checking = "random"

    def messages(
        self, start_s: float, end_s: float, stored: dict[str, int] | None = None
    ) -> Iterator[Message]:
        """Give all messages with ``start_s <= at < end_s``, without those up to `stored`, by boot."""
        for day in range(day_of(start_s), day_of(max(start_s, end_s)) + 1):
            plan = _plan_day(self, day)
            first, last = np.searchsorted(plan.at_ms, [start_s * 1_000, end_s * 1_000]).tolist()
            known = (stored or {}).get(plan.boot, 0)
            for index in range(max(first, known), last):
                yield plan.message(index)

    def boot(self, day: int) -> str:
        """Name the boot of a day."""
        return f"sim{self.seed}-{date_of(day)}"

    def sent_until(self, day: int, seq: int) -> float:
        """Tell when the message of a day with this number was sent, Unix seconds; 0: none was."""
        at_ms = _plan_day(self, day).at_ms
        return float(at_ms[min(seq, at_ms.size) - 1]) / 1_000 if seq and at_ms.size else 0.0

    def total(self, day: int) -> int:
        """Count the messages of a day."""
        return int(_plan_day(self, day).at_ms.size)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Day:
    """The messages of a day by their number less 1: when, what of them, of which lot and fish."""

    unit: SortingUnit
    boot: str
    lots: tuple[Sorted, ...]
    at_ms: Instants
    topic: Instants
    lot: Instants
    fish: Instants
    event_seq: tuple[Instants, ...]

    def message(self, index: int) -> Message:
        lot, fish, topic = self.lots[self.lot[index]], int(self.fish[index]), int(self.topic[index])
        at_ms = int(self.at_ms[index])
        if topic == FRAME:
            body = self._frame(lot, fish, at_ms)
        elif topic == EVENT:
            body = self._event(lot, fish, at_ms)
        else:
            body = self._check(lot, fish, at_ms, int(self.event_seq[self.lot[index]][fish]))
        return Message(at_ms, TOPICS[topic], {"boot": self.boot, "seq": index + 1, **body})

    def _frame(self, lot: Sorted, fish: int, at_ms: int) -> dict[str, Any]:
        return take_frame(lot.lot, fish, self._fault(lot, fish)).body(at_ms, fish + 1)

    def _fault(self, lot: Sorted, fish: int) -> Any:
        fault = self.unit.fault
        return None if fault is None or not lot.faulty[fish] else fault.name

    def _event(self, lot: Sorted, fish: int, at_ms: int) -> dict[str, Any]:
        trade = self.unit.trade
        said = int(lot.said[fish])
        body: dict[str, Any] = {
            "id": _ulid(at_ms, self.boot, lot.lot.code, fish),
            "at": at_ms,
            "lot": lot.lot.code,
            "fish": fish + 1,
            "model": trade.model,
            "calibration": trade.calibration,
            "class": trade.classes[said],
            "probabilities": dict(zip(trade.classes, lot.probabilities[fish].tolist(), strict=True)),
            "bin_commanded": BINS[said],
        }
        if trade.misplaced is not None:
            body["bin_confirmed"] = BINS[lot.bin[fish]]
        for name in ("coupling", "weight_g", "fork_length_mm", "spine_ratio", "latency_ms"):
            value = float(getattr(lot, name)[fish])
            if not np.isnan(value):
                body[name] = value
        if lot.framed[fish]:
            body["frame"] = take_frame(lot.lot, fish, self._fault(lot, fish)).sha256
        return body

    def _check(self, lot: Sorted, fish: int, at_ms: int, event_seq: int) -> dict[str, Any]:
        return {
            "at": at_ms,
            "event": {"boot": self.boot, "seq": event_seq},
            "class": self.unit.trade.classes[lot.lot.true[fish]],
            "method": self.unit.trade.method,
            "operator": OPERATOR,
            "selection_probability": float(lot.chance[fish]),
            "reason": self.unit.checking,
        }


def _ulid(at_ms: int, boot: str, code: str, fish: int) -> str:
    rest = hashlib.blake2b(f"{boot} {code} {fish}".encode(), digest_size=10).digest()
    return write_ulid(at_ms.to_bytes(6, "big") + rest)


@functools.lru_cache(maxsize=16)
def _plan_day(unit: SortingUnit, day: int) -> _Day:
    lots = tuple(
        sort(lot, fault=unit.fault, checking=unit.checking) for lot in lots_of(unit.trade, unit.seed, day)
    )
    rows = [row for number, lot in enumerate(lots) for row in _rows(number, lot)]
    table = np.concatenate([np.zeros((4, 0), np.int64), *rows], axis=1)
    table = table[:, np.lexsort((table[3], table[1], table[0]))]
    at_ms, topic, lot, fish = table
    seqs = []
    for number in range(len(lots)):
        mine = np.flatnonzero((topic == EVENT) & (lot == number))
        seqs.append(mine[np.argsort(fish[mine])] + 1)
    return _Day(
        unit=unit,
        boot=unit.boot(day),
        lots=lots,
        at_ms=at_ms,
        topic=topic,
        lot=lot,
        fish=fish,
        event_seq=tuple(seqs),
    )


def _rows(number: int, lot: Sorted) -> Iterator[Instants]:
    """List what is sent of a lot: instant, topic, lot and fish, int64[4, n]."""
    at_ms = lot.lot.at_ms
    everyone = np.arange(at_ms.size)
    for topic, instants, chosen in (
        (FRAME, at_ms, everyone[lot.framed]),
        (EVENT, at_ms, everyone),
        (VERIFICATION, lot.checked_ms, everyone[lot.checked]),
    ):
        rest = [np.full(chosen.size, value) for value in (topic, number)]
        yield np.stack([instants[chosen], *rest, chosen])
