"""Accounts on the real broker follow the real database."""

from __future__ import annotations

import asyncio
import contextlib
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from deploy.accounts import REPEAT_S, keep_accounts, render_accounts
from devices.credentials import hash_password
from store.devices import add_device, put_service_account, revoke_device, rotate_device
from store.heartbeats import beat

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from psycopg_pool import AsyncConnectionPool

    from tests.conftest import Broker


@contextlib.asynccontextmanager
async def keeping(broker: Broker, database_url: str, opened: asyncio.Event) -> AsyncIterator[list[float]]:
    """Keep the broker's accounts; gives the instants at which it was told to reload."""
    told: list[float] = []

    def changed() -> None:
        told.append(asyncio.get_running_loop().time())
        broker.reload()

    work = keep_accounts(database_url, broker.password_file, broker.acl_file, changed, opened)
    task = asyncio.create_task(work)
    try:
        async with asyncio.timeout(5):
            while not told:  # noqa: ASYNC110 -- nobody could set it
                await asyncio.sleep(0.01)
        yield told
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@pytest.fixture
async def kept(broker: Broker, database_url: str, pool: AsyncConnectionPool) -> AsyncIterator[list[float]]:
    """Keep the accounts of a broker that a gateway has subscribed at."""
    opened = asyncio.Event()
    async with keeping(broker, database_url, opened) as told:
        await report_gateway(pool, connected=True)
        await asyncio.wait_for(opened.wait(), 5)
        yield told


async def report_gateway(pool: AsyncConnectionPool, *, connected: bool) -> None:
    async with pool.connection() as connection:
        await beat(connection, "gateway-1", 1, datetime.now(UTC), {"link_connected": connected})


async def add(pool: AsyncConnectionPool, name: str) -> None:
    async with pool.connection() as connection:
        await add_device(
            connection,
            name=name,
            lab="shihoro",
            kind="farm-station",
            password_hash=hash_password(f"{name}-secret"),
        )


async def try_until_in(connect: Callable[..., Any], port: int, name: str, deadline_s: float) -> Any:
    """Connect again and again, as a device would, until the broker lets it in."""
    loop = asyncio.get_running_loop()
    end_at = loop.time() + deadline_s
    while loop.time() < end_at:
        client = await asyncio.to_thread(connect, port, name, f"{name}-secret")
        await asyncio.to_thread(client.answered.wait, 1.0)
        if client.connected.is_set():
            return client
    pytest.fail(f"{name} not let in within {deadline_s} s")


async def test_a_new_device_may_publish_within_a_second(
    broker: Broker, kept: list[float], pool: AsyncConnectionPool, connect: Callable[..., Any]
) -> None:
    await add(pool, "north-1")
    client = await try_until_in(connect, broker.port, "north-1", 1.0)
    said = await asyncio.to_thread(client.publish, "chiiki/v1/north-1/up/readings", b"{}")
    assert said == "No matching subscribers"


async def test_a_revoked_device_is_cut_off_within_a_second_and_others_stay(
    broker: Broker, kept: list[float], pool: AsyncConnectionPool, connect: Callable[..., Any], wait: Any
) -> None:
    await add(pool, "north-1")
    await add(pool, "south-1")
    revoked = await try_until_in(connect, broker.port, "north-1", 2.0)
    other = await try_until_in(connect, broker.port, "south-1", 2.0)
    async with pool.connection() as connection:
        await revoke_device(connection, "north-1")
    assert await asyncio.to_thread(wait, revoked.disconnected.is_set, 1.0) < 1.0
    again = await asyncio.to_thread(connect, broker.port, "north-1", "north-1-secret")
    await asyncio.to_thread(wait, again.disconnected.is_set)
    assert again.refused == "Not authorized"
    assert not other.disconnected.is_set()


async def test_a_new_password_replaces_the_old_one(
    broker: Broker, kept: list[float], pool: AsyncConnectionPool, connect: Callable[..., Any], wait: Any
) -> None:
    await add(pool, "north-1")
    await try_until_in(connect, broker.port, "north-1", 2.0)
    await asyncio.sleep(REPEAT_S + 0.1)
    reloads = len(kept)
    async with pool.connection() as connection:
        await rotate_device(connection, "north-1", hash_password("new"))
    await asyncio.to_thread(wait, lambda: len(kept) > reloads)
    await asyncio.sleep(0.3)
    old = await asyncio.to_thread(connect, broker.port, "north-1", "north-1-secret")
    await asyncio.to_thread(wait, old.disconnected.is_set)
    assert old.refused == "Not authorized"
    new = await asyncio.to_thread(connect, broker.port, "north-1", "new")
    await asyncio.to_thread(wait, new.connected.is_set)


async def test_a_device_keeps_to_its_own_topics(
    broker: Broker, kept: list[float], pool: AsyncConnectionPool, connect: Callable[..., Any], wait: Any
) -> None:
    async with pool.connection() as connection:
        await put_service_account(connection, "chiiki-gateway", hash_password("chiiki-gateway-secret"))
    await add(pool, "north-1")
    await add(pool, "south-1")
    gateway = await try_until_in(connect, broker.port, "chiiki-gateway", 2.0)
    north = await try_until_in(connect, broker.port, "north-1", 2.0)
    south = await try_until_in(connect, broker.port, "south-1", 2.0)

    def exchange() -> None:
        gateway.subscribe("chiiki/v1/+/up/#")
        for topic in ("chiiki/v1/+/up/#", "chiiki/v1/north-1/down/#", "#", "$SYS/#"):
            south.subscribe(topic)
        assert north.publish("chiiki/v1/south-1/up/readings", b"forged") == "Not authorized"
        assert north.publish("chiiki/v1/north-1/down/config", b"forged") == "Not authorized"
        assert north.publish("chiiki/v1/north-1/up/readings", b"own") == "Success"
        gateway.publish("chiiki/v1/north-1/down/config", b"for north")
        gateway.publish("chiiki/v1/south-1/down/config", b"for south")
        wait(lambda: bool(gateway.messages) and bool(south.messages))

    await asyncio.to_thread(exchange)
    assert gateway.messages == [("chiiki/v1/north-1/up/readings", b"own")]
    # South also asked for everything: it hears what is sent to itself, once or more, and nothing else.
    assert set(south.messages) == {("chiiki/v1/south-1/down/config", b"for south")}


async def test_nothing_is_reloaded_when_nothing_changed(
    broker: Broker, kept: list[float], pool: AsyncConnectionPool
) -> None:
    await asyncio.sleep(REPEAT_S + 0.1)
    before = len(kept)
    async with pool.connection() as connection:
        await connection.execute("NOTIFY chiiki_registry, 'devices'")
    await asyncio.sleep(0.3)
    assert len(kept) == before


async def test_the_account_files_are_closed_to_others(
    broker: Broker, kept: list[float], as_root: bool
) -> None:
    for path in (broker.password_file, broker.acl_file):
        info = path.stat()
        assert info.st_mode & 0o777 == 0o600
        assert (info.st_uid != os.geteuid()) == as_root


async def test_devices_wait_for_the_first_subscription(
    broker: Broker, database_url: str, pool: AsyncConnectionPool, connect: Callable[..., Any], wait: Any
) -> None:
    """At the first start no session exists yet: the broker would acknowledge and forget."""
    async with pool.connection() as connection:
        await put_service_account(connection, "chiiki-gateway", hash_password("chiiki-gateway-secret"))
    await add(pool, "north-1")
    await report_gateway(pool, connected=True)  # that was at another broker, before this one
    opened = asyncio.Event()
    async with keeping(broker, database_url, opened):
        gateway = await try_until_in(connect, broker.port, "chiiki-gateway", 2.0)
        await asyncio.to_thread(gateway.subscribe, "chiiki/v1/+/up/#")
        await report_gateway(pool, connected=False)
        early = await asyncio.to_thread(connect, broker.port, "north-1", "north-1-secret")
        await asyncio.to_thread(wait, early.disconnected.is_set)
        assert early.refused == "Not authorized"
        assert not opened.is_set()
        await report_gateway(pool, connected=True)
        device = await try_until_in(connect, broker.port, "north-1", 2.0)
        await asyncio.wait_for(opened.wait(), 1)
        said = await asyncio.to_thread(device.publish, "chiiki/v1/north-1/up/readings", b"{}")
        assert said == "Success"


async def test_where_devices_were_let_in_before_they_need_not_wait(
    broker: Broker, database_url: str, pool: AsyncConnectionPool, connect: Callable[..., Any]
) -> None:
    """The gateway's session is in the broker's store: it keeps messages while the gateway is away."""
    await add(pool, "north-1")
    await render_accounts(pool, broker.password_file, broker.acl_file)
    async with keeping(broker, database_url, asyncio.Event()):
        await try_until_in(connect, broker.port, "north-1", 2.0)


async def test_devices_added_one_after_another_all_get_in(
    broker: Broker, kept: list[float], pool: AsyncConnectionPool, connect: Callable[..., Any]
) -> None:
    """mosquitto forgets a signal that comes while it still reads."""
    names = [f"north-{n}" for n in range(1, 21)]
    for name in names:
        await add(pool, name)
        await asyncio.sleep(0.01)
    for name in names:
        await try_until_in(connect, broker.port, name, 2.0)
