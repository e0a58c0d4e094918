"""Which failed job is tried again, and when."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from procrastinate import BaseRetryStrategy, RetryDecision
from procrastinate.exceptions import ConnectorException

from store.errors import DatabaseError, Fault, StoreUnavailable, classify

if TYPE_CHECKING:
    from procrastinate.jobs import Job

ATTEMPTS: Final = 4
"""How often a job is tried that fails of itself: what one bad hour broke is mended, a bug soon shown."""
FIRST_PAUSE_S: Final = 10
LONGEST_PAUSE_S: Final = 600


class Patience(BaseRetryStrategy):
    """Wait for the database; try what fails of itself `ATTEMPTS` times; give back what was cut off.

    Pauses double from 10 s to 10 min.
    """

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        """Say when a failed job is tried again; None: never."""
        if isinstance(exception, asyncio.CancelledError):
            return RetryDecision(retry_in={"seconds": 0})
        if not is_transient(exception) and job.attempts + 1 >= ATTEMPTS:
            return None
        return RetryDecision(retry_in={"seconds": pause_s(job.attempts)})


def pause_s(attempts: int) -> int:
    """Give the pause after a number of earlier attempts.

    Examples
    --------
    >>> [pause_s(attempts) for attempts in (0, 1, 2, 10)]
    [10, 20, 40, 600]
    """
    return min(FIRST_PAUSE_S << min(attempts, 10), LONGEST_PAUSE_S)


def is_transient(error: BaseException) -> bool:
    """Say whether waiting helps, whoever met the database: the store or the queue."""
    if isinstance(error, ConnectorException):
        cause = error.__cause__
        return isinstance(cause, DatabaseError) and classify(cause) is Fault.TRANSIENT
    return isinstance(error, StoreUnavailable)
