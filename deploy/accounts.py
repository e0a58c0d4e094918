"""Keeps the broker's accounts equal to the database.

A new device may publish within a second of its registration; a revoked one is disconnected within a second.
"""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING

from deploy.embedded.broker import replace_file
from devices.credentials import render_acl_file, render_password_file
from store.devices import broker_accounts, list_service_accounts
from store.errors import DatabaseError, StoreUnavailable
from store.notifications import REGISTRY, listen
from store.pool import open_pool

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from store.pool import AsyncConnectionPool

_log = logging.getLogger(__name__)


async def keep_accounts(
    database_url: str, password_file: Path, acl_file: Path, changed: Callable[[], None]
) -> None:
    """Render the broker's two files now and whenever the registry changes; runs until it is cancelled.

    Parameters
    ----------
    changed : Callable[[], None]
        Has the broker read the files again: called once at first, then after each change.
    """
    first = True
    pool = await open_pool(database_url, process="accounts", max_size=1)
    try:
        async with contextlib.aclosing(listen(database_url, REGISTRY, process="accounts")) as notices:
            async for _ in notices:
                try:
                    if await render_accounts(pool, password_file, acl_file) or first:
                        first = False
                        changed()
                except (DatabaseError, StoreUnavailable) as error:
                    # The connection that listens is lost as well: it gives a notice once it is back.
                    _log.warning("accounts not rendered, will be when the database is back: %s", error)
    finally:
        await pool.close()


async def render_accounts(pool: AsyncConnectionPool, password_file: Path, acl_file: Path) -> bool:
    """Write both files from the database; tell whether either differs from before."""
    async with pool.connection() as connection:
        accounts = await broker_accounts(connection)
        gateways = await list_service_accounts(connection)
    # Rules first: between the two replacements nobody has more rights than before or after.
    rules_changed = _replace(acl_file, render_acl_file(gateways))
    return _replace(password_file, render_password_file(accounts)) or rules_changed


def _replace(path: Path, text: str) -> bool:
    with contextlib.suppress(FileNotFoundError):
        if path.read_text() == text:
            return False
    replace_file(path, text)
    return True
