"""The whole gateway on a real broker and a real database."""

from __future__ import annotations

import asyncio
import json
import os
import time
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import AsyncConnection

from ingest import replay as replay_module
from ingest.gateway import GatewaySettings, run
from ingest.link import LinkSettings
from ingest.link_choice import make_link
from ingest.metrics import Metrics
from ingest.requests import _serve_one
from store.devices import revoke_device
from store.heartbeats import list_beats
from store.pool import open_pool
from store.requests import add_request, get_request
from tests.ingest.desk import LARGEST, NOW_MS, Desk, dumps, sample
from tests.ingest.link_lab import PASSWORD, collect, running, send

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

CODECS = ("paho", "mqtt5")


@asynccontextmanager
async def gateway(
    broker: Any, url: str, name: str = "gateway-1", **settings: Any
) -> AsyncIterator[asyncio.Task[None]]:
    """Run a gateway until the block ends; its end must be a clean one."""
    if "chiiki-gateway" not in broker._accounts:
        broker.gateway(PASSWORD)
    link = LinkSettings(
        url=broker.url,
        client_id=f"chiiki-{name}",
        username="chiiki-gateway",
        password=PASSWORD,
        share=settings.pop("share", None),
        backoff_s=(0.05, 0.5),
    )
    stop, began_at = asyncio.Event(), datetime.now(UTC)
    chosen = {"database_url": url, "link": link, "process": name, "beat_s": 0.2, "latest_s": 0.1} | settings
    task = asyncio.create_task(run(GatewaySettings(**chosen), stop))
    try:
        await _connected(url, name, began_at, task)
        yield task
    finally:
        stop.set()
        await asyncio.wait_for(task, 20)


async def _connected(url: str, name: str, began_at: datetime, task: asyncio.Task[None]) -> None:
    """Wait for a heartbeat that says so."""
    async with asyncio.timeout(10), await AsyncConnection.connect(url, autocommit=True) as conn:
        while not task.done():
            beats = [
                beat for beat in await list_beats(conn) if beat.process == name and beat.started_at > began_at
            ]
            if beats and beats[0].metrics["link_connected"]:
                return
            await asyncio.sleep(0.02)


def readings(*bodies: Any, device: str = "north-1") -> list[tuple[str, bytes]]:
    return [(f"chiiki/v1/{device}/up/readings", dumps(body)) for body in bodies]


async def ledger_of(desk: Desk, received: int, within_s: float = 15.0) -> dict[str, int]:
    """Wait until so many readings are in the ledger."""
    async with asyncio.timeout(within_s):
        while (ledger := await desk.ledger()).get("received", 0) < received:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    return ledger


@pytest.mark.parametrize("codec", CODECS)
async def test_from_a_device_s_message_to_committed_and_back(desk: Desk, broker, database_url, codec):
    broker.account("north-1", PASSWORD)
    own = LinkSettings(
        url=broker.url,
        client_id="north-1",
        username="north-1",
        password=PASSWORD,
        topics=("chiiki/v1/north-1/down/#",),
    )
    async with gateway(broker, database_url, codec=codec), running(make_link(own)) as device:
        for number in (1, 2, 3):
            body = sample(NOW_MS - number) | {"boot": "b", "seq": number}
            assert device.publish("chiiki/v1/north-1/up/readings", dumps(body))
        device.publish("chiiki/v1/north-1/up/status", dumps({"online": True}), retain=True)
        heard: list[Any] = []
        while not heard or heard[-1] != {"boot": "b", "seq": 3}:
            heard += [json.loads(payload) for _, payload in await collect(device, 1, within_s=5)]
        device.publish("chiiki/v1/north-1/up/status", dumps({"boot": "b", "ask": "committed"}))
        asked_s = time.monotonic()
        await collect(device, 1, within_s=5)
        assert time.monotonic() - asked_s < 0.9
    assert await desk.ledger() == {"messages": 5, "received": 3, "committed": 3}
    assert [row["online"] for row in await desk.rows("SELECT online FROM device_status")] == [True]
    assert len(await desk.rows("SELECT * FROM series_latest")) == 1
    async with desk.pool.connection() as conn:
        (beat,) = await list_beats(conn)
    assert (beat.process, beat.pid) == ("gateway-1", os.getpid())
    expected = {"messages_total": 5, "received_total": 3, "committed_total": 3, "quarantined_total": 0}
    expected |= {"link_received_total": 5, "link_in_flight": 0}
    assert {name: beat.metrics[name] for name in expected} == expected
    assert beat.metrics["rss_bytes"] > 1e6
    assert beat.metrics["commit_s_total"] > 0


@pytest.mark.parametrize("codec", CODECS)
async def test_a_clean_shutdown_acknowledges_all_that_is_committed(desk: Desk, broker, database_url, codec):
    bodies = [sample(NOW_MS - n, air_temperature=n) for n in range(4000)]
    async with gateway(broker, database_url, codec=codec, batch_rows=500):
        await send(broker, readings(*bodies[:3000]))
    first = await desk.ledger()
    async with gateway(broker, database_url, codec=codec):
        await send(broker, readings(*bodies[3000:]))
        ledger = await ledger_of(desk, 4000)
    assert 0 < first["received"] <= 3000
    # Nothing that was written came again: all of it had been acknowledged.
    assert ledger == {"messages": 4000, "received": 4000, "committed": 4000}


async def test_two_gateways_share_the_load(desk: Desk, broker, database_url):
    await desk.register("south-1")
    bodies = [sample(NOW_MS - n, air_temperature=n) | {"boot": "b", "seq": n} for n in range(1, 1001)]
    async with (
        gateway(broker, database_url, "gateway-1", share="gateways"),
        gateway(broker, database_url, "gateway-2", share="gateways"),
    ):
        await asyncio.sleep(0.3)
        await send(broker, readings(*bodies))
        ledger = await ledger_of(desk, 1000)
        await asyncio.sleep(0.3)
    assert ledger == {"messages": 1000, "received": 1000, "committed": 1000}
    (boot,) = await desk.rows("SELECT seqs::text AS seqs FROM device_boots")
    assert boot["seqs"] == "{[1,1001)}"
    async with desk.pool.connection() as conn:
        shares = [beat.metrics["received_total"] for beat in await list_beats(conn)]
    assert sum(shares) == 1000
    assert min(shares) > 0


async def test_the_registry_is_heard_of_and_requests_are_served(desk: Desk, broker, database_url):
    async with gateway(broker, database_url):
        await send(broker, readings(sample(), device="south-1"))
        await ledger_of(desk, 1)
        south = await desk.register("south-1")
        async with desk.pool.connection() as conn:
            request = await add_request(conn, verb="replay", argument={"device": "south-1"})
            wrong = await add_request(conn, verb="replay", argument={"ids": "all"})
        async with asyncio.timeout(5):
            while request.state == "waiting" or wrong.state == "waiting":
                async with desk.pool.connection() as conn:
                    request, wrong = await get_request(conn, request.id), await get_request(conn, wrong.id)
                await asyncio.sleep(0.02)
        assert request.outcome is not None
        assert (request.state, request.outcome["committed"], request.outcome["rows"]) == ("done", 1, 1)
        assert wrong.state == "failed"
        assert await desk.ledger(south.id) == {"messages": 1, "received": 1, "committed": 1}
        async with desk.pool.connection() as conn:
            await revoke_device(conn, "south-1")
        await asyncio.sleep(0.5)
        await send(broker, readings(sample(NOW_MS - 1), device="south-1"))
        await ledger_of(desk, 2)
        assert [row.reason for row in await desk.quarantine()] == ["device_revoked"]


async def test_quiet_messages_are_committed_at_once(desk: Desk, broker, database_url):
    async with gateway(broker, database_url):
        await send(broker, readings(sample(NOW_MS - 1)))
        await ledger_of(desk, 1)
        began_s = time.monotonic()
        await send(broker, readings(sample()))
        await ledger_of(desk, 2)
        assert time.monotonic() - began_s < 1.0


async def test_nothing_is_acknowledged_while_the_database_is_away(
    desk: Desk, broker, database_url, postgres_url
):
    """Connections are cut and none is let in; then all that waited is committed, once."""
    name = database_url.rsplit("dbname=", 1)[-1].split()[0].strip("'")
    async with gateway(broker, database_url):
        await send(broker, readings(sample(NOW_MS - 5000)))
        await ledger_of(desk, 1)
        with psycopg.connect(postgres_url, autocommit=True) as admin:
            admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
            admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
            await send(broker, readings(*(sample(NOW_MS - n) for n in range(1000))))
            await asyncio.sleep(1.0)
            admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        async with asyncio.timeout(20):
            while True:
                try:
                    if (await desk.ledger())["received"] >= 1001:
                        break
                except psycopg.OperationalError:
                    pass
                await asyncio.sleep(0.1)
    assert await desk.ledger() == {"messages": 1001, "received": 1001, "committed": 1001}


async def test_a_request_that_makes_us_fail_ends_and_the_gateway_goes_on(desk: Desk, broker, database_url):
    async with gateway(broker, database_url, poll_s=0.1):
        async with desk.pool.connection() as conn:
            request = await add_request(conn, verb="replay", argument=["not", "an", "object"])  # type: ignore[arg-type]
        async with asyncio.timeout(5):
            while request.state == "waiting":
                async with desk.pool.connection() as conn:
                    request = await get_request(conn, request.id)
                await asyncio.sleep(0.02)
        assert request.state == "failed"
        await send(broker, readings(sample()))
        await ledger_of(desk, 1)


async def test_a_change_of_the_registry_that_was_not_heard_of_is_found(desk: Desk, broker, database_url):
    async with gateway(broker, database_url, refresh_s=0.2):
        await send(broker, readings(sample(NOW_MS - 1)))
        await ledger_of(desk, 1)
        async with desk.pool.connection() as conn:
            await conn.execute("ALTER TABLE devices DISABLE TRIGGER devices_notify")
            await revoke_device(conn, "north-1")
        await asyncio.sleep(1.0)
        await send(broker, readings(sample()))
        await ledger_of(desk, 2)
    assert [row.reason for row in await desk.quarantine()] == ["device_revoked"]


async def test_a_replay_longer_than_an_idle_transaction_may_last(desk: Desk, database_url, monkeypatch):
    """Its request is taken in a transaction that waits all the while."""
    monkeypatch.setattr("store.pool.IDLE_IN_TRANSACTION_S", 0.5)
    monkeypatch.setattr("ingest.replay.AT_ONCE", 1)
    await desk.send(*(sample(NOW_MS - n) for n in range(6)), device="south-1")
    await desk.register("south-1")
    once = replay_module._replay_locked

    async def slow(*arguments: Any) -> Any:
        await asyncio.sleep(0.3)
        return await once(*arguments)

    monkeypatch.setattr("ingest.replay._replay_locked", slow)
    async with desk.pool.connection() as conn:
        request = await add_request(conn, verb="replay", argument={})
    pool = await open_pool(database_url, process="test")
    assert await _serve_one(pool, desk.registry, Metrics(), LARGEST)
    await pool.close()
    async with desk.pool.connection() as conn:
        request = await get_request(conn, request.id)
    assert request.outcome is not None
    assert request.outcome["rows"] == 6
