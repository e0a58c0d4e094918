"""100,000 fuzzed payloads: all quarantined with a reason, no crash, no stall; good ones are stored."""

from __future__ import annotations

import asyncio
import json
import random
from typing import TYPE_CHECKING, Any

import cbor2
import pytest

from ingest.errors import REASONS
from tests.e2e.flood import flood

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.system import System

pytestmark = pytest.mark.timeout(600)

FUZZED = 100_000
GOOD = 5_000
NOW_MS = 1_780_000_000_000
AT_WRONG: list[Any] = [
    None,
    True,
    "",
    "yesterday",
    "2026-06-01",
    "2026-06-01T09:00:00",
    "2026-13-45T99:00:00Z",
    -1,
    0,
    1_780_000_000,
    10**15,
    10**40,
    1.5,
    [],
    {},
    "2026-06-01T09:00:00+99:00",
    1e300,
    [NOW_MS, None],
    "１７８０００００００００",
]
VALUE_WRONG: list[Any] = [
    None,
    True,
    "21.5",
    "",
    [],
    {},
    [[]],
    float("nan"),
    float("inf"),
    -float("inf"),
    "気温",
]
KEY_WRONG = [
    "",
    "@",
    "temperature",
    "AIR_TEMPERATURE",
    "air_temperature@",
    "air_temperature@@1",
    "気温",
    "a" * 5000,
    "\x00",
    " ",
]


def good(number: int) -> dict[str, Any]:
    return {"at": NOW_MS + number * 1000, "values": {"air_temperature": number % 40}}


class Fuzzer:
    """Payloads none of which holds a reading that could be stored."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.makers = [
            self.noise,
            self.cut_json,
            self.cut_cbor,
            self.wrong_at,
            self.wrong_value,
            self.wrong_key,
            self.wrong_shape,
            self.ragged,
            self.deep,
            self.wrong_sequence,
            self.not_utf8,
            self.odd_topic,
        ]

    def messages(self, count: int) -> Iterator[tuple[str, bytes]]:
        for number in range(count):
            maker = self.random.choice(self.makers)
            made = maker(number)
            yield made if isinstance(made, tuple) else ("readings", made)

    def encode(self, content: Any) -> bytes:
        return json.dumps(content).encode() if self.random.random() < 0.6 else cbor2.dumps(content)

    def noise(self, _: int) -> bytes:
        return self.random.randbytes(self.random.choice([0, 1, 2, 7, 64, 300]))

    def cut_json(self, number: int) -> bytes:
        whole = json.dumps(good(number)).encode()
        return whole[: self.random.randrange(1, len(whole))]

    def cut_cbor(self, number: int) -> bytes:
        whole = cbor2.dumps(good(number))
        return whole[: self.random.randrange(1, len(whole))]

    def wrong_at(self, number: int) -> bytes:
        return self.encode(good(number) | {"at": self.random.choice(AT_WRONG)})

    def wrong_value(self, number: int) -> bytes:
        values = {
            "air_temperature": self.random.choice(VALUE_WRONG),
            "illuminance": self.random.choice(VALUE_WRONG),
        }
        return self.encode(good(number) | {"values": values})

    def wrong_key(self, number: int) -> bytes:
        return self.encode(good(number) | {"values": {self.random.choice(KEY_WRONG): number}})

    def wrong_shape(self, number: int) -> bytes:
        shapes: list[Any] = [
            number,
            "text",
            None,
            [],
            {},
            [[]],
            [number],
            {"at": NOW_MS},
            {"values": {}},
            {"values": {"air_temperature": 1}},
            {"at": NOW_MS, "values": number},
            {"at": NOW_MS, "values": []},
            {"at": NOW_MS, "values": None},
            [None, {}],
        ]
        return self.encode(self.random.choice(shapes))

    def ragged(self, number: int) -> bytes:
        rows = self.random.randrange(2, 30)
        values = {"air_temperature": [1.0] * (rows + 1), "illuminance": [2.0] * (rows - 1)}
        return self.encode({"at": [NOW_MS + number] * rows, "values": values})

    def deep(self, _: int) -> bytes:
        depth = self.random.choice([50, 2_000, 20_000])
        return self.random.choice([b"[" * depth, b'{"at":' * depth, b"\x81" * depth, b"\xa1\x01" * depth])

    def wrong_sequence(self, number: int) -> bytes:
        seq = self.random.choice([0, -1, 1.5, "7", True, [], 2**70])
        return self.encode(good(number) | {"boot": "b", "seq": seq})

    def not_utf8(self, number: int) -> bytes:
        return json.dumps(good(number)).encode().replace(b"air", b"\xff\xfe\x80")

    def odd_topic(self, number: int) -> tuple[str, bytes]:
        return self.random.choice(["reading", "readings/x", "frames", "a/b/c/d", "気温"]), self.encode(
            good(number)
        )


async def flood_good(system: System, name: str) -> None:
    """Good messages at a steady pace while the others come."""
    for start in range(0, GOOD, 250):
        part = (("readings", json.dumps(good(number)).encode()) for number in range(start, start + 250))
        await flood(system.broker.port, name, system.passwords[name], part)
        await asyncio.sleep(0.2)


async def test_fuzzed_payloads_end_in_quarantine_and_good_ones_in_the_database(system: System) -> None:
    await system.register(["fuzzed", "good"])
    gateway = system.start_gateway()
    fuzzed = flood(
        system.broker.port, "fuzzed", system.passwords["fuzzed"], Fuzzer(20260601).messages(FUZZED)
    )

    count, _ = await asyncio.gather(fuzzed, flood_good(system, "good"))
    assert count == FUZZED
    for _ in range(600):
        accounts = await asyncio.to_thread(system.accounts)
        if accounts.get("fuzzed", {}).get("messages", 0) >= FUZZED and accounts["good"]["messages"] >= GOOD:
            break
        await asyncio.sleep(0.2)

    assert gateway.ended() is None, "the gateway crashed"
    assert accounts["good"] == {
        "messages": GOOD,
        "received": GOOD,
        "committed": GOOD,
        "duplicate": 0,
        "conflicting": 0,
        "quarantined": 0,
    }
    account = accounts["fuzzed"]
    assert account["messages"] == FUZZED
    assert account["committed"] == account["duplicate"] == account["conflicting"] == 0
    assert account["received"] == account["quarantined"] >= FUZZED
    kept = system.query(
        "SELECT reason, sum(readings * pending)::int8 AS n, min(detail) AS detail FROM quarantine"
        " JOIN quarantine_sightings ON quarantine_id = id GROUP BY 1"
    )
    assert sum(row["n"] for row in kept) == account["quarantined"]
    assert {row["reason"] for row in kept} <= REASONS.keys() - {"internal", "database_refused"}
    assert all(row["detail"] for row in kept)
    print({row["reason"]: row["n"] for row in kept})
