"""The batch between taking and writing: bounded, written when full or old, acknowledged in order."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from ingest.committed import Notices
from ingest.line import Line
from ingest.link import LinkClosed
from ingest.metrics import Metrics
from tests.ingest.desk import LARGEST, NOW_MS, Desk, Messages, dumps, sample

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from ingest.chunk import Chunk
    from ingest.write import Written

HOUR_MS = 3_600_000


class Feed:
    """Stands for the link: gives deliveries, notes acknowledgements and published messages."""

    def __init__(self) -> None:
        self.waiting: asyncio.Queue[Messages | None] = asyncio.Queue()
        self.acknowledged: list[Messages] = []

    async def receive(self) -> Messages:
        delivery = await self.waiting.get()
        if delivery is None:
            raise LinkClosed
        return delivery

    def acknowledge(self, delivery: Messages) -> None:
        self.acknowledged.append(delivery)

    def publish(self, topic: str, payload: bytes) -> bool:  # noqa: ARG002
        return True


class SlowScribe:
    """The real scribe, which waits to be let go on before each batch."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.go_on = asyncio.Semaphore(0)
        self.sizes: list[int] = []

    async def write(self, chunks: list[Chunk]) -> Written:
        self.sizes.append(sum(chunk.rows for chunk in chunks))
        await self.go_on.acquire()
        return await self._desk.scribe.write(chunks)


@pytest.fixture
async def feed() -> Feed:
    return Feed()


@asynccontextmanager
async def working(desk: Desk, feed: Feed, scribe: Any, **settings: Any) -> AsyncIterator[Line]:
    metrics = Metrics()
    chosen = {"batch_rows": 100, "batch_age_s": 0.01, "largest": LARGEST} | settings
    line = Line(
        link=feed,  # type: ignore[arg-type]
        registry=desk.registry,
        scribe=scribe,
        notices=Notices(feed, desk.registry, metrics),  # type: ignore[arg-type]
        latest=desk.latest,
        metrics=metrics,
        **chosen,
    )
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        tasks.create_task(line.take())
        tasks.create_task(line.write())
        yield line
        feed.waiting.put_nowait(None)


def delivery(first: int, count: int, received_ms: int = NOW_MS) -> Messages:
    payloads = [dumps(sample(NOW_MS - number)) for number in range(first, first + count)]
    return Messages(received_ms * 1000, ["chiiki/v1/north-1/up/readings"] * count, payloads, [False] * count)


async def test_at_most_two_batches_are_in_memory(desk: Desk, feed):
    scribe = SlowScribe(desk)
    sent = [delivery(50 * number, 50) for number in range(10)]
    async with working(desk, feed, scribe) as line:
        for item in sent:
            feed.waiting.put_nowait(item)
        await asyncio.sleep(0.3)
        assert len(scribe.sizes) == 1
        assert line._batch.rows <= 100
        assert feed.waiting.qsize() >= 5
        assert feed.acknowledged == []
        for _ in range(10):
            scribe.go_on.release()
    assert [id(item) for item in feed.acknowledged] == [id(item) for item in sent]
    assert await desk.ledger() == {"messages": 500, "received": 500, "committed": 500}


async def test_a_small_batch_is_written_when_it_is_old(desk: Desk, feed):
    async with working(desk, feed, desk.scribe, batch_rows=10**6, batch_age_s=0.05):
        feed.waiting.put_nowait(delivery(0, 3))
        await asyncio.sleep(0.02)
        assert feed.acknowledged == []
        while not feed.acknowledged:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert await desk.ledger() == {"messages": 3, "received": 3, "committed": 3}


async def test_a_batch_ends_with_the_hour(desk: Desk, feed):
    scribe = SimpleNamespace(write=desk.scribe.write)
    async with working(desk, feed, scribe, batch_rows=10**6, batch_age_s=0.2):
        for number, hours in enumerate((0, 0, 1, 1)):
            feed.waiting.put_nowait(delivery(10 * number, 10, NOW_MS + hours * HOUR_MS))
    rows = await desk.rows("SELECT messages FROM ledger ORDER BY hour")
    assert [row["messages"] for row in rows] == [20, 20]
    assert len(feed.acknowledged) == 4


async def test_a_delivery_larger_than_a_batch_is_acknowledged_once(desk: Desk, feed):
    async with working(desk, feed, desk.scribe, batch_rows=100):
        feed.waiting.put_nowait(delivery(0, 1200))
    assert len(feed.acknowledged) == 1
    assert await desk.ledger() == {"messages": 1200, "received": 1200, "committed": 1200}
