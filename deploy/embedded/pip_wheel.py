"""Fetches pip for a Python that has none, and runs it: ``python -m deploy.embedded.pip_wheel``.

Without arguments it prints the path of a wheel; with such a path and more, pip gets the rest. Runs before
there is an environment, so with nothing but the standard library.
"""

from __future__ import annotations

import importlib
import os
import shutil
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from deploy.embedded.apt import Apt
from deploy.embedded.places import cache_dir, require_space
from deploy.errors import DeployError, ProvisionError

PACKAGE = "python3-pip-whl"
WHEELS = "usr/share/python-wheels"
AUTHORITIES = "pip/_vendor/certifi/cacert.pem"
SPACE = 200_000_000


def fetch(cache: Path) -> Path:
    """Return pip's wheel, from the cache or out of Debian's package."""
    home = cache / "pip"
    if kept := sorted(home.glob("pip-*.whl")):
        return kept[-1]
    home.mkdir(parents=True, exist_ok=True)
    require_space(home, SPACE)
    print("chiiki: fetching pip (once)", file=sys.stderr)  # noqa: T201
    with tempfile.TemporaryDirectory(prefix="building-", dir=cache) as work:
        apt = Apt(Path(work))
        apt.update(lambda _: None)
        packages = [p for p in apt.closure([PACKAGE]) if p.name == PACKAGE]
        apt.unpack(apt.download(packages, lambda _: None), Path(work) / "unpacked", lambda _: None)
        for wheel in (Path(work) / "unpacked" / WHEELS).glob("pip-*.whl"):
            scratch = home / f".{wheel.name}"
            shutil.copyfile(wheel, scratch)
            return scratch.replace(home / wheel.name)
    raise ProvisionError(f"Debian's package {PACKAGE} has no wheel of pip in it")


def run(wheel: Path, arguments: list[str]) -> int:
    """Run pip out of its wheel; return its exit code.

    Debian's pip trusts the authorities of the package ca-certificates and does not even start without it.
    Where it is missing, those serve that pip itself brings along.
    """
    sys.path.insert(0, str(wheel))
    certifi: Any = importlib.import_module("pip._vendor.certifi.core")
    if not Path(getattr(certifi, "DEBIAN_CA_CERTS_PATH", wheel)).exists():
        certifi.DEBIAN_CA_CERTS_PATH = str(_authorities(wheel))
    code: int = importlib.import_module("pip._internal.cli.main").main(arguments)
    return code


def _authorities(wheel: Path) -> Path:
    path = wheel.with_name("cacert.pem")
    scratch = wheel.with_name(f".cacert-{os.getpid()}.pem")
    with zipfile.ZipFile(wheel) as packed:
        scratch.write_bytes(packed.read(AUTHORITIES))
    return scratch.replace(path)


def main(arguments: list[str]) -> int:
    """Print the wheel's path, or run pip; return the exit code."""
    if arguments:
        return run(Path(arguments[0]), arguments[1:])
    try:
        print(fetch(cache_dir()))  # noqa: T201
    except (DeployError, OSError) as error:
        print(f"chiiki: this Python has no pip, and it cannot be fetched: {error}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
