"""The reading that arrived last, per series: gathered here, written at most once a second."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from store.batches import transaction
from store.latest import put_latest
from store.readings import Fate, Rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ingest.batch import Sheet
    from store.pool import AsyncConnectionPool

_LATEST = np.dtype([("series", "i4"), ("at", "i8"), ("received", "i8"), ("value", "f8"), ("quality", "i2")])


class Latest:
    """What is to be written yet; lost in a crash, and mended by the series' next reading."""

    def __init__(self) -> None:
        self._by_slot = np.zeros(0, _LATEST)
        self._dirty = np.zeros(0, np.bool_)

    def note(self, sheet: Sheet, fate: NDArray[np.int8]) -> None:
        """Remember the committed readings of a sheet, for each series the one that arrived last."""
        places = _last_to_arrive(sheet, fate)
        slot, row = sheet.slot[places], sheet.row[places]
        if not len(slot):
            return
        self._reach(int(slot.max()) + 1)
        for name in ("series", "at", "received", "value", "quality"):
            self._by_slot[name][slot] = getattr(sheet.rows, name)[row]
        self._dirty[slot] = True

    def _reach(self, slots: int) -> None:
        if slots > len(self._dirty):
            grown = np.zeros(2 * slots, _LATEST)
            grown[: len(self._by_slot)] = self._by_slot
            dirty = np.zeros(2 * slots, np.bool_)
            dirty[: len(self._dirty)] = self._dirty
            self._by_slot, self._dirty = grown, dirty

    async def write(self, pool: AsyncConnectionPool) -> None:
        """Write what is new; StoreUnavailable leaves it for the next time."""
        slots = np.flatnonzero(self._dirty)
        if not len(slots):
            return
        self._dirty[slots] = False
        try:
            fresh = self._by_slot[slots]
            fresh = fresh[np.argsort(fresh["series"])]
            async with transaction(pool) as conn:
                await put_latest(conn, Rows(**{name: fresh[name] for name in _LATEST.names or ()}))
        except BaseException:
            self._dirty[slots] = True
            raise


def _last_to_arrive(sheet: Sheet, fate: NDArray[np.int8]) -> NDArray[np.intp]:
    """Find for each series the place of the committed reading that arrived last."""
    if not len(sheet.slot):
        return sheet.arrival
    starts = np.flatnonzero(np.concatenate(([True], sheet.slot[1:] != sheet.slot[:-1])))
    arrival = np.where(fate == Fate.COMMITTED, sheet.arrival, -1)
    last = np.maximum.reduceat(arrival, starts)
    place_of = np.empty(len(sheet.arrival), np.intp)
    place_of[sheet.arrival] = np.arange(len(sheet.arrival))
    return place_of[last[last >= 0]]
