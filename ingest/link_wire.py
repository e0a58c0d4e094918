"""One connection as the session sees it, and what every codec has in common."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from ingest.link import Connection

if TYPE_CHECKING:
    from ingest.link import LinkLost

Answer = TypeVar("Answer")

PUBACK = b"\x40\x02"
"""Type and length of a PUBACK; the packet id follows. The same in MQTT 5 and 3.1.1."""
PUBLISH_LIMIT = 1000
"""Messages of QoS 1 that we leave unconfirmed at the broker; fewer if it says so."""
CONGESTED_BYTES = 1 << 20
"""With so much waiting in the socket nothing more is published."""
DISCONNECT_S = 2.0
"""How long the end of a connection may take."""


async def answer(coming: asyncio.Future[Answer], ended: asyncio.Future[LinkLost]) -> Answer:
    """Wait for the broker's answer. Raises the `LinkLost` with which the connection ended instead."""
    both: set[asyncio.Future[Any]] = {coming, ended}
    await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
    if coming.done():
        return coming.result()
    raise ended.result()


class Wire(Connection, Protocol):
    """A connection that is subscribed: one MQTT CONNECT to its end. What a codec has to bring.

    Attributes
    ----------
    session_present : bool
        Whether the broker still had our session.
    publish_limit : int
        Messages of QoS 1 that we may have unacknowledged at the broker.
    keepalive_s : float
        As settled at CONNACK.
    heard_at : float
        When bytes last came from the broker; seconds of the event loop's clock.
    ended : asyncio.Future[LinkLost]
        Done when the connection is gone, with the reason.
    """

    session_present: bool
    publish_limit: int
    keepalive_s: float
    heard_at: float
    ended: asyncio.Future[LinkLost]

    @property
    def congested(self) -> bool:
        """Whether so much waits to be sent that nothing should be added."""

    def publish(self, topic: str, payload: bytes, qos: int, retain: bool) -> int:
        """Send PUBLISH and return its packet id (without meaning for QoS 0)."""

    def ping(self) -> None:
        """Send PINGREQ."""

    def pause_reading(self) -> None:
        """Leave what comes in the socket."""

    def resume_reading(self) -> None:
        """Go on reading."""

    async def disconnect(self) -> None:
        """Send what waits, then DISCONNECT, and close; gives up after a second or two."""

    def abort(self) -> None:
        """Close at once. May be called again."""
