"""Messages that were read together, as columns: what a batch is put together from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ingest.samples import Rejection
    from store.sort_batch import Item
    from store.status import StatusNews


REFUSAL_ROWS: Final = 20
"""Readings that are stored in the time that one message is put into quarantine, about."""
ITEM_ROWS: Final = 4
"""The same for one event of a sorting unit."""


class Source(Protocol):
    """Where the messages of a chunk can be looked up again, should one have to be kept raw."""

    @property
    def topics(self) -> Sequence[str]:
        """Topic by number of the message."""

    @property
    def payloads(self) -> Sequence[bytes]:
        """Payload by number of the message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Readings in order of arrival, and the records (samples, or columns of samples) that they came in.

    Attributes
    ----------
    slot : int32[n], row of `ingest.registry.Registry.slots`
    at : int64[n], µs since 1970
    value : float64[n], unit of the series
    owner : int64[r], number of each record's message
    first : int64[r], index within that message of the record's first reading
    count : int64[r], readings in the record; they follow each other in the columns above
    """

    slot: NDArray[np.int32]
    at: NDArray[np.int64]
    value: NDArray[np.float64]
    owner: NDArray[np.int64]
    first: NDArray[np.int64]
    count: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.slot)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A device wants to hear what is committed; `oldest` is the lowest number it still holds, 0: not said."""

    device_id: int
    boot: str
    oldest: int


@dataclass(frozen=True, slots=True)
class Sent:
    """An event, verification or image: number of its message, index within that, and what it is."""

    number: int
    index: int
    item: Item


@dataclass(slots=True, kw_only=True)
class Chunk:
    """All that a slice of a delivery came to.

    Attributes
    ----------
    devices : list[int]
        For each message its device, 0 if unregistered.
    rejections : list[tuple[int, int, Rejection]]
        Number of the message, device, and what was rejected of it.
    seqs : list[tuple[int, str, int]]
        Device, boot, sequence number.
    items : list[Sent]
        Of sorting units.
    origin : str
        How it came to us: ``mqtt`` or ``import``.
    """

    source: Source
    received_us: int
    parts: list[Columns] = field(default_factory=list)
    devices: list[int] = field(default_factory=list)
    rejections: list[tuple[int, int, Rejection]] = field(default_factory=list)
    seqs: list[tuple[int, str, int]] = field(default_factory=list)
    statuses: list[StatusNews] = field(default_factory=list)
    asks: list[Ask] = field(default_factory=list)
    items: list[Sent] = field(default_factory=list)
    origin: str = "mqtt"

    @property
    def rows(self) -> int:
        """How much work it is for the database: readings, and what goes to quarantine."""
        readings = sum(len(part) for part in self.parts)
        return readings + ITEM_ROWS * len(self.items) + REFUSAL_ROWS * len(self.rejections)


def join(parts: list[Columns]) -> Columns:
    """Put columns one after the other."""
    if len(parts) == 1:
        return parts[0]
    if not parts:
        parts = [EMPTY]
    return Columns(
        slot=np.concatenate([part.slot for part in parts]),
        at=np.concatenate([part.at for part in parts]),
        value=np.concatenate([part.value for part in parts]),
        owner=np.concatenate([part.owner for part in parts]),
        first=np.concatenate([part.first for part in parts]),
        count=np.concatenate([part.count for part in parts]),
    )


_NONE = np.zeros(0, np.int64)
EMPTY = Columns(
    slot=_NONE.astype(np.int32), at=_NONE, value=np.zeros(0), owner=_NONE, first=_NONE, count=_NONE
)
