"""Runs an installation on this machine: starts its parts in order, keeps them up, stops them in order."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from deploy import state
from deploy.accounts import keep_accounts
from deploy.embedded import ports
from deploy.embedded.broker import EmbeddedBroker
from deploy.embedded.postgres import EmbeddedPostgres
from deploy.errors import ServiceError
from deploy.parts import (
    GATEWAY_ACCOUNT,
    PythonPart,
    child_environ,
    gateway_password_file,
    make_broker,
)
from deploy.privilege import give, process_user
from deploy.probe import probe
from deploy.schema import prepare_database
from devices.credentials import hash_password, new_token, token_digest
from store.devices import put_service_account
from store.pool import open_pool
from store.tokens import add_token

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine

    from deploy.embedded.places import ServiceUser
    from deploy.embedded.provision import Programs
    from deploy.parts import Part
    from deploy.settings import Settings
    from store.pool import AsyncConnectionPool

_log = logging.getLogger(__name__)

READY_S = 60.0
LEFTOVER_S = 3.0
"""How long an API that outlived a killed supervisor may take to end."""
WATCH_S = 0.1
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
STEADY_S = 60.0
"""A part that ran this long and ends is restarted without the pauses that it had earned before."""
STOP_S = {"worker": 40.0, "gateway": 30.0, "api": 15.0, "broker": 20.0, "postgres": 60.0}
STOP_OTHER_S = 10.0
TOKEN_HINT = 8
SERVING = ("gateway", "api")
"""Chiiki's own processes that start first; the worker's imports would take their cores."""


@dataclass(slots=True)
class Entry:
    """A part as `status` shows it."""

    part: Part
    state: str = "waiting"
    restarts: int = 0
    since: str = ""


@dataclass(slots=True)
class Supervisor:
    """An installation on this machine.

    Attributes
    ----------
    programs : Programs | None
        Of the embedded services; None when both addresses are given.
    say : Callable[[str], None]
        Tells the user what happens, a line each.
    user : ServiceUser | None
        Whom Chiiki's own processes run as; None: as the caller.
    failed : asyncio.Event
        Set when something broke that a restart of a part does not mend.
    """

    settings: Settings
    programs: Programs | None
    say: Callable[[str], None]
    database_url: str = ""
    mqtt_url: str = ""
    user: ServiceUser | None = None
    entries: dict[str, Entry] = field(default_factory=dict)
    failed: asyncio.Event = field(default_factory=asyncio.Event)
    _opened: asyncio.Event = field(default_factory=asyncio.Event)
    _state: str = "starting"
    _started_at: str = ""
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    @property
    def is_running(self) -> bool:
        """Whether the start is over and the end has not begun."""
        return self._state == "running"

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Start everything; inside the block it is up and kept up; afterwards all of it is stopped."""
        self._started_at = _now()
        try:
            await self._start()
            self._state = "running"
            self._publish()
            yield
        finally:
            self._state = "stopping"
            await self._stop()

    async def _start(self) -> None:
        self._publish()
        where = self.settings.http_host, self.settings.http_port
        await asyncio.to_thread(ports.wait_free, *where, "CHIIKI_HTTP_PORT", LEFTOVER_S)
        trying = asyncio.to_thread(process_user, self.settings)
        (self.user, whom), _ = await asyncio.gather(trying, self._start_services())
        _log.info("gateway, API and worker run as %s", whom)
        await asyncio.to_thread(prepare_database, self.database_url)
        pool = await open_pool(self.database_url, process="up", max_size=1)
        try:
            await self._make_secrets(pool)
        finally:
            await pool.close()
        await self._keep_accounts()
        environ = child_environ(self.settings, self.database_url, self.mqtt_url)
        for name in SERVING:
            self._launch(name, self._python_part(name, environ))
        for name in SERVING:
            await self._settle(name)
        await self._wait_until_ready()
        await self._wait_opened()
        await self.add("worker", self._python_part("worker", environ))

    async def _start_services(self) -> None:
        self.database_url = self.settings.database_url or ""
        self.mqtt_url = self.settings.mqtt_url or ""
        services: dict[str, EmbeddedPostgres | EmbeddedBroker] = {}
        if self.programs is not None and not self.database_url:
            services["postgres"] = EmbeddedPostgres(
                self.settings.state_dir, self.programs, port=self.settings.postgres_port
            )
        if self.programs is not None and not self.mqtt_url:
            services["broker"] = make_broker(self.settings, self.programs)
        for name, service in services.items():
            self._launch(name, service)
        for name, service in services.items():
            await self._settle(name)
            if isinstance(service, EmbeddedPostgres):
                self.database_url = service.url
            else:
                self.mqtt_url = service.url

    def _python_part(self, name: str, environ: dict[str, str]) -> PythonPart:
        port = self.settings.http_port if name == "api" else 0
        return PythonPart(
            name,
            ["-m", "deploy", name],
            state_dir=self.settings.state_dir,
            environ=environ,
            host=self.settings.http_host,
            port=port,
            user=self.user,
        )

    async def _make_secrets(self, pool: AsyncConnectionPool) -> None:
        folder = self.settings.state_dir
        async with pool.connection() as connection:
            if self.settings.mqtt_url is None:
                password = state.kept_secret(gateway_password_file(folder))
                give(gateway_password_file(folder), self.user)
                await put_service_account(connection, GATEWAY_ACCOUNT, hash_password(password))
            if not (folder / "operator-token").exists():
                token = new_token()
                await add_token(
                    connection,
                    digest=token_digest(token),
                    hint=token[:TOKEN_HINT],
                    lab=None,
                    role="operator",
                    label="first start",
                )
                state.write_secret(folder / "operator-token", token)

    async def _keep_accounts(self) -> None:
        broker = self.entries.get("broker")
        if broker is None or not isinstance(broker.part, EmbeddedBroker):
            self._opened.set()
            return
        part, rendered = broker.part, asyncio.Event()

        def changed() -> None:
            part.process.signal(signal.SIGHUP)
            rendered.set()

        work = keep_accounts(self.database_url, part.password_file, part.acl_file, changed, self._opened)
        task = asyncio.create_task(work, name="deploy.keep_accounts")
        self._tasks.append(task)
        task.add_done_callback(self._accounts_ended)
        await asyncio.wait_for(rendered.wait(), READY_S)

    def _accounts_ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self.say(f"the broker's accounts are no longer kept current: {error}")
            self.failed.set()

    async def _wait_opened(self) -> None:
        """Wait until the broker lets devices in: at the very first start, once the gateway has subscribed."""
        try:
            await asyncio.wait_for(self._opened.wait(), READY_S)
        except TimeoutError:
            log = self.settings.state_dir / "logs/gateway.log"
            raise ServiceError(
                f"the gateway did not reach the broker within {READY_S:.0f} s ({log})"
            ) from None

    async def add(self, name: str, part: Part) -> None:
        """Start a part, wait until it is ready, and keep it up from now on."""
        self._launch(name, part)
        await self._settle(name)

    def beside(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Do something while everything runs; it is cut off at the end, and told where it fails."""
        task = asyncio.create_task(work, name=name)
        self._tasks.append(task)
        task.add_done_callback(self._beside_ended)

    def _beside_ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self.say(f"{task.get_name()} failed: {error}")
            _log.error("%s failed", task.get_name(), exc_info=error)

    def _launch(self, name: str, part: Part) -> None:
        self.entries[name] = Entry(part, "starting", since=_now())
        part.spawn()
        self._publish()

    async def _settle(self, name: str) -> None:
        entry = self.entries[name]
        await asyncio.to_thread(entry.part.wait_ready)
        self._mark(entry, "running")
        self._tasks.append(asyncio.create_task(self._keep(name, entry), name=f"deploy.keep_{name}"))

    async def _keep(self, name: str, entry: Entry) -> None:
        pause_s = FIRST_PAUSE_S
        while True:
            started_at = time.monotonic()
            while (code := entry.part.process.ended()) is None:  # noqa: ASYNC110 -- nobody could set it
                await asyncio.sleep(WATCH_S)
            if time.monotonic() - started_at > STEADY_S:
                pause_s = FIRST_PAUSE_S
            words = entry.part.process.last_words()
            self.say(f"{name} ended ({_ending(code)}), starting it again in {pause_s:g} s: {words}")
            self._mark(entry, "restarting")
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
            await self._restart(name, entry)

    async def _restart(self, name: str, entry: Entry) -> None:
        entry.restarts += 1
        try:
            entry.part.spawn()
            self._mark(entry, "starting")
            await asyncio.to_thread(entry.part.wait_ready)
        except ServiceError as error:
            self.say(f"{name}: {error}")
        else:
            self._mark(entry, "running")

    def _mark(self, entry: Entry, word: str) -> None:
        entry.state = word
        entry.since = _now()
        self._publish()

    async def _wait_until_ready(self) -> None:
        end_at = time.monotonic() + READY_S
        address = f"{self.settings.http_url}/ready"
        while not (answer := await asyncio.to_thread(probe, address)).ready:
            if time.monotonic() > end_at:
                logs = self.settings.state_dir / "logs"
                raise ServiceError(
                    f"not ready after {READY_S:.0f} s: {answer.said} (logs: {logs}/api.log, gateway.log)"
                )
            await asyncio.sleep(WATCH_S)

    async def _stop(self) -> None:
        self._publish()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for name in sorted(self.entries, key=_stop_rank):
            self._mark(self.entries[name], "stopping")
            with contextlib.suppress(ServiceError):
                await asyncio.to_thread(self.entries[name].part.stop, STOP_S.get(name, STOP_OTHER_S))
            self._mark(self.entries[name], "stopped")

    def _publish(self) -> None:
        state.write_status(self.settings.state_dir, self.status())

    def status(self) -> dict[str, object]:
        """Return what ``./chiiki status --json`` prints."""
        own = {"name": "supervisor", "pid": os.getpid(), "port": None, "state": self._state, "restarts": 0}
        postgres = self.entries.get("postgres")
        return {
            "state": self._state,
            "pid": os.getpid(),
            "url": self.settings.http_url,
            "mqtt_url": without_account(self.mqtt_url) or None,
            "postgres_port": postgres.part.port if postgres else None,
            "state_dir": str(self.settings.state_dir),
            "started_at": self._started_at,
            "processes": [own, *(_described(name, entry) for name, entry in self.entries.items())],
        }


def without_account(url: str) -> str:
    """Return an address without user name and password.

    Examples
    --------
    >>> without_account("mqtt://me:secret@broker:1883")
    'mqtt://broker:1883'
    """
    scheme, separator, rest = url.partition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}"


def _described(name: str, entry: Entry) -> dict[str, object]:
    return {
        "name": name,
        "pid": entry.part.pid,
        "port": entry.part.port or None,
        "state": entry.state,
        "since": entry.since,
        "restarts": entry.restarts,
        "log": _log_of(entry.part),
    }


def _log_of(part: Part) -> str | None:
    """Where it writes its log; None if it was never started, as when its port is taken."""
    try:
        return str(part.process.log)
    except ServiceError:
        return None


def _stop_rank(name: str) -> int:
    """Rank sources first, then worker and gateway (which flushes and acknowledges), the database last."""
    order = ["worker", "gateway", "api", "broker", "postgres"]
    return order.index(name) if name in order else -1


def _ending(code: int) -> str:
    return f"exit code {code}" if code >= 0 else signal.Signals(-code).name


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
