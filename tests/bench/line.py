"""CPU time per message of the gateway's line, without broker, and bare COPY beside it.

Run: ``python -m tests.bench.line [DATABASE_URL]``. Prints µs of CPU per message a step. With the address of a
migrated scratch database also readings/s through the gateway's own writer, one batch after the other.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cbor2
import numpy as np

from devices.kinds import load_kinds
from devices.model import Device, Series
from ingest.batch import seal
from ingest.intake import AT_ONCE, sift
from ingest.latest import Latest
from ingest.ledger import tally
from ingest.memory import keep_freed_memory
from ingest.quarantine import collect
from ingest.registry import Registry
from ingest.sequences import gather_boots
from ingest.write import Scribe
from store.batches import transaction
from store.devices import add_device, get_device
from store.errors import StoreConflict
from store.pool import open_pool
from store.readings import Fates, encode_copy
from store.series import open_series

if TYPE_CHECKING:
    from collections.abc import Callable

    from ingest.chunk import Chunk

QUANTITIES = (
    "air_temperature",
    "relative_humidity",
    "soil_temperature@10cm",
    "wind_speed",
    "co2_concentration",
)
START_MS = 1_760_000_000_000


@dataclass
class Messages:
    """Stands for a delivery."""

    topics: list[str]
    payloads: list[bytes]
    received_us: int
    retained: list[bool]

    def __len__(self) -> int:
        return len(self.topics)


def make_registry(devices: int, keys: list[str]) -> Registry:
    registry = Registry(None, load_kinds())  # type: ignore[arg-type]
    known = [Device(id=n + 1, name=f"bench-{n}", lab="sendai", kind="generic-logger") for n in range(devices)]
    kind = load_kinds()["generic-logger"]
    series = [
        Series(
            id=1 + number * len(keys) + place,
            device_id=number + 1,
            quantity=key.partition("@")[0],
            position=key.partition("@")[2],
            unit=kind.quantities[key.partition("@")[0]].unit,
        )
        for number in range(devices)
        for place, key in enumerate(keys)
    ]
    registry._remember(known, series)
    return registry


def make_messages(
    count: int, devices: int, times: int, keys: list[str], dumps: Callable[[object], bytes]
) -> Messages:
    random = np.random.default_rng(1)
    topics, payloads = [], []
    for number in range(count):
        device, turn = number % devices, number // devices
        at = [START_MS + (turn * times + step) * 1000 for step in range(times)]
        columns = {key: random.normal(20, 5, times).round(2).tolist() for key in keys}
        body = {"at": at, "values": columns}
        if times == 1:
            body = {"at": at[0], "values": {key: column[0] for key, column in columns.items()}}
        topics.append(f"chiiki/v1/bench-{device}/up/readings")
        payloads.append(dumps(body | {"boot": "b1", "seq": turn + 1}))
    return Messages(topics, payloads, (START_MS + 86_400_000) * 1000, [False] * count)


def measure(messages: Messages, registry: Registry, batch_rows: int) -> dict[str, float]:
    """Give µs of CPU per message by step."""
    spent = dict.fromkeys(("read", "seal", "encode", "count", "latest"), 0.0)
    latest = Latest()
    chunks: list[Chunk] = []

    def close() -> None:
        clock = time.process_time()
        sheet = seal(chunks, registry.slots)
        clock = lap("seal", clock)
        encode_copy(sheet.rows)
        clock = lap("encode", clock)
        fates = Fates.all_committed(sheet.rows)
        fate = sheet.spread(fates)
        tally(sheet, fate)
        collect(sheet, fates, fate)
        gather_boots(chunks)
        clock = lap("count", clock)
        latest.note(sheet, fate)
        lap("latest", clock)
        chunks.clear()

    def lap(step: str, since: float) -> float:
        now = time.process_time()
        spent[step] += now - since
        return now

    for start in range(0, len(messages), AT_ONCE):
        clock = time.process_time()
        chunk, odd = sift(registry, messages, range(start, min(start + AT_ONCE, len(messages))), 1 << 18)  # type: ignore[arg-type]
        lap("read", clock)
        assert not odd, messages.payloads[odd[0]]
        chunks.append(chunk)
        if sum(item.rows for item in chunks) >= batch_rows:
            close()
    if chunks:
        close()
    return {step: 1e6 * seconds / len(messages) for step, seconds in spent.items()}


async def write(url: str, messages: Messages, keys: list[str], batch_rows: int) -> float:
    """Give readings/s that the writer commits, chunks made beforehand."""
    pool = await open_pool(url, process="bench")
    registry = Registry(pool, load_kinds())
    async with transaction(pool) as conn:
        for name in sorted({topic.split("/")[2] for topic in messages.topics}):
            try:
                await add_device(conn, name=name, lab="sendai", kind="generic-logger", password_hash="-")
            except StoreConflict:
                continue
            device = await get_device(conn, name)
            for key in keys:
                quantity, _, position = key.partition("@")
                unit = load_kinds()["generic-logger"].quantities[quantity].unit
                await open_series(conn, device.id, quantity, position, unit)
    await registry.load()
    scribe = Scribe(pool, registry)
    chunks: list[Chunk] = []
    rows, began = 0, time.perf_counter()
    cpu = time.process_time()
    for start in range(0, len(messages), AT_ONCE):
        chunk, odd = sift(registry, messages, range(start, min(start + AT_ONCE, len(messages))), 1 << 18)  # type: ignore[arg-type]
        assert not odd
        chunks.append(chunk)
        rows += chunk.rows
        if sum(item.rows for item in chunks) >= batch_rows:
            await scribe.write(scribe.seal(chunks))
            chunks.clear()
    if chunks:
        await scribe.write(scribe.seal(chunks))
    took = time.perf_counter() - began
    print(f"  cpu {1e6 * (time.process_time() - cpu) / len(messages):.2f} µs/message with the writer")
    await pool.close()
    return rows / took


def main() -> None:
    # Another start for each run, since the same readings twice would be duplicates.
    global START_MS  # noqa: PLW0603
    keep_freed_memory()  # as the gateway does
    keys = list(QUANTITIES)
    for name, count, times, dumps in (
        ("5 values, JSON", 40_000, 1, lambda body: json.dumps(body).encode()),
        ("5 values, CBOR", 40_000, 1, cbor2.dumps),
        ("60 values, JSON", 8_000, 12, lambda body: json.dumps(body).encode()),
        ("60 values, CBOR", 8_000, 12, cbor2.dumps),
    ):
        START_MS += 10_000_000_000
        messages = make_messages(count, 50, times, keys, dumps)
        spent = measure(messages, make_registry(50, keys), 20_000)
        steps = " ".join(f"{step} {us:.2f}" for step, us in spent.items())
        print(f"{name}: {sum(spent.values()):.2f} µs a message ({steps})")
        if len(sys.argv) > 1:
            START_MS = int(time.time() * 1000) - 2 * 86_400_000
            messages = make_messages(count, 50, times, keys, dumps)
            messages.received_us = int(time.time() * 1e6)
            speed = asyncio.run(write(sys.argv[1], messages, keys, 20_000))
            print(f"  written {speed:,.0f} readings/s")


if __name__ == "__main__":
    main()
