"""Sorting events over a real broker: gateways killed among 20,000 fish, and every fish there once."""

from __future__ import annotations

import asyncio
import json
import zlib
from typing import TYPE_CHECKING

import cbor2
import numpy as np

from tests.e2e.flood import flood

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.system import System

UNITS = 4
FISH = 20_000
EACH = FISH // UNITS
A_LOT = 500
START_MS = 1_795_000_000_000
CLASSES = ("milt", "roe", "other")


def events(unit: int, count: int, start_ms: int = START_MS) -> Iterator[tuple[str, bytes]]:
    """A unit's fish, half of them in JSON, half in CBOR; every tenth message is a list of five."""
    random = np.random.default_rng(unit)
    vectors = random.dirichlet((2.0, 1.5, 0.5), count).round(4)
    waiting: list[dict[str, object]] = []
    for n, vector in enumerate(vectors.tolist()):
        body: dict[str, object] = {
            "boot": "b1",
            "seq": n + 1,
            "at": start_ms + 200 * n,
            "lot": f"L{n // A_LOT}",
            "fish": n % A_LOT + 1,
            "model": "echo-7",
            "class": CLASSES[int(np.argmax(vector))],
            "probabilities": dict(zip(CLASSES, vector, strict=True)),
            "weight_g": 2000 + n % 700,
            "latency_ms": 180,
        }
        waiting.append(body)
        if n % 50 >= 5 or n % 50 == 4:
            message = waiting if len(waiting) > 1 else waiting[0]
            yield "events", cbor2.dumps(message) if n % 2 else json.dumps(message).encode()
            waiting = []
    if waiting:
        yield "events", json.dumps(waiting).encode()


SUMMARY = """
SELECT count(*) AS fish, count(DISTINCT (boot_id, seq)) AS numbers, count(DISTINCT lot_id) AS lots,
       sum(seq)::int8 AS total FROM sort_events
"""
RUNNING = "SELECT sum(fish)::int8 AS fish, sum(weight_sum) AS weight FROM lot_cells"


async def test_an_image_of_almost_a_megabyte_is_committed(system: System) -> None:
    await system.register(["echo-9"], kind="echo-unit")
    system.start_gateway()
    pixels = np.random.default_rng(1).bytes(900 * 1100)
    body = {
        "at": START_MS,
        "format": "zlib",
        "dtype": "uint8",
        "shape": [900, 1100],
        "data": zlib.compress(pixels),
    }
    message = ("frames", cbor2.dumps(body))
    await flood(system.broker.port, "echo-9", system.passwords["echo-9"], [message, message])
    totals = await system.wait_received(2)
    assert (totals["committed"], totals["duplicate"]) == (1, 1)
    (stored,) = system.query(
        "SELECT f.size_bytes, octet_length(b.data) AS n FROM frames f JOIN frame_bytes b USING (sha256)"
    )
    assert stored["size_bytes"] == stored["n"] > 900 * 1100


async def test_every_fish_is_there_once_whenever_the_gateway_is_killed(system: System) -> None:
    names = [f"echo-{i}" for i in range(UNITS)]
    await system.register(names, kind="echo-unit")
    system.start_gateway().kill()  # its session stays: the broker keeps what comes now
    await asyncio.gather(
        *(
            flood(system.broker.port, name, system.passwords[name], events(unit, EACH))
            for unit, name in enumerate(names)
        )
    )
    for share in (5, 2):
        system.start_gateway()
        at = (await system.wait_received(FISH // share))["received"]
        system.gateways["gateway-1"].kill()
        assert at < FISH, "the kill came too late to be in the middle"
    system.start_gateway()
    totals = await system.wait_received(FISH, column="committed")

    assert totals["conflicting"] == totals["quarantined"] == 0
    assert totals["received"] == FISH + totals["duplicate"]
    (stored,) = system.query(SUMMARY)
    expected = {
        "fish": FISH,
        "numbers": FISH,
        "lots": UNITS * EACH // A_LOT,
        "total": UNITS * EACH * (EACH + 1) // 2,
    }
    assert stored == expected
    (running,) = system.query(RUNNING)
    weight = UNITS * sum(2000 + n % 700 for n in range(EACH))
    assert (running["fish"], running["weight"]) == (FISH, weight)
    boots = system.query("SELECT seqs::text AS seqs, events FROM sort_boots")
    assert boots == [{"seqs": f"{{[1,{EACH + 1})}}", "events": EACH}] * UNITS
