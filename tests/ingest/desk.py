"""A gateway's desk without the broker: messages in, committed rows out."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from psycopg.rows import dict_row

from devices.kinds import load_kinds
from ingest.intake import take_in
from ingest.latest import Latest
from ingest.registry import Registry
from ingest.replay import replay
from ingest.write import Scribe
from store.devices import add_device
from store.quarantine import get_quarantine, list_quarantine, open_ids

if TYPE_CHECKING:
    from devices.model import Device
    from ingest.write import Written
    from store.pool import AsyncConnectionPool
    from store.quarantine import Quarantined

LARGEST = 256 * 1024
NOW_MS = int(time.time() * 1000)


@dataclass
class Messages:
    """Stands for a delivery."""

    received_us: int
    topics: list[str] = field(default_factory=list)
    payloads: list[bytes] = field(default_factory=list)
    retained: list[bool] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.topics)


def sample(at: Any = NOW_MS, **values: Any) -> dict[str, Any]:
    return {"at": at, "values": values or {"air_temperature": 21.5}}


def dumps(body: Any) -> bytes:
    return body if isinstance(body, bytes) else json.dumps(body).encode()


class Desk:
    """One gateway's registry and writer on the test's database."""

    def __init__(self, pool: AsyncConnectionPool) -> None:
        self.pool = pool
        self.registry = Registry(pool, load_kinds())
        self.scribe = Scribe(pool, self.registry)
        self.latest = Latest()

    async def register(
        self,
        name: str = "north-1",
        kind: str = "farm-station",
        lab: str = "shihoro",
        site: str | None = None,
    ) -> Device:
        async with self.pool.connection() as conn:
            return await add_device(conn, name=name, lab=lab, kind=kind, site=site, password_hash="-")

    async def send(
        self, *bodies: Any, device: str = "north-1", topic: str | None = None, received_ms: int = NOW_MS
    ) -> Written:
        messages = Messages(received_ms * 1000)
        for body in bodies:
            messages.topics.append(f"chiiki/v1/{device}/up/readings" if topic is None else topic)
            messages.payloads.append(dumps(body))
            messages.retained.append(False)
        return await self.deliver(messages)

    async def deliver(self, messages: Messages) -> Written:
        chunks = [chunk async for chunk in take_in(self.registry, messages, LARGEST)]
        written = await self.scribe.write(self.scribe.seal(chunks))
        self.latest.note(written.sheet, written.fate)
        return written

    async def rows(self, query: str, *parameters: Any) -> list[dict[str, Any]]:
        async with self.pool.connection() as conn, conn.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(query, parameters)
            return await cursor.fetchall()

    async def values(self) -> dict[str, list[float]]:
        found = await self.rows(
            "SELECT quantity || CASE position WHEN '' THEN '' ELSE '@' || position END AS key, value "
            "FROM readings JOIN series ON series.id = series_id ORDER BY key, at"
        )
        values: dict[str, list[float]] = {}
        for row in found:
            values.setdefault(row["key"], []).append(row["value"])
        return values

    async def ledger(self, device_id: int | None = None) -> dict[str, int]:
        names = ("messages", "received", "committed", "duplicate", "conflicting", "quarantined")
        sums = ", ".join(f"COALESCE(sum({name}), 0)::int8 AS {name}" for name in names)
        (row,) = await self.rows(
            f"SELECT {sums} FROM ledger WHERE %s::int4 IS NULL OR device_id = %s", device_id, device_id
        )
        return {name: count for name, count in row.items() if count}

    async def quarantine(self, **filters: Any) -> list[Quarantined]:
        async with self.pool.connection() as conn:
            rows = await list_quarantine(conn, **filters)
            return [await get_quarantine(conn, row.id) for row in rows[::-1]]

    async def replay(self) -> dict[str, int]:
        async with self.pool.connection() as conn:
            ids = await open_ids(conn)
        done = await replay(self.pool, self.registry, ids, largest=LARGEST)
        return {name: count for name, count in done.items() if count}
