"""Between application and connection: an inbox bounded by back-pressure, an outbox bounded by dropping."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from ingest.link import Delivery, LinkClosed

if TYPE_CHECKING:
    from ingest.link import LinkSettings, LinkStats
    from ingest.link_wire import Wire

DELIVERY_MESSAGES = 2048
"""A delivery with so many messages takes no more; what one read brings may go over it."""
DELIVERY_AGE_US = 20_000
"""A delivery older than this takes no more, so that `received_us` holds for all of it. µs."""


class Inbox:
    """Deliveries: the wire fills them, the application takes and acknowledges them."""

    def __init__(self, settings: LinkSettings, stats: LinkStats) -> None:
        self._settings = settings
        self._stats = stats
        self._wire: Wire | None = None
        self._waiting: deque[Delivery] = deque()
        self._arrived = asyncio.Event()
        self._closing = False
        self._held = 0
        self._outstanding = 0
        self.paused = False
        self.settled = asyncio.Event()
        self.settled.set()

    def attach(self, wire: Wire) -> None:
        """Begin a connection: nothing is in flight on it."""
        self._wire = wire
        self._held = self._outstanding = self._stats.in_flight = 0
        self.paused = False

    def detach(self) -> None:
        """End the connection: what was not taken is forgotten, for it will come again."""
        self._wire = None
        self._waiting.clear()
        if not self._closing:
            self._arrived.clear()
        self._stats.in_flight = self._held = self._outstanding = 0
        self.settled.set()

    def open_delivery(self) -> Delivery:
        """Return the delivery to which what was just read is to be appended; `arrived` must follow."""
        assert self._wire is not None
        now_us = time.time_ns() // 1000
        if self._waiting:
            last = self._waiting[-1]
            if len(last.topics) < DELIVERY_MESSAGES and now_us - last.received_us < DELIVERY_AGE_US:
                return last
        return Delivery(self._wire, now_us)

    def arrived(self, delivery: Delivery, messages: int, in_flight: int, size: int) -> None:
        """Book what was appended: number of messages, how many of them want an acknowledgement, bytes."""
        if self._closing or self._wire is None:
            return
        if not self._waiting or self._waiting[-1] is not delivery:
            self._waiting.append(delivery)
            self._arrived.set()
        delivery.size += size
        self._held += size
        self._stats.received += messages
        self._stats.in_flight += in_flight
        if not self.paused and self._full():
            self.paused = True
            self._wire.pause_reading()

    def _full(self) -> bool:
        return (
            self._held > self._settings.held_bytes or self._stats.in_flight > self._settings.receive_maximum
        )

    async def receive(self) -> Delivery:
        """Take the oldest delivery, waiting for one. Raises `LinkClosed`."""
        while not self._waiting or self._closing:
            if self._closing:
                raise LinkClosed("the link is closing: no more messages")
            self._arrived.clear()
            await self._arrived.wait()
        delivery = self._waiting.popleft()
        if delivery.packet_ids:
            self._outstanding += len(delivery.packet_ids)
            self.settled.clear()
        else:
            self._release(delivery)
        return delivery

    def acknowledge(self, delivery: Delivery) -> None:
        """Acknowledge once, if the delivery's connection is the present one."""
        packet_ids, delivery.packet_ids = delivery.packet_ids, []
        if not packet_ids or delivery.connection is not self._wire:
            return
        self._wire.acknowledge(packet_ids)
        self._stats.acknowledged += len(packet_ids)
        self._stats.in_flight -= len(packet_ids)
        self._outstanding -= len(packet_ids)
        if not self._outstanding:
            self.settled.set()
        self._release(delivery)

    def _release(self, delivery: Delivery) -> None:
        self._held -= delivery.size
        if self.paused and self._wire is not None and not self._full():
            self.paused = False
            self._wire.resume_reading()

    def close(self) -> None:
        """Take no more; whoever waits in `receive` gets LinkClosed."""
        self._closing = True
        self._waiting.clear()
        self._arrived.set()


class Message(NamedTuple):
    """A message to be published."""

    topic: str
    payload: bytes
    qos: int
    retain: bool


class Outbox:
    """Messages to be published: those that wait, and those of QoS 1 that the broker has not confirmed."""

    def __init__(self, limit: int, stats: LinkStats) -> None:
        self._limit = limit
        self._stats = stats
        self._wire: Wire | None = None
        self._waiting: deque[Message] = deque()
        self._unconfirmed: dict[int, Message] = {}
        self.settled = asyncio.Event()
        self.settled.set()

    def put(self, message: Message) -> bool:
        """Send now or keep; False if the queue is full."""
        if len(self._waiting) >= self._limit:
            self._stats.publish_dropped += 1
            return False
        self._waiting.append(message)
        self.settled.clear()
        self.pump()
        return True

    def pump(self) -> None:
        """Send as much as the broker and the socket take."""
        wire = self._wire
        while wire is not None and self._waiting and not wire.congested:
            message = self._waiting[0]
            if message.qos and len(self._unconfirmed) >= wire.publish_limit:
                break
            self._waiting.popleft()
            packet_id = wire.publish(*message)
            self._stats.published += 1
            if message.qos:
                self._unconfirmed[packet_id] = message
        self._look_settled()

    def confirmed(self, packet_id: int) -> None:
        """Book a PUBACK and send what it makes room for."""
        self._unconfirmed.pop(packet_id, None)
        self.pump()

    def _look_settled(self) -> None:
        if not self._waiting and not self._unconfirmed:
            self.settled.set()

    def attach(self, wire: Wire) -> None:
        """Begin to send by this connection."""
        self._wire = wire
        self.pump()

    def detach(self) -> None:
        """Keep what was not confirmed for the next connection, in its order."""
        self._wire = None
        self._waiting.extendleft(reversed(self._unconfirmed.values()))
        self._unconfirmed.clear()
