"""What each running process says of itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

from store.query import fetch_all

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from psycopg import AsyncConnection


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    """The last word of a process.

    Attributes
    ----------
    process : str
        E.g. ``gateway-1``.
    started_at, beat_at : datetime
        Aware, UTC; the first by the process's clock, the second by the database's.
    age_s : float
        How long ago that was, by the database's clock.
    metrics : dict
        Counters and gauges, by name.
    """

    process: str
    pid: int
    started_at: datetime
    beat_at: datetime
    age_s: float
    metrics: dict[str, Any]


_UPSERT_BEAT = """
INSERT INTO heartbeats (process, pid, started_at, beat_at, metrics) VALUES (%s, %s, %s, now(), %s)
ON CONFLICT (process) DO UPDATE SET
    pid = EXCLUDED.pid, started_at = EXCLUDED.started_at, beat_at = EXCLUDED.beat_at,
    metrics = EXCLUDED.metrics
"""


async def beat(
    conn: AsyncConnection, process: str, pid: int, started_at: datetime, metrics: Mapping[str, Any]
) -> None:
    """Say that a process is alive, and its metrics; they replace its last ones."""
    await conn.execute(_UPSERT_BEAT, [process, pid, started_at, Jsonb(dict(metrics))])


_SELECT_BEATS = """
SELECT process, pid, started_at, beat_at,
       extract(epoch FROM clock_timestamp() - beat_at)::float8 AS age_s, metrics
FROM heartbeats
ORDER BY process
"""


async def list_beats(conn: AsyncConnection) -> list[Heartbeat]:
    """List the last word of every process, also of those that have ended: look at `age_s`."""
    return await fetch_all(conn, Heartbeat, _SELECT_BEATS)
