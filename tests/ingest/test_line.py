"""The batch between taking and writing: bounded, written when full or old, acknowledged in order."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import weakref
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from ingest.committed import Notices
from ingest.errors import WriterStopped
from ingest.line import Line, _Going
from ingest.link import LinkClosed
from ingest.metrics import Metrics
from tests.ingest.desk import LARGEST, NOW_MS, Desk, Messages, dumps, sample

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from ingest.batch import Sheet
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

    def seal(self, chunks: list[Chunk]) -> Sheet:
        return self._desk.scribe.seal(chunks)

    async def write(self, sheet: Sheet) -> Written:
        self.sizes.append(len(sheet.row))
        await self.go_on.acquire()
        return await self._desk.scribe.write(sheet)


@pytest.fixture
async def feed() -> Feed:
    return Feed()


@asynccontextmanager
async def working(
    desk: Desk, feed: Feed, scribe: Any, tasks_of: list[Any] | None = None, **settings: Any
) -> AsyncIterator[Line]:
    tasks_of = [] if tasks_of is None else tasks_of
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
        tasks_of += [tasks.create_task(line.take()), tasks.create_task(line.write())]
        yield line
        feed.waiting.put_nowait(None)


def delivery(first: int, count: int, received_ms: int = NOW_MS) -> Messages:
    payloads = [dumps(sample(NOW_MS - number)) for number in range(first, first + count)]
    return Messages(received_ms * 1000, ["chiiki/v1/north-1/up/readings"] * count, payloads, [False] * count)


async def test_two_batches_are_written_one_is_ready_and_one_is_gathered(desk: Desk, feed):
    scribe = SlowScribe(desk)
    sent = [delivery(50 * number, 50) for number in range(14)]
    async with working(desk, feed, scribe) as line:
        for item in sent:
            feed.waiting.put_nowait(item)
        await asyncio.sleep(0.3)
        assert len(scribe.sizes) == 2
        assert line._batch.rows <= 100
        assert feed.waiting.qsize() >= 5
        assert feed.acknowledged == []
        for _ in range(14):
            scribe.go_on.release()
    assert [id(item) for item in feed.acknowledged] == [id(item) for item in sent]
    assert await desk.ledger() == {"messages": 700, "received": 700, "committed": 700}


async def test_a_small_batch_is_written_when_it_is_old(desk: Desk, feed):
    async with working(desk, feed, desk.scribe, batch_rows=10**6, batch_age_s=0.05):
        feed.waiting.put_nowait(delivery(0, 3))
        await asyncio.sleep(0.02)
        assert feed.acknowledged == []
        while not feed.acknowledged:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert await desk.ledger() == {"messages": 3, "received": 3, "committed": 3}


async def test_a_batch_ends_with_the_hour(desk: Desk, feed):
    scribe = SimpleNamespace(write=desk.scribe.write, seal=desk.scribe.seal)
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


async def test_of_two_values_in_neighbouring_batches_the_first_to_arrive_stays(desk: Desk, feed):
    """Were both batches written at once, the second might be first."""
    scribe = SlowScribe(desk)
    first, second = delivery(0, 100), delivery(0, 100)
    second.payloads[7] = dumps(sample(NOW_MS - 7, air_temperature=99.0))
    async with working(desk, feed, scribe) as line:
        feed.waiting.put_nowait(first)
        feed.waiting.put_nowait(second)
        await asyncio.sleep(0.2)
        assert len(scribe.sizes) == 1, "the second must wait for the first"
        assert line is not None
        for _ in range(2):
            scribe.go_on.release()
    assert await desk.ledger() == {
        "messages": 200,
        "received": 200,
        "committed": 100,
        "duplicate": 99,
        "conflicting": 1,
    }


async def test_acknowledgements_keep_their_order_when_the_second_batch_is_done_first(desk: Desk, feed):
    class Held(SlowScribe):
        async def write(self, sheet: Sheet) -> Written:
            if not self.sizes:
                self.sizes.append(len(sheet.row))
                await self.go_on.acquire()
            return await self._desk.scribe.write(sheet)

    scribe = Held(desk)
    sent = [delivery(0, 100), delivery(100, 100)]
    async with working(desk, feed, scribe):
        for item in sent:
            feed.waiting.put_nowait(item)
        while (await desk.ledger()).get("committed") != 100:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        assert feed.acknowledged == [], "the second batch is committed, the first is not"
        scribe.go_on.release()
    assert [id(item) for item in feed.acknowledged] == [id(item) for item in sent]


class Failing(SlowScribe):
    """Fails at the first batch when let go on; the others are written at once."""

    async def write(self, sheet: Sheet) -> Written:
        first = not self.sizes
        self.sizes.append(len(sheet.row))
        if first:
            await self.go_on.acquire()
            raise RuntimeError("a fault of ours")
        return await self._desk.scribe.write(sheet)


@pytest.mark.parametrize("end", ["fail", "cancel"])
async def test_a_delivery_that_began_in_a_batch_which_is_lost_is_not_acknowledged(desk: Desk, feed, end):
    """Its last part is committed, its first is not."""
    scribe = Failing(desk)
    line_task: list[asyncio.Task[None]] = []
    with contextlib.suppress(ExceptionGroup, asyncio.CancelledError):
        async with working(desk, feed, scribe, batch_rows=250, tasks_of=line_task):
            feed.waiting.put_nowait(delivery(0, 500))
            while (await desk.ledger()).get("committed") != 250:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.05)
            if end == "fail":
                scribe.go_on.release()
            else:
                line_task[1].cancel()
            await asyncio.sleep(0.2)
            line_task[0].cancel()
    assert feed.acknowledged == []


async def test_a_batch_is_not_safe_when_its_task_was_given_up():
    async def fail() -> None:
        raise RuntimeError

    for task in (asyncio.create_task(fail()), asyncio.create_task(asyncio.sleep(9))):
        asyncio.get_running_loop().call_later(0.01, task.cancel)
        with pytest.raises(WriterStopped):
            await _Going(None, task).await_safe()  # type: ignore[arg-type]


async def test_of_two_states_in_neighbouring_batches_the_later_one_stays(desk: Desk, feed):
    scribe = SlowScribe(desk)
    states = []
    for number, online in enumerate((False, True)):
        item = delivery(100 * number, 100)
        item.topics[50] = "chiiki/v1/north-1/up/status"
        item.payloads[50] = dumps({"online": online})
        states.append(item)
    async with working(desk, feed, scribe, batch_rows=99):
        for item in states:
            feed.waiting.put_nowait(item)
        await asyncio.sleep(0.2)
        assert len(scribe.sizes) == 1, "the second must wait for the first"
        for _ in range(2):
            scribe.go_on.release()
    assert [row["online"] for row in await desk.rows("SELECT online FROM device_status")] == [True]


async def test_batches_that_are_done_are_forgotten(desk: Desk, feed):
    sheets: list[weakref.ref[Any]] = []

    class Watched(SlowScribe):
        async def write(self, sheet: Sheet) -> Written:
            sheets.append(weakref.ref(sheet.columns.at))
            return await self._desk.scribe.write(sheet)

    async with working(desk, feed, Watched(desk)):
        for number in range(8):
            feed.waiting.put_nowait(delivery(100 * number, 100))
        while len(feed.acknowledged) < 8:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        gc.collect()
        assert len(sheets) >= 8
        assert sum(sheet() is not None for sheet in sheets) <= 2
