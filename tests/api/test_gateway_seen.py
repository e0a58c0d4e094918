"""A real gateway, seen through the API: its metrics, and what is told of the devices that it heard."""

from __future__ import annotations

import asyncio
import json
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import paho.mqtt.client as mqtt
import pytest
from aiohttp.test_utils import TestClient, TestServer

from api.app import ApiSettings, make_app
from api.beats import EXPLAINED, PREFIX
from devices.credentials import new_token, token_digest
from store.pool import open_pool
from store.tokens import add_token
from tests.api.exposition import parse
from tests.e2e.system import System

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

    from deploy.embedded.provision import Programs

OFFSETS = {"ahead-1": timedelta(hours=3), "behind-1": timedelta(days=-2), "right-1": timedelta()}
STALE_S = 7.0
QUICK = {"fsync": "off"}


@pytest.fixture
def system(programs: Programs, state_dir: Path) -> Iterator[System]:
    system = System(state_dir, programs, postgres_settings=QUICK)
    try:
        system.start()
        yield system
    finally:
        system.stop()


@pytest.fixture
async def client(system: System) -> AsyncIterator[TestClient[Any, Any]]:
    """A client with an operator's token."""
    pool = await open_pool(system.postgres.url, process="test")
    token = new_token()
    async with pool.connection() as conn:
        await add_token(conn, digest=token_digest(token), hint="x", lab=None, role="operator")
    settings = ApiSettings(database_url=system.postgres.url, gateway_stale_s=STALE_S)
    server = TestServer(make_app(pool, settings))
    client = TestClient(server, headers={"Authorization": f"Bearer {token}"})
    await client.start_server()
    yield client
    await client.close()
    await pool.close()


def publish(system: System, name: str, offset: timedelta) -> None:
    """Send a good reading and a bad one, both twice, by a clock that is off."""
    at = round((time.time() + offset.total_seconds()) * 1000)
    device = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=name, protocol=mqtt.MQTTv5)
    device.username_pw_set(name, system.passwords[name])
    device.connect("127.0.0.1", system.broker.port)
    device.loop_start()
    for value in (21.5, 21.5, None, None):
        payload = json.dumps({"at": at, "values": {"air_temperature": value}})
        device.publish(f"chiiki/v1/{name}/up/readings", payload, qos=1).wait_for_publish(10)
    device.disconnect()
    device.loop_stop()


async def until(look: Callable[[], Any], deadline_s: float = 20.0) -> Any:
    end_at = time.monotonic() + deadline_s
    while not (found := await look()):
        assert time.monotonic() < end_at
        await asyncio.sleep(0.2)
    return found


async def test_what_a_gateway_says_and_what_it_heard(system: System, client: TestClient[Any, Any]) -> None:
    await system.register(OFFSETS)
    gateway = system.start_gateway("tokyo-1")
    for name, offset in OFFSETS.items():
        await asyncio.to_thread(publish, system, name, offset)
    await system.wait_received(4 * len(OFFSETS))
    labels = '{process="tokyo-1"}'

    async def metrics() -> dict[str, float]:
        async with client.get("/metrics") as answer:
            return parse(await answer.text())

    async def told() -> dict[str, float]:
        found = await metrics()
        return found if found.get(f"{PREFIX}received_total{labels}") == 4 * len(OFFSETS) else {}

    found = await until(told)
    own = {name.removeprefix(PREFIX).removesuffix(labels) for name in found if name.startswith(PREFIX)}
    assert own - {"up", "beat_age_seconds", "start_time_seconds"} == set(EXPLAINED)
    accounted = {"committed": 3, "duplicate": 3, "conflicting": 0, "quarantined": 6, "link_in_flight": 0}
    for name, count in accounted.items():
        assert found[f"{PREFIX}{name}{'' if name == 'link_in_flight' else '_total'}{labels}"] == count
    assert found[f"{PREFIX}link_connected{labels}"] == 1
    assert 0 < found[f"{PREFIX}slowest_commit_seconds{labels}"] < 10
    assert 0 < time.time() - found[f"{PREFIX}start_time_seconds{labels}"] < 60

    async with client.get("/api/v1/devices") as answer:
        health = {device["name"]: device["health"] for device in (await answer.json())["items"]}
    for name, state in {"ahead-1": "ahead", "behind-1": "behind", "right-1": "right"}.items():
        clock = health[name]["clock"]
        assert clock["offset_s"] == pytest.approx(-OFFSETS[name].total_seconds(), abs=5)
        assert (clock["state"], health[name]["state"], health[name]["open_quarantine"]) == (
            state,
            "online",
            1,
        )

    async def gone() -> dict[str, float]:
        found = await metrics()
        return found if found[f"{PREFIX}up{labels}"] == 0 else {}

    gateway.kill()
    found = await until(gone)
    assert found[f"{PREFIX}beat_age_seconds{labels}"] > STALE_S
    assert f"{PREFIX}committed_total{labels}" not in found
    async with client.get("/ready") as answer:
        assert (answer.status, (await answer.json())["gateways"][0]["alive"]) == (503, False)
