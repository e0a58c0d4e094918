"""What was computed of lots: the newest description, and the last one of each hour before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from psycopg.types.json import Jsonb

from store.query import fetch_all, fetch_one

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from numpy.typing import NDArray
    from psycopg import AsyncConnection


@dataclass(frozen=True, slots=True, kw_only=True)
class LotFacts:
    """What who describes a lot needs to know of it.

    Attributes
    ----------
    classes : list[str]
    first_at, last_at : datetime | None
        Of its fish, by device time.
    timezone : str | None
        Of the unit's site.
    mark : int
        To be settled once the description is stored; read before everything else.
    checks : int
        Changes so far of the unit's verifications: what is kept in memory of them holds for this number.
    digest : bytes | None
        Of what its newest description was made of.
    """

    id: int
    device_id: int
    product: str
    classes: list[str]
    first_at: datetime | None
    last_at: datetime | None
    timezone: str | None
    events: int
    mark: int
    checks: int
    digest: bytes | None


_SELECT_FACTS = """
SELECT l.id, l.device_id, l.product, l.classes, p.first_at, p.last_at, s.timezone, p.events, p.noted AS mark,
       COALESCE(u.changes, 0) AS checks, newest.inputs_digest AS digest
FROM lot_progress p JOIN lots l ON l.id = p.lot_id JOIN devices d ON d.id = l.device_id
LEFT JOIN sites s ON s.id = d.site_id LEFT JOIN unit_checks u ON u.device_id = l.device_id
LEFT JOIN LATERAL (
    SELECT c.inputs_digest FROM lot_descriptions c WHERE c.lot_id = l.id ORDER BY c.hour DESC LIMIT 1
) newest ON true
WHERE l.id = ANY(%s::int4[])
ORDER BY l.id
"""


async def lot_facts(conn: AsyncConnection, lot_ids: Sequence[int]) -> list[LotFacts]:
    """Read what lots are, and their marks; to be called before their fish are read."""
    return await fetch_all(conn, LotFacts, _SELECT_FACTS, [list(lot_ids)])


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDescription:
    """A description to be stored.

    Attributes
    ----------
    mark, events : int
        What it knew of: of `LotFacts`.
    draws : int32[G, K]
        Equally likely counts of fish by class.
    """

    lot_id: int
    mark: int
    events: int
    inputs_digest: bytes
    body: Mapping[str, Any]
    draws: NDArray[np.int32]


# Who read later has written already: then nothing is changed.
_UPSERT = """
INSERT INTO lot_descriptions AS c (lot_id, hour, made_at, mark, events, model_version, inputs_digest, body,
                                   draws)
SELECT came.lot_id, date_trunc('hour', now.at, 'UTC'), now.at, came.mark, came.events, %(model_version)s,
       came.inputs_digest, came.body, came.draws
FROM unnest(%(lot_id)s::int4[], %(mark)s::int8[], %(events)s::int8[], %(inputs_digest)s::bytea[],
            %(body)s::jsonb[], %(draws)s::bytea[])
         AS came (lot_id, mark, events, inputs_digest, body, draws),
     (SELECT clock_timestamp()) AS now (at)
WHERE NOT EXISTS (SELECT FROM lot_descriptions o WHERE o.lot_id = came.lot_id AND o.mark > came.mark)
ORDER BY came.lot_id
ON CONFLICT (lot_id, hour) DO UPDATE SET
    made_at = excluded.made_at, mark = excluded.mark, events = excluded.events,
    model_version = excluded.model_version, inputs_digest = excluded.inputs_digest, body = excluded.body,
    draws = excluded.draws
WHERE c.mark <= excluded.mark
"""


async def add_descriptions(
    conn: AsyncConnection, descriptions: Sequence[NewDescription], *, model_version: str
) -> None:
    """Store descriptions; each takes the place of one of the same hour."""
    if not descriptions:
        return
    parameters = {
        "lot_id": [one.lot_id for one in descriptions],
        "mark": [one.mark for one in descriptions],
        "events": [one.events for one in descriptions],
        "model_version": model_version,
        "inputs_digest": [one.inputs_digest for one in descriptions],
        "body": [Jsonb(one.body) for one in descriptions],
        "draws": [one.draws.astype("<i4").tobytes() for one in descriptions],
    }
    await conn.execute(_UPSERT, parameters)


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What was computed of a lot.

    Attributes
    ----------
    events : int
        Fish that it knew of.
    body : dict
        Shares with intervals, comparison, weights, warnings.
    draws : bytes
        See `counts`.
    """

    lot_id: int
    made_at: datetime
    mark: int
    events: int
    model_version: str
    body: dict[str, Any]
    draws: bytes

    def counts(self, classes: int) -> NDArray[np.int32]:
        """Give the equally likely counts of fish by class, int32[G, classes]."""
        return np.frombuffer(self.draws, "<i4").reshape(-1, classes)


_SELECT_NEWEST = """
SELECT lot_id, made_at, mark, events, model_version, body, draws FROM lot_descriptions
WHERE lot_id = %(lot_id)s AND (%(as_of)s::timestamptz IS NULL OR made_at <= %(as_of)s)
ORDER BY hour DESC
LIMIT 1
"""


async def newest_description(
    conn: AsyncConnection, lot_id: int, *, as_of: datetime | None = None
) -> Description | None:
    """Read a lot's newest description; with `as_of`, the last that was kept until that instant."""
    return await fetch_one(conn, Description, _SELECT_NEWEST, {"lot_id": lot_id, "as_of": as_of})


_SELECT_NEWEST_OF = """
SELECT DISTINCT ON (lot_id) lot_id, made_at, mark, events, model_version, body, draws FROM lot_descriptions
WHERE lot_id = ANY(%s::int4[])
ORDER BY lot_id, hour DESC
"""


async def newest_descriptions(conn: AsyncConnection, lot_ids: Sequence[int]) -> dict[int, Description]:
    """Read the newest description of each lot that has one."""
    found = await fetch_all(conn, Description, _SELECT_NEWEST_OF, [list(lot_ids)])
    return {one.lot_id: one for one in found}
