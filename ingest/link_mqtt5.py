"""MQTT 5 straight on an asyncio transport: many packets a read, one write a delivery's acknowledgements.

The package `mqtt5` (Rust) writes our packets and reads the broker's rare ones. PUBLISH is taken apart here.
That costs 0.3 µs more than in Rust; but a topic that is not UTF-8 is a message for quarantine here, and a
panic with a stack trace there; and equal topics become the same string, whose hash is known.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

import mqtt5

from ingest.link import BrokerRefused, LinkLost, SessionTakenOver, SubscriptionRefused
from ingest.link_wire import CONGESTED_BYTES, DISCONNECT_S, PUBACK, PUBLISH_LIMIT, answer
from ingest.link_words import no_subscription, refusal, taken_over, tls_context, unreachable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ingest.link import Delivery, LinkSettings
    from ingest.link_queues import Inbox, Outbox

READ_BYTES = 256 * 1024
"""Size of the buffer that the socket is read into; it grows for a larger packet, and shrinks after it."""
REST_BYTES = 16 * 1024
REST_S = 0.002
"""A read of less than REST_BYTES within two such times of the last is followed by a rest of one. Seconds."""
TOPICS_KNOWN = 65536
LONGEST_KNOWN = 128
"""Bytes of a topic that is remembered: a hostile one has 64 KiB, and its sender many of them."""
PUBLISH = 3
QOS = 0x06
CONTINUED = 0x80
"""In a length, the bit that says: another byte follows."""


async def connect(settings: LinkSettings, inbox: Inbox, outbox: Outbox) -> Mqtt5Wire:
    """Connect and subscribe. Raises `LinkLost`."""
    loop = asyncio.get_running_loop()
    wire = Mqtt5Wire(settings, inbox, outbox)
    try:
        async with asyncio.timeout(settings.connect_timeout_s):
            await loop.create_connection(
                lambda: wire, settings.host, settings.port, ssl=tls_context(settings)
            )
            await wire.greet()
    except OSError as error:
        wire.abort()
        raise unreachable(error, settings) from error
    except BaseException:
        wire.abort()
        raise
    return wire


class Mqtt5Wire(asyncio.BufferedProtocol):
    """One connection. Hot are `buffer_updated`, `_scan` and `acknowledge`."""

    def __init__(self, settings: LinkSettings, inbox: Inbox, outbox: Outbox) -> None:
        self._settings = settings
        self._inbox = inbox
        self._outbox = outbox
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._view = memoryview(bytearray(READ_BYTES))
        self._filled = 0
        self._needed = 2
        self._read_at = 0.0
        self._paused = False
        self._topics: dict[bytes, str] = {}
        self._unconfirmed: set[int] = set()
        self._packet_id = 1
        self._reason: LinkLost | None = None
        self._connack: asyncio.Future[mqtt5.ConnAckPacket] = self._loop.create_future()
        self._suback: asyncio.Future[None] = self._loop.create_future()
        self.ended: asyncio.Future[LinkLost] = self._loop.create_future()
        self.heard_at = self._loop.time()
        self.session_present = False
        self.publish_limit = PUBLISH_LIMIT
        self.keepalive_s = float(settings.keepalive_s)

    # Connecting

    async def greet(self) -> None:
        """CONNECT and SUBSCRIBE; raises for a no."""
        self._write(_connect_packet(self._settings).write())
        connack = await answer(self._connack, self.ended)
        if connack.reason_code != mqtt5.ConnAckReasonCode.SUCCESS:
            raise BrokerRefused(refusal(self._settings, _words(connack.reason_code, connack.reason_str)))
        self.session_present = connack.session_present
        self.publish_limit = min(PUBLISH_LIMIT, connack.receive_max)
        self.keepalive_s = float(connack.server_keep_alive or self._settings.keepalive_s)
        self._write(_subscribe_packet(self._settings).write())
        if not self.session_present:
            await answer(self._suback, self.ended)

    def _subscribed(self, packet: mqtt5.SubAckPacket) -> None:
        """Look at what was granted. With an old session it comes after the backlog, which may wait."""
        for topic, code in zip(self._settings.filters, packet.reason_codes, strict=True):
            if code != mqtt5.SubAckReasonCode.GRANTED_QOS_AT_LEAST_ONCE:
                words = _words(code, packet.reason_str)
                self._give_up(SubscriptionRefused(no_subscription(topic, words)))
                return
        self._suback.set_result(None)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Asyncio's: the connection stands."""
        self._transport = cast("asyncio.Transport", transport)
        self._inbox.attach(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Asyncio's: the connection is gone."""
        if not self.ended.done():
            told = f"the connection broke: {exc}" if exc else "the broker closed the connection"
            self.ended.set_result(self._reason or LinkLost(told))

    # Reading

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002
        """Asyncio's: where to read to."""
        return self._view[self._filled :]

    def buffer_updated(self, nbytes: int) -> None:
        """Asyncio's: take the whole packets off the buffer and keep the rest."""
        self.heard_at = self._loop.time()
        self._filled += nbytes
        if self._filled < self._needed:
            return
        data = bytes(self._view[: self._filled])
        if nbytes < REST_BYTES and self.heard_at - self._read_at < 2 * REST_S:
            self._rest()
        self._read_at = self.heard_at
        try:
            self._keep(data, self._scan(data))
        except (ValueError, LookupError) as error:
            self._give_up(LinkLost(f"the broker sent what is not MQTT 5: {error}"), malformed=True)

    def _scan(self, data: bytes) -> int:
        """Take every whole packet of `data`; returns where the first incomplete one begins."""
        delivery = self._inbox.open_delivery()
        before, ids_before = len(delivery.topics), len(delivery.packet_ids)
        size = len(data)
        try:
            size = self._take(data, delivery)
        finally:  # what came before a malformed packet is good
            messages = len(delivery.topics) - before
            if messages:
                in_flight = len(delivery.packet_ids) - ids_before
                self._inbox.arrived(delivery, messages, in_flight, size)
        return size

    def _take(self, data: bytes, delivery: Delivery) -> int:
        add_topic, add_payload = delivery.topics.append, delivery.payloads.append
        add_retained, add_id = delivery.retained.append, delivery.packet_ids.append
        topics = self._topics
        start, end = 0, len(data)
        while True:
            stop, at = _extent(data, start, end)
            if stop > end:
                self._needed = stop - start
                return start
            first = data[start]
            if first >> 4 != PUBLISH:
                self._control(data[start:stop])
            else:
                name_end = at + 2 + (data[at] << 8 | data[at + 1])
                after_id = name_end + 2 if first & QOS else name_end
                length = data[after_id]
                body = after_id + 1 + length if length < CONTINUED else _extent(data, after_id - 1, stop)[0]
                if body > stop:
                    raise ValueError("a PUBLISH that goes beyond its end")
                name = data[at + 2 : name_end]
                add_topic(topics.get(name) or self._learn(name))
                add_payload(data[body:stop])
                add_retained(first & 1 == 1)
                if first & QOS:
                    add_id(data[name_end:after_id])
            start = stop

    def _learn(self, name: bytes) -> str:
        topic = name.decode(errors="replace")
        if len(name) <= LONGEST_KNOWN:
            if len(self._topics) >= TOPICS_KNOWN:
                self._topics.clear()
            self._topics[name] = topic
        return topic

    def _keep(self, data: bytes, start: int) -> None:
        """Move the rest to the front of the buffer, which has to hold the packet that it begins."""
        if self._needed > self._settings.packet_bytes + 5:
            raise ValueError(f"a packet of {self._needed} bytes, more than was agreed")
        size = max(READ_BYTES, self._needed)
        if size != len(self._view):
            self._view = memoryview(bytearray(size))
        self._filled = len(data) - start
        self._view[: self._filled] = data[start:]

    def _control(self, data: bytes) -> None:
        packet, _ = mqtt5.read(memoryview(data))
        match packet:
            case mqtt5.PubAckPacket():
                self._unconfirmed.discard(packet.packet_id)
                self._outbox.confirmed(packet.packet_id)
            case mqtt5.ConnAckPacket() if not self._connack.done():
                self._connack.set_result(packet)
            case mqtt5.SubAckPacket() if not self._suback.done():
                self._subscribed(packet)
            case mqtt5.DisconnectPacket():
                self._give_up(_farewell(packet, self._settings))
            case mqtt5.PingRespPacket():
                pass
            case _:
                raise ValueError(f"unexpected {type(packet).__name__}")

    def pause_reading(self) -> None:
        """See `Wire`."""
        self._paused = True
        if self._transport is not None:
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """See `Wire`."""
        self._paused = False
        if self._transport is not None:
            self._transport.resume_reading()

    def _rest(self) -> None:
        """Look away for a moment: where little comes often, a look costs more than what it finds."""
        if self._transport is not None:
            self._transport.pause_reading()
            self._loop.call_later(REST_S, self._rested)

    def _rested(self) -> None:
        if not self._paused:
            self.resume_reading()

    # Writing

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def acknowledge(self, packet_ids: Sequence[bytes]) -> None:
        """See `Connection`."""
        self._write(PUBACK + PUBACK.join(packet_ids))

    @property
    def congested(self) -> bool:
        """See `Wire`."""
        return self._transport is not None and self._transport.get_write_buffer_size() > CONGESTED_BYTES

    def publish(self, topic: str, payload: bytes, qos: int, retain: bool) -> int:
        """See `Wire`."""
        if not qos:
            self._write(mqtt5.PublishPacket(topic, payload, retain=retain).write())
            return 0
        while self._packet_id in self._unconfirmed:
            self._packet_id = self._packet_id % 65535 + 1
        packet_id = self._packet_id
        self._packet_id = packet_id % 65535 + 1
        self._unconfirmed.add(packet_id)
        packet = mqtt5.PublishPacket(
            topic, payload, qos=mqtt5.QoS.AT_LEAST_ONCE, retain=retain, packet_id=packet_id
        )
        self._write(packet.write())
        return packet_id

    def ping(self) -> None:
        """See `Wire`."""
        self._write(mqtt5.PingReqPacket().write())

    # Ending

    def _give_up(self, reason: LinkLost, *, malformed: bool = False) -> None:
        self._reason = self._reason or reason
        if malformed:
            self._write(
                mqtt5.DisconnectPacket(reason_code=mqtt5.DisconnectReasonCode.MALFORMED_PACKET).write()
            )
        if self._transport is not None:
            self._transport.close()

    async def disconnect(self) -> None:
        """See `Wire`."""
        self._reason = LinkLost("closed")
        self._write(mqtt5.DisconnectPacket().write())
        self.resume_reading()  # closing with anything left unread would reset the connection
        await asyncio.wait({self.ended}, timeout=DISCONNECT_S)
        self.abort()

    def abort(self) -> None:
        """See `Wire`."""
        if self._transport is not None:
            self._transport.abort()


def _extent(data: bytes, start: int, end: int) -> tuple[int, int]:
    """Return where the packet at `start` ends (beyond `end` if it is not whole) and where its body begins."""
    length, shift, at = 0, 0, start + 1
    while at < end:
        byte = data[at]
        length |= (byte & 0x7F) << shift
        at += 1
        if byte < CONTINUED:
            return at + length, at
        shift += 7
        if shift > 21:  # noqa: PLR2004  four bytes at most
            raise ValueError("a packet length of more than four bytes")
    return end + 2, at


def _connect_packet(settings: LinkSettings) -> mqtt5.ConnectPacket:
    return mqtt5.ConnectPacket(
        settings.client_id,
        username=settings.username,
        password=None if settings.password is None else settings.password.encode(),
        clean_start=False,
        keep_alive=settings.keepalive_s,
        session_expiry_interval=settings.session_expiry_s,
        receive_max=settings.receive_maximum,
        max_packet_size=settings.packet_bytes,
    )


def _subscribe_packet(settings: LinkSettings) -> mqtt5.SubscribePacket:
    filters = [
        mqtt5.TopicFilter(
            topic,
            max_qos=mqtt5.QoS.AT_LEAST_ONCE,
            retain_as_published=False,
            retain_handling=mqtt5.RetainHandling.SEND_IF_SUBSCRIPTION_NOT_EXISTS,
        )
        for topic in settings.filters
    ]
    return mqtt5.SubscribePacket(1, filters)


def _words(
    code: mqtt5.ConnAckReasonCode | mqtt5.SubAckReasonCode | mqtt5.DisconnectReasonCode, said: str | None
) -> str:
    return said or code.name.replace("_", " ").lower()


def _farewell(packet: mqtt5.DisconnectPacket, settings: LinkSettings) -> LinkLost:
    if packet.reason_code == mqtt5.DisconnectReasonCode.SESSION_TAKEN_OVER:
        return SessionTakenOver(taken_over(settings))
    return LinkLost(f"the broker ended the connection: {_words(packet.reason_code, packet.reason_str)}")
