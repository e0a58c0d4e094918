"""The quick way and the exact way come to the same."""

from __future__ import annotations

import asyncio
import json
import time

import cbor2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from devices.kinds import load_kinds
from devices.model import Device, Series
from ingest.batch import seal
from ingest.chunk import Chunk
from ingest.examine import Odd, find_out
from ingest.intake import AT_ONCE, BYTES_AT_ONCE, cut, sift, take_in
from ingest.ledger import tally
from ingest.registry import Registry
from store.readings import Fates
from tests.ingest.desk import LARGEST, NOW_MS, Desk, Messages, dumps, sample

KEYS = ["air_temperature", "relative_humidity", "air_temperature@canopy"]
numbers = st.floats(-1e6, 1e6) | st.integers(-(2**40), 2**40)
# mostly as it should be, now and then not
times = st.integers(NOW_MS - 10**6, NOW_MS) | st.sampled_from(
    [NOW_MS + 10**9, 5, "2026-01-01T00:00:00Z", None]
)
values = numbers | st.sampled_from([None, "x", True, float("nan")])
tags = st.fixed_dictionaries(
    {}, optional={"boot": st.sampled_from(["b", 7, None, "\x00"]), "seq": st.integers(0, 5)}
)


@st.composite
def samples(draw):
    body = draw(st.dictionaries(st.sampled_from([*KEYS, "nonsense"]), values, max_size=4))
    return {"at": draw(times), "values": body} | draw(tags)


@st.composite
def columns(draw):
    length = draw(st.integers(0, 4))
    column = st.lists(values, min_size=length, max_size=length) | st.lists(values, max_size=2)
    body = draw(st.dictionaries(st.sampled_from(KEYS), column, max_size=3))
    return {"at": draw(st.lists(times, min_size=length, max_size=length)), "values": body} | draw(tags)


def make_registry() -> Registry:
    registry = Registry(None, load_kinds())  # type: ignore[arg-type]
    series = [
        Series(id=9 - n, device_id=3, quantity=q.partition("@")[0], position=q.partition("@")[2], unit=unit)
        for n, (q, unit) in enumerate(zip(KEYS, ["degC", "%", "degC"], strict=True))
    ]
    registry._remember([Device(id=3, name="north-1", lab="sendai", kind="farm-station")], series)
    return registry


def flatten(chunk: Chunk, registry: Registry) -> tuple[object, ...]:
    """All that a chunk says, in an order that does not depend on the way it was made."""
    sheet = seal([chunk], registry.slots)
    where = [(number, index) for _, number, index in sheet.locate(np.arange(len(sheet.row)))]
    keys = zip(
        sheet.rows.series[sheet.row].tolist(),
        sheet.rows.at[sheet.row].tolist(),
        sheet.value.tolist(),
        strict=True,
    )
    rejected = sorted(
        (number, item.reason, item.indices, item.detail) for number, _, item in chunk.rejections
    )
    rows = sorted(zip(where, keys, strict=True))
    counts = tally(sheet, sheet.spread(Fates.all_committed(sheet.rows))) if chunk.devices else None
    told = counts and (counts.messages.tolist(), counts.received.tolist(), counts.min_delay_ms.tolist())
    return rows, rejected, sorted(chunk.seqs), chunk.devices, told


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    bodies=st.lists(samples() | columns() | st.lists(samples(), max_size=3), max_size=6), binary=st.booleans()
)
async def test_the_quick_way_finds_what_the_exact_way_finds(bodies, binary):
    registry = make_registry()
    encoded = [cbor2.dumps(body) if binary else json.dumps(body).encode() for body in bodies]
    topics = ["chiiki/v1/north-1/up/readings"] * len(bodies)
    messages = Messages(NOW_MS * 1000, topics, encoded, [False] * len(bodies))
    quick, odd = sift(registry, messages, range(len(messages)), LARGEST)
    for number in odd:
        await examine_into(registry, quick, messages, number)
    exact = Chunk(source=messages, received_us=messages.received_us)
    for number in range(len(messages)):
        await examine_into(registry, exact, messages, number)
    assert flatten(quick, registry) == flatten(exact, registry)


async def examine_into(registry: Registry, chunk: Chunk, messages: Messages, number: int) -> None:
    odd = Odd(number=number, topic=messages.topics[number], payload=messages.payloads[number])
    (findings,) = await find_out(registry, chunk, [odd], LARGEST)
    findings.fill(chunk, odd)


@pytest.mark.parametrize("encode", [lambda body: json.dumps(body).encode(), cbor2.dumps])
def test_usual_messages_of_every_shape_are_never_odd(encode):
    at = NOW_MS - 5
    bodies = [
        {"at": at, "values": {"air_temperature": 1, "relative_humidity": 2.5}, "boot": "b", "seq": 1},
        {"at": [at, at + 1], "values": {"air_temperature": [1, 2.5], "relative_humidity": [3, 4]}},
        [{"at": at, "values": {"air_temperature": 1}}, {"at": at + 1, "values": {"relative_humidity": 2}}],
        {"at": at, "values": {"air_temperature": 1.25}, "boot": 12, "seq": 2, "firmware": {"any": "thing"}},
    ]
    payloads = [encode(body) for body in bodies]
    messages = Messages(NOW_MS * 1000, ["chiiki/v1/north-1/up/readings"] * 4, payloads, [False] * 4)
    registry = make_registry()
    chunk, odd = sift(registry, messages, range(4), LARGEST)
    assert odd == []
    assert sum(map(len, chunk.parts)) == 2 + 4 + 2 + 1
    assert chunk.seqs == [(3, "b", 1), (3, "12", 2)]
    assert not sift(registry, messages, range(4), 10)[0].parts


def test_layouts_of_one_device_are_bounded():
    registry = make_registry()
    sender = registry.by_name["north-1"]
    for number in range(1000):
        sender.layouts[str(number),] = np.zeros(1, np.int32)
    assert sender.lay_out((KEYS[0],)) is not None
    assert len(sender.layouts) == 1


def test_slices_are_bounded_by_messages_and_by_bytes():
    """A backlog of large messages must not become one transaction of millions of readings."""
    half = bytes(BYTES_AT_ONCE // 2)
    sizes = [len(part) for part in cut([half] * 4 + [half * 3] + [b"x"] * (AT_ONCE + 1))]
    assert sizes == [2, 2, 1, AT_ONCE, 1]
    assert [*cut([])] == []
    assert [*cut([b"", b""])] == [range(2)]


async def test_one_large_bad_message_does_not_hold_the_loop_up(desk: Desk):
    """60,000 readings to be rejected one by one take half a second."""
    await desk.send(sample())
    zeros, ones = b",".join([b"0"] * 60_000), b",".join([b"1"] * 60_000)
    body = b'{"at":[' + zeros + b'],"values":{"air_temperature":[' + ones + b"]}}"
    messages = Messages(NOW_MS * 1000, ["chiiki/v1/north-1/up/readings"] * 3, [body] * 3, [False] * 3)
    shares: list[float] = []

    async def watch() -> None:
        while True:
            began_s = time.thread_time()
            await asyncio.sleep(0.001)
            shares.append(time.thread_time() - began_s)

    watching = asyncio.create_task(watch())
    await asyncio.sleep(0.01)
    chunks = [chunk async for chunk in take_in(desk.registry, messages, LARGEST)]
    watching.cancel()
    assert [len(item.indices or ()) for chunk in chunks for _, _, item in chunk.rejections] == [60_000] * 3
    assert max(shares) < 0.1


async def test_the_series_of_many_new_devices_are_opened_together(desk: Desk, monkeypatch):
    names = [f"new-{number}" for number in range(30)]
    for name in names:
        await desk.register(name)
    kind = desk.registry._kinds["farm-station"]
    keys = [name for name, channel in kind.quantities.items() if "" in channel.positions][:5]
    opened: list[int] = []
    open_channels = desk.registry.open_channels

    async def count(wanted):
        opened.append(len(wanted))
        await open_channels(wanted)

    monkeypatch.setattr(desk.registry, "open_channels", count)
    bodies = [dumps({"at": NOW_MS, "values": dict.fromkeys(keys, 1)})] * 30
    topics = [f"chiiki/v1/{name}/up/readings" for name in names]
    written = await desk.deliver(Messages(NOW_MS * 1000, topics, bodies, [False] * 30))
    assert written.counts.tolist() == [30 * len(keys), 0, 0, 0]
    assert opened == [30 * len(keys)]


async def test_no_message_opens_more_series_than_the_kind_allows(desk: Desk):
    await desk.register("logger", kind="generic-logger")
    most = desk.registry._kinds["generic-logger"].max_series
    keys = [f"air_temperature@p{number}" for number in range(most + 3)]
    await desk.send({"at": NOW_MS, "values": dict.fromkeys(keys, 1)}, device="logger")
    (row,) = await desk.quarantine()
    assert (row.reason, row.readings) == ("too_many_series", 3)
    assert len(await desk.rows("SELECT 1 FROM series")) == most


async def test_a_series_that_the_database_refuses_costs_only_its_own_readings(desk: Desk):
    async with desk.pool.connection() as conn:
        await conn.execute("ALTER TABLE series ADD CONSTRAINT dry CHECK (quantity <> 'relative_humidity')")
    await desk.send(sample(air_temperature=1, relative_humidity=2))
    assert await desk.values() == {"air_temperature": [1.0]}
    assert [row.reason for row in await desk.quarantine()] == ["database_refused"]
