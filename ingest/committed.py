"""Telling devices what is committed, so that those with a buffer may let go of it."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import msgspec

from ingest.topics import committed_topic

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ingest.link import Link
    from ingest.metrics import Metrics
    from ingest.registry import Registry
    from store.boots import Committed

LEAST_PAUSE_S: Final = 1.0
"""Between two notices on the same boot of the same device, unless it asks."""
TICK_S: Final = 0.1
MOST_WAITING: Final = 50_000

Key = tuple[int, str]


class Notices:
    """What is to be told, and when each boot was last told of."""

    def __init__(self, link: Link, registry: Registry, metrics: Metrics) -> None:
        self._link = link
        self._registry = registry
        self._metrics = metrics
        self._waiting: dict[Key, Committed] = {}
        self._told: dict[Key, tuple[float, int]] = {}

    def note(self, committed: Iterable[Committed], asked: set[Key]) -> None:
        """Take what a committed batch learnt; what was asked for is told at once."""
        for item in committed:
            key = (item.device_id, item.boot)
            # Of two batches written at once the earlier one may be committed later, and know more.
            known = self._waiting.get(key)
            told = self._told.get(key)
            most = max(item.seq, known.seq if known else 0, told[1] if told else 0)
            self._waiting[key] = replace(item, seq=most)
            if len(self._waiting) > MOST_WAITING:  # the broker is away; a device that asks will be told again
                del self._waiting[next(iter(self._waiting))]
                self._metrics.notices_dropped += 1
            if key in asked and key in self._waiting:
                self._tell(key, time.monotonic())

    def tell_due(self) -> None:
        """Tell what may be told now; what the link cannot take waits."""
        now_s = time.monotonic()
        self._told = {key: told for key, told in self._told.items() if now_s - told[0] < LEAST_PAUSE_S}
        for key in [key for key in self._waiting if key not in self._told]:
            if not self._tell(key, now_s):
                break

    def _tell(self, key: Key, now_s: float) -> bool:
        """Tell it; False if the link takes nothing just now."""
        item = self._waiting[key]
        name = self._registry.name_of(item.device_id)
        if name is not None:
            payload = msgspec.json.encode({"boot": item.boot, "seq": item.seq})
            if not self._link.publish(committed_topic(name), payload):
                return False
            self._metrics.notices += 1
        self._told[key] = (now_s, item.seq)
        del self._waiting[key]
        return True

    async def run(self) -> None:
        """Tell what became due, for ever."""
        while True:
            await asyncio.sleep(TICK_S)
            self.tell_due()
