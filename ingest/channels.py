"""Which series the readings of odd messages go to; those that are missing are begun all at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ingest.patience import persist
from ingest.shown import clean
from store.errors import RowsRefused, RowsRepeated

if TYPE_CHECKING:
    from ingest.registry import Registry, Sender
    from ingest.samples import Contents

Refusal = tuple[str, str]
"""Reason and detail."""

HINTS: Final = 5
"""Unknown keys of a sender for which the nearest one is looked up: it takes longer than all else."""


class Channels:
    """The keys of some messages, each looked at once: `want` all, `open` what is missing, `place` all."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._refusals: dict[Sender, dict[str, Refusal]] = {}
        self._wanted: dict[Sender, dict[str, None]] = {}
        self._missing: dict[Sender, list[str]] = {}

    def want(self, sender: Sender, contents: Contents) -> None:
        """Note which keys have no series yet, and which can have none."""
        wanted = self._wanted.setdefault(sender, {})
        refusals = self._refusals.setdefault(sender, {})
        missing = self._missing.setdefault(sender, [])
        for key in dict.fromkeys(reading.key for reading in contents.readings):
            if key in wanted:
                continue
            wanted[key] = None
            refusal = sender.refuse(key, ahead=len(missing), hint=len(refusals) < HINTS)
            if refusal is not None:
                refusals[key] = refusal
            elif key not in sender.channels:
                missing.append(key)

    async def open(self) -> None:
        """Begin the missing series in one transaction; one by one if the database refuses that."""
        missing = [(sender, key) for sender, keys in self._missing.items() for key in keys]
        self._missing.clear()
        if not missing:
            return
        try:
            await persist(lambda: self._registry.open_channels(missing), "open series")
        except (RowsRefused, RowsRepeated):
            for sender, key in missing:
                await self._open_one(sender, key)

    async def _open_one(self, sender: Sender, key: str) -> None:
        try:
            await persist(lambda: self._registry.open_channels([(sender, key)]), "open a series")
        except (RowsRefused, RowsRepeated) as error:
            self._refusals[sender][key] = "database_refused", clean(str(error), 200)

    def place(self, sender: Sender, contents: Contents) -> dict[str, int]:
        """Reject the readings that can have no series; give the slots of the others by key."""
        refusals = self._refusals.get(sender, {})
        kept = []
        for reading in contents.readings:
            if reading.key in refusals:
                contents.reject(*refusals[reading.key], reading.index)
            else:
                kept.append(reading)
        contents.readings = kept
        return {key: sender.channels[key] for key in dict.fromkeys(reading.key for reading in kept)}
