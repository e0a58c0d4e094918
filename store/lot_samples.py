"""Fish that people were asked to check by hand, with the probability by which each was chosen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from store.query import fetch_all, fetch_one

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from psycopg import AsyncConnection


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampled:
    """A fish that a person was asked to check.

    Attributes
    ----------
    boot : str
    fish : int | None
        Its number within the lot.
    said : int
        What the classifier says, by index into the lot's classes.
    selection_probability : float
        With which it was chosen from the fish that were there and not asked for yet.
    """

    id: int
    lot_id: int
    boot_id: int
    boot: str
    seq: int
    fish: int | None
    at: datetime
    said: int
    probabilities: list[float]
    selection_probability: float
    reason: str
    drawn_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """A fish to ask for."""

    boot_id: int
    seq: int
    selection_probability: float
    reason: str


_INSERT_SAMPLES = """
INSERT INTO lot_samples (lot_id, boot_id, seq, selection_probability, reason, drawn_by)
SELECT %s, came.boot_id, came.seq, came.selection_probability, came.reason, %s
FROM unnest(%s::int4[], %s::int8[], %s::float8[], %s::text[])
    AS came (boot_id, seq, selection_probability, reason)
"""


async def add_samples(
    conn: AsyncConnection, lot_id: int, draws: Sequence[Draw], *, by: int | None = None
) -> None:
    """Note which fish a person is asked to check."""
    columns = (
        [draw.boot_id for draw in draws],
        [draw.seq for draw in draws],
        [draw.selection_probability for draw in draws],
        [draw.reason for draw in draws],
    )
    await conn.execute(_INSERT_SAMPLES, (lot_id, by, *columns))


_SAMPLES = """
SELECT s.id, s.lot_id, s.boot_id, b.boot, s.seq, e.fish, e.at, e.class AS said, e.probabilities,
       s.selection_probability, s.reason, s.drawn_at
FROM lot_samples s JOIN sort_boots b ON b.id = s.boot_id
JOIN sort_events e ON e.boot_id = s.boot_id AND e.seq = s.seq AND e.lot_id = s.lot_id
"""
_SELECT_OPEN = (
    _SAMPLES
    + """
WHERE s.lot_id = %s AND s.drawn_at >= %s AND NOT EXISTS (
    SELECT FROM verifications v
    WHERE v.event_boot_id = s.boot_id AND v.event_seq = s.seq AND v.withdrawn_at IS NULL
)
ORDER BY s.id
"""
)


async def open_samples(conn: AsyncConnection, lot_id: int, since: datetime) -> list[Sampled]:
    """List the fish of a lot asked for since an instant and not checked yet, in the order of asking."""
    return await fetch_all(conn, Sampled, _SELECT_OPEN, [lot_id, since])


_SELECT_LAST = _SAMPLES + "WHERE s.boot_id = %s AND s.seq = %s ORDER BY s.id DESC LIMIT 1"


async def last_sample(conn: AsyncConnection, boot_id: int, seq: int) -> Sampled | None:
    """Find out how a fish came to be asked for; None: nobody asked for it."""
    return await fetch_one(conn, Sampled, _SELECT_LAST, [boot_id, seq])


# Taken for the transaction, so that two who ask at once are not given the same fish by two probabilities.
_LOCK_LOT = "SELECT id FROM lots WHERE id = %s FOR NO KEY UPDATE"
_SELECT_ASKED = "SELECT boot_id, seq FROM lot_samples WHERE lot_id = %s"


async def lock_samples(conn: AsyncConnection, lot_id: int) -> set[tuple[int, int]]:
    """Be the only one who draws from a lot until the transaction ends; gives the fish asked for so far."""
    await conn.execute(_LOCK_LOT, [lot_id])
    cursor = await conn.execute(_SELECT_ASKED, [lot_id])
    return {(boot_id, seq) for boot_id, seq in await cursor.fetchall()}
