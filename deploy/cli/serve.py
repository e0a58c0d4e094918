"""What the long-running commands share: logging and a stop event that signals set."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from typing import TYPE_CHECKING

from deploy.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from deploy.settings import Settings


LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def serve(work: Callable[[asyncio.Event], Awaitable[None]], settings: Settings) -> int:
    """Run `work` until it ends; SIGTERM and SIGINT set the event that it is given."""
    logging.basicConfig(
        level=settings.log_level.upper(),
        format=LOG_FORMAT,
        stream=sys.stderr,
    )
    asyncio.run(_until_stopped(work))
    return 0


async def _until_stopped(work: Callable[[asyncio.Event], Awaitable[None]]) -> None:
    await work(stop_on_signals())


def stop_on_signals() -> asyncio.Event:
    """Return an event that SIGTERM, SIGINT and SIGHUP set."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    return stop


def require_url(value: str | None, name: str) -> str:
    """Return an address that must be set for a process that runs alone."""
    if value is None:
        raise SettingsError(f"set CHIIKI_{name.upper()}, or use ./chiiki up, which runs everything here")
    return value
