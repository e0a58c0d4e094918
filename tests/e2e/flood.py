"""Payloads of any kind as fast as the broker confirms them: one raw connection, windowed by its PUBACKs."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from devices.simulator.load_packets import connect_packet, publish_packet

if TYPE_CHECKING:
    from collections.abc import Iterable

PUBACK_BYTES = 4


async def flood(
    port: int, name: str, password: str, messages: Iterable[tuple[str, bytes]], *, window: int = 500
) -> int:
    """Publish (topic below ``up/``, payload) with QoS 1; return how many, once all are confirmed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(connect_packet(f"flood-{name}", name, password))
    greeting = await reader.readexactly(4)
    assert greeting[3] == 0, f"{name} was not let in: {greeting!r}"
    sent = confirmed = 0
    for kind, payload in messages:
        sent += 1
        topic = f"chiiki/v1/{name}/up/{kind}".encode()
        writer.write(publish_packet(topic, payload, sent % 65535 + 1))
        if sent - confirmed >= window:
            await writer.drain()
            await asyncio.wait_for(reader.readexactly(PUBACK_BYTES * (window // 2)), 60)
            confirmed += window // 2
    await asyncio.wait_for(reader.readexactly(PUBACK_BYTES * (sent - confirmed)), 60)
    writer.write(b"\xe0\x00")
    writer.close()
    await writer.wait_closed()
    return sent
