"""Chunks gathered for one transaction, and the sheet that is made of them."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ingest.chunk import Chunk, Columns, Sent, join
from ingest.validate import flag
from store.frames import FrameSent
from store.readings import Fate, Rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ingest.link import Delivery
    from store.readings import Fates

HOUR_US = 3_600_000_000


@dataclass(slots=True)
class Batch:
    """What goes into one transaction.

    Attributes
    ----------
    deliveries : list[Delivery]
        Those that may be acknowledged once it is committed, in order of arrival.
    rows : int
        As `Chunk.rows` counts.
    began_s : float
        When the first chunk came, by the monotonic clock.
    """

    chunks: list[Chunk] = field(default_factory=list)
    deliveries: list[Delivery] = field(default_factory=list)
    rows: int = 0
    began_s: float = 0.0

    def add(self, chunk: Chunk) -> None:
        """Add a chunk."""
        if not self.chunks:
            self.began_s = time.monotonic()
        self.chunks.append(chunk)
        self.rows += chunk.rows

    def fits(self, chunk: Chunk) -> bool:
        """Tell whether a chunk was received in the same hour, as the ledger counts by the hour."""
        return not self.chunks or self.chunks[0].received_us // HOUR_US == chunk.received_us // HOUR_US


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """The readings of a batch, ready for the database.

    Attributes
    ----------
    rows : Rows
        Sorted by key, each key once: the first of a key to arrive.
    row : intp[n]
        For each reading, sorted by key, its row.
    arrival : intp[n]
        For each of them its place in the order of arrival.
    value : float64[n]
    device : int32[n]
    slot : int32[n]
    columns : Columns
        The readings in order of arrival, and their records.
    chunk_of : int64[r]
        For each record its chunk.
    items : list[tuple[Chunk, Sent]]
        Of sorting units, in order of arrival.
    """

    chunks: Sequence[Chunk]
    rows: Rows
    row: NDArray[np.intp]
    arrival: NDArray[np.intp]
    value: NDArray[np.float64]
    device: NDArray[np.int32]
    slot: NDArray[np.int32]
    columns: Columns
    chunk_of: NDArray[np.int64]
    items: Sequence[tuple[Chunk, Sent]]

    @property
    def repeats(self) -> bool:
        """Whether a key came more than once."""
        return len(self.row) != len(self.rows)

    def spread(self, fates: Fates) -> NDArray[np.int8]:
        """Give each reading its `Fate`, those too whose key came earlier in the same batch."""
        code = fates.code[self.row]
        if not self.repeats:
            return code
        again = np.zeros(len(self.row), np.bool_)
        again[1:] = self.row[1:] == self.row[:-1]
        same = self.value == fates.stored[self.row]
        late = np.where(same, Fate.DUPLICATE, Fate.CONFLICTING)
        code[again] = np.where(code[again] == Fate.REFUSED, Fate.REFUSED, late[again])
        return code

    def locate(self, places: NDArray[np.intp]) -> list[tuple[Chunk, int, int]]:
        """Tell where readings came from: chunk, number of the message, index within it.

        Parameters
        ----------
        places : intp[k]
            Of readings sorted by key.
        """
        arrival = self.arrival[places]
        ends = np.cumsum(self.columns.count)
        record = np.searchsorted(ends, arrival, side="right")
        index = self.columns.first[record] + arrival - (ends[record] - self.columns.count[record])
        found = zip(
            self.chunk_of[record].tolist(), self.columns.owner[record].tolist(), index.tolist(), strict=True
        )
        return [(self.chunks[chunk], owner, place) for chunk, owner, place in found]

    @property
    def speakers(self) -> set[int]:
        """Devices whose status the sheet holds."""
        return {status.device_id for chunk in self.chunks for status in chunk.statuses}

    @property
    def item_keys(self) -> set[tuple[int, object, int]]:
        """What there is once of each event, verification and image."""
        items = (sent.item for _, sent in self.items)
        return {
            (item.device_id, item.sha256, item.at)
            if isinstance(item, FrameSent)
            else (item.device_id, item.boot, item.seq)
            for item in items
        }

    def meets(self, other: Sheet) -> bool:
        """Tell whether two sheets may have a key in common: then which came first decides, and one must wait.

        Looks at the time that each series spans: sheets of live readings follow each other. Of a device's
        statuses too the later one is to stay.
        """
        if not self.speakers.isdisjoint(other.speakers):
            return True
        if self.items and other.items and not self.item_keys.isdisjoint(other.item_keys):
            return True
        mine, theirs = self._spans(), other._spans()
        _, i, k = np.intersect1d(mine[0], theirs[0], assume_unique=True, return_indices=True)
        return bool(((mine[1][i] <= theirs[2][k]) & (theirs[1][k] <= mine[2][i])).any())

    def _spans(self) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int64]]:
        """Give each series once, its first and its last time."""
        series, at = self.rows.series, self.rows.at
        last = (
            np.flatnonzero(np.append(series[1:] != series[:-1], True))
            if len(series)
            else np.zeros(0, np.intp)
        )
        first = np.concatenate(([0], last[:-1] + 1)) if len(series) else last
        return series[last], at[first], at[last]


def seal(chunks: Sequence[Chunk], slots: NDArray[Any]) -> Sheet:
    """Sort the readings of chunks by key and set their quality flags.

    Parameters
    ----------
    slots : structured array
        `ingest.registry.Registry.slots`.
    """
    parts = [part for chunk in chunks for part in chunk.parts]
    columns = join(parts)
    series_in = slots["series"][columns.slot]
    arrival = _sort(series_in, columns.at)
    series, at = series_in[arrival], columns.at[arrival]
    fresh = np.ones(len(series), np.bool_)
    fresh[1:] = (series[1:] != series[:-1]) | (at[1:] != at[:-1])
    row = np.cumsum(fresh) - 1
    slot, value = columns.slot[arrival], columns.value[arrival]
    received = np.repeat(
        np.array([chunk.received_us for chunk in chunks], np.int64),
        np.array([sum(map(len, chunk.parts)) for chunk in chunks], np.intp),
    )[arrival]
    rows = Rows(series=series, at=at, received=received, value=value, quality=flag(slots, slot, value))
    counts = [sum(len(part.owner) for part in chunk.parts) for chunk in chunks]
    return Sheet(
        chunks=chunks,
        rows=rows if fresh.all() else rows.take(fresh),
        row=row,
        arrival=arrival,
        value=value,
        device=slots["device"][slot],
        slot=slot,
        columns=columns,
        chunk_of=np.repeat(np.arange(len(chunks)), np.array(counts, np.intp)),
        items=[(chunk, sent) for chunk in chunks for sent in chunk.items],
    )


def _sort(series: NDArray[np.int32], at: NDArray[np.int64]) -> NDArray[np.intp]:
    """Give the stable order by (series, at); readings of one series mostly come in the order of time."""
    order = np.argsort(series, kind="stable")
    same, later = series[order[1:]] == series[order[:-1]], at[order[1:]] >= at[order[:-1]]
    return order if (later | ~same).all() else np.lexsort((at, series))
