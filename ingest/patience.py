"""Waiting: for a database that is away, and to let others have their turn."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from typing import TYPE_CHECKING, Final, TypeVar

from store.errors import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

FIRST_PAUSE_S: Final = 0.05
TURN_S: Final = 0.005
LONGEST_PAUSE_S: Final = 5.0

Result = TypeVar("Result")
_log = logging.getLogger(__name__)


async def persist(action: Callable[[], Awaitable[Result]], what: str) -> Result:
    """Do something again and again until the database is there; pauses double, with jitter, up to 5 s.

    Parameters
    ----------
    action : Callable
        Idempotent; raises `StoreUnavailable` while waiting helps.
    what : str
        For the log: "cannot {what}: …".
    """
    pause_s = FIRST_PAUSE_S
    while True:
        try:
            return await action()
        except StoreUnavailable as error:
            # A deadlock between two gateways is nothing to tell; what lasts is.
            level = logging.WARNING if pause_s > 4 * FIRST_PAUSE_S else logging.INFO
            _log.log(level, "cannot %s, will try again: %s", what, error)
        await asyncio.sleep(pause_s * random.uniform(0.5, 1.0))  # noqa: S311  jitter, not a secret
        pause_s = min(2 * pause_s, LONGEST_PAUSE_S)


class Turn:
    """A share of the loop's time: whoever works on has to let others in after `TURN_S` seconds."""

    def __init__(self) -> None:
        self._began_s = time.monotonic()

    async def end(self) -> None:
        """Let the others in if it is time."""
        if time.monotonic() - self._began_s > TURN_S:
            await asyncio.sleep(0)
            self._began_s = time.monotonic()
