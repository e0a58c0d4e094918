"""``bench``: measurements; each is a module in `tests/bench`."""

from __future__ import annotations

import importlib.util
import sys
from typing import TYPE_CHECKING

from deploy.errors import ServiceError
from deploy.settings import CHECKOUT

if TYPE_CHECKING:
    import argparse

    from deploy.settings import Settings

FOLDER = CHECKOUT / "tests" / "bench"


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command's parser."""
    parser = commands.add_parser(
        "bench",
        help="measure",
        description="Runs a measurement on services of its own; ./chiiki bench ingest --help tells more.",
        add_help=False,
    )
    parser.add_argument("-h", "--help", action="store_true", dest="wants_help")
    parser.add_argument("what", nargs="?", help=f"one of: {', '.join(names())}")
    parser.add_argument("rest", nargs="...", metavar="…", help="its options")
    parser.set_defaults(run=lambda args, settings: _run(parser, args, settings))


def names() -> list[str]:
    """Name the measurements."""
    return sorted(
        path.stem for path in FOLDER.glob("[a-z]*.py") if not path.stem.startswith(("test_", "conftest"))
    )


def _run(parser: argparse.ArgumentParser, args: argparse.Namespace, _: Settings) -> int:
    if args.what is None:
        parser.print_help()
        return 0 if args.wants_help else 2
    if args.what not in names():
        raise ServiceError(f"no measurement {args.what}: one of {', '.join(names())}")
    name = f"tests.bench.{args.what}"
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{args.what}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    code: int = module.main([*(["--help"] if args.wants_help else []), *args.rest])
    return code
