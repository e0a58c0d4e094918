"""From deliveries to committed batches: two are being written, one is ready, one is gathered."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ingest.batch import Batch
from ingest.errors import WriterStopped
from ingest.intake import take_in
from ingest.link import LinkClosed

if TYPE_CHECKING:
    from ingest.batch import Sheet
    from ingest.chunk import Chunk
    from ingest.committed import Notices
    from ingest.latest import Latest
    from ingest.link import Link
    from ingest.metrics import Metrics
    from ingest.registry import Registry
    from ingest.write import Scribe, Written


FEW: Final = 50
"""Messages in a delivery below which it pays to wait for more: columns cost as much for one as for many."""
GATHER_S: Final = 0.01

BATCHES_AT_ONCE: Final = 2
"""Batches in the database at once."""


@dataclass(frozen=True, slots=True)
class _Going:
    """A batch on its way into the database."""

    sheet: Sheet | None
    task: asyncio.Task[None]

    def meets(self, sheet: Sheet | None) -> bool:
        """Tell whether it has a key in common with a sheet."""
        return self.sheet is not None and sheet is not None and self.sheet.meets(sheet)

    async def await_safe(self) -> None:
        """Wait until it is committed and acknowledged.

        Raises
        ------
        WriterStopped
            It never will be: what came after it must not be acknowledged either, since a delivery may have
            begun in the one and ended in the other.
        """
        await asyncio.wait({self.task})
        if self.task.cancelled() or self.task.exception() is not None:
            raise WriterStopped("the batch before this one was not committed")


class Line:
    """Two tasks, `take` and `write`, and the batch between them.

    Parameters
    ----------
    batch_rows : int
        Size at which a batch is written, and beyond which no more is taken in until the writer is free.
    batch_age_s : float
        Age at which it is written though it is small.
    largest : int
        Size in bytes of the largest payload that is decoded.
    """

    def __init__(
        self,
        *,
        link: Link,
        registry: Registry,
        scribe: Scribe,
        notices: Notices,
        latest: Latest,
        metrics: Metrics,
        batch_rows: int,
        batch_age_s: float,
        largest: int,
    ) -> None:
        self._link = link
        self._registry = registry
        self._scribe = scribe
        self._notices = notices
        self._latest = latest
        self._metrics = metrics
        self._batch_rows = batch_rows
        self._batch_age_s = batch_age_s
        self._largest = largest
        self._batch = Batch()
        self._begun = asyncio.Event()
        self._full = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._free = asyncio.Semaphore(BATCHES_AT_ONCE)
        self._ended = False

    async def take(self) -> None:
        """Take deliveries in until the link is closed."""
        try:
            while True:
                delivery = await self._link.receive()
                async for chunk in take_in(self._registry, delivery, self._largest):
                    await self._add(chunk)
                self._batch.deliveries.append(delivery)
                self._begun.set()
                if len(delivery) < FEW:
                    await asyncio.sleep(GATHER_S)
        except LinkClosed:
            self._ended = True
            self._begun.set()
            self._full.set()

    async def _add(self, chunk: Chunk) -> None:
        while not (self._room.is_set() and self._batch.fits(chunk)):
            self._full.set()
            self._room.clear()
            await self._room.wait()
        self._batch.add(chunk)
        self._begun.set()
        if self._batch.rows >= self._batch_rows:
            self._full.set()
            self._room.clear()

    async def write(self) -> None:
        """Write batches until the last one is written after the link was closed.

        Two at a time, since a transaction waits as much as it works; two that have a key in common one after
        the other, so that of two values the first to arrive is the one that stays.
        """
        ahead: _Going | None = None
        async with asyncio.TaskGroup() as tasks:
            while not (self._ended and not self._batch.chunks and not self._batch.deliveries):
                batch = await self._next()
                sheet = self._scribe.seal(batch.chunks) if batch.chunks else None
                await self._free.acquire()
                if ahead is not None and ahead.meets(sheet):
                    await ahead.await_safe()
                work = self._settle(batch, sheet, ahead)
                ahead = _Going(sheet, tasks.create_task(work, name="ingest.settle"))

    async def _settle(self, batch: Batch, sheet: Sheet | None, before: _Going | None) -> None:
        """Commit a batch; acknowledge it after those that came before it."""
        began_s = time.monotonic()
        written = None if sheet is None else await self._scribe.write(sheet)
        took_s = time.monotonic() - began_s
        if before is not None:
            await before.await_safe()
        for delivery in batch.deliveries:
            self._link.acknowledge(delivery)
        if written is not None:
            self._note(written, took_s)
        self._free.release()

    def _note(self, written: Written, took_s: float) -> None:
        self._metrics.note(written, took_s)
        self._latest.note(written.sheet, written.fate)
        asked = {(ask.device_id, ask.boot) for chunk in written.sheet.chunks for ask in chunk.asks}
        self._notices.note(written.committed, asked)

    async def _next(self) -> Batch:
        """Wait until the batch is full or old enough, and begin another one."""
        await self._begun.wait()
        waited_s = time.monotonic() - self._batch.began_s if self._batch.chunks else self._batch_age_s
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, self._batch_age_s - waited_s)):
                await self._full.wait()
        batch, self._batch = self._batch, Batch()
        if not self._ended:
            self._begun.clear()
            self._full.clear()
        self._room.set()
        return batch
