"""Fetches Debian packages by the machine's own apt, into a private folder.

apt gets a configuration of its own: the mirror that the machine already uses with the suite that has the
services, own lists, an own and empty dpkg status, an own cache. Signatures are checked as always; nothing is
installed.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.errors import Offline, ProvisionError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SUITE = "trixie"
"""The first Debian with PostgreSQL 17, TimescaleDB 2.18.1 or later and mosquitto 2.0.21."""
KEYRINGS = (
    Path("/usr/share/keyrings/debian-archive-keyring.gpg"),
    Path("/usr/share/keyrings/debian-archive-keyring.pgp"),
)
TIMEOUT_S = 900

CONFIGURATION = """\
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Pre-Invoke;
#clear DPkg::Post-Invoke;
#clear APT::Architectures;
#clear APT::Default-Release;
APT::Architecture "{architecture}";
APT::Architectures {{ "{architecture}"; }};
APT::Sandbox::User "root";
APT::Install-Recommends "false";
APT::Update::Error-Mode "any";
Acquire::Languages "none";
Acquire::Retries "3";
Acquire::http::Timeout "30";
Acquire::https::Timeout "30";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled "false";
Dir::Etc::sourcelist "{folder}/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::State "{folder}/state";
Dir::State::lists "{folder}/lists";
Dir::State::status "{folder}/status";
Dir::Cache "{folder}/cache";
Dir::Log "{folder}/log";
"""


@dataclass(frozen=True, slots=True)
class Package:
    """One package of a resolved closure; `size` in bytes."""

    name: str
    version: str
    size: int


class Apt:
    """The machine's apt under a private configuration below `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._environ = {**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
        require_tools("apt-get", "dpkg")
        self.architecture = self._output(["dpkg", "--print-architecture"]).strip()
        self._lay_out()

    def _lay_out(self) -> None:
        for name in ("lists/partial", "cache/archives/partial", "state", "log"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        (self.folder / "status").touch()
        keyring = _keyring()
        mirrors = parse_mirrors(self._output(["apt-get", "indextargets", "--format", MIRROR_FORMAT]))
        lines = [f"deb [signed-by={keyring}] {site} {suite} main\n" for site, suite in mirrors]
        (self.folder / "sources.list").write_text("".join(lines))
        text = CONFIGURATION.format(architecture=self.architecture, folder=self.folder)
        (self.folder / "apt.conf").write_text(text)

    def update(self, fraction: Callable[[float], None]) -> None:
        """Fetch the package lists; `fraction` is told from 0 to 1."""
        self._watched(["update"], fraction)

    def closure(self, names: Sequence[str]) -> list[Package]:
        """Return what an empty system would need for `names`, nothing being downloaded."""
        said = self._output(self._command("install", "--print-uris", "-qq", *names))
        return parse_uris(said)

    def download(self, packages: Sequence[Package], fraction: Callable[[float], None]) -> list[Path]:
        """Download packages, checked against the signed lists; return the files."""
        target = self.folder / "debs"
        target.mkdir(exist_ok=True)
        self._watched(["download", *(f"{p.name}={p.version}" for p in packages)], fraction, cwd=target)
        return sorted(target.glob("*.deb"))

    def unpack(self, debs: Sequence[Path], target: Path, fraction: Callable[[float], None]) -> None:
        """Unpack the files of packages below `target` and remove the packages."""
        target.mkdir(exist_ok=True)
        for count, deb in enumerate(debs, 1):
            self._output(["dpkg", "-x", str(deb), str(target)])
            deb.unlink()
            fraction(count / len(debs))

    def _command(self, *arguments: str) -> list[str]:
        return ["apt-get", "-c", str(self.folder / "apt.conf"), *arguments]

    def _output(self, command: Sequence[str]) -> str:
        done = subprocess.run(  # noqa: S603
            command, capture_output=True, text=True, timeout=TIMEOUT_S, env=self._environ, check=False
        )
        if done.returncode != 0:
            raise explain(done.stderr)
        return done.stdout

    def _watched(
        self, arguments: Sequence[str], fraction: Callable[[float], None], cwd: Path | None = None
    ) -> None:
        read_end, write_end = os.pipe()
        command = self._command("-q", "-o", f"APT::Status-Fd={write_end}", *arguments)
        with (self.folder / "apt.err").open("w+") as errors:
            process = subprocess.Popen(  # noqa: S603
                command, stdout=subprocess.DEVNULL, stderr=errors,
                pass_fds=(write_end,), env=self._environ, cwd=cwd,
            )  # fmt: skip
            os.close(write_end)
            try:
                with os.fdopen(read_end, errors="replace") as lines:
                    for line in lines:
                        if (done := parse_progress(line)) is not None:
                            fraction(done)
                code = process.wait(TIMEOUT_S)
            except BaseException:
                process.kill()
                process.wait()
                raise
            if code != 0:
                errors.seek(0)
                raise explain(errors.read())


MIRROR_FORMAT = "$(SITE)\t$(SUITE)\t$(CODENAME)\t$(ORIGIN)\t$(CREATED_BY)"


def parse_mirrors(targets: str) -> list[tuple[str, str]]:
    """Return (site, suite) lines to use, from what ``apt-get indextargets`` says is configured."""
    main: str | None = None
    security: str | None = None
    for line in targets.splitlines():
        site, _, codename, origin, created_by = (line.split("\t") + [""] * 5)[:5]
        if origin != "Debian" or created_by != "Packages":
            continue
        if codename.endswith("-security"):
            security = security or site
        elif "-" not in codename:
            main = main or site
    if main is None:
        raise ProvisionError(
            "apt has no Debian mirror with package lists: run `apt-get update` once as root, or install "
            "postgresql-17-timescaledb and mosquitto, or set CHIIKI_DATABASE_URL and CHIIKI_MQTT_URL"
        )
    found = [(main, SUITE)]
    return [*found, (security, f"{SUITE}-security")] if security else found


def parse_uris(said: str) -> list[Package]:
    """Read the lines of ``apt-get install --print-uris``: uri, file name, size, hash."""
    packages = []
    for line in said.splitlines():
        match = re.match(r"'\S+' (\S+?)_(\S+)_[^_ ]+\.deb (\d+)", line)
        if match:
            name, version, size = match.groups()
            packages.append(Package(name, version.replace("%3a", ":"), int(size)))
    return packages


def parse_progress(line: str) -> float | None:
    """Read a line of apt's status descriptor, ``dlstatus:1:20.5:text``, as a fraction."""
    parts = line.split(":")
    if len(parts) < 3 or parts[0] != "dlstatus":  # noqa: PLR2004
        return None
    try:
        return min(1.0, float(parts[2]) / 100)
    except ValueError:
        return None


def explain(said: str) -> ProvisionError:
    """Make one line of what apt or dpkg complained about."""
    lines = [line.strip() for line in said.splitlines() if line.startswith(("E:", "W:", "dpkg"))]
    lines.sort(key=lambda line: not line.startswith("E:"))
    first = re.sub(r"^[EW]: ", "", lines[0]) if lines else said.strip()[:200]
    lowered = said.lower()
    if "no space left" in lowered:
        return ProvisionError(f"the disk is full ({first}): free some space or set CHIIKI_CACHE_DIR")
    if any(sign in lowered for sign in ("no_pubkey", "not signed", "gpgv", "signature")):
        return ProvisionError(
            f"the mirror's signature cannot be checked ({first}): install debian-archive-keyring and gpgv"
        )
    if any(sign in lowered for sign in ("resolve", "failed to fetch", "connect", "timed out", "unreachable")):
        return Offline(f"the package mirror does not answer ({first}): check the network and start again")
    if "unable to locate package" in lowered:
        return ProvisionError(f"the mirror lacks a package ({first}): is it a Debian mirror with {SUITE}?")
    return ProvisionError(f"apt failed: {first}")


def _keyring() -> Path:
    for path in KEYRINGS:
        if path.exists():
            return path
    raise ProvisionError(f"{KEYRINGS[0]} is missing: install the package debian-archive-keyring")


def require_tools(*names: str) -> None:
    """Raise when a program is not on the path."""
    missing = [name for name in names if shutil.which(name) is None]
    if missing:
        raise ProvisionError(
            f"{' and '.join(missing)} not found: this machine is no Debian; install PostgreSQL 17 with "
            "TimescaleDB and mosquitto 2.0.21 or set CHIIKI_DATABASE_URL and CHIIKI_MQTT_URL"
        )
