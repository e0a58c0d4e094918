"""Verifications that units send, and the events that they are of, whichever comes first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

import numpy as np

from store.arrays import int4_array, int8_array, timestamptz_array
from store.readings import Fate
from store.verdicts import COMMITTED, CONFLICTING, DUPLICATE, Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from psycopg import AsyncConnection

    from store.lot_dues import SortNews
    from store.sort_boots import Boot
    from store.sort_rows import SortEvent


@dataclass(slots=True, kw_only=True)
class CheckSent:
    """What a unit tells of a fish that somebody checked.

    Attributes
    ----------
    at, received : int
        µs since 1970.
    event_boot, event_seq, event_id : str | None, int | None, bytes | None
        Which fish of the same unit: by boot and number, or by ULID.
    cls : str
        The true class.
    selection_probability : float
        With which the fish was chosen, above 0 and at most 1.
    digest : int
        Of all that was sent, 64 bits.
    """

    device_id: int
    boot: str
    seq: int
    at: int
    received: int
    event_boot: str | None
    event_seq: int | None
    event_id: bytes | None
    cls: str
    method: str
    operator: str
    selection_probability: float
    reason: str
    note: str
    more: str | None
    digest: int


_SELECT_SENT = """
SELECT v.boot_id, v.seq, v.digest, v.class
FROM unnest(%s, %s) AS came (boot_id, seq)
JOIN verifications v ON v.boot_id = came.boot_id AND v.seq = came.seq
"""
_INSERT_SENT = """
INSERT INTO verifications (device_id, event_boot_id, event_seq, event_id, class, method, operator,
                           selection_probability, reason, note, more, at, received_at, boot_id, seq, digest)
SELECT * FROM unnest(%s::int4[], %s::int4[], %s::int8[], %s::uuid[], %s::text[], %s::text[], %s::text[],
                     %s::float8[], %s::text[], %s::text[], %s::jsonb[], %s, %s, %s::int4[], %s::int8[],
                     %s::int8[])
RETURNING id
"""


async def add_checks(
    conn: AsyncConnection, checks: Sequence[CheckSent], boots: Mapping[Boot, int], news: SortNews
) -> list[Verdict]:
    """Store verifications that are new, and match them with their events as far as these are there.

    Parameters
    ----------
    boots : Mapping[Boot, int]
        As `store.sort_boots.lock_boots` gave them, of the verifications and of their events.
    """
    if not checks:
        return []
    keys = [(boots[check.device_id, check.boot], check.seq) for check in checks]
    stored = await _stored(conn, keys)
    verdicts, fresh = [], []
    for check, key in zip(checks, keys, strict=True):
        known = stored.get(key)
        if known is None:
            stored[key] = (check.digest, check.cls)
            fresh.append((key[0], check))
        verdicts.append(_judge(check, known))
    if fresh:
        added = await _insert(conn, fresh, boots)
        await match_checks(conn, added, news)
    return verdicts


async def _stored(
    conn: AsyncConnection, keys: Sequence[tuple[int, int]]
) -> dict[tuple[int, int], tuple[int, str]]:
    columns = (
        int4_array(np.array([key[0] for key in keys])),
        int8_array(np.array([key[1] for key in keys], np.int64)),
    )
    cursor = await conn.execute(_SELECT_SENT, columns, prepare=False)
    return {(row[0], row[1]): (row[2], row[3]) for row in await cursor.fetchall()}


def _judge(check: CheckSent, known: tuple[int, str] | None) -> Verdict:
    if known is None:
        return COMMITTED
    if known[0] == check.digest:
        return DUPLICATE
    detail = f"verification {check.seq} of {check.boot!r}: stored {known[1]}, came {check.cls}"
    return Verdict(Fate.CONFLICTING, CONFLICTING, detail)


async def _insert(
    conn: AsyncConnection, fresh: Sequence[tuple[int, CheckSent]], boots: Mapping[Boot, int]
) -> list[int]:
    checks = [check for _, check in fresh]
    columns: tuple[Any, ...] = (
        [check.device_id for check in checks],
        [None if c.event_boot is None else boots[c.device_id, c.event_boot] for c in checks],
        [check.event_seq for check in checks],
        [None if check.event_id is None else UUID(bytes=check.event_id) for check in checks],
        [check.cls for check in checks],
        [check.method for check in checks],
        [check.operator for check in checks],
        [check.selection_probability for check in checks],
        [check.reason for check in checks],
        [check.note for check in checks],
        [check.more for check in checks],
        timestamptz_array(np.array([check.at for check in checks], np.int64)),
        timestamptz_array(np.array([check.received for check in checks], np.int64)),
        [boot_id for boot_id, _ in fresh],
        [check.seq for check in checks],
        [check.digest for check in checks],
    )
    cursor = await conn.execute(_INSERT_SENT, columns)
    return [row[0] for row in await cursor.fetchall()]


_MATCH_BY_NUMBER = """
UPDATE verifications v SET event_at = e.at, lot_id = e.lot_id
FROM sort_events e
WHERE v.id = ANY(%s::int8[]) AND v.event_at IS NULL AND e.boot_id = v.event_boot_id AND e.seq = v.event_seq
RETURNING v.lot_id, v.device_id
"""
_MATCH_BY_ID = """
UPDATE verifications v SET event_boot_id = e.boot_id, event_seq = e.seq, event_at = e.at, lot_id = e.lot_id
FROM sort_events e
WHERE v.id = ANY(%s::int8[]) AND v.event_at IS NULL AND v.event_boot_id IS NULL
  AND e.id = v.event_id AND e.device_id = v.device_id
RETURNING v.lot_id, v.device_id
"""


async def match_checks(conn: AsyncConnection, ids: Sequence[int], news: SortNews) -> None:
    """Match verifications with their events, as far as these are there."""
    for query in (_MATCH_BY_NUMBER, _MATCH_BY_ID):
        cursor = await conn.execute(query, [list(ids)])
        _tell(news, await cursor.fetchall())


_IS_AWAITED = """
SELECT EXISTS (SELECT FROM verifications WHERE device_id = ANY(%s::int4[]) AND event_at IS NULL)
"""
_AWAITED_BY_NUMBER = """
SELECT v.id FROM unnest(%s, %s) AS came (boot_id, seq)
JOIN verifications v ON v.event_boot_id = came.boot_id AND v.event_seq = came.seq
WHERE v.event_at IS NULL
"""
_AWAITED_BY_ID = """
SELECT v.id FROM verifications v
WHERE v.device_id = ANY(%s::int4[]) AND v.event_at IS NULL AND v.event_boot_id IS NULL
  AND v.event_id = ANY(%s::uuid[])
"""


async def meet_checks(
    conn: AsyncConnection, events: Sequence[SortEvent], boots: Mapping[Boot, int], news: SortNews
) -> None:
    """Match events that were stored just now with verifications that came before them."""
    devices = sorted({event.device_id for event in events})
    cursor = await conn.execute(_IS_AWAITED, [devices])
    if await cursor.fetchone() == (False,):
        return
    columns = (
        int4_array(np.array([boots[event.device_id, event.boot] for event in events])),
        int8_array(np.array([event.seq for event in events], np.int64)),
    )
    cursor = await conn.execute(_AWAITED_BY_NUMBER, columns, prepare=False)
    found = [row[0] for row in await cursor.fetchall()]
    named = [UUID(bytes=event.id) for event in events if event.id is not None]
    if named:
        cursor = await conn.execute(_AWAITED_BY_ID, [devices, named])
        found += [row[0] for row in await cursor.fetchall()]
    if found:
        await match_checks(conn, found, news)


def _tell(news: SortNews, matched: Sequence[tuple[int, int]]) -> None:
    for lot_id, device_id in matched:
        news.of(lot_id).reasons.add("verification")
        news.units.add(device_id)
