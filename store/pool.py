"""Connections: one pool a process, and how every connection is set up."""

from __future__ import annotations

import asyncio
import re
import time
from typing import TYPE_CHECKING, Any, Final

import psycopg
from psycopg import AsyncConnection
from psycopg.conninfo import conninfo_to_dict
from psycopg_pool import AsyncConnectionPool

from store.errors import Fault, StoreUnavailable, classify

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["AsyncConnection", "AsyncConnectionPool", "connect_options", "name_database", "open_pool"]

OPEN_DEADLINE_S: Final = 30.0
STATEMENT_TIMEOUT_S: Final = 60.0
LOCK_TIMEOUT_S: Final = 10.0
IDLE_IN_TRANSACTION_S: Final = 300.0
"""Longer than the replay of one request, which holds its row for as long as it lasts."""
CHECKOUT_TIMEOUT_S: Final = 5.0
"""How long to wait for a connection. The pool's own back-off (1, 2, 4 … s) ends as early, so that after a
long outage whoever asks first is served within seconds."""
RETRY_PAUSE_S: Final = 0.25

# A peer that vanished without a word is noticed after idle + interval × count = 30 s.
_KEEPALIVE: Final[Mapping[str, Any]] = {
    "keepalives": 1,
    "keepalives_idle": 15,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
    "connect_timeout": 10,
}
_HOPELESS: Final = re.compile(
    r"authentication failed|no pg_hba\.conf entry|does not exist|no password supplied"
)


def connect_options(
    url: str,
    *,
    process: str,
    statement_timeout_s: float = STATEMENT_TIMEOUT_S,
    lock_timeout_s: float = LOCK_TIMEOUT_S,
) -> dict[str, Any]:
    """Give the keyword arguments with which every connection of Chiiki is opened.

    Parameters
    ----------
    url : str
        Of the database; settings in its ``options`` stay, ours come first.
    process : str
        Shown in ``pg_stat_activity`` as ``chiiki PROCESS``.
    statement_timeout_s, lock_timeout_s : float
        0: without end.
    """
    ours = {
        "statement_timeout": round(statement_timeout_s * 1000),
        "lock_timeout": round(lock_timeout_s * 1000),
        "idle_in_transaction_session_timeout": round(IDLE_IN_TRANSACTION_S * 1000),
        "TimeZone": "UTC",
    }
    options = " ".join(f"-c {name}={value}" for name, value in ours.items())
    theirs = str(conninfo_to_dict(url).get("options") or "")
    return {**_KEEPALIVE, "application_name": f"chiiki {process}", "options": f"{options} {theirs}".strip()}


def name_database(url: str) -> str:
    """Write ``host:port/name`` of a database's URL, without its password."""
    parts = conninfo_to_dict(url)
    return (
        f"{parts.get('host') or 'localhost'}:{parts.get('port') or 5432}/{parts.get('dbname') or 'postgres'}"
    )


async def open_pool(
    url: str,
    *,
    process: str,
    min_size: int = 1,
    max_size: int = 4,
    statement_timeout_s: float = STATEMENT_TIMEOUT_S,
    deadline_s: float = OPEN_DEADLINE_S,
) -> AsyncConnectionPool:
    """Open a pool once the database answers.

    Each connection is checked when it is handed out, so that after an outage nobody gets a dead one.

    Parameters
    ----------
    process : str
        Which process this is, e.g. ``gateway-1``.
    deadline_s : float
        How long the database may take to come up.

    Raises
    ------
    StoreUnavailable
        No answer within the deadline, or an answer that waiting does not change (wrong password).
    """
    options = connect_options(url, process=process, statement_timeout_s=statement_timeout_s)
    await _await_answer(url, options, deadline_s)
    pool = AsyncConnectionPool(
        url,
        kwargs=options,
        min_size=min_size,
        max_size=max_size,
        name=process,
        timeout=CHECKOUT_TIMEOUT_S,
        reconnect_timeout=CHECKOUT_TIMEOUT_S,
        check=AsyncConnectionPool.check_connection,
        open=False,
    )
    try:
        await pool.open(wait=True, timeout=deadline_s)
    except BaseException as error:
        await pool.close()
        if isinstance(error, psycopg.Error):
            raise _unavailable(url, deadline_s, error) from error
        raise
    return pool


async def _await_answer(url: str, options: Mapping[str, Any], deadline_s: float) -> None:
    """Connect once: the pool alone would tell neither why it fails nor that waiting is in vain."""
    until = time.monotonic() + deadline_s
    while True:
        try:
            connection = await AsyncConnection.connect(url, **options)
        except psycopg.Error as error:
            hopeless = classify(error) is Fault.PERMANENT or _HOPELESS.search(str(error))
            if hopeless or time.monotonic() + RETRY_PAUSE_S > until:
                raise _unavailable(url, None if hopeless else deadline_s, error) from error
        else:
            await connection.close()
            return
        await asyncio.sleep(RETRY_PAUSE_S)


def _unavailable(url: str, waited_s: float | None, error: psycopg.Error) -> StoreUnavailable:
    """Restate what the server or the network said, in one line."""
    reason = " ".join(str(error).split()) or type(error).__name__
    waited = "" if waited_s is None else f" after {waited_s:g} s"
    return StoreUnavailable(f"cannot use the database {name_database(url)}{waited}: {reason}")
