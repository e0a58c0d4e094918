"""`chiiki import`: history of one device from a CSV or Parquet file."""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deploy.cli.database import reach_database
from deploy.cli.output import add_json, print_facts, print_json, print_note
from deploy.errors import DeployError
from deploy.progress import Reporter
from devices.kinds import load_kinds
from store.pool import open_pool

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deploy.settings import Settings
    from ingest.backfill import Imported
    from ingest.history import Layout

DESCRIPTION = """\
Takes the history of one device in, through the same checks as its messages: what is there already is
counted as duplicate, what cannot be stored goes to quarantine with the row's number. The same file twice
changes nothing.

  chiiki import soil.csv --device north-1 --time zeit --tz Asia/Tokyo \\
      --map "Soil 10 cm=soil_temperature@10cm" --map notes=
  chiiki import loggers.parquet --device logger-1 --tz Asia/Tokyo --long variable,value \\
      --where logger=Micro_1 --map "Soil Temperature (°C)=soil_temperature"
"""


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = commands.add_parser(
        "import",
        help="read history from CSV or Parquet",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="CSV (UTF-8) or Parquet")
    parser.add_argument("--device", required=True, help="whose readings these are")
    parser.add_argument(
        "--time", metavar="COLUMN", help="column of times (default: the one called at, time, …)"
    )
    parser.add_argument("--tz", metavar="ZONE", help="zone of times without an offset, e.g. Asia/Tokyo")
    parser.add_argument(
        "--repeated",
        choices=("reject", "earliest", "latest"),
        default="reject",
        help="which one is meant of times that the clocks showed twice (default: %(default)s)",
    )
    parser.add_argument("--unit", choices=("s", "ms", "us"), default="ms", help="of times that are numbers")
    parser.add_argument("--long", metavar="VARIABLE,VALUE", help="two columns: name of the channel, value")
    parser.add_argument(
        "--map", action="append", default=[], metavar="COLUMN=QUANTITY[@POSITION]", help="empty: leave it out"
    )
    parser.add_argument(
        "--where", action="append", default=[], metavar="COLUMN=TEXT", help="only rows with this text"
    )
    parser.add_argument(
        "--missing",
        action="append",
        default=[],
        metavar="TEXT",
        help="stands for no value, e.g. NaN or -9999",
    )
    add_json(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Take the file in and tell what became of it."""
    if not args.file.is_file():
        raise DeployError(f"there is no file {args.file}")
    imported, took_s = asyncio.run(_import(args, settings))
    counts = {
        name: getattr(imported, name) for name in imported.__slots__ if name not in {"again", "reasons"}
    }
    told: dict[str, Any] = {
        **counts,
        "reasons": dict(imported.reasons),
        "again": imported.again,
        "took_s": took_s,
    }
    if args.json:
        print_json(told)
        return 0
    print_facts({name: f"{count:,}" for name, count in counts.items()})
    if imported.again:
        print_note(f"this very file was taken in before, {imported.again} times")
    if imported.quarantined:
        reasons = ", ".join(f"{reason} {count:,}" for reason, count in imported.reasons.most_common())
        print_note(f"in quarantine: {reasons}; see `chiiki quarantine list --device {args.device}`")
    return 0


async def _import(args: argparse.Namespace, settings: Settings) -> tuple[Imported, float]:
    from ingest.backfill import Backfill  # noqa: PLC0415  numpy and polars take their time to load
    from ingest.history import History  # noqa: PLC0415

    history = History(args.file, read_layout(args))
    with args.file.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").digest()
    began_s = time.monotonic()
    async with reach_database(settings) as url:
        pool = await open_pool(url, process="import", max_size=2)
        try:
            backfill = Backfill(pool, load_kinds(settings.kinds_dir), args.device, args.file.name)
            history.check_channels(await backfill.meet())
            with Reporter(quiet=args.json) as report:
                report.step(f"importing {args.file.name}: {history.rows:,} rows")
                imported = await backfill.take_in(
                    history.pieces(), digest, lambda row: report.fraction(row / max(1, history.rows))
                )
        finally:
            await pool.close()
    return imported, round(time.monotonic() - began_s, 3)


def read_layout(args: argparse.Namespace) -> Layout:
    """Make the layout of what was asked for."""
    from ingest.history import Layout  # noqa: PLC0415

    long = tuple(args.long.split(",")) if args.long else None
    if long is not None and len(long) != 2:  # noqa: PLR2004
        raise DeployError(f"--long {args.long}: name two columns, as in --long variable,value")
    return Layout(
        time=args.time,
        zone=args.tz,
        repeated=args.repeated,
        unit=args.unit,
        long=long,
        keys=_read_pairs("--map", args.map),
        where=_read_pairs("--where", args.where),
        missing=tuple(args.missing),
    )


def _read_pairs(option: str, texts: Sequence[str]) -> dict[str, str]:
    pairs = {}
    for text in texts:
        name, sign, value = text.rpartition("=")
        if not sign or not name:
            raise DeployError(f"{option} {text}: write NAME=VALUE")
        pairs[name] = value.strip()
    return pairs
