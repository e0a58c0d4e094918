"""What no honest broker sends: a peer that speaks by rote, byte for byte."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import mqtt5
import pytest

from ingest.link import LinkSettings
from ingest.link_choice import make_link
from tests.ingest.link_lab import collect, running, until

CONNACK = mqtt5.ConnAckPacket(session_present=True).write()
SUBACK = mqtt5.SubAckPacket(1, [mqtt5.SubAckReasonCode.GRANTED_QOS_AT_LEAST_ONCE]).write()
DISCONNECT = mqtt5.DisconnectPacket().write()
TOPIC = "chiiki/v1/farm-1/up/readings"

codecs = pytest.mark.parametrize("codec", ["paho", "mqtt5"])


def publish(payload: bytes, packet_id: int, **fields) -> bytes:
    return mqtt5.PublishPacket(
        TOPIC, payload, qos=mqtt5.QoS.AT_LEAST_ONCE, packet_id=packet_id, **fields
    ).write()


@asynccontextmanager
async def told_by(codec, *pieces, **settings):
    """A link whose peer says these pieces on the first connection, and on later ones only hello."""
    connections = 0

    async def speak(reader, writer):
        nonlocal connections
        connections += 1
        try:
            await reader.read(1000)
            writer.write(CONNACK)
            await reader.read(1000)
            writer.write(SUBACK)
            for piece in pieces if connections == 1 else ():
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0)
            while (said := await reader.read(1000)) and not said.endswith(DISCONNECT):
                pass
        finally:
            writer.close()

    server = await asyncio.start_server(speak, "127.0.0.1", 0)
    url = f"mqtt://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    link = make_link(LinkSettings(url=url, client_id="g", backoff_s=(0.05, 0.1), **settings), codec)
    async with server:
        async with running(link, connected=False):
            yield link
        await asyncio.sleep(0.01)


@codecs
@pytest.mark.parametrize("size", [1, 2, 3, 7, 50])
async def test_packets_may_be_cut_anywhere(codec, size):
    payloads = [b"", b"x", b"y" * 120, b"z" * 20_000]
    stream = b"".join(publish(payload, i + 1) for i, payload in enumerate(payloads))
    pieces = [stream[i : i + size] for i in range(0, 300, size)] + [stream[(299 // size + 1) * size :]]
    async with told_by(codec, *pieces) as link:
        assert await collect(link, 4) == [(TOPIC, payload) for payload in payloads]


@codecs
async def test_properties_are_passed_over(codec):
    long = [("key", "value" * 100)]
    stream = publish(b"one", 1, user_properties=long, content_type="text/plain") + publish(b"two", 2)
    async with told_by(codec, stream) as link:
        assert await collect(link, 2) == [(TOPIC, b"one"), (TOPIC, b"two")]


@codecs
async def test_a_topic_that_is_not_utf_8_is_a_message(codec):
    wrong = publish(b"one", 1).replace(b"farm-1", b"\xff\xfe\xff\xff\xff\xff")
    async with told_by(codec, wrong + publish(b"two", 2)) as link:
        first, second = await collect(link, 2)
    assert first == ("chiiki/v1/" + "�" * 6 + "/up/readings", b"one")
    assert second == (TOPIC, b"two")
    assert link.stats.acknowledged == 2


@codecs
@pytest.mark.parametrize(
    "noise",
    [
        b"\x00\x00",
        b"\x32\xff\xff\xff\xff\x01",
        b"\x32\x02\x00\x50",
        b"\x32\x05\x00\x01t\x00\x01",
        b"GET / HTTP/1.1\r\n\r\n" * 3,
    ],
    ids=["no type", "endless length", "no topic", "no properties", "not MQTT"],
)
async def test_what_is_not_mqtt_ends_the_connection_but_not_the_link(codec, noise):
    async with told_by(codec, publish(b"one", 1) + noise + b"\x00" * 64) as link:
        assert await collect(link, 1) == [(TOPIC, b"one")]
        await until(lambda: link.stats.reconnects == 1)


async def test_a_packet_larger_than_agreed_ends_the_connection(caplog):
    async with told_by("mqtt5", publish(b"x" * 600_000, 1), packet_bytes=300_000) as link:
        await until(lambda: link.stats.reconnects == 1)
    assert "more than was agreed" in caplog.text


async def test_topics_that_are_long_are_not_remembered():
    """A sender has as many topics of 64 KiB below its own name as it likes."""
    names = [TOPIC, f"{TOPIC}/{'x' * 60_000}", TOPIC]
    stream = [
        mqtt5.PublishPacket(name, b"", qos=mqtt5.QoS.AT_LEAST_ONCE, packet_id=number).write()
        for number, name in enumerate(names, start=1)
    ]
    async with told_by("mqtt5", *stream) as link:
        assert [topic for topic, _ in await collect(link, 3)] == names
        assert list(link._wire._topics) == [TOPIC.encode()]
