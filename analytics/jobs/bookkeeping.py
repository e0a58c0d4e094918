"""What becomes of a job that ended: written down through outages, and when a twin of it waits already.

procrastinate writes a job's end once; if that fails, the job stays *doing* for ever under a worker that is
well. And a job that is to be tried again cannot wait where one of the same queueing lock waits already.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Final

from procrastinate.exceptions import ConnectorException, UniqueViolation
from procrastinate.jobs import Status
from procrastinate.manager import QUEUEING_LOCK_CONSTRAINT, JobManager

from analytics.jobs.retries import is_transient

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

    from procrastinate.connector import BaseConnector
    from procrastinate.jobs import Job

PAUSE_S: Final = 1.0

_log = logging.getLogger(__name__)


class Bookkeeper(JobManager):
    """procrastinate's own, which waits for the database; after `close_by` it no longer does.

    Attributes
    ----------
    close_by : float
        By `time.monotonic`; what is not written by then is found by another worker, as a dead one's job.
    """

    def __init__(self, connector: BaseConnector) -> None:
        super().__init__(connector)
        self.close_by = float("inf")

    async def finish_job(self, job: Job, status: Status, delete_job: bool) -> None:
        """Write that a job ended."""
        finish = super().finish_job
        await self._persist(job, lambda: finish(job, status, delete_job))

    async def retry_job(
        self,
        job: Job,
        retry_at: datetime | None = None,
        priority: int | None = None,
        queue: str | None = None,
        lock: str | None = None,
    ) -> None:
        """Have a job tried again later; where its twin waits already, that one stands for both."""
        retry, finish = super().retry_job, super().finish_job

        async def try_again() -> None:
            try:
                await retry(job, retry_at, priority, queue, lock)
            except UniqueViolation as error:
                if error.constraint_name != QUEUEING_LOCK_CONSTRAINT:
                    raise
                await finish(job, Status.ABORTED, delete_job=True)

        await self._persist(job, try_again)

    async def _persist(self, job: Job, write: Callable[[], Awaitable[None]]) -> None:
        """Write until the database has it; once it was away, only if nobody took the job over meanwhile."""
        interrupted = False
        while True:
            try:
                if not interrupted or await self._is_ours(job):
                    await write()
            except ConnectorException as error:
                if not is_transient(error) or time.monotonic() > self.close_by:
                    raise
                if not interrupted:
                    _log.warning("cannot write the end of %s, will try again: %s", job.call_string, error)
                interrupted = True
                await asyncio.sleep(PAUSE_S)
            else:
                return

    async def _is_ours(self, job: Job) -> bool:
        found = list(await self.list_jobs_async(id=job.id))
        return bool(found) and found[0].worker_id == job.worker_id and found[0].status == Status.DOING.value
