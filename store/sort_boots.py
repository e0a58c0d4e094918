"""The boots of sorting units: which numbers of theirs are stored, and which never came."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from store.arrays import int4_array, int8_array, timestamptz_array
from store.query import fetch_all

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from psycopg import AsyncConnection

Boot = tuple[int, str]
"""Device and name."""


class EventKey(NamedTuple):
    """What there is once of each event."""

    boot_id: int
    seq: int


_FIND_BOOTS = """
SELECT b.device_id, b.boot, b.id
FROM sort_boots b JOIN unnest(%s::int4[], %s::text[]) AS came (device_id, boot) USING (device_id, boot)
"""
_OPEN_BOOTS = """
INSERT INTO sort_boots (device_id, boot)
SELECT * FROM unnest(%s::int4[], %s::text[]) AS came (device_id, boot) ORDER BY 1, 2
ON CONFLICT (device_id, boot) DO NOTHING
"""
_LOCK_BOOTS = "SELECT id FROM sort_boots WHERE id = ANY(%s::int4[]) ORDER BY id FOR NO KEY UPDATE"


async def lock_boots(conn: AsyncConnection, boots: Collection[Boot]) -> dict[Boot, int]:
    """Give the numbers of boots, new ones too, and let nobody else store anything of them meanwhile."""
    wanted = sorted(boots)
    found = await _find_boots(conn, wanted)
    missing = [boot for boot in wanted if boot not in found]
    if missing:
        await conn.execute(_OPEN_BOOTS, _columns(missing))
        found = await _find_boots(conn, wanted)
    await conn.execute(_LOCK_BOOTS, [list(found.values())])
    return found


async def _find_boots(conn: AsyncConnection, boots: Sequence[Boot]) -> dict[Boot, int]:
    cursor = await conn.execute(_FIND_BOOTS, _columns(boots))
    return {(device_id, boot): boot_id for device_id, boot, boot_id in await cursor.fetchall()}


def _columns(boots: Sequence[Boot]) -> tuple[list[int], list[str]]:
    return [device_id for device_id, _ in boots], [boot for _, boot in boots]


_MAYBE_STORED = """
SELECT came.n - 1, b.first_at, b.last_at
FROM unnest(%s, %s) WITH ORDINALITY AS came (boot_id, seq, n) JOIN sort_boots b ON b.id = came.boot_id
WHERE b.seqs @> came.seq
"""
# The bounds let the planner leave out the other chunks.
_SELECT_DIGESTS = """
SELECT e.boot_id, e.seq, e.digest, lots.classes[e.class + 1], lots.code
FROM unnest(%(boot_id)s, %(seq)s) AS came (boot_id, seq)
JOIN sort_events e ON e.boot_id = came.boot_id AND e.seq = came.seq
JOIN lots ON lots.id = e.lot_id
WHERE e.at >= %(first_at)s AND e.at <= %(last_at)s
"""


async def stored_digests(
    conn: AsyncConnection, keys: Sequence[EventKey]
) -> dict[EventKey, tuple[int, str, str]]:
    """Read digest, class and lot of the events among `keys` that are stored; their boots must be locked."""
    boot_id = np.array([key.boot_id for key in keys], np.int32)
    seq = np.array([key.seq for key in keys], np.int64)
    cursor = await conn.execute(_MAYBE_STORED, (int4_array(boot_id), int8_array(seq)), prepare=False)
    maybe = await cursor.fetchall()
    if not maybe:
        return {}
    places = [row[0] for row in maybe]
    parameters: dict[str, Any] = {
        "boot_id": int4_array(boot_id[places]),
        "seq": int8_array(seq[places]),
        "first_at": min(row[1] for row in maybe),
        "last_at": max(row[2] for row in maybe),
    }
    cursor = await conn.execute(_SELECT_DIGESTS, parameters, prepare=False)
    return {EventKey(row[0], row[1]): (row[2], row[3], row[4]) for row in await cursor.fetchall()}


MOST_RUNS: Final = 1000
"""A boot with more gaps keeps the range that they span: then every number in it is looked up."""

_GROW_BOOTS = """
UPDATE sort_boots b SET
    seqs = (
        SELECT CASE WHEN (SELECT count(*) FROM unnest(merged)) <= %(most)s THEN merged
                    ELSE int8multirange(range_merge(merged)) END
        FROM (SELECT b.seqs + came.seqs::int8multirange AS merged) AS new
    ),
    events = b.events + came.events,
    first_at = LEAST(b.first_at, came.first_at),
    last_at = GREATEST(b.last_at, came.last_at)
FROM unnest(%(boot_id)s::int4[], %(seqs)s::text[], %(events)s::int8[], %(first_at)s, %(last_at)s)
    AS came (boot_id, seqs, events, first_at, last_at)
WHERE b.id = came.boot_id
"""


async def grow_boots(conn: AsyncConnection, came: Mapping[int, Sequence[tuple[int, int]]]) -> None:
    """Note events as stored: for each boot, which is locked, number and µs since 1970 of each."""
    rows = [
        (boot_id, [seq for seq, _ in events], [at for _, at in events]) for boot_id, events in came.items()
    ]
    parameters: dict[str, Any] = {
        "most": MOST_RUNS,
        "boot_id": [boot_id for boot_id, _, _ in rows],
        "seqs": [_multirange(seqs) for _, seqs, _ in rows],
        "events": [len(seqs) for _, seqs, _ in rows],
        "first_at": timestamptz_array(np.array([min(ats) for _, _, ats in rows], np.int64)),
        "last_at": timestamptz_array(np.array([max(ats) for _, _, ats in rows], np.int64)),
    }
    await conn.execute(_GROW_BOOTS, parameters)


def _multirange(numbers: Sequence[int]) -> str:
    """Write PostgreSQL's text of a multirange, which joins neighbours itself."""
    return "{" + ",".join(f"[{number},{number}]" for number in sorted(numbers)) + "}"


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingFish:
    """The numbers of a boot that never came: fish sorted and not told, or readings of the same unit.

    Attributes
    ----------
    events : int
        Fish stored.
    missing : int
        Numbers below the boot's highest that never came.
    given_up : int
        Those among them of which the unit said that it has them no longer.
    ranges : list[tuple[int, int]]
        The first hundred runs of them, first and last number.
    """

    boot: str
    events: int
    first_at: datetime
    last_at: datetime
    missing: int
    given_up: int
    ranges: list[tuple[int, int]]


_SELECT_MISSING = """
SELECT sb.boot, sb.events, sb.first_at, sb.last_at, gap.missing, gap.given_up, gap.ranges
FROM sort_boots sb JOIN devices d ON d.id = sb.device_id JOIN labs ON labs.id = d.lab_id
JOIN device_boots b ON b.device_id = sb.device_id AND b.boot = sb.boot
CROSS JOIN LATERAL (
    SELECT COALESCE(sum(upper(run) - lower(run)), 0)::int8 AS missing,
           COALESCE((SELECT sum(upper(lost) - lower(lost)) FROM unnest(b.given_up) AS lost), 0)::int8
               AS given_up,
           COALESCE((array_agg(ARRAY[lower(run), upper(run) - 1] ORDER BY run))[:100], '{}') AS ranges
    FROM unnest(int8multirange(int8range(1, upper(b.seqs))) - b.seqs) AS run
) gap
WHERE d.name = %(device)s AND (%(lab)s::text IS NULL OR labs.slug = %(lab)s) AND sb.events > 0
ORDER BY sb.last_at DESC
LIMIT %(limit)s
"""


async def missing_fish(
    conn: AsyncConnection, device: str, *, lab: str | None = None, limit: int = 100
) -> list[MissingFish]:
    """Tell which numbers of a unit's boots never came, the latest boot first."""
    parameters = {"device": device, "lab": lab, "limit": limit}
    return await fetch_all(conn, MissingFish, _SELECT_MISSING, parameters)
