from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from store import devices, requests
from store.notifications import REGISTRY, REQUESTS, Notice, listen

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    from psycopg_pool import AsyncConnectionPool

    from devices.model import Device

END_LISTENERS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND application_name = 'chiiki ears'
"""


@contextlib.asynccontextmanager
async def ears(url: str, *channels: str) -> AsyncIterator[AsyncGenerator[Notice, None]]:
    async with contextlib.aclosing(listen(url, *channels, process="ears")) as notices:
        yield notices


async def hear(notices: AsyncGenerator[Notice, None]) -> Notice:
    return await asyncio.wait_for(anext(notices), 5)


async def add_device(pool: AsyncConnectionPool, name: str) -> Device:
    async with pool.connection() as connection:
        return await devices.add_device(
            connection, name=name, lab="kaga", kind="generic-logger", password_hash="$7$"
        )


async def test_every_channel_is_told_to_load_first(database_url: str) -> None:
    async with ears(database_url, REGISTRY, REQUESTS) as notices:
        assert [await hear(notices), await hear(notices)] == [Notice(REGISTRY, ""), Notice(REQUESTS, "")]


async def test_changes_of_the_registry_are_heard_within_a_second(
    database_url: str, pool: AsyncConnectionPool
) -> None:
    async with ears(database_url, REGISTRY) as notices:
        await hear(notices)
        await add_device(pool, "north-1")
        assert await asyncio.wait_for(anext(notices), 1) == Notice(REGISTRY, "devices")
        async with pool.connection() as connection:
            await devices.revoke_device(connection, "north-1")
        assert await asyncio.wait_for(anext(notices), 1) == Notice(REGISTRY, "devices")
        async with pool.connection() as connection:
            await devices.put_service_account(connection, "chiiki-gateway", "$7$")
        assert await asyncio.wait_for(anext(notices), 1) == Notice(REGISTRY, "service_accounts")


async def test_a_request_is_heard_by_number(database_url: str, pool: AsyncConnectionPool) -> None:
    async with ears(database_url, REQUESTS) as notices:
        await hear(notices)
        async with pool.connection() as connection:
            request = await requests.add_request(connection, verb="replay", argument={"ids": [1]})
        assert await hear(notices) == Notice(REQUESTS, str(request.id))


async def test_nothing_is_said_of_what_was_rolled_back(database_url: str, pool: AsyncConnectionPool) -> None:
    async with ears(database_url, REGISTRY, REQUESTS) as notices:
        await hear(notices)
        await hear(notices)
        async with pool.connection() as connection:
            await requests.add_request(connection, verb="replay", argument={})
            await connection.rollback()
        await add_device(pool, "north-1")
        assert (await hear(notices)).channel == REGISTRY


async def test_an_outage_ends_in_a_notice_to_reload(database_url: str, pool: AsyncConnectionPool) -> None:
    async with ears(database_url, REGISTRY) as notices:
        await hear(notices)
        for number in range(3):
            async with pool.connection() as connection:
                await connection.execute(END_LISTENERS)
            assert await hear(notices) == Notice(REGISTRY, "")
            await add_device(pool, f"north-{number}")
            assert await hear(notices) == Notice(REGISTRY, "devices")


async def test_a_cancelled_listener_lets_go_of_its_connection(
    database_url: str, pool: AsyncConnectionPool
) -> None:
    heard = asyncio.Event()

    async def attend() -> None:
        async for _ in listen(database_url, REGISTRY, process="ears"):
            heard.set()

    task = asyncio.create_task(attend())
    await asyncio.wait_for(heard.wait(), 5)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    async with pool.connection() as connection:
        for _ in range(50):
            if not await (
                await connection.execute(END_LISTENERS.replace("pg_terminate_backend", ""))
            ).fetchall():
                return
            await asyncio.sleep(0.05)
    raise AssertionError("the connection is still there")
