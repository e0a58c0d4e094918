"""PostgreSQL is killed under a writer and a listener: what they meet is transient, nothing is lost."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from deploy.embedded.postgres import EmbeddedPostgres
from store.errors import DatabaseError, Fault, classify
from store.heartbeats import beat, list_beats
from store.migrate import migrate
from store.notifications import REGISTRY, Notice, listen
from store.pool import open_pool

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from psycopg_pool import AsyncConnectionPool

    from deploy.embedded.provision import Programs

ROUNDS = 3


@pytest.fixture
def server(programs: Programs, state_dir: Path) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(state_dir, programs)
    try:
        server.start()
        yield server
    finally:
        server.stop()


class Writer:
    """Writes a rising number, one transaction each; remembers the last one committed, and every error."""

    def __init__(self, pool: AsyncConnectionPool) -> None:
        self.pool = pool
        self.committed = 0
        self.goal = 0
        self.reached = asyncio.Event()
        self.errors: list[DatabaseError] = []

    async def run(self) -> None:
        while True:
            try:
                async with self.pool.connection(timeout=0.1) as connection:
                    now = datetime.now(UTC)
                    await beat(connection, "writer", 1, now, {"number": self.committed + 1})
            except DatabaseError as error:
                self.errors.append(error)
                await asyncio.sleep(0.02)
            else:
                self.committed += 1
                if self.committed >= self.goal:
                    self.reached.set()

    async def await_progress(self) -> None:
        self.goal = self.committed + 20
        self.reached.clear()
        await asyncio.wait_for(self.reached.wait(), 20)


async def test_kills_are_transient_and_lose_nothing(server: EmbeddedPostgres) -> None:
    migrate(server.url)
    pool = await open_pool(server.url, process="writer", max_size=2)
    writer = Writer(pool)
    writing = asyncio.create_task(writer.run())
    async with contextlib.aclosing(listen(server.url, REGISTRY)) as notices:
        assert await anext(notices) == Notice(REGISTRY, "")
        for _ in range(ROUNDS):
            await writer.await_progress()
            before, committed = len(writer.errors), writer.committed
            server.kill()
            await asyncio.sleep(0.3)
            server.spawn()
            await asyncio.to_thread(server.wait_ready)
            await writer.await_progress()
            assert len(writer.errors) > before
            assert writer.committed > committed
            assert await asyncio.wait_for(anext(notices), 15) == Notice(REGISTRY, "")
    writing.cancel()
    await asyncio.wait([writing])
    async with pool.connection() as connection:
        (last,) = await list_beats(connection)
    await pool.close()
    # One more may have been committed whose answer was cut off by the cancellation.
    assert last.metrics["number"] - writer.committed in (0, 1)
    assert {classify(error) for error in writer.errors} == {Fault.TRANSIENT}
