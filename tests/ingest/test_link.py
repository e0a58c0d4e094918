"""The contract of `ingest.link.Link`: what is delivered, kept, bounded. Every codec, on the real broker."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter

import pytest

from ingest.link import LinkClosed
from tests.ingest.link_lab import (
    collect,
    every_codec,
    link_on,
    nothing_more,
    readings,
    running,
    send,
    until,
)

pytestmark = every_codec


async def test_messages_arrive_in_order_and_once(broker, codec):
    async with running(link_on(broker, codec)) as link:
        await send(broker, readings(3000))
        assert await collect(link, 3000) == readings(3000)
        assert (link.stats.received, link.stats.acknowledged, link.stats.in_flight) == (3000, 3000, 0)
    async with running(link_on(broker, codec)) as link:
        await nothing_more(broker, link)


async def test_each_publisher_s_messages_stay_in_order(broker, codec):
    names = [f"farm-{i}" for i in range(5)]
    async with running(link_on(broker, codec)) as link:
        await asyncio.gather(*(send(broker, readings(300, name)) for name in names))
        taken = await collect(link, 1500)
    for name in names:
        assert [m for m in taken if m[0].split("/")[2] == name] == readings(300, name)


async def test_unacknowledged_messages_come_again_after_a_cut(broker, codec):
    async with running(link_on(broker, codec)) as link:
        await send(broker, readings(50))
        stale = [await link.receive()]
        while sum(map(len, stale)) < 50:
            stale.append(await link.receive())
        link._wire.abort()
        await until(lambda: link.stats.reconnects == 1)
        assert link.stats.sessions_lost == 0
        for delivery in stale:
            link.acknowledge(delivery)
        assert link.stats.acknowledged == 0
        assert await collect(link, 50) == readings(50)
        await nothing_more(broker, link)


async def test_messages_not_yet_taken_come_once_after_a_cut(broker, codec):
    async with running(link_on(broker, codec)) as link:
        await send(broker, readings(50))
        await until(lambda: link.stats.received == 50)
        link._wire.abort()
        await until(lambda: link.stats.reconnects == 1)
        assert await collect(link, 50) == readings(50)
        await nothing_more(broker, link)


async def test_a_delivery_acknowledged_twice_counts_once(broker, codec):
    async with running(link_on(broker, codec)) as link:
        await send(broker, readings(1))
        delivery = await link.receive()
        link.acknowledge(delivery)
        link.acknowledge(delivery)
        assert (link.stats.acknowledged, link.stats.in_flight) == (1, 0)
        await nothing_more(broker, link)


async def test_a_killed_broker_brings_again_what_it_had_saved(broker, codec):
    async with running(link_on(broker, codec)) as link:
        await send(broker, readings(200))
        await collect(link, 200, acknowledge=False)
        os.kill(broker.pid, signal.SIGUSR1)  # mosquitto: save now
        await asyncio.sleep(0.5)
        broker.kill()
        await until(lambda: not link.stats.connected)
        assert link.stats.last_error
        broker.start()
        assert await collect(link, 200) == readings(200)
        await nothing_more(broker, link)
        assert (link.stats.connected, link.stats.sessions_lost, link.stats.last_error) == (True, 0, "")


async def test_what_was_sent_while_away_is_delivered(broker, codec):
    async with running(link_on(broker, codec)):
        pass
    await send(broker, readings(3000))
    async with running(link_on(broker, codec)) as link:
        assert await collect(link, 3000) == readings(3000)


async def test_in_flight_is_bounded_by_receive_maximum(broker, codec):
    async with running(link_on(broker, codec)):
        pass
    await send(broker, readings(5000))
    # MQTT 3.1.1 cannot tell the broker: there the socket is left unread, after what one read brings.
    bound = 100 if codec != "paho 3.1.1" else 100 + 512
    async with running(link_on(broker, codec, receive_maximum=100)) as link:
        await asyncio.sleep(0.3)
        assert 100 <= link.stats.in_flight <= bound
        taken = []
        while len(taken) < 5000:
            delivery = await asyncio.wait_for(link.receive(), 5)
            assert link.stats.in_flight <= bound
            taken += delivery.payloads
            link.acknowledge(delivery)
    assert taken == [payload for _, payload in readings(5000)]


async def test_bytes_held_are_bounded(broker, codec):
    large = [("chiiki/v1/farm-1/up/frames", bytes([i]) * 100_000) for i in range(60)]
    async with running(link_on(broker, codec, held_bytes=1_000_000)) as link:
        await send(broker, large)
        await asyncio.sleep(0.3)
        assert 10 <= link.stats.received <= 16
        assert await collect(link, 60) == large
        assert link.stats.in_flight == 0


async def test_any_payload_and_any_topic_is_a_message(broker, codec):
    odd = [
        ("chiiki/v1/farm-1/up/readings", b""),
        ("chiiki/v1/farm-1/up/frames", os.urandom(1_000_000)),
        ("chiiki/v1/farm-1/up/readings", b"\xff\xfe\x00\x80"),
        ("chiiki/v1/farm-1/up/温度/🌾", "21 ℃".encode()),
        ("chiiki/v1//up/", b"no name"),
        ("chiiki/v1/farm-1/up/readings", b"after"),
    ] + [("chiiki/v1/farm-1/up/readings", b"x" * size) for size in (90, 91, 95, 127, 128, 16_350, 16_384)]
    async with running(link_on(broker, codec)) as link:
        await send(broker, odd)
        assert await collect(link, len(odd)) == odd
        await nothing_more(broker, link)


async def test_qos_0_is_taken_and_needs_no_acknowledgement(broker, codec):
    async with running(link_on(broker, codec)) as link:
        broker.account("writer", "another password", write=["chiiki/#"])
        sender = link_on(broker, codec, client_id="w", username="writer", password="another password")
        async with running(sender):
            assert sender.publish("chiiki/v1/farm-1/up/readings", b"0", qos=0)
            delivery = await asyncio.wait_for(link.receive(), 5)
        assert (delivery.payloads, link.stats.in_flight) == ([b"0"], 0)
        link.acknowledge(delivery)
        assert link.stats.acknowledged == 0


async def test_retained_messages_say_so(broker, codec):
    await send(broker, [("chiiki/v1/farm-1/up/status", b'{"online": true}')], retain=True)
    async with running(link_on(broker, codec)) as link:
        stored = await asyncio.wait_for(link.receive(), 5)
        link.acknowledge(stored)
        await send(broker, [("chiiki/v1/farm-1/up/status", b'{"online": false}')], retain=True)
        fresh = await asyncio.wait_for(link.receive(), 5)
        link.acknowledge(fresh)
    assert (stored.retained, fresh.retained) == ([True], [False])
    assert stored.received_us <= fresh.received_us


async def test_two_links_of_a_share_divide_the_messages(broker, codec):
    first = link_on(broker, codec, client_id="chiiki-gateway-1", share="gateways")
    second = link_on(broker, codec, client_id="chiiki-gateway-2", share="gateways")
    taken: list[Counter[bytes]] = [Counter(), Counter()]

    async def work(i, link):
        while True:
            delivery = await link.receive()
            taken[i].update(delivery.payloads)
            link.acknowledge(delivery)

    async with running(first), running(second):
        workers = [asyncio.create_task(work(i, link)) for i, link in enumerate((first, second))]
        await send(broker, readings(1000))
        await until(lambda: sum(c.total() for c in taken) >= 1000)
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
    assert sum(taken, Counter()) == Counter(payload for _, payload in readings(1000))
    assert all(taken)


async def test_publications_reach_a_subscriber_and_wait_for_a_connection(broker, codec):
    broker.account("farm-1", "device password")
    listener = link_on(
        broker,
        codec,
        client_id="farm-1",
        username="farm-1",
        password="device password",
        topics=("chiiki/v1/farm-1/down/#",),
    )
    wanted = [("chiiki/v1/farm-1/down/committed", str(i).encode()) for i in range(3000)]
    link = link_on(broker, codec)
    assert all(link.publish(*message) for message in wanted[:100])
    async with running(listener), running(link):
        assert await collect(listener, 100) == wanted[:100]
        for message in wanted[100:]:
            assert link.publish(*message)
        assert await collect(listener, 2900) == wanted[100:]
        assert (link.stats.published, link.stats.publish_dropped) == (3000, 0)


async def test_publications_cut_off_are_sent_again(broker, codec):
    broker.account("farm-1", "device password")
    account = {"client_id": "farm-1", "username": "farm-1", "password": "device password"}
    listener = link_on(broker, codec, topics=("chiiki/v1/farm-1/down/#",), **account)
    wanted = [("chiiki/v1/farm-1/down/committed", str(i).encode()) for i in range(200)]
    async with running(listener), running(link_on(broker, codec)) as link:
        for message in wanted:
            link.publish(*message)
        link._wire.abort()
        got: set[tuple[str, bytes]] = set()
        while got != set(wanted):
            got.update(await collect(listener, 1))


async def test_the_queue_of_publications_is_bounded(broker, codec):
    link = link_on(broker, codec, publish_queue=5)
    kept = [link.publish("chiiki/v1/farm-1/down/command", b"x") for _ in range(7)]
    assert kept == [True] * 5 + [False] * 2
    assert (link.stats.published, link.stats.publish_dropped) == (0, 2)


async def test_close_waits_for_acknowledgements_and_keeps_the_session(broker, codec):
    async with running(link_on(broker, codec)) as link:
        await send(broker, readings(5))
        deliveries = [await link.receive()]
        while sum(map(len, deliveries)) < 5:
            deliveries.append(await link.receive())
        closing = asyncio.create_task(link.close(5))
        with pytest.raises(LinkClosed):
            await link.receive()
        await asyncio.sleep(0.1)
        assert not closing.done()
        for delivery in deliveries:
            link.acknowledge(delivery)
        await asyncio.wait_for(closing, 2)
    await send(broker, readings(3, "farm-2"))
    async with running(link_on(broker, codec)) as link:
        assert await collect(link, 3) == readings(3, "farm-2")
        await nothing_more(broker, link)


async def test_close_does_not_wait_beyond_its_deadline(broker, codec):
    async with running(link_on(broker, codec)) as link:
        await send(broker, readings(5))
        await collect(link, 5, acknowledge=False)
        await asyncio.wait_for(link.close(0.2), 1)
    async with running(link_on(broker, codec)) as link:
        assert await collect(link, 5) == readings(5)


async def test_who_waits_for_messages_is_told_of_the_close(broker, codec):
    async with running(link_on(broker, codec)) as link:
        waiting = asyncio.create_task(link.receive())
        await asyncio.sleep(0.05)
        await link.close(1)
        with pytest.raises(LinkClosed):
            await waiting
