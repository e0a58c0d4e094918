"""The command line: finds the command, reads the settings, turns every expected error into one line."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

# Command: (module, what it does). A module is imported only when its command is called: --help is quick.
COMMANDS: dict[str, tuple[str, str]] = {
    "demo": ("demo", "run everything on this machine, with simulated devices"),
    "up": ("up", "run everything on this machine"),
    "status": ("status", "show what runs"),
    "stop": ("stop", "stop what `up` or `demo` runs"),
    "gateway": ("gateway", "run one gateway (production)"),
    "worker": ("worker", "run one worker: forecasts (production)"),
    "api": ("api", "run the HTTP API (production)"),
    "accounts": ("accounts", "keep a broker's account files current (production)"),
    "migrate": ("migrate", "bring the database to this version"),
    "lab": ("lab", "labs: add, list"),
    "site": ("site", "a lab's sites: add, list"),
    "field": ("field", "a site's fields: add, list"),
    "planting": ("planting", "what is sown where, and the stages seen"),
    "recipe": ("recipe", "cultivation recipes: list, import, export"),
    "device": ("device", "devices: add, list, revoke, rotate"),
    "token": ("token", "tokens for the API"),
    "import": ("import_", "read history from CSV or Parquet"),
    "quarantine": ("quarantine", "what could not be stored: list, show, replay"),
    "doctor": ("doctor", "check this machine and installation"),
    "test": ("test", "run all checks and tests"),
    "bench": ("bench", "measure"),
}


# The root of each room's errors; a room that was not imported cannot have raised one.
EXPECTED = (
    ("deploy.errors", "DeployError"),
    ("store.errors", "StoreError"),
    ("devices.errors", "DeviceError"),
    ("ingest.errors", "IngestError"),
    ("ingest.link", "LinkError"),
    ("analytics.errors", "AnalyticsError"),
)


class Help(argparse.RawDescriptionHelpFormatter):
    """Keeps line breaks of descriptions."""


def main(argv: Sequence[str]) -> int:
    """Run a command; return its exit code."""
    try:
        return _run(argv)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read our output has gone; keep Python from complaining when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except Exception as error:
        if not _is_expected(error):
            raise
        print(f"chiiki: {' '.join(str(error).split())}", file=sys.stderr)
        return 1


def _run(argv: Sequence[str]) -> int:
    parser = _parser(argv[0] if argv else "")
    args = parser.parse_args(argv)
    if not hasattr(args, "run"):
        parser.print_help()
        return 0 if not argv else 2
    from deploy import settings  # noqa: PLC0415

    code: int = args.run(args, settings.load())
    return code


def _parser(wanted: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="./chiiki",
        description="The backend of a regional IoT lab.",
        formatter_class=Help,
        epilog="Settings: chiiki.toml or CHIIKI_* (deploy/README.md). ./chiiki COMMAND --help tells more.",
    )
    commands = parser.add_subparsers(metavar="COMMAND")
    for name, (module, summary) in COMMANDS.items():
        if name == wanted:
            importlib.import_module(f"deploy.cli.{module}").add(commands)
        else:
            commands.add_parser(name, help=summary, add_help=False)
    return parser


def _is_expected(error: Exception) -> bool:
    """Tell whether it is one of ours, whose sentence is all that a user needs."""
    known = [getattr(sys.modules.get(module), name, None) for module, name in EXPECTED]
    return any(isinstance(error, kind) for kind in known if isinstance(kind, type))
