"""The worker: takes jobs from the queue, hears what has changed, and looks for what the clock brings."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, cast

from procrastinate.exceptions import ProcrastinateException

from analytics.jobs.app import QUEUE, Bookkeeper, build_app, watch
from analytics.jobs.desk import Desk, utc_now
from analytics.jobs.lot_sweep import WATCH_EVERY_S, sweep_lots
from analytics.jobs.retries import is_transient
from analytics.jobs.sweep import recover, sweep, tidy
from store import queue
from store.batches import transaction
from store.errors import StoreError
from store.heartbeats import beat
from store.notifications import LOTS, PLANTINGS, listen
from store.pool import open_pool
from store.stale_days import QUIET_S

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

    from procrastinate import App

    from store.pool import AsyncConnectionPool

_log = logging.getLogger(__name__)

RESTART_PAUSE_S = 1.0
TIDY_S = 3600.0
BEATS = 3
"""Signs of life that a worker gives within the time after which it is taken for dead."""
STALE = "stale_days"
"""Payload of the notice that readings came late."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSettings:
    """What a worker needs to know.

    Attributes
    ----------
    process : str
        Its name among the heartbeats.
    concurrency : int
        Jobs at once; each takes a thread while it computes.
    shutdown_s : float
        For how long running jobs may go on when the worker is told to stop; then they are given back.
    sweep_s : float
        How often it looks for what is due.
    settle_s : float
        How long it waits after a change, since observations come in handfuls.
    stalled_s : float
        After how long without a sign of life another worker is taken for dead, and its jobs are done again.
    poll_s : float
        How often it looks into the queue though nothing was said.
    now : Callable
        Gives the instant, aware; whose day it is at a farm follows from it.
    """

    database_url: str
    process: str = "worker-1"
    concurrency: int = 2
    shutdown_s: float = 20.0
    sweep_s: float = 20.0
    settle_s: float = 0.3
    stalled_s: float = 20.0
    beat_s: float = 5.0
    poll_s: float = 5.0
    now: Callable[[], datetime] = utc_now


async def run(settings: WorkerSettings, stop: asyncio.Event) -> None:
    """Be a worker until `stop` is set; then finish what runs, or give it back.

    Raises
    ------
    StoreUnavailable
        The database does not answer at the start; later on its absence is waited out.
    """
    pool = await open_pool(settings.database_url, process=settings.process, max_size=settings.concurrency + 2)
    try:
        url = queue.queue_url(settings.database_url)
        queue_pool = await open_pool(
            url, process=f"{settings.process} queue", max_size=settings.concurrency + 3
        )
        try:
            app = build_app()
            async with app.open_async(queue_pool):
                await _Worker(settings, pool, app).run(stop)
        finally:
            await queue_pool.close()
    finally:
        await pool.close()


class _Worker:
    """The parts of a worker, and the tasks that move them."""

    def __init__(self, settings: WorkerSettings, pool: AsyncConnectionPool, app: App) -> None:
        self._settings = settings
        self._app = app
        self._desk = Desk(pool=pool, app=app, now=settings.now)
        self._started_at = utc_now()
        self._changed = asyncio.Event()
        self._changed.set()
        self._sorted = asyncio.Event()
        self._again: asyncio.TimerHandle | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Run all tasks until `stop` is set; the first that fails ends all."""
        async with asyncio.TaskGroup() as tasks:
            work = tasks.create_task(self._work(stop), name="jobs.work")
            side = [
                tasks.create_task(self._hear(), name="jobs.hear"),
                tasks.create_task(self._sweep(), name="jobs.sweep"),
                tasks.create_task(self._sweep_lots(), name="jobs.sweep_lots"),
                tasks.create_task(self._recover(), name="jobs.recover"),
                tasks.create_task(self._tidy(), name="jobs.tidy"),
                tasks.create_task(self._beat(), name="jobs.beat"),
            ]
            await stop.wait()
            cast("Bookkeeper", self._app.job_manager).close_by = time.monotonic() + self._settings.shutdown_s
            work.cancel()  # procrastinate's worker takes no more, waits, then cuts off
            await asyncio.wait([work])
            for task in side:
                task.cancel()
            with contextlib.suppress(StoreError, TimeoutError):
                async with asyncio.timeout(self._settings.beat_s):
                    await self._beat_once()

    async def _work(self, stop: asyncio.Event) -> None:
        """Take jobs; procrastinate's worker ends when the database goes away, and another is begun."""
        while not stop.is_set():
            try:
                await self._take_jobs()
            except ProcrastinateException as error:
                if not is_transient(error):
                    raise
                _log.warning("the queue cannot be reached, will try again: %s", error.__cause__ or error)
            await asyncio.sleep(RESTART_PAUSE_S)

    async def _take_jobs(self) -> None:
        settings = self._settings
        await self._app.run_worker_async(
            name=settings.process,
            queues=[QUEUE],
            concurrency=settings.concurrency,
            fetch_job_polling_interval=settings.poll_s,
            shutdown_graceful_timeout=settings.shutdown_s,
            delete_jobs="successful",
            install_signal_handlers=False,
            update_heartbeat_interval=settings.stalled_s / BEATS,
            stalled_worker_timeout=settings.stalled_s,
            additional_context={"desk": self._desk},
            worker_middleware=[watch],
        )

    async def _hear(self) -> None:
        """Hear that a planting, an observation or a day's readings changed, or that fish were sorted."""
        process = f"{self._settings.process} listener"
        notices = listen(self._settings.database_url, PLANTINGS, LOTS, process=process)
        async with contextlib.aclosing(notices):
            async for notice in notices:
                (self._sorted if notice.channel == LOTS else self._changed).set()
                if notice.payload == STALE:
                    self._look_again(QUIET_S)

    def _look_again(self, after_s: float) -> None:
        """Look for what is due once more when late readings have ended, whatever the minute."""
        if self._again is not None:
            self._again.cancel()
        self._again = asyncio.get_running_loop().call_later(after_s, self._changed.set)

    async def _sweep(self) -> None:
        """Ask for what is due: at once when something changed, and now and then for what the clock brings."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._settings.sweep_s):
                    await self._changed.wait()
            await asyncio.sleep(self._settings.settle_s)
            self._changed.clear()
            await _try_on(lambda: sweep(self._desk), "look for what is due")

    async def _sweep_lots(self) -> None:
        """Ask for descriptions of lots: soon after fish were sorted, and now and then for units' charts."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(self._settings.sweep_s, WATCH_EVERY_S)):
                    await self._sorted.wait()
            await asyncio.sleep(self._settings.settle_s)
            self._sorted.clear()
            await _try_on(lambda: sweep_lots(self._desk), "look for lots that are due")

    async def _recover(self) -> None:
        """Look for dead workers as often as living ones tell that they are."""
        stalled_s = self._settings.stalled_s
        while True:
            await _try_on(lambda: recover(self._desk, stalled_s), "look for dead workers' jobs")
            await asyncio.sleep(stalled_s / BEATS)

    async def _tidy(self) -> None:
        while True:
            await _try_on(lambda: tidy(self._desk), "tidy the queue")
            await asyncio.sleep(TIDY_S)

    async def _beat(self) -> None:
        while True:
            await _try_on(self._beat_once, "say that this worker is alive")
            await asyncio.sleep(self._settings.beat_s)

    async def _beat_once(self) -> None:
        async with transaction(self._desk.pool) as conn:
            state = asdict(await queue.state(conn))
            behind_s = state.pop("behind_s")
            told: dict[str, Any] = asdict(self._desk.counters) | {"queue": state, "behind_s": behind_s}
            await beat(conn, self._settings.process, os.getpid(), self._started_at, told)


async def _try_on(action: Callable[[], Awaitable[None]], what: str) -> None:
    """Do something that comes again anyway; an outage is told in one line, a fault in full."""
    try:
        await action()
    except (StoreError, ProcrastinateException) as error:
        if is_transient(error):
            _log.warning("cannot %s, will try again: %s", what, error)
        else:
            _log.exception("cannot %s", what)
