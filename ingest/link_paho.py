"""paho-mqtt in asyncio: MQTT 5 or 3.1.1, one `Client` for each connection.

paho reads three times a packet and writes once an acknowledgement. Reading stays so; the acknowledgements of
a delivery are written to paho's socket as one piece, whenever paho itself has nothing half written there.
"""

from __future__ import annotations

import asyncio
import socket
from functools import partial
from typing import TYPE_CHECKING, Any

from paho.mqtt.client import Client, MQTTv5, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from ingest.link import BrokerRefused, LinkLost, SessionTakenOver, SubscriptionRefused
from ingest.link_wire import CONGESTED_BYTES, DISCONNECT_S, PUBACK, PUBLISH_LIMIT, answer
from ingest.link_words import no_subscription, refusal, taken_over, tls_context, unreachable

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Sequence

    from paho.mqtt.client import ConnectFlags, DisconnectFlags, MQTTMessage
    from paho.mqtt.reasoncodes import ReasonCode

    from ingest.link import Delivery, LinkSettings
    from ingest.link_queues import Inbox, Outbox

DRAIN_PACKETS = 512
"""Packets taken each time the socket is readable, before others have their turn."""
DRAIN_BYTES = 256 * 1024
"""The same in bytes of payload."""
SESSION_TAKEN_OVER = 142


async def connect(settings: LinkSettings, inbox: Inbox, outbox: Outbox) -> PahoWire:
    """Connect and subscribe. Raises `LinkLost`."""
    wire = PahoWire(settings, inbox, outbox)
    try:
        async with asyncio.timeout(settings.connect_timeout_s):
            await wire.open()
            await wire.greet()
    except OSError as error:
        wire.abort()
        raise unreachable(error, settings) from error
    except BaseException:
        wire.abort()
        raise
    return wire


class PahoWire:
    """One connection."""

    def __init__(self, settings: LinkSettings, inbox: Inbox, outbox: Outbox) -> None:
        self._settings = settings
        self._inbox = inbox
        self._outbox = outbox
        self._loop = asyncio.get_running_loop()
        self._client = _client(settings)
        self._socket: Any = None
        self._fd = -1
        self._delivery: Delivery | None = None
        self._taken = self._wanting = self._size = 0
        self._ours = b""
        self._begun = self._paused = False
        self._queued = 0
        self._reason: LinkLost | None = None
        self._connack: asyncio.Future[ReasonCode] = self._loop.create_future()
        self._suback: asyncio.Future[None] = self._loop.create_future()
        self.ended: asyncio.Future[LinkLost] = self._loop.create_future()
        self.heard_at = self._loop.time()
        self.session_present = False
        self.publish_limit = PUBLISH_LIMIT
        self.keepalive_s = float(settings.keepalive_s)

    # Connecting

    async def open(self) -> None:
        """Have the TCP (and TLS) connection made in a thread, then watch its socket."""
        settings, client = self._settings, self._client
        context = await asyncio.to_thread(tls_context, settings)
        client.make_socket = partial(_open_socket, settings, context)
        making = asyncio.ensure_future(asyncio.to_thread(self._connect))
        try:
            await asyncio.shield(making)
        except asyncio.CancelledError:
            making.add_done_callback(self._abandon)
            raise
        self._socket = client.socket()
        assert self._socket is not None
        self._fd = self._socket.fileno()
        self._inbox.attach(self)
        client.on_connect, client.on_subscribe = self._on_connect, self._on_subscribe
        client.on_disconnect, client.on_message, client.on_publish = (
            self._on_disconnect,
            self._on_message,
            self._on_publish,
        )
        client.on_socket_close, client.on_socket_register_write = self._on_close, self._on_want_write
        self._loop.add_reader(self._fd, self._read)
        self._write()

    def _connect(self) -> None:
        settings, client = self._settings, self._client
        host, port, keepalive_s = settings.host, settings.port, settings.keepalive_s
        if settings.mqtt_version == "5":
            properties = _connect_properties(settings)
            client.connect(host, port, keepalive_s, clean_start=False, properties=properties)
        else:
            client.connect(host, port, keepalive_s)

    def _abandon(self, making: asyncio.Future[None]) -> None:
        made = None if making.cancelled() or making.exception() else self._client.socket()
        if made is not None:
            made.close()

    async def greet(self) -> None:
        """Look at the answer to CONNECT, then SUBSCRIBE; raises for a no."""
        reason = await answer(self._connack, self.ended)
        if reason.is_failure:
            raise BrokerRefused(refusal(self._settings, str(reason)))
        filters = self._settings.filters
        if self._settings.mqtt_version == "5":
            options = SubscribeOptions(
                qos=1, retainAsPublished=False, retainHandling=SubscribeOptions.RETAIN_SEND_IF_NEW_SUB
            )
            self._client.subscribe([(topic, options) for topic in filters])
        else:
            self._client.subscribe([(topic, 1) for topic in filters])
        if not self.session_present:
            await answer(self._suback, self.ended)

    def _on_connect(
        self,
        _client: Client,
        _data: object,
        flags: ConnectFlags,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        self.session_present = flags.session_present
        self.publish_limit = min(PUBLISH_LIMIT, getattr(properties, "ReceiveMaximum", PUBLISH_LIMIT))
        self.keepalive_s = float(getattr(properties, "ServerKeepAlive", 0) or self._settings.keepalive_s)
        if not self._connack.done():
            self._connack.set_result(reason)

    def _on_subscribe(
        self,
        _client: Client,
        _data: object,
        _mid: int,
        reasons: list[ReasonCode],
        _properties: Properties | None,
    ) -> None:
        """Look at what was granted. With an old session it comes after the backlog, which may wait."""
        for topic, code in zip(self._settings.filters, reasons, strict=True):
            if code.value != 1:
                self._reason = SubscriptionRefused(no_subscription(topic, str(code)))
                self.abort()
                return
        self._suback.set_result(None)

    # Reading

    def _read(self) -> None:
        """Drain the socket up to a bound: TLS may hold decrypted packets that wake nobody."""
        if self._paused or self.ended.done():
            return
        self.heard_at = self._loop.time()
        self._delivery, self._taken, self._wanting, self._size = self._inbox.open_delivery(), 0, 0, 0
        try:
            more = self._drain()
        except Exception as error:  # noqa: BLE001  paho lets parsing errors of any type through
            self._reason = LinkLost(f"the broker sent what is not MQTT: {error}")
            self.abort()
            return
        finally:
            if self._taken:
                self._inbox.arrived(self._delivery, self._taken, self._wanting, self._size)
        if more:
            self._loop.call_soon(self._read)

    def _drain(self) -> bool:
        for _ in range(DRAIN_PACKETS):
            before = self._taken
            if self._client.loop_read() or self.ended.done():
                return False
            if self._size > DRAIN_BYTES or (self._taken == before and not self._pending()):
                break
        return self._pending() > 0

    def _pending(self) -> int:
        pending = getattr(self._socket, "pending", None)
        return pending() if pending is not None and self._fd >= 0 else 0

    def _on_message(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        delivery = self._delivery
        assert delivery is not None
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = message._topic.decode(errors="replace")  # noqa: SLF001  the only way to the bytes
        delivery.topics.append(topic)
        delivery.payloads.append(bytes(message.payload))
        delivery.retained.append(bool(message.retain))
        if message.qos:
            delivery.packet_ids.append(message.mid.to_bytes(2, "big"))
            self._wanting += 1
        self._taken += 1
        self._size += len(message.payload) + len(topic)

    def pause_reading(self) -> None:
        """See `Wire`."""
        self._paused = True
        if self._fd >= 0:
            self._loop.remove_reader(self._fd)

    def resume_reading(self) -> None:
        """See `Wire`."""
        self._paused = False
        if self._fd >= 0:
            self._loop.add_reader(self._fd, self._read)
            self._loop.call_soon(self._read)

    # Writing

    def _on_want_write(self, _client: Client, _data: object, _socket: object) -> None:
        self._want_write()

    def _want_write(self) -> None:
        if self._fd >= 0:
            self._loop.add_writer(self._fd, self._write)

    def _write(self) -> None:
        """Send what waits: ours if it is begun, then paho's packets, then ours."""
        if self._begun:
            self._write_ours()
        if not self._begun and self._client.want_write():
            self._client.loop_write()
        if self._ours and not self._client.want_write():
            self._write_ours()
        if self._fd >= 0 and not self._ours and not self._client.want_write():
            self._queued = 0
            self._loop.remove_writer(self._fd)

    def _write_ours(self) -> None:
        if self._socket is None or self._fd < 0:
            return
        try:
            sent = self._socket.send(self._ours)
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError as error:
            if getattr(error, "errno", None) not in (2, 3):  # SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE
                self._reason = LinkLost(f"the connection broke: {error}")
                self.abort()
                return
            sent = 0
        self._ours = self._ours[sent:]
        self._begun = bool(self._ours)

    def acknowledge(self, packet_ids: Sequence[bytes]) -> None:
        """See `Connection`."""
        self._send(PUBACK + PUBACK.join(packet_ids))

    def _send(self, data: bytes) -> None:
        if self._fd >= 0:
            self._ours += data
            self._write()
            if self._ours:
                self._want_write()

    @property
    def congested(self) -> bool:
        """See `Wire`."""
        return self._queued > CONGESTED_BYTES

    def publish(self, topic: str, payload: bytes, qos: int, retain: bool) -> int:
        """See `Wire`."""
        self._queued += len(payload)
        return self._client.publish(topic, payload, qos, retain).mid

    def _on_publish(
        self, _client: Client, _data: object, mid: int, _reason: ReasonCode, _properties: object
    ) -> None:
        self._outbox.confirmed(mid)

    def ping(self) -> None:
        """See `Wire`."""
        self._send(b"\xc0\x00")

    # Ending

    def _on_disconnect(
        self, _client: Client, _data: object, flags: DisconnectFlags, reason: ReasonCode, _properties: object
    ) -> None:
        if self._reason is None and flags.is_disconnect_packet_from_server:
            if reason.value == SESSION_TAKEN_OVER:
                self._reason = SessionTakenOver(taken_over(self._settings))
            else:
                self._reason = LinkLost(f"the broker ended the connection: {reason}")
        self._end()

    def _on_close(self, _client: Client, _data: object, _socket: object) -> None:
        self._forget_socket()

    def _forget_socket(self) -> None:
        if self._fd >= 0:
            self._loop.remove_reader(self._fd)
            self._loop.remove_writer(self._fd)
        self._fd = -1

    def _end(self) -> None:
        self._forget_socket()
        if not self.ended.done():
            self.ended.set_result(self._reason or LinkLost("the broker closed the connection"))

    async def disconnect(self) -> None:
        """See `Wire`. The broker is to close: if we do, as paho would, it drops what it has not read."""
        self._reason = self._reason or LinkLost("closed")
        self._send(b"\xe0\x00")
        self.resume_reading()
        await asyncio.wait({self.ended}, timeout=DISCONNECT_S)
        self.abort()

    def abort(self) -> None:
        """See `Wire`."""
        self._forget_socket()
        if self._socket is not None:
            self._socket.close()
        self._end()


class _Client(Client):
    """paho's client on a socket of our making: its own stays open when TLS fails, and follows Nagle."""

    make_socket: Callable[[], socket.socket]

    def _create_socket(self) -> socket.socket:
        return self.make_socket()


def _open_socket(settings: LinkSettings, context: ssl.SSLContext | None) -> socket.socket:
    address = (settings.host, settings.port)
    plain = socket.create_connection(address, settings.connect_timeout_s)
    try:
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return plain if context is None else context.wrap_socket(plain, server_hostname=settings.host)
    except BaseException:
        plain.close()
        raise


def _client(settings: LinkSettings) -> _Client:
    five = settings.mqtt_version == "5"
    client = _Client(
        CallbackAPIVersion.VERSION2,
        client_id=settings.client_id,
        protocol=MQTTv5 if five else MQTTv311,
        clean_session=None if five else False,
        reconnect_on_failure=False,
        manual_ack=True,
    )
    client.max_inflight_messages_set(PUBLISH_LIMIT)
    if settings.username is not None:
        client.username_pw_set(settings.username, settings.password)
    return client


def _connect_properties(settings: LinkSettings) -> Properties:
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.SessionExpiryInterval = settings.session_expiry_s
    properties.ReceiveMaximum = settings.receive_maximum
    properties.MaximumPacketSize = settings.packet_bytes
    return properties
