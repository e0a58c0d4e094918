"""``demo``: everything on this machine, with simulated devices."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deploy import demo
from deploy.cli.up import run
from deploy.errors import SettingsError

if TYPE_CHECKING:
    import argparse

    from deploy.settings import Settings


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command's parser."""
    parser = commands.add_parser(
        "demo",
        help="run everything on this machine, with simulated devices",
        description="As `up`, and simulated devices send: a school farm in Shihoro, a fish market in Sendai. "
        f"They first send {demo.HISTORY_DAYS} days of history. All of it is marked as simulated.",
    )
    parser.add_argument(
        "--fresh", action="store_true", help="forget earlier runs: deletes the embedded database"
    )
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace, settings: Settings) -> int:
    if settings.mqtt_url is not None or settings.database_url is not None:
        raise SettingsError("demo uses services of its own: unset CHIIKI_DATABASE_URL and CHIIKI_MQTT_URL")
    return run(settings, demo.play, fresh=args.fresh)
