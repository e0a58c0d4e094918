"""``status``: what runs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from deploy import state

if TYPE_CHECKING:
    import argparse

    from deploy.settings import Settings

NOT_RUNNING = 3
"""The exit code when nothing runs (as of init scripts, LSB)."""


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command's parser."""
    parser = commands.add_parser(
        "status",
        help="show what runs",
        description=f"Names every process with pid, port and state. Exit code {NOT_RUNNING}: nothing runs.",
    )
    parser.add_argument("--json", action="store_true", help="for scripts")
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace, settings: Settings) -> int:
    held = state.is_held(settings.state_dir)
    status = state.read_status(settings.state_dir) if held else {}
    if not status:
        word = "starting" if held else "stopped"
        status = {"state": word, "url": None, "state_dir": str(settings.state_dir), "processes": []}
    print(json.dumps(status, indent=2, ensure_ascii=False) if args.json else _table(status))
    return 0 if held else NOT_RUNNING


def _table(status: dict[str, object]) -> str:
    lines = [f"{status['state']} {status['url'] or ''}".strip()]
    processes = status["processes"]
    assert isinstance(processes, list)
    for one in processes:
        port = f"port {one['port']}" if one["port"] else ""
        pid = f"pid {one['pid']}" if one["pid"] else ""
        again = f"restarted {one['restarts']}×" if one["restarts"] else ""
        lines.append(f"  {one['name']:<12} {one['state']:<11} {pid:<12} {port:<11} {again}".rstrip())
    return "\n".join([*lines, f"state and logs in {status['state_dir']}"])
