"""A whole installation for one test or benchmark: PostgreSQL, broker and gateways that can be killed."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.rows import dict_row

from deploy.accounts import render_accounts
from deploy.embedded import ports
from deploy.embedded.broker import EmbeddedBroker
from deploy.embedded.postgres import EmbeddedPostgres
from deploy.embedded.process import Process
from deploy.schema import prepare_database
from devices.credentials import hash_password, new_password
from store.devices import add_device, put_service_account
from store.pool import open_pool

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from deploy.embedded.provision import Programs

CHECKOUT = Path(__file__).parents[2]
ACCOUNT = "chiiki-gateway"
KINDS = Path(__file__).parent / "kinds"
LISTENS = ": connected as "
ACCOUNT_COLUMNS = ("messages", "received", "committed", "duplicate", "conflicting", "quarantined")


class System:
    """PostgreSQL with its full durability, mosquitto as shipped, and gateways."""

    def __init__(
        self,
        state_dir: Path,
        programs: Programs,
        *,
        codec: str = "mqtt5",
        postgres_settings: Mapping[str, str] | None = None,
    ) -> None:
        self.state_dir = state_dir
        self.codec = codec
        self.postgres = EmbeddedPostgres(state_dir, programs, settings=postgres_settings)
        self.broker = EmbeddedBroker(state_dir, programs)
        self.gateways: dict[str, Process] = {}
        self.workers: dict[str, Process] = {}
        self.api: Process | None = None
        self.passwords: dict[str, str] = {}

    def start(self) -> None:
        """Start the services; no gateway yet."""
        self.postgres.start()
        prepare_database(self.postgres.url)
        self.broker.start()

    def stop(self) -> None:
        """End everything that runs."""
        own = [*self.workers.values(), *self.gateways.values(), self.api]
        for process in own:
            if process is not None:
                process.stop()
        self.broker.stop()
        self.postgres.stop()

    async def register(
        self,
        names: Iterable[str],
        kind: str = "generic-logger",
        lab: str = "shihoro",
        site: str | None = None,
    ) -> None:
        """Add devices and the gateway's account, and let them in at the broker."""
        pool = await open_pool(self.postgres.url, process="test")
        async with pool.connection() as conn:
            if ACCOUNT not in self.passwords:
                self.passwords[ACCOUNT] = new_password()
                await put_service_account(conn, ACCOUNT, hash_password(self.passwords[ACCOUNT]))
                (self.state_dir / "gateway-password").write_text(self.passwords[ACCOUNT])
            for name in names:
                self.passwords[name] = new_password()
                hashed = hash_password(self.passwords[name])
                await add_device(
                    conn, name=name, lab=lab, kind=kind, site=site, password_hash=hashed, simulated=True
                )
        await render_accounts(pool, self.broker.password_file, self.broker.acl_file)
        await pool.close()
        self.broker.reload()
        await asyncio.sleep(0.2)

    def start_gateway(self, name: str = "gateway-1", **environ: str) -> Process:
        """Start a gateway as production does; returns once it has its subscription."""
        own = {
            "CHIIKI_MQTT_URL": self.broker.url,
            "CHIIKI_MQTT_USERNAME": ACCOUNT,
            "CHIIKI_MQTT_PASSWORD_FILE": str(self.state_dir / "gateway-password"),
            "CHIIKI_GATEWAY_NAME": name,
            "CHIIKI_GATEWAY_CODEC": self.codec,
        }
        process = self._process("gateway", name, {**own, **environ})
        known = process.log.read_text().count(LISTENS) if process.log.exists() else 0
        process.spawn()
        self.gateways[name] = process
        end_at = time.monotonic() + 30
        while process.log.read_text().count(LISTENS) == known:
            assert process.ended() is None, f"the gateway ended: {process.last_words()}"
            assert time.monotonic() < end_at, f"the gateway does not listen: {process.last_words()}"
            time.sleep(0.02)
        return process

    def start_worker(self, name: str = "worker-1") -> Process:
        """Start a worker as production does."""
        self.workers[name] = self._process("worker", name, {"CHIIKI_WORKER_NAME": name})
        self.workers[name].spawn()
        return self.workers[name]

    def start_api(self) -> str:
        """Start the API as production does; returns its address once it listens."""
        port = ports.free_port()
        self.api = self._process("api", "api", {"CHIIKI_HTTP_PORT": str(port)})
        self.api.spawn()
        end_at = time.monotonic() + 30
        while not ports.is_open("127.0.0.1", port):
            assert self.api.ended() is None, f"the API ended: {self.api.last_words()}"
            assert time.monotonic() < end_at, f"the API does not listen: {self.api.last_words()}"
            time.sleep(0.02)
        return f"http://127.0.0.1:{port}"

    def _process(self, command: str, name: str, environ: Mapping[str, str]) -> Process:
        own = {
            "CHIIKI_STATE_DIR": str(self.state_dir),
            "CHIIKI_DATABASE_URL": self.postgres.url,
            "CHIIKI_KINDS_DIR": str(KINDS),
        }
        return Process(
            [sys.executable, "-m", "deploy", command],
            log=self.state_dir / f"{name}.log",
            cwd=CHECKOUT,
            environ={**os.environ, **own, **environ},
        )

    def query(self, sql: str, *parameters: Any) -> list[dict[str, Any]]:
        """Ask the database, on a connection of its own."""
        with psycopg.connect(self.postgres.url, row_factory=dict_row, autocommit=True) as conn:
            return conn.execute(sql, parameters).fetchall()

    def totals(self) -> dict[str, int]:
        """The whole ledger in one row."""
        sums = ", ".join(f"coalesce(sum({column}), 0)::int8 AS {column}" for column in ACCOUNT_COLUMNS)
        return self.query(f"SELECT {sums} FROM ledger")[0]

    def accounts(self) -> dict[str, dict[str, int]]:
        """The ledger's sums by device."""
        sums = ", ".join(f"sum(l.{column})::int8 AS {column}" for column in ACCOUNT_COLUMNS)
        rows = self.query(
            f"SELECT d.name, {sums} FROM ledger l JOIN devices d ON d.id = l.device_id GROUP BY 1"
        )
        return {row.pop("name"): row for row in rows}

    async def wait_received(
        self, readings: int, deadline_s: float = 120.0, column: str = "received"
    ) -> dict[str, int]:
        """Wait until so many readings are in the ledger; what is missing then is told."""
        end_at = time.monotonic() + deadline_s
        while (totals := await asyncio.to_thread(self.totals))[column] < readings:
            assert time.monotonic() < end_at, f"after {deadline_s:.0f} s only {totals} of {readings} readings"
            await asyncio.sleep(0.2)
        return totals


def memory_mb(pid: int, what: str = "VmRSS") -> float:
    """Resident memory of a process, MB (VmHWM: its highest)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{what}:"):
            return int(line.split()[1]) / 1024
    raise LookupError(what)


def cpu_s(pid: int) -> float:
    """CPU time of a process and of the children it has waited for, in s."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
