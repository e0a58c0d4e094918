"""The gateway: messages from the air, committed rows, acknowledgements; written down as one task each."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from devices.kinds import load_kinds
from ingest.committed import Notices
from ingest.latest import Latest
from ingest.line import Line
from ingest.link_choice import make_link
from ingest.memory import keep_freed_memory
from ingest.metrics import Metrics
from ingest.patience import persist
from ingest.registry import Registry
from ingest.requests import serve_requests
from ingest.write import Scribe
from store.batches import transaction
from store.errors import StoreError
from store.heartbeats import beat
from store.notifications import REGISTRY, REQUESTS, listen
from store.pool import open_pool

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine
    from pathlib import Path

    from ingest.link import Link, LinkSettings
    from store.pool import AsyncConnectionPool

_log = logging.getLogger(__name__)

LOOK_S = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewaySettings:
    """What a gateway needs to know.

    Attributes
    ----------
    process : str
        Its name among the heartbeats.
    batch_rows : int
        Readings at which a batch is written at once.
    batch_age_s : float
        Age at which it is written though it is small; the readings' latency when it is quiet.
    max_payload_bytes : int
        Size of the largest message that is decoded.
    kinds_dir : Path | None
        A lab's own kinds of device.
    shutdown_s : float
        For how long the rest may be written and acknowledged when the gateway is told to stop.
    """

    database_url: str
    link: LinkSettings
    codec: Literal["paho", "mqtt5"] = "mqtt5"
    process: str = "gateway-1"
    batch_rows: int = 20_000
    batch_age_s: float = 0.05
    max_payload_bytes: int = 256 * 1024
    kinds_dir: Path | None = None
    shutdown_s: float = 10.0
    beat_s: float = 5.0
    latest_s: float = 1.0
    poll_s: float = 10.0
    refresh_s: float = 60.0


async def run(settings: GatewaySettings, stop: asyncio.Event) -> None:
    """Be a gateway until `stop` is set; then take no more, write what is there, acknowledge it, disconnect.

    Raises
    ------
    StoreUnavailable
        The database does not answer at the start; later on its absence is waited out.
    KindError, LinkSettingError
        A setting that can never work.
    """
    keep_freed_memory()
    kinds = load_kinds(settings.kinds_dir)
    link = make_link(settings.link, settings.codec)
    pool = await open_pool(settings.database_url, process=settings.process, max_size=6)
    try:
        gateway = Gateway(settings, pool, link, Registry(pool, kinds))
        await persist(gateway.registry.load, "read the registry")
        await gateway.run(stop)
    finally:
        await pool.close()


class Gateway:
    """The parts of a gateway, and the tasks that move them."""

    def __init__(
        self, settings: GatewaySettings, pool: AsyncConnectionPool, link: Link, registry: Registry
    ) -> None:
        self.registry = registry
        self.metrics = Metrics()
        self._settings = settings
        self._pool = pool
        self._link = link
        self._latest = Latest()
        self._notices = Notices(link, registry, self.metrics)
        self._started_at = datetime.now(UTC)
        self._changed = asyncio.Event()
        self._asked = asyncio.Event()
        self._line = Line(
            link=link,
            registry=registry,
            scribe=Scribe(pool, registry),
            notices=self._notices,
            latest=self._latest,
            metrics=self.metrics,
            batch_rows=settings.batch_rows,
            batch_age_s=settings.batch_age_s,
            largest=settings.max_payload_bytes,
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Run all tasks until `stop` is set; the first that fails ends all."""
        settings = self._settings
        async with asyncio.TaskGroup() as tasks:
            line = [
                _start(tasks, self._link.run(), "ingest.link"),
                _start(tasks, self._line.take(), "ingest.take"),
                _start(tasks, self._line.write(), "ingest.write"),
            ]
            side = [
                _start(tasks, self._notices.run(), "ingest.tell"),
                _start(tasks, self._hear(), "ingest.hear"),
                _start(tasks, self._refresh(), "ingest.refresh"),
                _start(tasks, self._write_latest(), "ingest.latest"),
                _start(tasks, self._beat(), "ingest.beat"),
                _start(
                    tasks,
                    serve_requests(
                        self._pool,
                        self.registry,
                        self._asked,
                        self.metrics,
                        poll_s=settings.poll_s,
                        largest=settings.max_payload_bytes,
                    ),
                    "ingest.replay",
                ),
            ]
            await stop.wait()
            await self._end(line, side)

    async def _end(self, line: list[asyncio.Task[None]], side: list[asyncio.Task[None]]) -> None:
        """Stop taking, write, acknowledge, disconnect; what the deadline cuts off comes again."""
        deadline_s = self._settings.shutdown_s
        closing = asyncio.create_task(self._link.close(deadline_s), name="ingest.close")
        _, late = await asyncio.wait([*line, closing], timeout=deadline_s + 1.0)
        if late:
            _log.warning("stopped before all was written; what was not acknowledged comes again")
        with contextlib.suppress(StoreError, TimeoutError):
            async with asyncio.timeout(deadline_s):
                await self._latest.write(self._pool)
                await self._beat_once()
        for task in [*late, *side]:
            task.cancel()

    async def _hear(self) -> None:
        """Hear that the registry has changed, or that something is asked for."""
        notices = listen(
            self._settings.database_url, REGISTRY, REQUESTS, process=f"{self._settings.process} listener"
        )
        async with contextlib.aclosing(notices):
            async for notice in notices:
                (self._changed if notice.channel == REGISTRY else self._asked).set()

    async def _refresh(self) -> None:
        """Read the registry again when it has changed, and now and then in case that was missed."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._settings.refresh_s):
                    await self._changed.wait()
            self._changed.clear()
            await _try_on(self.registry.refresh, "read the registry again")
            await asyncio.sleep(0.1)  # many devices added one by one are read a few times, not as often

    async def _write_latest(self) -> None:
        while True:
            await asyncio.sleep(self._settings.latest_s)
            await _try_on(lambda: self._latest.write(self._pool), "write the latest readings")

    async def _beat(self) -> None:
        while True:
            connected = self._link.stats.connected
            with contextlib.suppress(StoreError):
                await self._beat_once()
            end_at = time.monotonic() + self._settings.beat_s
            # That the connection came or went is told sooner.
            while self._link.stats.connected == connected and time.monotonic() < end_at:  # noqa: ASYNC110
                await asyncio.sleep(LOOK_S)

    async def _beat_once(self) -> None:
        told = self.metrics.tell(self._link.stats)
        async with transaction(self._pool) as conn:
            await beat(conn, self._settings.process, os.getpid(), self._started_at, told)


async def _try_on(action: Callable[[], Awaitable[None]], what: str) -> None:
    """Do something that no reading hangs on; what the database refuses for good is told in the log."""
    try:
        await persist(action, what)
    except StoreError:
        _log.exception("cannot %s", what)


def _start(tasks: asyncio.TaskGroup, work: Coroutine[None, None, None], name: str) -> asyncio.Task[None]:
    return tasks.create_task(work, name=name)
