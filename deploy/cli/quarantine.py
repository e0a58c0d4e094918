"""`chiiki quarantine`: what could not be stored, why, and trying it again after the mend."""

from __future__ import annotations

import argparse
import asyncio
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from deploy.cli.database import connect, in_transaction
from deploy.cli.output import add_json, print_facts, print_json, print_note, print_table
from deploy.errors import DeployError
from deploy.progress import Reporter
from store.heartbeats import list_beats
from store.quarantine import Quarantined, get_quarantine, list_quarantine, open_ids
from store.requests import Request, add_request, get_request

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deploy.settings import Settings
    from store.pool import AsyncConnection

REQUEST_SIZE = 200
"""Messages a request: small enough to see progress."""
POLL_S = 0.1
PREVIEW_BYTES = 2000
FRESH_S = 60.0
"""A process that has not said anything for so long is not there."""


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command and its verbs."""
    parser = commands.add_parser("quarantine", help="what could not be stored, why, and a replay")
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    listing = verbs.add_parser("list", help="newest first")
    _add_filters(listing)
    listing.add_argument("--state", choices=("open", "replayed", "any"), default="open")
    listing.add_argument(
        "--before", type=int, metavar="ID", help="the next page: before the last id of this one"
    )
    listing.add_argument("--limit", type=_count, default=50, help="at most so many (default: %(default)d)")
    add_json(listing)
    listing.set_defaults(run=run_list)
    showing = verbs.add_parser("show", help="one message: raw, with its reason")
    showing.add_argument("id", type=int)
    add_json(showing)
    showing.set_defaults(run=run_show)
    replaying = verbs.add_parser("replay", help="send messages through the gateway again")
    replaying.add_argument("ids", type=int, nargs="*", metavar="ID")
    replaying.add_argument("--all", action="store_true", help="every open one that the filters let through")
    _add_filters(replaying)
    replaying.add_argument(
        "--timeout", type=float, default=600.0, help="seconds to wait (default: %(default)g)"
    )
    add_json(replaying)
    replaying.set_defaults(run=run_replay, fail=replaying.error)


def _count(text: str) -> int:
    """Read a number of rows."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"must be a whole number from 0, not {text}")
    return int(text)


def _add_filters(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--lab")
    parser.add_argument("--device")
    parser.add_argument("--reason", help="e.g. unknown_quantity")


def run_list(args: argparse.Namespace, settings: Settings) -> int:
    """List quarantined messages."""
    rows = in_transaction(
        settings,
        list_quarantine,
        lab=args.lab,
        device=args.device,
        state=None if args.state == "any" else args.state,
        reason=args.reason,
        before=args.before,
        limit=args.limit,
    )
    if args.json:
        print_json(rows)
        return 0
    print_table(
        ("id", "device", "reason", "readings", "seen", "last", "what to mend"),
        [(r.id, r.device or r.topic, r.reason, r.readings, r.sightings, r.seen_at, r.detail) for r in rows],
    )
    if rows and len(rows) == args.limit:
        print_note(f"There may be more: add --before {rows[-1].id}")
    return 0


def run_show(args: argparse.Namespace, settings: Settings) -> int:
    """Show one quarantined message, raw."""
    row = in_transaction(settings, get_quarantine, args.id)
    if args.json:
        print_json(row)
        return 0
    names = (
        "id",
        "topic",
        "device",
        "lab",
        "origin",
        "reason",
        "detail",
        "readings",
        "rejected",
        "sightings",
    )
    print_facts({name: getattr(row, name) for name in names})
    times = ("received_at", "seen_at", "state", "replayed_at", "outcome")
    print_facts({name: getattr(row, name) for name in times})
    print_note(_preview(row))
    return 0


def run_replay(args: argparse.Namespace, settings: Settings) -> int:
    """Ask a gateway to try messages again, and wait for how it went."""
    if bool(args.ids) == args.all:
        args.fail("name the ids to replay, or --all (with --device, --lab or --reason to choose)")
    outcome = asyncio.run(_replay(args, settings))
    if args.json:
        print_json(outcome)
    else:
        print_facts(outcome)
    return 0


async def _replay(args: argparse.Namespace, settings: Settings) -> dict[str, Any]:
    filters = {"lab": args.lab, "device": args.device, "reason": args.reason}
    async with connect(settings) as connection:
        await _require_gateway(connection)
        ids = args.ids or await open_ids(connection, **filters)
        for row_id in args.ids:
            await get_quarantine(connection, row_id, args.lab)
        asked = await _ask(connection, ids, args.lab)
        await connection.commit()  # now the gateways hear of it
        with Reporter(quiet=args.json) as report:
            report.step(f"replaying {len(ids)} messages")
            return await _await_outcomes(connection, asked, time.monotonic() + args.timeout, report)


async def _require_gateway(connection: AsyncConnection) -> None:
    beats = await list_beats(connection)
    if not any(beat.age_s < FRESH_S and not beat.process.startswith("api") for beat in beats):
        raise DeployError("no gateway is running, and only it can replay: start ./chiiki up and try again")


async def _ask(connection: AsyncConnection, ids: Sequence[int], lab: str | None) -> list[Request]:
    pages = [list(ids[start : start + REQUEST_SIZE]) for start in range(0, len(ids), REQUEST_SIZE)]
    return [await add_request(connection, verb="replay", argument={"ids": page}, lab=lab) for page in pages]


async def _await_outcomes(
    connection: AsyncConnection, asked: Sequence[Request], until: float, report: Reporter
) -> dict[str, Any]:
    """Add up what the gateways say; every request ends with counts by name."""
    total: Counter[str] = Counter(messages=sum(len(request.argument["ids"]) for request in asked))
    for done, request in enumerate(asked):
        report.fraction(done / len(asked))
        ended = await _await_end(connection, request, until)
        if ended.state == "failed":
            raise DeployError(
                f"the replay failed: {(ended.outcome or {}).get('error', 'see the log of the gateway')}"
            )
        counts = ended.outcome or {}
        total.update({name: count for name, count in counts.items() if isinstance(count, int)})
    return dict(total)


async def _await_end(connection: AsyncConnection, request: Request, until: float) -> Request:
    while True:
        now = await get_request(connection, request.id)
        await connection.commit()  # no transaction stays open while we wait
        if now.state != "waiting":
            return now
        if time.monotonic() > until:
            raise DeployError("no gateway has answered: is one running? (./chiiki status) The request stays.")
        await asyncio.sleep(POLL_S)


def _preview(row: Quarantined) -> str:
    """Show the payload as text where it is text, else in hexadecimal."""
    head = row.payload[:PREVIEW_BYTES]
    text = head.decode(errors="replace")
    shown = text if text.isprintable() and "\ufffd" not in text else head.hex(" ")
    more = (
        "" if len(row.payload) <= PREVIEW_BYTES else f" … ({len(row.payload)} bytes; all of it with --json)"
    )
    return f"payload: {shown}{more}"
