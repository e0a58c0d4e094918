"""How commands reach the database: the one in the settings, the embedded one that runs, or it is started."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

from deploy.services import running_services
from store.errors import DatabaseError, Fault, SchemaError, StoreError, StoreUnavailable, classify
from store.pool import open_pool

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from deploy.settings import Settings
    from store.pool import AsyncConnection

Given = ParamSpec("Given")
Result = TypeVar("Result")

UNDEFINED_TABLE = "42P01"


@contextlib.asynccontextmanager
async def reach_database(settings: Settings, *, migrated: bool = True) -> AsyncIterator[str]:
    """Give the URL of a database that answers for as long as the block runs."""
    async with running_services(settings, migrated=migrated) as services:
        yield services.database_url


@contextlib.asynccontextmanager
async def connect(settings: Settings) -> AsyncIterator[AsyncConnection]:
    """Give a connection; the block is one transaction.

    Raises
    ------
    StoreError
        Also in place of psycopg's errors, in one line.
    """
    async with reach_database(settings) as url:
        pool = await open_pool(url, process="command", max_size=1)
        try:
            async with pool.connection() as connection:
                yield connection
        except DatabaseError as error:
            raise _explain(error) from error
        finally:
            await pool.close()


def in_transaction(
    settings: Settings,
    work: Callable[Concatenate[AsyncConnection, Given], Awaitable[Result]],
    *args: Given.args,
    **kwargs: Given.kwargs,
) -> Result:
    """Run ``work(connection, …)`` in one transaction and give its result."""

    async def run() -> Result:
        async with connect(settings) as connection:
            return await work(connection, *args, **kwargs)

    return asyncio.run(run())


def _explain(error: DatabaseError) -> StoreError:
    reason = " ".join(str(error).split())
    if error.sqlstate == UNDEFINED_TABLE:
        return SchemaError(f"the database is not migrated: run ./chiiki migrate ({reason})")
    if classify(error) is Fault.TRANSIENT:
        return StoreUnavailable(f"the database is not available, try again: {reason}")
    return StoreError(f"the database refused: {reason}")
