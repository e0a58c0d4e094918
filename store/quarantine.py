"""What could not be stored, raw: taken in, shown, and closed again after a replay."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

from store.errors import StoreMissing
from store.query import fetch_all, fetch_one

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from psycopg import AsyncConnection


@dataclass(slots=True, kw_only=True)
class Refusal:
    """Readings of one message that are rejected for one reason.

    Attributes
    ----------
    digest : bytes
        SHA-256 of topic, payload, reason and `rejected`: the same again is the same row.
    device_id : int
        0: not registered.
    rejected : list[int] | None
        Which readings of the message, in its own order; None: all of it.
    readings : int
        How many readings the ledger counts for it, each time that it is seen.
    sightings : int
        How often it was seen in `hour`.
    """

    digest: bytes
    device_id: int
    topic: str
    payload: bytes
    reason: str
    detail: str
    rejected: list[int] | None
    readings: int
    received_at: datetime
    hour: datetime
    sightings: int = 1
    origin: str = "mqtt"


_ADD_REFUSALS = """
WITH came AS MATERIALIZED (
    SELECT * FROM unnest(%s::bytea[], %s::int4[], %s::text[], %s::bytea[], %s::text[], %s::text[], %s::text[],
                         %s::text[], %s::int4[], %s::timestamptz[], %s::timestamptz[], %s::int8[])
        AS came (digest, device_id, topic, payload, origin, reason, detail, rejected, readings, received_at,
                 hour, sightings)
), kept AS (
    INSERT INTO quarantine AS q
        (digest, device_id, topic, payload, origin, reason, detail, rejected, readings, received_at, seen_at)
    SELECT DISTINCT ON (digest) digest, device_id, topic, payload, origin, reason, detail, rejected::int4[],
           readings, received_at, received_at
    FROM came ORDER BY digest, hour
    ON CONFLICT (digest) DO UPDATE SET seen_at = GREATEST(q.seen_at, excluded.seen_at), state = 'open'
    RETURNING id, digest
)
INSERT INTO quarantine_sightings AS s (quarantine_id, hour, pending)
SELECT kept.id, came.hour, sum(came.sightings) FROM came JOIN kept USING (digest) GROUP BY 1, 2 ORDER BY 1, 2
ON CONFLICT (quarantine_id, hour) DO UPDATE SET pending = s.pending + excluded.pending
"""


async def add_refusals(conn: AsyncConnection, refusals: Sequence[Refusal]) -> None:
    """Keep messages; one that is kept already is seen once more."""
    if not refusals:
        return
    columns = (
        [item.digest for item in refusals],
        [item.device_id for item in refusals],
        [item.topic for item in refusals],
        [item.payload for item in refusals],
        [item.origin for item in refusals],
        [item.reason for item in refusals],
        [item.detail for item in refusals],
        [None if item.rejected is None else _int4s(item.rejected) for item in refusals],
        [item.readings for item in refusals],
        [item.received_at for item in refusals],
        [item.hour for item in refusals],
        [item.sightings for item in refusals],
    )
    await conn.execute(_ADD_REFUSALS, columns)


def _int4s(numbers: list[int]) -> str:
    return "{" + ",".join(map(str, numbers)) + "}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A row of quarantine without its payload; `device` is None where the sender is not registered.

    Attributes
    ----------
    sightings : int
        How often it was seen and not replayed yet.
    """

    id: int
    device_id: int
    device: str | None
    lab: str | None
    simulated: bool
    topic: str
    size_bytes: int
    origin: str
    reason: str
    detail: str
    rejected: list[int] | None
    readings: int
    sightings: int
    received_at: datetime
    seen_at: datetime
    state: str
    replayed_at: datetime | None
    outcome: dict[str, Any] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantined(Listed):
    """A row of quarantine with its payload."""

    payload: bytes


_COLUMNS = """
       q.id, q.device_id, d.name AS device, labs.slug AS lab, COALESCE(d.simulated, false) AS simulated,
       q.topic, octet_length(q.payload) AS size_bytes, q.origin, q.reason, q.detail, q.rejected, q.readings,
       q.received_at, q.seen_at, q.state, q.replayed_at, q.outcome, COALESCE((
           SELECT sum(pending)::int8 FROM quarantine_sightings s WHERE s.quarantine_id = q.id
       ), 0) AS sightings"""
_TABLES = """
FROM quarantine q LEFT JOIN devices d ON d.id = q.device_id LEFT JOIN labs ON labs.id = d.lab_id
"""
_ROWS = "SELECT q.payload," + _COLUMNS + _TABLES
_LIST = (
    "SELECT"
    + _COLUMNS
    + _TABLES
    + """
WHERE (%(lab)s::text IS NULL OR labs.slug = %(lab)s) AND (%(device)s::text IS NULL OR d.name = %(device)s)
  AND (%(state)s::text IS NULL OR q.state = %(state)s) AND (%(reason)s::text IS NULL OR q.reason = %(reason)s)
  AND (%(before)s::int8 IS NULL OR q.id < %(before)s)
ORDER BY q.id DESC LIMIT %(limit)s
"""
)


async def list_quarantine(
    conn: AsyncConnection,
    *,
    lab: str | None = None,
    device: str | None = None,
    state: str | None = "open",
    reason: str | None = None,
    before: int | None = None,
    limit: int = 100,
) -> list[Listed]:
    """List rows without their payloads, newest first; the next page begins `before` the last id of this one.

    Parameters
    ----------
    lab : str | None
        Only what this lab's devices sent. None: everything, unregistered senders too.
    """
    parameters = {
        "lab": lab,
        "device": device,
        "state": state,
        "reason": reason,
        "before": before,
        "limit": limit,
    }
    return await fetch_all(conn, Listed, _LIST, parameters)


_GET = _ROWS + "WHERE q.id = %(id)s AND (%(lab)s::text IS NULL OR labs.slug = %(lab)s)"


async def get_quarantine(conn: AsyncConnection, quarantine_id: int, lab: str | None = None) -> Quarantined:
    """Find one row.

    Raises
    ------
    StoreMissing
        There is none, or it is another lab's.
    """
    row = await fetch_one(conn, Quarantined, _GET, {"id": quarantine_id, "lab": lab})
    if row is None:
        raise StoreMissing("quarantined message", str(quarantine_id))
    return row


_LOCK_OPEN = (
    _ROWS
    + """
WHERE q.id = ANY (%(ids)s) AND q.state = 'open' AND (%(lab)s::text IS NULL OR labs.slug = %(lab)s)
ORDER BY q.id FOR UPDATE OF q SKIP LOCKED
"""
)


async def lock_open(conn: AsyncConnection, ids: Sequence[int], lab: str | None = None) -> list[Quarantined]:
    """Take open rows for a replay; those that another gateway is replaying are left out."""
    return await fetch_all(conn, Quarantined, _LOCK_OPEN, {"ids": list(ids), "lab": lab})


_LIST_SIGHTINGS = """
SELECT quarantine_id, hour, pending FROM quarantine_sightings
WHERE quarantine_id = ANY (%s) AND pending > 0 ORDER BY quarantine_id, hour
"""


async def list_sightings(conn: AsyncConnection, ids: Sequence[int]) -> dict[int, list[tuple[datetime, int]]]:
    """Tell in which hours rows were seen and not replayed yet, and how often."""
    cursor = await conn.execute(_LIST_SIGHTINGS, [list(ids)])
    sightings: dict[int, list[tuple[datetime, int]]] = {row_id: [] for row_id in ids}
    for row_id, hour, pending in await cursor.fetchall():
        sightings[row_id].append((hour, pending))
    return sightings


_CLOSE_SIGHTINGS = "UPDATE quarantine_sightings SET pending = 0 WHERE quarantine_id = %s"
_CLOSE = "UPDATE quarantine SET state = 'replayed', replayed_at = now(), outcome = %s WHERE id = %s"


async def close_replayed(conn: AsyncConnection, quarantine_id: int, outcome: dict[str, Any]) -> None:
    """Mark a row as dealt with."""
    await conn.execute(_CLOSE_SIGHTINGS, [quarantine_id])
    await conn.execute(_CLOSE, (Jsonb(outcome), quarantine_id))


_IS_TAKEN = "SELECT 1 FROM quarantine WHERE digest = %s AND id <> %s"


async def is_taken(conn: AsyncConnection, digest: bytes, quarantine_id: int) -> bool:
    """Tell whether another row than this one holds the digest."""
    cursor = await conn.execute(_IS_TAKEN, (digest, quarantine_id))
    return await cursor.fetchone() is not None


_KEEP_OPEN = """
UPDATE quarantine SET digest = %s, device_id = %s, reason = %s, detail = %s, rejected = %s, readings = %s,
       replayed_at = now(), outcome = %s
WHERE id = %s
"""


async def keep_open(
    conn: AsyncConnection, quarantine_id: int, refusal: Refusal, outcome: dict[str, Any]
) -> None:
    """Note why what is left of a row still cannot be stored."""
    row = (refusal.digest, refusal.device_id, refusal.reason, refusal.detail, refusal.rejected)
    await conn.execute(_KEEP_OPEN, (*row, refusal.readings, Jsonb(outcome), quarantine_id))


_OPEN_IDS = """
SELECT q.id FROM quarantine q LEFT JOIN devices d ON d.id = q.device_id LEFT JOIN labs ON labs.id = d.lab_id
WHERE q.state = 'open' AND (%(lab)s::text IS NULL OR labs.slug = %(lab)s)
  AND (%(device)s::text IS NULL OR d.name = %(device)s
       OR (q.device_id = 0 AND split_part(q.topic, '/', 3) = %(device)s))
  AND (%(reason)s::text IS NULL OR q.reason = %(reason)s)
ORDER BY q.id
"""


async def open_ids(
    conn: AsyncConnection, *, lab: str | None = None, device: str | None = None, reason: str | None = None
) -> list[int]:
    """List the ids of open rows, oldest first; `device` also finds what it sent before it was registered."""
    cursor = await conn.execute(_OPEN_IDS, {"lab": lab, "device": device, "reason": reason})
    return [row[0] for row in await cursor.fetchall()]
