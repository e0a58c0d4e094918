"""Fetches pip for a Python that has none: ``python -m deploy.embedded.pip_wheel`` prints the path of a wheel.

Runs before there is an environment, so with nothing but the standard library.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import zipfile
from pathlib import Path

from deploy.embedded.apt import Apt
from deploy.embedded.places import cache_dir, require_space
from deploy.errors import DeployError, ProvisionError

PACKAGE = "python3-pip-whl"
WHEELS = "usr/share/python-wheels"
SYSTEM_AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")
CERTIFI = "pip/_vendor/certifi"
OWN_AUTHORITIES = """

def where() -> str:
    return {path!r}
"""
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
            if SYSTEM_AUTHORITIES.exists():
                shutil.copyfile(wheel, scratch)
            else:
                trust_own(wheel, scratch)
            return scratch.replace(home / wheel.name)
    raise ProvisionError(f"Debian's package {PACKAGE} has no wheel of pip in it")


def trust_own(wheel: Path, target: Path) -> None:
    """Copy Debian's pip as one that trusts the authorities that pip itself brings along.

    Debian's trusts those of the package ca-certificates, and does not even start where that is missing.
    """
    path = target.with_name("cacert.pem")
    with zipfile.ZipFile(wheel) as packed, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as copy:
        path.write_bytes(packed.read(f"{CERTIFI}/cacert.pem"))
        for entry in packed.infolist():
            content = packed.read(entry)
            if entry.filename == f"{CERTIFI}/core.py":
                content += OWN_AUTHORITIES.format(path=str(path)).encode()
            copy.writestr(entry, content)


def main() -> int:
    """Print the wheel's path; return the exit code."""
    try:
        print(fetch(cache_dir()))  # noqa: T201
    except (DeployError, OSError) as error:
        print(f"chiiki: this Python has no pip, and it cannot be fetched: {error}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
