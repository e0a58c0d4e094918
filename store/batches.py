"""One transaction of a writer, with psycopg's errors told in the store's own words."""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING, Any, Final, TypeVar

from psycopg.errors import UniqueViolation

from store.errors import DatabaseError, Fault, RowsRefused, RowsRepeated, StoreUnavailable, classify

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Coroutine

    from store.pool import AsyncConnection, AsyncConnectionPool


Result = TypeVar("Result")
_log = logging.getLogger(__name__)


@contextlib.asynccontextmanager
async def transaction(pool: AsyncConnectionPool) -> AsyncGenerator[AsyncConnection, None]:
    """Give a connection in a transaction, which is committed when the block ends well.

    Raises
    ------
    StoreUnavailable
        Wait, then do all of it again.
    RowsRepeated
        A key is there already: do it again with `store.readings.merge_readings`.
    RowsRefused
        Doing the same again will not help.
    """
    try:
        async with pool.connection() as conn, conn.transaction():
            yield conn
    except UniqueViolation as error:
        raise RowsRepeated(_one_line(error)) from error
    except DatabaseError as error:
        if classify(error) is Fault.TRANSIENT:
            raise StoreUnavailable(_one_line(error)) from error
        raise RowsRefused(_one_line(error)) from error


_REPLAY_LOCK: Final = 0x6368696B  # any number that nothing else of this database uses

_WITHOUT_REPLAY = "SELECT pg_advisory_xact_lock_shared(%s)"
_WITHOUT_WRITERS = "SELECT pg_advisory_xact_lock(%s)"


async def keep_replays_out(conn: AsyncConnection) -> None:
    """Let no replay run until this transaction ends: it takes the same locks in another order."""
    await conn.execute(_WITHOUT_REPLAY, [_REPLAY_LOCK])


async def keep_writers_out(conn: AsyncConnection) -> None:
    """Let neither writers nor other replays run until this transaction ends; first wait for those that do."""
    await conn.execute(_WITHOUT_WRITERS, [_REPLAY_LOCK])


async def ping(conn: AsyncConnection) -> None:
    """Keep a transaction that waits for something else from being taken for a forgotten one.

    Raises
    ------
    StoreUnavailable
        It is over already.
    """
    try:
        await conn.execute("SELECT 1")
    except DatabaseError as error:
        raise StoreUnavailable(_one_line(error)) from error


async def attempt(conn: AsyncConnection, part: Coroutine[Any, Any, Result]) -> Result | None:
    """Do a part of a transaction that may fail for good without the rest; then None and a line in the log."""
    try:
        async with conn.transaction():  # a savepoint
            return await part
    except DatabaseError as error:
        if classify(error) is Fault.TRANSIENT:
            raise
        _log.error("left out of a batch, since the database refuses it: %s", _one_line(error))
        return None


def _one_line(error: DatabaseError) -> str:
    return " ".join(str(error).split()) or type(error).__name__
