"""The ledger, read back: per hour or day, and in total."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from store.query import fetch_all, fetch_one

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from psycopg import AsyncConnection


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What became of the readings received from `hour` on (or in all, where that is None).

    Attributes
    ----------
    min_delay_ms : int | None
        Least receipt minus device time.
    """

    hour: datetime | None
    messages: int
    received: int
    committed: int
    duplicate: int
    conflicting: int
    quarantined: int
    min_delay_ms: int | None

    @property
    def balances(self) -> bool:
        """Whether every reading is accounted for."""
        return self.received == self.committed + self.duplicate + self.conflicting + self.quarantined


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours:
    """Which entries: a device's (0: all unregistered senders), of the hours that begin in [begin, end)."""

    device_id: int
    begin: datetime
    end: datetime

    def parameters(self) -> dict[str, object]:
        """Return what the queries below name."""
        return {"device_id": self.device_id, "begin": self.begin, "end": self.end}


_SUMS = """
COALESCE(sum(messages), 0)::int8 AS messages, COALESCE(sum(received), 0)::int8 AS received,
COALESCE(sum(committed), 0)::int8 AS committed, COALESCE(sum(duplicate), 0)::int8 AS duplicate,
COALESCE(sum(conflicting), 0)::int8 AS conflicting, COALESCE(sum(quarantined), 0)::int8 AS quarantined,
min(min_delay_ms) AS min_delay_ms
FROM ledger
WHERE device_id = %(device_id)s AND hour >= %(begin)s AND hour < %(end)s
"""
_SELECT_TOTAL = "SELECT NULL::timestamptz AS hour, " + _SUMS
_SELECT_HOURS = "SELECT hour, " + _SUMS + "GROUP BY hour ORDER BY hour LIMIT %(limit)s"
_SELECT_BETWEEN = (
    "SELECT (%(edges)s::timestamptz[])[width_bucket(hour, %(edges)s::timestamptz[])] AS hour, "
    + _SUMS
    + "GROUP BY 1 ORDER BY 1"
)
_SELECT_FIRST = """
SELECT min(hour) FROM ledger WHERE device_id = %(device_id)s AND hour >= %(begin)s AND hour < %(end)s
"""


async def total(conn: AsyncConnection, hours: Hours) -> Counts:
    """Add up."""
    counts = await fetch_one(conn, Counts, _SELECT_TOTAL, hours.parameters())
    assert counts is not None
    return counts


async def list_hours(conn: AsyncConnection, hours: Hours, *, limit: int) -> list[Counts]:
    """List the hours in which something was received."""
    return await fetch_all(conn, Counts, _SELECT_HOURS, {**hours.parameters(), "limit": limit})


async def first_hour(conn: AsyncConnection, hours: Hours) -> datetime | None:
    """Find the first hour in which something was received."""
    cursor = await conn.execute(_SELECT_FIRST, hours.parameters())
    row = await cursor.fetchone()
    return None if row is None else row[0]


async def list_between(conn: AsyncConnection, hours: Hours, edges: Sequence[datetime]) -> list[Counts]:
    """Add up what was received between each two edges; `hour` is the edge before."""
    parameters = {
        "device_id": hours.device_id,
        "begin": max(hours.begin, edges[0]),
        "end": min(hours.end, edges[-1]),
        "edges": list(edges),
    }
    return await fetch_all(conn, Counts, _SELECT_BETWEEN, parameters)
