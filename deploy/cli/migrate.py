"""`chiiki migrate`: bring the database to the schema of this version."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from deploy.cli.database import reach_database
from deploy.cli.output import add_json, print_json, print_note
from deploy.schema import prepare_database
from store import migrate

if TYPE_CHECKING:
    import argparse

    from deploy.settings import Settings


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = commands.add_parser("migrate", help="bring the database to the schema of this version")
    parser.add_argument(
        "--check", action="store_true", help="change nothing; exit code 1 if something is pending"
    )
    add_json(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Apply what is pending, or with ``--check`` tell what it is."""
    return asyncio.run(_check(args, settings) if args.check else _migrate(args, settings))


async def _migrate(args: argparse.Namespace, settings: Settings) -> int:
    async with reach_database(settings, migrated=False) as url:
        applied = await asyncio.to_thread(prepare_database, url)
    if args.json:
        print_json({"applied": applied})
    else:
        print_note("\n".join(f"applied {name}" for name in applied) or "nothing to do")
    return 0


async def _check(args: argparse.Namespace, settings: Settings) -> int:
    async with reach_database(settings, migrated=False) as url:
        state = await asyncio.to_thread(migrate.check, url)
    if args.json:
        print_json({"current": state.current, "applied": state.applied, "pending": state.pending})
    else:
        print_note("\n".join(f"pending {name}" for name in state.pending) or "nothing is pending")
    return 0 if state.current else 1
