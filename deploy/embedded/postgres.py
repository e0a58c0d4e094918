"""The embedded PostgreSQL: made once in the state directory, started and stopped with Chiiki."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import time
from typing import TYPE_CHECKING

from deploy.embedded import places, ports
from deploy.embedded.process import Process, at_work_in, run
from deploy.embedded.service import EmbeddedService
from deploy.embedded.versions import timescaledb_version
from deploy.errors import ServiceError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from deploy.embedded.provision import Programs

HOST = "127.0.0.1"
DATABASE = "chiiki"
OWNER = "chiiki"
SUPERUSER = "postgres"
READY_S = 300.0
"""Recovery after a crash may take a while: it reads the write-ahead log since the last checkpoint."""

SETTINGS: dict[str, str] = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "shared_preload_libraries": "timescaledb",
    "timescaledb.telemetry_level": "off",
    "timescaledb.max_background_workers": "6",
    "max_worker_processes": "14",
    "max_connections": "60",
    "shared_buffers": "128MB",
    "maintenance_work_mem": "64MB",
    "min_wal_size": "256MB",
    "max_wal_size": "1GB",
    "checkpoint_timeout": "10min",
    "wal_compression": "lz4",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "jit": "off",
    "random_page_cost": "1.1",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "warning",
    "log_line_prefix": "%m [%p] ",
    "log_checkpoints": "off",
    "password_encryption": "scram-sha-256",
}
"""For a small machine; what a committed transaction survives is not traded for speed."""

UPDATE_EXTENSION = "ALTER EXTENSION timescaledb UPDATE"
"""Must be the first statement of a session: the library of the old version may be gone."""

HBA = "host all all 127.0.0.1/32 scram-sha-256\n"


class EmbeddedPostgres(EmbeddedService):
    """A PostgreSQL server with TimescaleDB below ``state_dir/postgres``, on loopback, with random passwords.

    Parameters
    ----------
    port : int
        0: any free port, chosen at the start.
    settings : Mapping[str, str]
        Override `SETTINGS`.
    setting_name : str
        What the user would set to choose another port; for the message when the port is taken.
    """

    name = "PostgreSQL"
    stop_s = 30.0

    def __init__(
        self, state_dir: Path, programs: Programs, *, port: int = 0,
        settings: Mapping[str, str] | None = None, setting_name: str = "CHIIKI_POSTGRES_PORT",
    ) -> None:  # fmt: skip
        self.folder = state_dir.resolve() / "postgres"
        self.data = self.folder / "data"
        self.port = port
        self._programs = programs
        self._settings = {**SETTINGS, **(settings or {})}
        self._setting_name = setting_name
        self._user = places.service_user()

    @property
    def url(self) -> str:
        """Address of the database of Chiiki, as its owner (not a superuser), password included."""
        return address(self.folder, OWNER, DATABASE, self.port)

    @property
    def superuser_url(self) -> str:
        """Address of the maintenance database as superuser, password included."""
        return address(self.folder, SUPERUSER, "postgres", self.port)

    def spawn(self) -> None:
        """Start the server without waiting for it; call it from a thread that stays."""
        if not (self.folder / "made").exists():
            self._make()
        clear_stale_pid_file(self.data)
        if self.port == 0:
            self.port = ports.free_port(HOST)
        ports.require_free(HOST, self.port, self._setting_name)
        options = [f"--{name}={value}" for name, value in {**self._settings, "port": str(self.port)}.items()]
        command = [str(self._programs.postgres / "postgres"), "-D", str(self.data), *options]
        self._process = Process(
            command, log=self.folder / "log", user=self._user, cwd=self.folder, end_signal=signal.SIGINT
        )
        self._process.spawn()

    def wait_ready(self, deadline_s: float = READY_S) -> None:
        """Wait until the server answers; recovery after a crash included."""
        end_at = time.monotonic() + deadline_s
        while not self._says_ready():
            if self.process.ended() is not None:
                words = self.process.last_words(("FATAL", "PANIC", "ERROR"))
                raise ServiceError(f"PostgreSQL did not start: {words} (log: {self.process.log})")
            if time.monotonic() > end_at:
                raise ServiceError(
                    f"PostgreSQL did not answer within {deadline_s:.0f} s (log: {self.process.log})"
                )
            time.sleep(0.02)
        self._update_extension()

    def _update_extension(self) -> None:
        """Bring the database's TimescaleDB to that of the programs, which may have been made anew since."""
        mark = self.folder / "timescaledb-version"
        version = timescaledb_version(self._programs.postgres) or ""
        if mark.exists() and mark.read_text() != version:
            psql = [str(self._programs.postgres / "psql"), "-X", "-q", "-d", DATABASE, "-c", UPDATE_EXTENSION]
            password = (self.folder / f"password-{SUPERUSER}").read_text().strip()
            place = {"PGHOST": HOST, "PGPORT": str(self.port), "PGUSER": SUPERUSER, "PGPASSWORD": password}
            run(psql, user=self._user, what="updating TimescaleDB", environ=place)
        mark.write_text(version)

    def _says_ready(self) -> bool:
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return len(lines) > 7 and lines[0] == str(self.pid) and lines[7].strip() == "ready"  # noqa: PLR2004

    def _make(self) -> None:
        places.make_folder(self.folder, self._user, 0o700)
        if self.data.exists():
            shutil.rmtree(self.data)
        passwords = {role: self._new_password(role) for role in (SUPERUSER, OWNER)}
        run(
            [
                str(self._programs.postgres / "initdb"), "-D", str(self.data), "-U", SUPERUSER,
                "--pwfile", str(self.folder / f"password-{SUPERUSER}"), "--auth=scram-sha-256",
                "--encoding=UTF8", "--no-locale", "--locale-provider=builtin", "--builtin-locale=C.UTF-8",
                "--no-instructions",
            ],
            user=self._user, what="making the database",
        )  # fmt: skip
        (self.data / "pg_hba.conf").write_text(HBA)
        statements = (
            f"CREATE ROLE {OWNER} LOGIN PASSWORD '{passwords[OWNER]}';\n"
            f"CREATE DATABASE {DATABASE} OWNER {OWNER};\n"
        )
        run(
            [str(self._programs.postgres / "postgres"), "--single", "-D", str(self.data), "postgres"],
            user=self._user, what="making the database", stdin=statements,
        )  # fmt: skip
        (self.folder / "made").touch()

    def _new_password(self, role: str) -> str:
        password = secrets.token_urlsafe(24)
        path = self.folder / f"password-{role}"
        path.unlink(missing_ok=True)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:  # noqa: PTH123
            file.write(password + "\n")
        if self._user is not None:
            os.chown(path, self._user.uid, self._user.gid)
        return password


def address(folder: Path, role: str, database: str, port: int) -> str:
    """Return a database's address, password included; only who may read the password file can."""
    try:
        password = (folder / f"password-{role}").read_text().strip()
    except OSError as error:
        raise ServiceError(f"cannot read the database's password in {folder}: {error.strerror}") from None
    return f"postgresql://{role}:{password}@{HOST}:{port}/{database}"


def clear_stale_pid_file(data: Path, patience_s: float = 15.0) -> None:
    """Make way for a start: end a server that was left over, forget one that is gone.

    PostgreSQL itself only looks whether *some* process of the same user has the number, which is likely after
    a restart of a container. Here the file goes when nothing at all works in the data folder, and not before:
    a backend that outlives its server may still write.
    """
    pid_file = data / "postmaster.pid"
    end_at = time.monotonic() + patience_s
    while (pid := _pid_in(pid_file)) is not None:
        at_work = at_work_in(data)
        if not at_work:
            pid_file.unlink(missing_ok=True)
            return
        if time.monotonic() > end_at:
            raise ServiceError(f"another PostgreSQL (pid {at_work[0]}) uses {data}: stop it and start again")
        if pid in at_work:
            os.kill(pid, signal.SIGINT)
        time.sleep(0.1)


def _pid_in(pid_file: Path) -> int | None:
    try:
        return int(pid_file.read_text().split("\n", 1)[0])
    except (OSError, ValueError):
        return None
