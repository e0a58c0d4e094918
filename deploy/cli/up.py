"""``up``: everything on this machine, without simulated devices."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from typing import TYPE_CHECKING

from deploy import state
from deploy.cli.serve import LOG_FORMAT, stop_on_signals
from deploy.embedded.provision import Programs, provide
from deploy.progress import Reporter
from deploy.supervisor import Supervisor, without_account

if TYPE_CHECKING:
    import argparse
    from collections.abc import Awaitable, Callable

    from deploy.settings import Settings


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command's parser."""
    parser = commands.add_parser(
        "up",
        help="run everything on this machine",
        description="Runs database, broker, gateway, worker and API on this machine until Ctrl-C or "
        "./chiiki stop. With CHIIKI_DATABASE_URL or CHIIKI_MQTT_URL that service is used instead of an "
        "embedded one.",
    )
    parser.set_defaults(run=_run)


def _run(_: argparse.Namespace, settings: Settings) -> int:
    return run(settings, ready)


def run(settings: Settings, then: Callable[[Supervisor], Awaitable[None]], *, fresh: bool = False) -> int:
    """Bring everything up, do `then`, and keep it up until a signal comes.

    Parameters
    ----------
    fresh : bool
        Forget earlier runs first.
    """
    with state.hold(settings.state_dir):
        if fresh:
            state.clear(settings.state_dir)
        programs = programs_for(settings)
        return asyncio.run(_main(settings, programs, then))


def programs_for(settings: Settings) -> Programs | None:
    """Return the programs of the embedded services, fetched if need be; None when none is embedded."""
    if settings.database_url is not None and settings.mqtt_url is not None:
        return None
    with Reporter() as report:
        return provide(report)


async def _main(
    settings: Settings, programs: Programs | None, then: Callable[[Supervisor], Awaitable[None]]
) -> int:
    logs = settings.state_dir / "logs"
    logs.mkdir(exist_ok=True)
    logging.basicConfig(
        level=settings.log_level.upper(), format=LOG_FORMAT, filename=logs / "supervisor.log", force=True
    )
    stop = stop_on_signals()
    supervisor = Supervisor(settings, programs, say)

    async def work() -> None:
        async with supervisor.running():
            await then(supervisor)
            await _first(stop, supervisor.failed)

    task = asyncio.create_task(work(), name="deploy.up")
    stopping = asyncio.create_task(stop.wait(), name="deploy.stop")
    await asyncio.wait({task, stopping}, return_when=asyncio.FIRST_COMPLETED)
    if stop.is_set() and not task.done():
        say("stopping")
        if not supervisor.is_running:
            task.cancel()
    stopping.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    return 1 if supervisor.failed.is_set() else 0


async def _first(*events: asyncio.Event) -> None:
    waiting = [asyncio.create_task(event.wait(), name="deploy.wait") for event in events]
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()


async def ready(supervisor: Supervisor) -> None:
    """Tell the user where everything is."""
    settings = supervisor.settings
    print(f"ready {settings.http_url}", flush=True)
    say(f"MQTT {without_account(supervisor.mqtt_url)} · state and logs in {settings.state_dir}")
    say(f"operator's API token: {settings.state_dir}/operator-token (readable by you only)")
    say("stop with Ctrl-C or ./chiiki stop")


def say(line: str) -> None:
    """Print a line for the user, beside the output proper."""
    print(line, file=sys.stderr, flush=True)
