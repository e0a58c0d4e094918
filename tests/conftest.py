"""Real services for the tests: an embedded PostgreSQL a session, a broker a test; nothing is left behind.

Services end with the process that started them (PR_SET_PDEATHSIG), also when pytest is killed; folders of
killed runs are removed by the next one.
"""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from deploy.embedded.broker import EmbeddedBroker
from deploy.embedded.places import service_user
from deploy.embedded.postgres import DATABASE, OWNER, EmbeddedPostgres
from deploy.embedded.provision import Programs, provide
from deploy.progress import Reporter
from deploy.schema import prepare_database
from devices.credentials import hash_password, render_acl_file, render_password_file
from store.pool import open_pool

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

    from psycopg_pool import AsyncConnectionPool

FOLDERS = "chiiki-test-"
# One server for all tests of a run: its data need not survive a power cut. No background workers, since they
# sit in databases that are copied and dropped.
QUICK = {
    "fsync": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    "timescaledb.max_background_workers": "0",
    "wal_level": "minimal",
    "max_wal_senders": "0",
}
MEMORY = Path("/dev/shm")
MEMORY_NEEDED = 4_000_000_000
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def programs() -> Programs:
    with Reporter() as report:
        return provide(report)


def quick_base() -> Path:
    """Where databases of tests lie: in memory, where cloning the template takes 0.05 s instead of 0.5."""
    roomy = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free >= MEMORY_NEEDED
    return MEMORY if roomy else Path(tempfile.gettempdir())


@contextmanager
def fresh_folder(base: Path) -> Iterator[Path]:
    """Make a folder that the services' user can reach, unlike pytest's own; sweep those of killed runs."""
    for leftover in base.glob(f"{FOLDERS}*"):
        if not Path(f"/proc/{leftover.name.removeprefix(FOLDERS).split('-')[0]}").exists():
            shutil.rmtree(leftover, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=f"{FOLDERS}{os.getpid()}-", dir=base))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def services_dir() -> Iterator[Path]:
    with fresh_folder(quick_base()) as folder:
        yield folder


@pytest.fixture
def state_dir(services_dir: Path) -> Iterator[Path]:
    """A fresh folder for the services of one test."""
    folder = services_dir / f"state-{next(_numbers)}"
    folder.mkdir(mode=0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def postgres(programs: Programs) -> Iterator[EmbeddedPostgres]:
    with fresh_folder(quick_base()) as folder:
        server = EmbeddedPostgres(folder, programs, settings=QUICK)
        try:
            server.start()
            yield server
        finally:
            server.stop()


@pytest.fixture(scope="session")
def postgres_url(postgres: EmbeddedPostgres) -> str:
    """The maintenance database, as superuser."""
    return postgres.superuser_url


@pytest.fixture(scope="session")
def template_database(postgres: EmbeddedPostgres) -> str:
    """Name of a migrated database to clone from."""
    prepare_database(postgres.url)
    return DATABASE


@pytest.fixture
def database_url(postgres_url: str, postgres: EmbeddedPostgres, template_database: str) -> Iterator[str]:
    """A fresh migrated database, as its owner, who is no superuser (as in production)."""
    name = f"test_{next(_numbers)}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(
            f"CREATE DATABASE {name} TEMPLATE {template_database} OWNER {OWNER} STRATEGY FILE_COPY"
        )
        yield make_conninfo(postgres.url, dbname=name)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[AsyncConnectionPool]:
    pool = await open_pool(database_url, process="test")
    yield pool
    await pool.close()


class Broker(EmbeddedBroker):
    """The embedded broker, with accounts made by hand."""

    def __init__(self, state_dir: Path, programs: Programs) -> None:
        super().__init__(state_dir, programs)
        self.state_dir = state_dir
        self._accounts: dict[str, str] = {}
        self._rules: dict[str, list[str]] = {}

    def account(
        self,
        name: str,
        password: str,
        *,
        rw: Sequence[str] = (),
        read: Sequence[str] = (),
        write: Sequence[str] = (),
    ) -> None:
        """Make or change an account; devices' own topics are allowed anyway. Returns when it is in force."""
        self._accounts[name] = hash_password(password)
        lines = (
            [("readwrite", topic) for topic in rw]
            + [("read", t) for t in read]
            + [("write", t) for t in write]
        )
        self._rules[name] = [f"topic {access} {topic}\n" for access, topic in lines]
        self._render()

    def gateway(self, password: str, name: str = "chiiki-gateway") -> None:
        """Make the gateway's account, with the rules of production."""
        self.account(name, password, read=["chiiki/v1/+/up/#"], write=["chiiki/v1/+/down/#"])

    def remove(self, name: str) -> None:
        """Remove an account; its connection is cut."""
        del self._accounts[name], self._rules[name]
        self._render()

    def _render(self) -> None:
        rules = "".join(f"user {name}\n{''.join(lines)}\n" for name, lines in self._rules.items())
        self.write(self.password_file, render_password_file(self._accounts))
        self.write(self.acl_file, rules + render_acl_file([]))
        if self.pid is not None:
            reloads = self._reloads()
            end_at = time.monotonic() + 5
            while self._reloads() == reloads:
                assert time.monotonic() < end_at, "mosquitto did not reload its accounts"
                self.reload()  # again and again: it forgets a signal that comes while it still reads
                wait_at = time.monotonic() + 0.2
                while self._reloads() == reloads and time.monotonic() < wait_at:
                    time.sleep(0.005)

    def _reloads(self) -> int:
        return self.process.log.read_text(errors="replace").count("Reloading config")


@pytest.fixture
def broker(programs: Programs, state_dir: Path) -> Iterator[Broker]:
    """A fresh broker on a free loopback port, without any account."""
    broker = Broker(state_dir, programs)
    try:
        broker.start()
        yield broker
    finally:
        broker.stop()


@pytest.fixture(scope="session")
def as_root() -> bool:
    return service_user() is not None
