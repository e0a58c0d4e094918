"""The embedded PostgreSQL: closed to others, and back after whatever ended it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from deploy.embedded import versions
from deploy.embedded.postgres import EmbeddedPostgres, clear_stale_pid_file
from deploy.embedded.recipes import MIN_TIMESCALEDB
from deploy.errors import PortTaken

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deploy.embedded.provision import Programs


@pytest.fixture
def server(programs: Programs, state_dir: Path) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(state_dir, programs)
    try:
        server.start()
        yield server
    finally:
        server.stop()


def test_the_versions_are_new_enough(programs: Programs) -> None:
    assert (versions.postgres_version(programs.postgres) or "").startswith("17.")
    assert versions.at_least(versions.timescaledb_version(programs.postgres), MIN_TIMESCALEDB)


def test_what_was_committed_survives_kill_and_restart(server: EmbeddedPostgres) -> None:
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept (n int)")
        for n in range(3):
            connection.execute("INSERT INTO kept VALUES (%s)", [n])
    port = server.port
    for end in (server.kill, server.stop):
        end()
        assert server.pid is None
        server.start()
        assert server.port == port
        with psycopg.connect(server.url) as connection:
            rows = connection.execute("SELECT n FROM kept ORDER BY n").fetchall()
        assert rows == [(0,), (1,), (2,)]


def test_a_newer_timescaledb_takes_over(server: EmbeddedPostgres) -> None:
    """Told by the mark; the statement is the real one, though the version is the same."""
    with psycopg.connect(server.url) as connection:
        connection.execute("CREATE EXTENSION timescaledb")
    mark = server.folder / "timescaledb-version"
    version = mark.read_text()
    mark.write_text("2.18.1")
    server.restart()
    assert mark.read_text() == version
    with psycopg.connect(server.url) as connection:
        installed = connection.execute("SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'")
        assert installed.fetchone() == (version,)


def test_durability_is_on_and_the_owner_is_no_superuser(server: EmbeddedPostgres) -> None:
    with psycopg.connect(server.url) as connection:
        for name in ("fsync", "synchronous_commit", "full_page_writes"):
            assert connection.execute(f"SHOW {name}").fetchone() == ("on",)
        assert connection.execute("SHOW is_superuser").fetchone() == ("off",)
        assert connection.execute("SHOW timescaledb.telemetry_level").fetchone() == ("off",)


def test_only_who_has_the_password_gets_in_by_loopback(server: EmbeddedPostgres) -> None:
    for user in ("chiiki", "postgres"):
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(f"postgresql://{user}:guess@127.0.0.1:{server.port}/chiiki").close()
        assert (server.folder / f"password-{user}").stat().st_mode & 0o777 == 0o600
    assert server.folder.stat().st_mode & 0o777 == 0o700


def test_it_runs_unprivileged(server: EmbeddedPostgres, as_root: bool) -> None:
    assert server.pid is not None
    owner = Path(f"/proc/{server.pid}").stat().st_uid
    assert owner != 0
    assert (owner != os.geteuid()) == as_root


def test_a_pid_file_that_names_another_process_is_forgotten(server: EmbeddedPostgres) -> None:
    """After a restart of a container the number of the dead server may be anybody's."""
    server.kill()
    with subprocess.Popen(["sleep", "30"]) as other:
        pid_file = server.data / "postmaster.pid"
        lines = pid_file.read_text().split("\n")
        pid_file.write_text("\n".join([str(other.pid), *lines[1:]]))
        server.start()
        assert server.pid not in (None, other.pid)
        assert other.poll() is None
        other.kill()


def test_a_server_left_over_is_ended_first(programs: Programs, server: EmbeddedPostgres) -> None:
    old = server.pid
    second = EmbeddedPostgres(server.folder.parent, programs)
    try:
        second.start()
        assert server.pid is None
        assert second.pid not in (None, old)
    finally:
        second.stop()


def test_a_pid_file_without_a_process_is_no_obstacle(state_dir: Path) -> None:
    (state_dir / "postmaster.pid").write_text("999999999\n")
    started_at = time.monotonic()
    clear_stale_pid_file(state_dir)
    assert time.monotonic() - started_at < 1
    assert not (state_dir / "postmaster.pid").exists()


def test_an_interrupted_first_start_is_begun_anew(programs: Programs, state_dir: Path) -> None:
    half = state_dir / "postgres" / "data"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("17\n")
    server = EmbeddedPostgres(state_dir, programs)
    try:
        server.start()
        with psycopg.connect(server.url) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
    finally:
        server.stop()


def test_a_taken_port_is_told_with_its_holder(
    programs: Programs, state_dir: Path, server: EmbeddedPostgres
) -> None:
    second = EmbeddedPostgres(state_dir / "second", programs, port=server.port)
    with pytest.raises(PortTaken, match=rf"taken by postgres \(pid {server.pid}\).*CHIIKI_POSTGRES_PORT"):
        second.start()


def test_it_ends_with_the_process_that_started_it(programs: Programs, state_dir: Path) -> None:
    code = (
        "import os, sys, time; from pathlib import Path;"
        "from deploy.embedded.postgres import EmbeddedPostgres;"
        "from deploy.embedded.provision import Programs;"
        "server = EmbeddedPostgres(Path(sys.argv[1]), Programs(Path(sys.argv[2]), Path(sys.argv[3])));"
        "server.start(); print(server.pid, flush=True); time.sleep(60)"
    )
    arguments = [sys.executable, "-c", code, str(state_dir), str(programs.postgres), str(programs.mosquitto)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout is not None
        pid = int(starter.stdout.readline())
        starter.kill()
    end_at = time.monotonic() + 10
    while Path(f"/proc/{pid}").exists():
        assert time.monotonic() < end_at, "PostgreSQL outlived the process that started it"
        time.sleep(0.02)
