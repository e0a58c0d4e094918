"""``demo``: everything on this machine, with simulated devices."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, get_args

from deploy import demo
from deploy.cli.up import run, say
from deploy.errors import SettingsError
from devices.simulator.sorting_scores import FaultName

if TYPE_CHECKING:
    import argparse

    from deploy.settings import Settings
    from deploy.supervisor import Supervisor


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
    parser.add_argument(
        "--fault",
        choices=get_args(FaultName),
        help="what goes wrong with the echo unit, from the last market day on or, where its fish were sent "
        "already, from now: its scores shift and its images show it",
    )
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace, settings: Settings) -> int:
    if settings.mqtt_url is not None or settings.database_url is not None:
        raise SettingsError("demo uses services of its own: unset CHIIKI_DATABASE_URL and CHIIKI_MQTT_URL")
    return run(settings, partial(play_and_tell, fault=args.fault), fresh=args.fresh)


async def play_and_tell(supervisor: Supervisor, *, fault: FaultName | None = None) -> None:
    """Start the simulated devices; say where to look, and lines to try, once there is something to see."""
    tokens = await demo.play(supervisor, fault=fault)
    url, folder = supervisor.settings.http_url, supervisor.settings.state_dir
    print(f"ready {url}", flush=True)
    curl = f"  curl -H 'Authorization: Bearer {tokens['shihoro']}' {url}/api/v1"
    say("Everything shown is simulated: a school farm in Shihoro, a fish market in Sendai. Try:")
    for path in ("labs/shihoro/latest", "devices/shihoro-farm-1/series", "devices/shihoro-farm-1/ledger"):
        say(f"{curl}/{path}")
    say(f"Sendai's token: {tokens['sendai']} · the operator's is in {folder}/operator-token")
    say("Stop with Ctrl-C or ./chiiki stop")
    supervisor.beside(demo.grow(supervisor, tokens["shihoro"]), "demo.grow")
    supervisor.beside(demo.sell(supervisor), "demo.sell")
