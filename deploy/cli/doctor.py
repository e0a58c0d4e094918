"""``doctor``: checks this machine and this installation; says what to do about what is wrong."""

from __future__ import annotations

import json
import platform
import shutil
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from deploy import state
from deploy.embedded import places, ports, versions
from deploy.embedded.provision import provide
from deploy.errors import DeployError
from deploy.privilege import process_user
from deploy.probe import probe
from deploy.progress import Reporter
from store import migrate
from store.errors import StoreError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator

    from deploy.settings import Settings

ROOM = 2_000_000_000
"""Bytes that the state directory should have free."""
ZONES = Path("/usr/share/zoneinfo/Asia/Tokyo")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    what: str
    ok: bool
    said: str


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command's parser."""
    parser = commands.add_parser(
        "doctor",
        help="check this machine and installation",
        description="Looks at Python, disk, services, ports, database and what runs. "
        "Exit code 1 when something is wrong.",
    )
    parser.add_argument("--json", action="store_true", help="for scripts")
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace, settings: Settings) -> int:
    findings = [_look(what, look) for what, look in checks(settings)]
    if args.json:
        print(json.dumps([asdict(finding) for finding in findings], indent=2, ensure_ascii=False))
    else:
        for finding in findings:
            print(f"{'ok ' if finding.ok else 'BAD'} {finding.what}: {finding.said}")
    return 0 if all(finding.ok for finding in findings) else 1


def _look(what: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(what, True, look())
    except (DeployError, StoreError, OSError) as error:
        return Finding(what, False, " ".join(str(error).split()))


def checks(settings: Settings) -> Iterator[tuple[str, Callable[[], str]]]:
    """Give what is to be looked at: a name, and a function that tells or raises."""
    yield "python", lambda: f"{platform.python_version()} ({sys.executable})"
    yield "time zones", _zones
    yield "disk", lambda: _disk(settings)
    if settings.database_url is None or settings.mqtt_url is None:
        yield "services", _programs
    if places.service_user() is not None:
        yield "gateway, API and worker run as", lambda: process_user(settings)[1]
    if state.is_held(settings.state_dir):
        yield "running", lambda: _running(settings)
    else:
        yield "http port", lambda: _port(settings.http_host, settings.http_port, "CHIIKI_HTTP_PORT")
        if settings.mqtt_url is None:
            yield "mqtt port", lambda: _port(settings.mqtt_host, settings.mqtt_port, "CHIIKI_MQTT_PORT")
    if settings.database_url is not None:
        yield "database", lambda: _database(settings.database_url or "")


def _zones() -> str:
    if not ZONES.exists():
        raise DeployError(f"{ZONES} is missing, PostgreSQL needs it: apt install tzdata")
    return "present"


def _disk(settings: Settings) -> str:
    folder = places.nearest(settings.state_dir)
    places.require_reachable(settings.state_dir, places.service_user(), "CHIIKI_STATE_DIR")
    free = shutil.disk_usage(folder).free
    if free < ROOM:
        raise DeployError(f"{folder} has only {free // 1_000_000} MB free: free some or set CHIIKI_STATE_DIR")
    return f"{free // 1_000_000_000} GB free at {settings.state_dir}"


def _programs() -> str:
    with Reporter() as report:
        found = provide(report)
    return (
        f"PostgreSQL {versions.postgres_version(found.postgres)} with "
        f"TimescaleDB {versions.timescaledb_version(found.postgres)}, "
        f"mosquitto {versions.mosquitto_version(found.mosquitto)} ({found.postgres})"
    )


def _running(settings: Settings) -> str:
    answer = probe(f"{settings.http_url}/ready")
    if not answer.ready:
        raise DeployError(f"{settings.http_url}/ready says: {answer.said}")
    return f"{settings.http_url} is ready"


def _port(host: str, port: int, setting: str) -> str:
    ports.require_free(host, port, setting)
    return f"{host}:{port} is free"


def _database(url: str) -> str:
    found = migrate.check(url)
    if not found.current:
        raise DeployError(f"lacks {', '.join(found.pending)}: run ./chiiki migrate")
    return f"{len(found.applied)} migrations, current"
