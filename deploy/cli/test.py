"""``test``: every check of the repository, and the tests."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.errors import ServiceError
from deploy.settings import CHECKOUT

if TYPE_CHECKING:
    import argparse

    from deploy.settings import Settings

E2E = "tests/e2e"


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command's parser."""
    parser = commands.add_parser(
        "test",
        help="run all checks and tests",
        description="Runs ruff, mypy and pytest, the latter against a real database and a real broker. "
        "The rooms' tests run on two processes, the end-to-end tests alone, since they kill and cut. "
        "What follows -- goes to pytest, e.g. ./chiiki test -- tests/store -x; then only pytest runs.",
    )
    parser.add_argument("--all", action="store_true", help="the slow tests too")
    parser.add_argument("pytest", nargs="*", metavar="-- …", help="arguments for pytest")
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace, _: Settings) -> int:
    pytest = [sys.executable, "-P", "-m", "pytest", *marks(everything=args.all)]
    checks = {"pytest": [*pytest, *args.pytest]} if args.pytest else static_checks() | whole_suite(pytest)
    failed = [name for name, command in checks.items() if not _passes(name, command)]
    if failed:
        print(f"failed: {', '.join(failed)}", flush=True)
        return 1
    print("all passed", flush=True)
    return 0


def static_checks() -> dict[str, list[str]]:
    """Return the checks that need no services, by name."""
    return {
        "ruff check": [tool("ruff"), "check", "."],
        "ruff format": [tool("ruff"), "format", "--check", "."],
        "mypy --strict": [tool("mypy"), "--strict"],
    }


def whole_suite(pytest: list[str]) -> dict[str, list[str]]:
    """Return pytest's runs: the rooms by files on two processes, then what needs the machine to itself."""
    return {
        "pytest, rooms": [*pytest, "-n", "2", "--dist", "loadfile", "--ignore", E2E, "tests"],
        "pytest, end to end": [*pytest, E2E],
    }


def marks(*, everything: bool) -> list[str]:
    """Return pytest's arguments that choose the tests."""
    return [] if everything else ["-m", "not slow"]


def tool(name: str) -> str:
    """Return a program of the environment that runs this."""
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        raise ServiceError(f"{name} is missing: run the tests by ./chiiki test, which installs it")
    return found


def _passes(name: str, command: list[str]) -> bool:
    print(f"── {name}", flush=True)
    started_at = time.monotonic()
    code = subprocess.run(command, cwd=CHECKOUT, check=False).returncode  # noqa: S603
    word = "passed" if code == 0 else f"FAILED (exit code {code})"
    print(f"── {name}: {word} in {time.monotonic() - started_at:.1f} s", flush=True)
    return code == 0
