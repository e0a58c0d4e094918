"""History from files: the same checks, ledger and idempotence as for messages.

A hundred readings at a time stand for one message, which is what goes to quarantine where one of them is
rejected: a list of samples as a device would send it, each with the number of its row in the file.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np

from ingest.chunk import Chunk, Columns
from ingest.errors import ImportRefused
from ingest.moments import AHEAD_US, EARLIEST_MS, from_us, read_at
from ingest.registry import Registry
from ingest.samples import Rejection
from ingest.shown import clean, show
from ingest.topics import readings_topic
from ingest.write import Scribe
from store.batches import transaction
from store.devices import get_device
from store.imports import begin_import, count_imports, end_import
from store.readings import Fate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import overload

    from numpy.typing import NDArray

    from devices.model import Kind
    from ingest.registry import Sender
    from store.pool import AsyncConnectionPool

AS_ONE: Final = 100
"""Readings that are kept together where one of them is rejected."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a cell of a file is no reading; `at` and `value` as they stand there, None where they are good."""

    reason: str
    detail: str
    at: str | None = None
    value: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Readings of a file as columns.

    Attributes
    ----------
    keys : list[str]
        Channels, as in ``values`` of a message.
    key : int64[n]
        Index into `keys`.
    at : int64[n], µs since 1970; anything where there is a fault
    value : float64[n], in the unit of the device's kind; anything where there is a fault
    row : int64[n], number of the row in the file, the first one being 1
    faults : dict[int, Fault]
        By place in these columns.
    """

    keys: list[str]
    key: NDArray[np.int64]
    at: NDArray[np.int64]
    value: NDArray[np.float64]
    row: NDArray[np.int64]
    faults: dict[int, Fault] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.key)


@dataclass(slots=True, kw_only=True)
class Imported:
    """What became of a file's readings; `again` tells how often the very file was taken in before."""

    readings: int = 0
    committed: int = 0
    duplicate: int = 0
    conflicting: int = 0
    quarantined: int = 0
    again: int = 0
    reasons: Counter[str] = field(default_factory=Counter)


class _Texts(Sequence[bytes]):
    """Messages of a piece, written when one is asked for."""

    def __init__(self, piece: Piece) -> None:
        self._piece = piece

    def __len__(self) -> int:
        return (len(self._piece) + AS_ONE - 1) // AS_ONE

    if TYPE_CHECKING:

        @overload
        def __getitem__(self, number: int) -> bytes: ...
        @overload
        def __getitem__(self, number: slice) -> Sequence[bytes]: ...

    def __getitem__(self, number: Any) -> Any:
        last = min((number + 1) * AS_ONE, len(self._piece))
        samples = [self._sample(place) for place in range(number * AS_ONE, last)]
        return msgspec.json.encode(samples)

    def _sample(self, place: int) -> dict[str, object]:
        piece = self._piece
        fault = piece.faults.get(place, Fault("", ""))
        value = float(piece.value[place])
        number = value if np.isfinite(value) else str(value)
        at = _write_at(int(piece.at[place])) if fault.at is None else fault.at
        return {
            "at": at,
            "values": {piece.keys[piece.key[place]]: number if fault.value is None else fault.value},
            "row": int(piece.row[place]),
        }


@dataclass(frozen=True, slots=True)
class _Source:
    topics: list[str]
    payloads: Sequence[bytes]


class Backfill:
    """Takes the pieces of a file in for one device."""

    def __init__(
        self, pool: AsyncConnectionPool, kinds: Mapping[str, Kind], device: str, file_name: str
    ) -> None:
        self._pool = pool
        self._registry = Registry(pool, kinds)
        self._scribe = Scribe(pool, self._registry)
        self._device = device
        self._file_name = file_name

    async def meet(self) -> Sender:
        """Read the device.

        Raises
        ------
        StoreMissing
            It is not registered.
        ImportRefused
            Its kind has no file.
        """
        async with transaction(self._pool) as conn:
            await get_device(conn, self._device)
        await self._registry.find([self._device])
        sender = self._registry.by_name[self._device]
        if sender.kind is None:
            raise ImportRefused(f"{sender.name} is of the kind {sender.kind_name!r}, which has no file")
        return sender

    async def take_in(
        self, pieces: Iterable[Piece], digest: bytes, progress: Callable[[int], None] | None = None
    ) -> Imported:
        """Take pieces in, one transaction each, and note the import.

        Parameters
        ----------
        digest : bytes
            SHA-256 of the file.
        progress : Callable
            Called after each piece with the number of the file's row that it ends with.
        """
        sender, total = await self.meet(), Imported()
        async with transaction(self._pool) as conn:
            total.again = await count_imports(conn, sender.id, digest)
            number = await begin_import(conn, sender.id, self._file_name, digest)
        for piece in pieces:
            await self._take_piece(sender, piece, total)
            if progress is not None and len(piece):
                progress(int(piece.row[-1]))
        async with transaction(self._pool) as conn:
            await end_import(conn, number, msgspec.to_builtins(total))
        return total

    async def _take_piece(self, sender: Sender, piece: Piece, total: Imported) -> None:
        if not len(piece):
            return
        received_us = time.time_ns() // 1000
        slots = await self._place(sender, piece, received_us)
        topics = [readings_topic(sender.name)] * (1 + len(piece) // AS_ONE)
        chunk = Chunk(source=_Source(topics, _Texts(piece)), received_us=received_us, origin="import")
        place = np.arange(len(piece))
        chunk.devices = [sender.id] * (1 + (len(piece) - 1) // AS_ONE)
        chunk.parts = [_to_columns(piece, slots, place[np.isin(place, list(piece.faults), invert=True)])]
        chunk.rejections = [(n, sender.id, item) for n, item in self._reject(piece)]
        written = await self._scribe.write(self._scribe.seal([chunk]), live=False)
        counts = written.counts.tolist()
        total.readings += len(piece)
        total.committed += counts[Fate.COMMITTED]
        total.duplicate += counts[Fate.DUPLICATE]
        total.conflicting += counts[Fate.CONFLICTING]
        total.quarantined += written.quarantined
        total.reasons.update(fault.reason for fault in piece.faults.values())

    async def _place(self, sender: Sender, piece: Piece, received_us: int) -> NDArray[np.int32]:
        """Find the series of each key; note as faults what time, number or key make impossible."""
        latest_us = received_us + AHEAD_US
        for place in np.flatnonzero((piece.at < EARLIEST_MS * 1000) | (piece.at > latest_us)).tolist():
            piece.faults.setdefault(place, Fault("bad_time", _explain_at(int(piece.at[place]), received_us)))
        for place in np.flatnonzero(~np.isfinite(piece.value)).tolist():
            key = clean(piece.keys[piece.key[place]])
            told = f"{key} is {show(float(piece.value[place]))}"
            piece.faults.setdefault(place, Fault("not_finite", told))
        slots = np.full(len(piece.keys), -1, np.int32)
        missing: list[tuple[Sender, str]] = []
        for index, key in enumerate(piece.keys):
            refusal = sender.refuse(key, ahead=len(missing))
            if refusal is not None:
                for place in np.flatnonzero(piece.key == index).tolist():
                    piece.faults.setdefault(place, Fault(*refusal))
            elif key not in sender.channels:
                missing.append((sender, key))
        if missing:
            await self._registry.open_channels(missing)
        for index, key in enumerate(piece.keys):
            slots[index] = sender.channels.get(key, -1)
        return slots

    def _reject(self, piece: Piece) -> list[tuple[int, Rejection]]:
        """Gather the faults of each hundred readings by reason; the detail tells the rows."""
        found: dict[tuple[int, str], list[int]] = {}
        for place, fault in sorted(piece.faults.items()):
            found.setdefault((place // AS_ONE, fault.reason), []).append(place)
        rejections = []
        for (number, reason), places in found.items():
            first, last = int(piece.row[places[0]]), int(piece.row[places[-1]])
            rows = f"row {first}" if first == last else f"rows {first} to {last}"
            detail = f"{clean(self._file_name)}, {rows}: {piece.faults[places[0]].detail}"
            rejections.append((number, Rejection(reason, detail, [place % AS_ONE for place in places])))
        return rejections


def _has_date(at_us: int) -> bool:
    """Tell whether Python has a date for it: years 1 to 9999."""
    return -62_135_596_800_000_000 <= at_us < 253_402_300_800_000_000  # noqa: PLR2004


def _explain_at(at_us: int, received_us: int) -> str:
    told = read_at(from_us(at_us), received_us) if _has_date(at_us) else f"at is {_write_at(at_us)}: no date"
    return str(told)


def _write_at(at_us: int) -> str:
    return f"{from_us(at_us):%Y-%m-%dT%H:%M:%S.%fZ}" if _has_date(at_us) else f"{at_us} µs"


def _to_columns(piece: Piece, slots: NDArray[np.int32], places: NDArray[np.int64]) -> Columns:
    return Columns(
        slot=slots[piece.key[places]],
        at=piece.at[places],
        value=piece.value[places],
        owner=places // AS_ONE,
        first=places % AS_ONE,
        count=np.ones(len(places), np.int64),
    )
