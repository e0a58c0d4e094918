"""What the tests of the link have in common: links on a real broker, and somebody who publishes to it."""

from __future__ import annotations

import asyncio
import secrets
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from devices.simulator.load_packets import connect_packet, publish_packet
from ingest.link import LinkSettings
from ingest.link_choice import make_link

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable

    from ingest.link import Link

PASSWORD = "a password for tests"
Messages = list[tuple[str, bytes]]

every_codec = pytest.mark.parametrize("codec", ["paho", "paho 3.1.1", "mqtt5"])


def readings(count: int, device: str = "farm-1") -> Messages:
    return [(f"chiiki/v1/{device}/up/readings", f"{device} {i}".encode()) for i in range(count)]


def link_on(broker: Any, codec: str, **settings: Any) -> Link:
    """Make a link with the gateway's account, which is made if need be."""
    codec, _, version = codec.partition(" ")
    if "chiiki-gateway" not in broker._accounts:
        broker.gateway(PASSWORD)
    chosen = {
        "url": broker.url,
        "client_id": "chiiki-gateway-1",
        "username": "chiiki-gateway",
        "password": PASSWORD,
        "mqtt_version": version or "5",
        "backoff_s": (0.05, 0.5),
    }
    return make_link(LinkSettings(**(chosen | settings)), codec)


@asynccontextmanager
async def running(link: Link, *, connected: bool = True, deadline_s: float = 1.0) -> AsyncIterator[Link]:
    task = asyncio.create_task(link.run(), name="ingest.link")
    try:
        if connected:
            await until(lambda: link.stats.connected)
        yield link
    finally:
        await link.close(deadline_s)
        await task


async def until(true: Callable[[], bool], within_s: float = 10.0) -> None:
    async with asyncio.timeout(within_s):
        while not true():  # noqa: ASYNC110  there is no event for it
            await asyncio.sleep(0.01)


async def collect(link: Link, count: int, *, acknowledge: bool = True, within_s: float = 15.0) -> Messages:
    """Take until `count` messages are there."""
    taken: Messages = []
    async with asyncio.timeout(within_s):
        while len(taken) < count:
            delivery = await link.receive()
            assert len(delivery.topics) == len(delivery.payloads) == len(delivery.retained) >= 1
            taken += zip(delivery.topics, delivery.payloads, strict=True)
            if acknowledge:
                link.acknowledge(delivery)
    return taken


async def nothing_more(broker: Any, link: Link) -> None:
    """Assert that the next message to come is one that is sent now."""
    mark = ("chiiki/v1/mark/up/readings", secrets.token_bytes(8))
    await send(broker, [mark])
    assert await collect(link, 1) == [mark]


async def send(broker: Any, messages: Iterable[tuple[str, bytes]], *, retain: bool = False) -> None:
    """Publish with QoS 1 by one connection and wait until the broker has acknowledged all."""
    if "writer" not in broker._accounts:
        broker.account("writer", PASSWORD, write=["chiiki/#"])
    packets = [publish_packet(topic.encode(), payload, i + 1) for i, (topic, payload) in enumerate(messages)]
    if retain:
        packets = [bytes([packet[0] | 1]) + packet[1:] for packet in packets]
    reader, writer = await asyncio.open_connection("127.0.0.1", broker.port)
    writer.write(connect_packet(f"writer-{secrets.token_hex(4)}", "writer", PASSWORD))
    assert await reader.readexactly(4) == b"\x20\x02\x00\x00"
    writer.writelines(packets)
    await asyncio.wait_for(reader.readexactly(4 * len(packets)), 30)
    writer.write(b"\xe0\x00")
    writer.close()
    await writer.wait_closed()
