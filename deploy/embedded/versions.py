"""Runs the services' programs to learn their versions; decides whether they are good enough."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

from deploy.embedded.recipes import MIN_MOSQUITTO, MIN_TIMESCALEDB, PG_SHARE

if TYPE_CHECKING:
    from pathlib import Path


def postgres_version(folder: Path) -> str | None:
    """Return the version of the server in a folder of programs, or None when it does not run or is not 17."""
    said = _run([str(folder / "postgres"), "--version"])
    found = re.search(r"PostgreSQL\) (17\.\d+)", said)
    if found is None or "PostgreSQL" not in _run([str(folder / "initdb"), "--version"]):
        return None
    return found.group(1)


def timescaledb_version(folder: Path) -> str | None:
    """Return the version of the TimescaleDB that belongs to a folder of programs, or None."""
    root = folder.parents[4]
    try:
        control = (root / PG_SHARE / "extension/timescaledb.control").read_text()
    except OSError:
        return None
    found = re.search(r"default_version = '([\d.]+)'", control)
    if found is None or not (folder.parent / f"lib/timescaledb-{found.group(1)}.so").exists():
        return None
    return found.group(1)


def mosquitto_version(program: Path) -> str | None:
    """Return the version of a mosquitto, or None when it does not run."""
    found = re.search(r"mosquitto version ([\d.]+)", _run([str(program), "-h"]))
    return found.group(1) if found else None


def postgres_suits(folder: Path) -> bool:
    """Tell whether a folder of programs has PostgreSQL 17 with a TimescaleDB that is new enough."""
    timescaledb = timescaledb_version(folder)
    return at_least(timescaledb, MIN_TIMESCALEDB) and postgres_version(folder) is not None


def mosquitto_suits(program: Path) -> bool:
    """Tell whether a mosquitto runs and is new enough."""
    return at_least(mosquitto_version(program), MIN_MOSQUITTO)


def at_least(version: str | None, least: tuple[int, ...]) -> bool:
    """Compare versions by their numbers.

    Examples
    --------
    >>> at_least("2.19.3", (2, 18, 1)), at_least("2.0.11", (2, 0, 21)), at_least(None, (1,))
    (True, False, False)
    """
    return version is not None and tuple(map(int, version.split("."))) >= least


def _run(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout + done.stderr
