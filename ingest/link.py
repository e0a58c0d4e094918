"""Messages in, acknowledgements out: all that the gateway needs of MQTT.

What can go wrong::

    LinkError
    ├── LinkSettingError          a setting that can never work; raised by make_link
    ├── LinkClosed                receive() after close() has begun
    └── LinkLost                  a connection ended or was not had; run() backs off and connects again
        ├── BrokerUnreachable     no TCP, no TLS, no answer
        ├── BrokerRefused         CONNACK says no: account, client id, version
        ├── SubscriptionRefused   SUBACK grants less than QoS 1
        └── SessionTakenOver      another client uses the same client id

Guarantees, the same for every codec (`tests/ingest/test_link.py` holds them to it, against a real broker):

- The session outlives the connection: what the broker holds for it arrives at the next connection.
- A message of QoS 1 is acknowledged when `Link.acknowledge` is called, never before; one that was not comes
  again after a reconnect, in a new `Delivery`. To acknowledge it when its connection is gone does nothing.
- What is in memory is bounded by `LinkSettings.receive_maximum` messages and `LinkSettings.held_bytes` bytes.
  Beyond that the broker waits; the connection is kept alive meanwhile, however long `receive` is not called.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar, Literal, Protocol
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

Codec = Literal["paho", "mqtt5"]
DEFAULT_PORTS = {"mqtt": 1883, "mqtts": 8883}


class LinkError(Exception):
    """Anything between the gateway and its broker."""


class LinkSettingError(LinkError):
    """A setting that can never work; says which and what it should be."""


class LinkClosed(LinkError):  # noqa: N818  an end, not a fault
    """`receive` was called, or waiting, when `close` began."""


class LinkLost(LinkError):  # noqa: N818  an event, not a fault of the program
    """A connection ended. `pause_s` is the least time before the next try, in seconds."""

    pause_s: ClassVar[float] = 0.0


class BrokerUnreachable(LinkLost):
    """No connection, no TLS session or no answer."""


class BrokerRefused(LinkLost):
    """The broker answered CONNECT with a no."""

    pause_s = 2.0


class SubscriptionRefused(LinkLost):
    """The broker grants less than QoS 1 on a topic that must be had."""

    pause_s = 5.0


class SessionTakenOver(LinkLost):
    """Another client has our client id; two that do not wait would throw each other out without end."""

    pause_s = 5.0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class LinkSettings:
    """How to reach the broker and what to ask of it.

    Attributes
    ----------
    url : str
        ``mqtt://host[:port]`` or ``mqtts://host[:port]``.
    ca_file : Path | None
        Certificate authority of the broker (PEM); None: those that the system trusts.
    share : str | None
        Name of the shared subscription (``$share/NAME/topic``) by which several gateways divide the messages.
    mqtt_version : "5" | "3.1.1"
        3.1.1 only with the codec ``paho``, for brokers that know nothing newer.
    session_expiry_s : int
        How long the broker is to keep the session, and what it holds for it, while we are away. MQTT 5.
    receive_maximum : int
        Messages of QoS 1 that may be unacknowledged at once, 1..65535.
    held_bytes : int
        Size of the packets received and not yet acknowledged, at which reading pauses.
    packet_bytes : int
        Largest packet taken. The broker is told, and drops what is larger (MQTT 5).
    publish_queue : int
        Messages that may wait to be published; beyond it they are dropped and counted.
    backoff_s : tuple[float, float]
        First and longest time between two tries to connect; doubles, with jitter.
    """

    url: str
    client_id: str
    username: str | None = None
    password: str | None = dataclasses.field(default=None, repr=False)
    ca_file: Path | None = None
    topics: tuple[str, ...] = ("chiiki/v1/+/up/#",)
    share: str | None = None
    mqtt_version: Literal["5", "3.1.1"] = "5"
    session_expiry_s: int = 7 * 86400
    receive_maximum: int = 20_000
    held_bytes: int = 32 << 20
    packet_bytes: int = 4 << 20
    publish_queue: int = 10_000
    keepalive_s: int = 30
    connect_timeout_s: float = 10.0
    backoff_s: tuple[float, float] = (0.2, 30.0)

    def __post_init__(self) -> None:
        """Refuse what can never work."""
        parts = urlsplit(self.url)
        if parts.scheme not in DEFAULT_PORTS or not parts.hostname:
            raise LinkSettingError(
                f"broker address {self.url!r}: write mqtt://host:port or mqtts://host:port"
            )
        if not self.client_id or not self.topics:
            raise LinkSettingError(
                "a link needs a client id and at least one topic, so that the broker can keep its session"
            )
        if not 1 <= self.receive_maximum <= 65535:  # noqa: PLR2004  a 16-bit field of MQTT
            raise LinkSettingError(f"receive_maximum is {self.receive_maximum}: set 1 to 65535")
        if self.keepalive_s < 1:
            raise LinkSettingError(f"keepalive_s is {self.keepalive_s}: set 1 or more")

    @property
    def tls(self) -> bool:
        """Whether the connection is encrypted."""
        return urlsplit(self.url).scheme == "mqtts"

    @property
    def host(self) -> str:
        """Name or address of the broker."""
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        """TCP port of the broker."""
        parts = urlsplit(self.url)
        return parts.port or DEFAULT_PORTS[parts.scheme]

    @property
    def filters(self) -> list[str]:
        """Topic filters as they are subscribed to."""
        return [f"$share/{self.share}/{topic}" if self.share else topic for topic in self.topics]


class Connection(Protocol):
    """What a delivery knows of the connection that it came by."""

    def acknowledge(self, packet_ids: Sequence[bytes]) -> None:
        """Write the PUBACKs of these packet ids (two bytes each) in this order; nothing if it is gone."""


@dataclasses.dataclass(slots=True, eq=False)
class Delivery:
    """Messages in order of arrival; `topics`, `payloads` and `retained` run in parallel.

    Attributes
    ----------
    received_us : int
        When the first of them was read off the socket, in µs since 1970 (UTC).
    retained : list[bool]
        True for what the broker had stored before we subscribed.
    """

    connection: Connection
    received_us: int
    topics: list[str] = dataclasses.field(default_factory=list)
    payloads: list[bytes] = dataclasses.field(default_factory=list)
    retained: list[bool] = dataclasses.field(default_factory=list)
    packet_ids: list[bytes] = dataclasses.field(default_factory=list)
    size: int = 0

    def __len__(self) -> int:
        return len(self.topics)


@dataclasses.dataclass(slots=True)
class LinkStats:
    """Counters since the link was made, for metrics and health.

    `in_flight` are messages of QoS 1 received by this connection and not yet acknowledged; `sessions_lost`
    are reconnects at which the broker had forgotten the session. `last_error` is empty while connected.
    """

    connected: bool = False
    reconnects: int = 0
    sessions_lost: int = 0
    received: int = 0
    acknowledged: int = 0
    in_flight: int = 0
    published: int = 0
    publish_dropped: int = 0
    last_error: str = ""


class Link(Protocol):
    """A session with a broker that is kept up for as long as `run` runs."""

    stats: LinkStats

    async def run(self) -> None:
        """Connect, and again whenever the connection is lost, until `close` or cancellation."""

    async def receive(self) -> Delivery:
        """Return what has arrived, at least one message, at most a few thousand, as soon as there is any.

        Every delivery is to be given to `acknowledge` once. Raises `LinkClosed`.
        """

    def acknowledge(self, delivery: Delivery) -> None:
        """Tell the broker that these are safe; nothing if their connection is gone: they come again."""

    def publish(self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False) -> bool:
        """Send, or keep until there is a connection; False if the queue was full and the message dropped."""

    async def close(self, deadline_s: float) -> None:
        """Stop taking, wait `deadline_s` for acknowledgements both ways, disconnect; the session stays."""
