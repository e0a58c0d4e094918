"""The ledger: per device and hour of receipt, how many readings came and what became of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from store.arrays import int4_array, int8_array, timestamptz_array

if TYPE_CHECKING:
    from datetime import datetime

    from numpy.typing import NDArray
    from psycopg import AsyncConnection

NO_DELAY: Final = np.iinfo(np.int64).max
"""Stands for "no delay was seen" in `Entries.min_delay_ms`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entries:
    """What to add to the ledger, as columns; each (device, hour) once, sorted.

    Attributes
    ----------
    device : int32[n]
    hour : int64[n], µs since 1970
    messages, received, committed, duplicate, conflicting, quarantined : int64[n], counts
    min_delay_ms : int64[n], or `NO_DELAY`
    """

    device: NDArray[np.int32]
    hour: NDArray[np.int64]
    messages: NDArray[np.int64]
    received: NDArray[np.int64]
    committed: NDArray[np.int64]
    duplicate: NDArray[np.int64]
    conflicting: NDArray[np.int64]
    quarantined: NDArray[np.int64]
    min_delay_ms: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.device)


_ADD_ENTRIES = """
INSERT INTO ledger AS l (device_id, hour, messages, received, committed, duplicate, conflicting, quarantined,
                         min_delay_ms, heard_at)
SELECT device_id, hour, messages, received, committed, duplicate, conflicting, quarantined,
       NULLIF(delay, 9223372036854775807), CASE WHEN delay < 9223372036854775807 THEN now() END
FROM unnest(%s, %s, %s, %s, %s, %s, %s, %s, %s)
     AS came (device_id, hour, messages, received, committed, duplicate, conflicting, quarantined, delay)
ON CONFLICT (device_id, hour) DO UPDATE SET
    messages = l.messages + excluded.messages,
    received = l.received + excluded.received,
    committed = l.committed + excluded.committed,
    duplicate = l.duplicate + excluded.duplicate,
    conflicting = l.conflicting + excluded.conflicting,
    quarantined = l.quarantined + excluded.quarantined,
    min_delay_ms = LEAST(l.min_delay_ms, excluded.min_delay_ms),
    heard_at = GREATEST(l.heard_at, excluded.heard_at)
"""


async def add_entries(conn: AsyncConnection, entries: Entries) -> None:
    """Add counts; the database checks that they balance."""
    counts = (
        entries.messages,
        entries.received,
        entries.committed,
        entries.duplicate,
        entries.conflicting,
        entries.quarantined,
        entries.min_delay_ms,
    )
    keys = (int4_array(entries.device), timestamptz_array(entries.hour))
    await conn.execute(_ADD_ENTRIES, (*keys, *(int8_array(count) for count in counts)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """By how much one entry changes when quarantined readings are replayed; all may be negative."""

    device_id: int
    hour: datetime
    messages: int = 0
    received: int = 0
    committed: int = 0
    duplicate: int = 0
    conflicting: int = 0
    quarantined: int = 0


_OPEN_ENTRY = """
INSERT INTO ledger (device_id, hour) VALUES (%(device_id)s, %(hour)s) ON CONFLICT (device_id, hour) DO NOTHING
"""
_MOVE_ENTRY = """
UPDATE ledger SET
    messages = messages + %(messages)s, received = received + %(received)s,
    committed = committed + %(committed)s, duplicate = duplicate + %(duplicate)s,
    conflicting = conflicting + %(conflicting)s, quarantined = quarantined + %(quarantined)s
WHERE device_id = %(device_id)s AND hour = %(hour)s
"""


async def move_entries(conn: AsyncConnection, moves: list[Move]) -> None:
    """Change entries one by one, in the order of their keys."""
    for move in sorted(moves, key=lambda move: (move.device_id, move.hour)):
        row = {name: getattr(move, name) for name in Move.__slots__}
        await conn.execute(_OPEN_ENTRY, row)
        await conn.execute(_MOVE_ENTRY, row)
