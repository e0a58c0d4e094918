"""Keeps the broker's accounts equal to the database.

A new device may publish within a second of its registration; a revoked one is disconnected within a second.

A broker keeps messages only for a session that exists. At the first start of an installation there is none
yet: what a device published before the gateway's first connection would be acknowledged and forgotten. So
devices are let in once a gateway has subscribed; from then on its session outlives its absence.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import time
from typing import TYPE_CHECKING

from deploy.embedded.broker import replace_file
from devices.credentials import render_acl_file, render_password_file
from store.devices import broker_accounts, list_service_accounts
from store.errors import DatabaseError, StoreUnavailable
from store.heartbeats import list_beats
from store.notifications import REGISTRY, listen
from store.pool import open_pool

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from store.pool import AsyncConnectionPool

    Render = Callable[[], Awaitable[bool]]

_log = logging.getLogger(__name__)

LOOK_S = 0.2
AGAIN_S = 5.0
"""Until a gateway is there, the broker is told this often: while it starts, it may miss a signal."""
SPACING_S, REPEAT_S = 0.1, 1.0
"""mosquitto 2.0 forgets a signal that comes while it still reads its files: two are never close together, and
each is repeated once, in case it was busy for so long."""
SERVICES = "chiiki-"
"""How the names of services begin, and those of devices cannot."""


async def keep_accounts(
    database_url: str,
    password_file: Path,
    acl_file: Path,
    changed: Callable[[], None],
    opened: asyncio.Event | None = None,
) -> None:
    """Render the broker's two files now and whenever the registry changes; runs until it is cancelled.

    Parameters
    ----------
    changed : Callable[[], None]
        Has the broker read the files again: called once at first, then after each change.
    opened : asyncio.Event | None
        Set once the broker lets devices in.
    """
    pool = await open_pool(database_url, process="accounts", max_size=1)
    render = functools.partial(render_accounts, pool, password_file, acl_file)
    try:
        if not _lets_devices_in(password_file):
            await _await_gateway(pool, functools.partial(render, devices=False), changed)
        async for _ in _follow(database_url, render, changed):
            if opened is not None:
                opened.set()
    finally:
        await pool.close()


async def _follow(database_url: str, render: Render, changed: Callable[[], None]) -> AsyncIterator[None]:
    """Render at once and after each notice; gives a mark each time the files are as they should be."""
    first, loop = True, asyncio.get_running_loop()
    async with contextlib.aclosing(listen(database_url, REGISTRY, process="accounts")) as notices:
        async for _ in notices:
            try:
                if await render() or first:
                    first = False
                    changed()
                    loop.call_later(REPEAT_S, changed)
                    await asyncio.sleep(SPACING_S)
            except (DatabaseError, StoreUnavailable) as error:
                # The connection that listens is lost as well: it gives a notice once it is back.
                _log.warning("accounts not rendered, will be when the database is back: %s", error)
            else:
                yield


def _lets_devices_in(password_file: Path) -> bool:
    """Tell whether the broker had devices before: then a gateway's session is in its store."""
    try:
        lines = password_file.read_text().splitlines()
    except FileNotFoundError:
        return False
    return any(not line.startswith(SERVICES) for line in lines if line)


async def _await_gateway(pool: AsyncConnectionPool, render: Render, changed: Callable[[], None]) -> None:
    """Let only services in, until a gateway says that it is connected since."""
    _log.info("devices are let in once a gateway has subscribed: start one")
    told_at, again_at = float("inf"), 0.0
    while True:
        try:
            if await render() or time.monotonic() >= again_at:
                changed()
                told_at = min(told_at, time.monotonic())
                again_at = time.monotonic() + AGAIN_S
            if await _gateway_age_s(pool) < time.monotonic() - told_at:
                return
        except (DatabaseError, StoreUnavailable) as error:
            _log.warning("accounts not rendered, will be when the database is back: %s", error)
        await asyncio.sleep(LOOK_S)


async def _gateway_age_s(pool: AsyncConnectionPool) -> float:
    """Return how long ago a gateway last said that it is connected, in seconds."""
    async with pool.connection() as connection:
        beats = await list_beats(connection)
    return min((beat.age_s for beat in beats if beat.metrics.get("link_connected")), default=float("inf"))


async def render_accounts(
    pool: AsyncConnectionPool, password_file: Path, acl_file: Path, *, devices: bool = True
) -> bool:
    """Write both files from the database; tell whether either differs from before.

    Parameters
    ----------
    devices : bool
        Whether devices get in, or services only.
    """
    async with pool.connection() as connection:
        accounts = await broker_accounts(connection)
        gateways = await list_service_accounts(connection)
    if not devices:
        accounts = {name: line for name, line in accounts.items() if name in gateways}
    # Rules first: between the two replacements nobody has more rights than before or after.
    rules_changed = _replace(acl_file, render_acl_file(gateways))
    return _replace(password_file, render_password_file(accounts)) or rules_changed


def _replace(path: Path, text: str) -> bool:
    with contextlib.suppress(FileNotFoundError):
        if path.read_text() == text:
            return False
    replace_file(path, text)
    return True
