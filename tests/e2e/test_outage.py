"""Ten minutes without database: the broker holds it all, then it drains; the gateway's memory stays flat."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest

from tests.e2e.flood import flood
from tests.e2e.system import memory_mb

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.system import System

pytestmark = pytest.mark.timeout(600)

DEVICES = 100
SECONDS = 600  # of device time: what a hundred devices that send every second have to say in ten minutes
START_MS = 1_780_000_000_000
QUANTITIES = ("air_temperature", "relative_humidity", "soil_temperature", "soil_water_content", "illuminance")


def minutes_of(first: int, last: int) -> Iterator[tuple[str, bytes]]:
    for second in range(first, last):
        values = ",".join(f'"{name}":{second % 50}' for name in QUANTITIES)
        yield "readings", f'{{"at":{START_MS + 1000 * second},"values":{{{values}}}}}'.encode()


async def publish(system: System, names: list[str], first: int, last: int) -> int:
    counts = await asyncio.gather(
        *(
            flood(system.broker.port, name, system.passwords[name], minutes_of(first, last), window=50)
            for name in names
        )
    )
    return sum(counts)


async def wait_calm(pid: int) -> float:
    """Memory once it has stopped growing, MB."""
    before = 0.0
    for _ in range(20):
        now = memory_mb(pid)
        if now - before < 0.5:
            break
        before = now
        await asyncio.sleep(0.5)
    return now


async def test_ten_minutes_without_database(system: System) -> None:
    names = [f"station-{i}" for i in range(DEVICES)]
    await system.register(names)
    gateway = system.start_gateway()
    warm = await publish(system, names, -300, 0)  # fills the gateway's own working memory
    await system.wait_received(warm * len(QUANTITIES))

    system.postgres.stop()
    sent = await publish(system, names, 0, SECONDS // 2)
    assert gateway.pid is not None
    early = await wait_calm(gateway.pid)
    sent += await publish(system, names, SECONDS // 2, SECONDS)
    late = await wait_calm(gateway.pid)
    assert sent == DEVICES * SECONDS
    assert late - early < 8, f"the gateway grew from {early:.0f} to {late:.0f} MB while the database was away"

    system.postgres.start()
    begun = time.monotonic()
    totals = await system.wait_received((warm + sent) * len(QUANTITIES), deadline_s=120)
    print(f"drained {sent} messages in {time.monotonic() - begun:.1f} s; gateway {early:.0f} → {late:.0f} MB")
    assert totals["committed"] == (warm + sent) * len(QUANTITIES)
    assert totals["duplicate"] == totals["quarantined"] == 0
    assert gateway.ended() is None, "the gateway was restarted"
