"""A sorted fish as it goes into the database, and its row in COPY's binary form."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from store.arrays import PG_EPOCH_US

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(slots=True, kw_only=True)
class SortEvent:
    """What a unit tells of one fish, checked.

    Attributes
    ----------
    at, received : int
        µs since 1970.
    lot : str
        As the unit names it.
    classes : tuple[str, ...]
        Of the product; what `cls` and `probabilities` count by.
    fish : int | None
        Number within the lot.
    cls : int
        What the classifier says.
    id : bytes | None
        16 bytes of a ULID.
    frame : bytes | None
        SHA-256 of an image.
    more : str | None
        JSON of what else was sent.
    digest : int
        Of all that was sent, 64 bits: tells equal from different.
    """

    device_id: int
    boot: str
    seq: int
    at: int
    received: int
    lot: str
    product: str
    species: str
    classes: tuple[str, ...]
    cls: int
    probabilities: tuple[float, ...]
    model: str
    calibration: str
    digest: int
    fish: int | None = None
    coupling: float | None = None
    weight_g: float | None = None
    fork_length_mm: float | None = None
    spine_ratio: float | None = None
    latency_ms: float | None = None
    bin_commanded: str | None = None
    bin_confirmed: str | None = None
    frame: bytes | None = None
    id: bytes | None = None
    more: str | None = None

    @property
    def placing(self) -> int:
        """Tell where the fish went: 0 as commanded, 1 elsewhere, -1 not known."""
        if self.bin_commanded is None or self.bin_confirmed is None:
            return -1
        return int(self.bin_commanded != self.bin_confirmed)


@dataclass(frozen=True, slots=True)
class Placed:
    """An event and the numbers that stand for its boot, lot and model."""

    event: SortEvent
    boot_id: int
    lot_id: int
    model_id: int


COPY_EVENTS: Final = """
COPY sort_events (boot_id, seq, device_id, lot_id, model_id, at, received_at, class, digest, probabilities,
                  fish, coupling, weight_g, fork_length_mm, spine_ratio, latency_ms, bin_commanded,
                  bin_confirmed, frame, id, more) FROM STDIN (FORMAT BINARY)
"""
_COLUMNS: Final = 21
_HEADER: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER: Final = b"\xff\xff"
_FLOAT4_OID: Final = 700
_JSONB_VERSION: Final = b"\x01"
_NULL: Final = struct.pack(">i", -1)
# Each value behind its size in bytes (PostgreSQL 17, COPY, "Binary Format").
_FIXED: Final = struct.Struct(">h ii iq ii ii ii iq iq ih iq")
_INT4: Final = struct.Struct(">ii")
_FLOAT4: Final = struct.Struct(">if")
_SIZE: Final = struct.Struct(">i")
_VECTORS: Final[dict[int, struct.Struct]] = {}


def encode_events(rows: Iterable[Placed]) -> bytes:
    """Pack events as `COPY_EVENTS` has them."""
    return b"".join((_HEADER, *map(_encode, rows), _TRAILER))


def _encode(row: Placed) -> bytes:
    event = row.event
    fixed = _FIXED.pack(
        *(_COLUMNS, 4, row.boot_id, 8, event.seq, 4, event.device_id, 4, row.lot_id, 4, row.model_id),
        *(8, event.at - PG_EPOCH_US, 8, event.received - PG_EPOCH_US, 2, event.cls, 8, event.digest),
    )
    return b"".join(
        (
            fixed,
            _vector(event.probabilities),
            _NULL if event.fish is None else _INT4.pack(4, event.fish),
            _number(event.coupling),
            _number(event.weight_g),
            _number(event.fork_length_mm),
            _number(event.spine_ratio),
            _number(event.latency_ms),
            _bytes(None if event.bin_commanded is None else event.bin_commanded.encode()),
            _bytes(None if event.bin_confirmed is None else event.bin_confirmed.encode()),
            _bytes(event.frame),
            _bytes(event.id),
            _bytes(None if event.more is None else _JSONB_VERSION + event.more.encode()),
        )
    )


def _vector(values: tuple[float, ...]) -> bytes:
    """Pack ``float4[]``: size, dimensions, no nulls, type, length, lower bound, then the elements."""
    count = len(values)
    layout = _VECTORS.get(count)
    if layout is None:
        layout = _VECTORS[count] = struct.Struct(">iiiiii" + "if" * count)
    elements = [part for value in values for part in (4, value)]
    return layout.pack(20 + 8 * count, 1, 0, _FLOAT4_OID, count, 1, *elements)


def _number(value: float | None) -> bytes:
    return _NULL if value is None else _FLOAT4.pack(4, value)


def _bytes(value: bytes | None) -> bytes:
    return _NULL if value is None else _SIZE.pack(len(value)) + value
