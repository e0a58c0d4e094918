"""LISTEN: hear at once that something in the database has changed."""

from __future__ import annotations

import asyncio
import logging
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import psycopg
from psycopg import AsyncConnection, sql

from store.pool import connect_options

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

REGISTRY: Final = "chiiki_registry"
"""Devices or service accounts changed; the payload names the table."""
REQUESTS: Final = "chiiki_requests"
"""A request was added; the payload is its id."""
PLANTINGS: Final = "chiiki_plantings"
"""A planting is due or days are stale; the payload names the table."""
LOTS: Final = "chiiki_lots"
"""A lot is due; the payload names the table."""

PROBE_S: Final = 15.0
FIRST_PAUSE_S: Final = 0.1
LONGEST_PAUSE_S: Final = 5.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Notice:
    """Something was said on a channel; an empty payload: reload, something may have been missed."""

    channel: str
    payload: str


async def listen(url: str, *channels: str, process: str = "listener") -> AsyncGenerator[Notice, None]:
    """Give notices for as long as the caller asks; an outage of the database is survived.

    After each connection, the first one too, every channel gets a notice with an empty payload: what was
    said in between is lost, so reload. Leave by cancellation or wrap it in `contextlib.aclosing`.

    Parameters
    ----------
    url : str
        Of the database, not of a transaction-pooling proxy.
    """
    pause_s = FIRST_PAUSE_S
    while True:
        try:
            async with await _subscribe(url, channels, process) as connection:
                pause_s = FIRST_PAUSE_S
                for channel in channels:
                    yield Notice(channel, "")
                while True:
                    async for notice in connection.notifies(timeout=PROBE_S):
                        yield Notice(notice.channel, notice.payload)
                    await connection.execute("SELECT 1")  # quiet for long: is the other end there at all?
        except psycopg.OperationalError as error:
            _log.warning("listening to %s was interrupted: %s", ", ".join(channels), error)
        await asyncio.sleep(pause_s * random.uniform(0.5, 1.0))  # noqa: S311 - jitter, not a secret
        pause_s = min(2 * pause_s, LONGEST_PAUSE_S)


async def _subscribe(url: str, channels: tuple[str, ...], process: str) -> AsyncConnection:
    """Connect and LISTEN on each channel."""
    options = connect_options(url, process=process, statement_timeout_s=PROBE_S)
    connection = await AsyncConnection.connect(url, autocommit=True, **options)
    try:
        for channel in channels:
            await connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))
    except BaseException:
        await connection.close()
        raise
    return connection
