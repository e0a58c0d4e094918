"""``stop``: ends what `up` or `demo` runs."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING

from deploy import state
from deploy.errors import ServiceError

if TYPE_CHECKING:
    import argparse

    from deploy.settings import Settings


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command's parser."""
    parser = commands.add_parser(
        "stop",
        help="stop what `up` or `demo` runs",
        description="Stops cleanly: the gateway stores and acknowledges what it has before the services end.",
    )
    parser.add_argument("--deadline", type=float, default=120.0, metavar="S", help="how long it may take")
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace, settings: Settings) -> int:
    if not state.is_held(settings.state_dir):
        print("nothing runs")
        return 0
    pid = state.read_status(settings.state_dir).get("pid")
    if pid is None:
        raise ServiceError(f"a command that is just starting holds {settings.state_dir}: try again")
    try:
        os.kill(pid, signal.SIGTERM)
    except ProcessLookupError:
        pass
    except PermissionError:
        raise ServiceError(f"pid {pid} belongs to another user: stop it as that user") from None
    end_at = time.monotonic() + args.deadline
    while state.is_held(settings.state_dir):
        if time.monotonic() > end_at:
            raise ServiceError(
                f"pid {pid} did not end within {args.deadline:g} s (logs in {settings.state_dir})"
            )
        time.sleep(0.05)
    print("stopped")
    return 0
