"""What survives SIGKILL: 200,000 messages, and gateway, database and broker killed in the middle of them."""

from __future__ import annotations

import asyncio
import itertools
import time
from typing import TYPE_CHECKING

import pytest

from devices.simulator.device import VirtualDevice, parse_broker
from devices.simulator.protocol import Outbox, SimpleOutbox

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.e2e.system import System

pytestmark = pytest.mark.timeout(900)

DEVICES = 20
MESSAGES = 200_000
EACH = MESSAGES // DEVICES
START_MS = 1_780_000_000_000
ROUNDS = 3
SUMMARY = """
SELECT d.name, count(*) AS n, count(DISTINCT r.at) AS instants, sum(r.value)::int8 AS total
FROM readings r JOIN series s ON s.id = r.series_id JOIN devices d ON d.id = s.device_id GROUP BY 1
"""


def sample(number: int) -> dict[str, object]:
    return {"at": START_MS + 1000 * number, "values": {"air_temperature": number}}


def kill_gateway(system: System) -> None:
    system.gateways["gateway-1"].kill()
    system.start_gateway()


def kill_postgres(system: System) -> None:
    system.postgres.kill()
    system.postgres.start()


def kill_broker(system: System) -> None:
    system.broker.kill()
    system.broker.start()


async def kill_in_the_middle(system: System, kills: list[Callable[[System], None]]) -> list[int]:
    """Kill in turn, each time after a further share; return how many readings were in at each kill."""
    at = []
    for number, kill in enumerate(kills, start=1):
        share = MESSAGES * number // (len(kills) + 2)
        at.append((await system.wait_received(share, deadline_s=180))["received"])
        kill(system)  # from this thread: the service ends with the thread that started it
    return at


def expected(names: list[str]) -> dict[str, tuple[int, int, int]]:
    return dict.fromkeys(names, (EACH, EACH, EACH * (EACH - 1) // 2))


def stored(system: System) -> dict[str, tuple[int, int, int]]:
    return {row["name"]: (row["n"], row["instants"], row["total"]) for row in system.query(SUMMARY)}


async def feed(devices: list[VirtualDevice]) -> None:
    for number in range(EACH):
        for device in devices:
            device.record(sample(number))
        if number % 200 == 0:
            await asyncio.sleep(0)


async def wait_empty(devices: list[VirtualDevice], deadline_s: float) -> None:
    end_at = time.monotonic() + deadline_s
    while held := sum(device.held for device in devices):
        assert time.monotonic() < end_at, f"{held} samples are still in the devices' buffers"
        await asyncio.sleep(0.2)


async def run(
    system: System, devices: list[VirtualDevice], kills: list[Callable[[System], None]]
) -> list[int]:
    system.start_gateway()
    await feed(devices)
    for device in devices:
        device.start()
    try:
        at = await kill_in_the_middle(system, kills)
        await wait_empty(devices, 240)
    finally:
        for device in devices:
            device.stop()
    return at


async def test_devices_with_a_buffer_lose_nothing_whatever_is_killed(system: System) -> None:
    names = [f"buffered-{i}" for i in range(DEVICES)]
    await system.register(names)
    broker = parse_broker(system.broker.url)
    devices = [
        VirtualDevice(
            broker, name, system.passwords[name], Outbox("b1", batch=1, unacknowledged=100, resend_s=5)
        )
        for name in names
    ]
    kills = list(itertools.chain.from_iterable([[kill_gateway, kill_postgres, kill_broker]] * ROUNDS))

    at = await run(system, devices, kills)

    assert max(at) < MESSAGES, "a kill came too late to be in the middle"
    assert stored(system) == expected(names)
    totals = system.totals()
    assert totals["committed"] == MESSAGES
    assert totals["conflicting"] == totals["quarantined"] == 0
    assert totals["received"] == MESSAGES + totals["duplicate"]


async def test_simple_devices_lose_nothing_when_gateway_or_database_are_killed(system: System) -> None:
    names = [f"simple-{i}" for i in range(DEVICES)]
    await system.register(names)
    broker = parse_broker(system.broker.url)
    devices = [
        VirtualDevice(broker, name, system.passwords[name], SimpleOutbox(unacknowledged=100))
        for name in names
    ]

    at = await run(system, devices, [kill_gateway, kill_postgres] * ROUNDS)
    # Redelivered readings are received twice: what counts is what is committed.
    await system.wait_received(MESSAGES, deadline_s=240, column="committed")

    assert max(at) < MESSAGES, "a kill came too late to be in the middle"
    assert stored(system) == expected(names)
    totals = system.totals()
    assert (totals["committed"], totals["conflicting"], totals["quarantined"]) == (MESSAGES, 0, 0)
