"""What every job has at hand: the pool, the queue to ask for further jobs, the clock, the counters."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from procrastinate.exceptions import AlreadyEnqueued

from analytics.jobs.lot_memory import LotMemory

if TYPE_CHECKING:
    from collections.abc import Callable

    from procrastinate import App

    from store.pool import AsyncConnectionPool


def utc_now() -> datetime:
    """Give the instant, aware."""
    return datetime.now(UTC)


@dataclass(slots=True)
class Counters:
    """What a worker has done since it started."""

    done: int = 0
    failed: int = 0
    retried: int = 0
    busy_s: float = 0.0


@dataclass(slots=True, kw_only=True)
class Desk:
    """What a job works with.

    Attributes
    ----------
    now : Callable
        Gives the instant, aware.
    """

    pool: AsyncConnectionPool
    app: App
    now: Callable[[], datetime] = utc_now
    counters: Counters = field(default_factory=Counters)
    lots: LotMemory = field(default_factory=LotMemory)

    async def ask(self, task: str, key: str, arguments: dict[str, Any]) -> bool:
        """Put a job into the queue unless the same one waits there already.

        Parameters
        ----------
        task : str
            Its name in `analytics.jobs.app`.
        key : str
            What it is about: two jobs of a task and a key never run at once, and one at most waits.

        Returns
        -------
        bool
            Whether it was put there; False: one waits already, and will see all that is known now.
        """
        lock = f"{task} {key}"
        deferrer = self.app.configure_task(task, lock=lock, queueing_lock=lock)
        try:
            await deferrer.defer_async(**arguments)
        except AlreadyEnqueued:
            return False
        return True
