"""One session over many connections: connect, keep alive, back off, close. The same for every codec."""

from __future__ import annotations

import asyncio
import logging
import random
from typing import TYPE_CHECKING, Any

from ingest.link import BrokerUnreachable, LinkLost, LinkStats
from ingest.link_queues import Inbox, Message, Outbox

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ingest.link import Delivery, LinkSettings
    from ingest.link_wire import Wire

    Connect = Callable[[LinkSettings, Inbox, Outbox], Awaitable[Wire]]

logger = logging.getLogger(__name__)

STEADY_S = 10.0
"""A connection that held so long starts the back-off anew. Seconds."""
SILENT_TICKS = 2
"""Unanswered pings (one each half keepalive) after which the connection is given up."""


class SessionLink:
    """A `Link` over connections that `connect` makes."""

    def __init__(self, settings: LinkSettings, connect: Connect) -> None:
        self.stats = LinkStats()
        self._settings = settings
        self._connect = connect
        self._inbox = Inbox(settings, self.stats)
        self._outbox = Outbox(settings.publish_queue, self.stats)
        self._wire: Wire | None = None
        self._tries = 0
        self._connections = 0
        self._stop = asyncio.Event()
        self._finished = asyncio.Event()
        self._finished.set()

    async def receive(self) -> Delivery:
        """See `Link`."""
        return await self._inbox.receive()

    def acknowledge(self, delivery: Delivery) -> None:
        """See `Link`."""
        self._inbox.acknowledge(delivery)

    def publish(self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False) -> bool:
        """See `Link`."""
        return self._outbox.put(Message(topic, payload, qos, retain))

    async def run(self) -> None:
        """See `Link`."""
        self._finished.clear()
        stopping = asyncio.create_task(self._stop.wait(), name="ingest.link.stop")
        try:
            while not self._stop.is_set():
                lost = await self._one_connection(stopping)
                if not self._stop.is_set():
                    await asyncio.wait({stopping}, timeout=self._back_off(lost))
        finally:
            stopping.cancel()
            self._finished.set()

    async def _one_connection(self, stopping: asyncio.Task[bool]) -> LinkLost:
        connecting = asyncio.ensure_future(self._connect(self._settings, self._inbox, self._outbox))
        try:
            await asyncio.wait({connecting, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not connecting.done():
                return LinkLost("closed while connecting")
            self._wire = connecting.result()
            return await self._hold(self._wire)
        except LinkLost as lost:
            return lost
        finally:
            connecting.cancel()
            self._down()

    def _down(self) -> None:
        if self._wire is not None:
            self._wire.abort()
        self._wire = None
        self.stats.connected = False
        self._inbox.detach()
        self._outbox.detach()

    async def _hold(self, wire: Wire) -> LinkLost:
        """Keep the connection alive to its end, whether or not anybody takes messages; returns the reason."""
        self._up(wire)
        loop = asyncio.get_running_loop()
        up_at = loop.time()
        silent = 0
        while silent < SILENT_TICKS:
            asked_at = loop.time()
            wire.ping()
            self._outbox.pump()
            done, _ = await asyncio.wait({wire.ended}, timeout=wire.keepalive_s / 2)
            if loop.time() - up_at > STEADY_S:
                self._tries = 0
            if done:
                return wire.ended.result()
            silent = silent + 1 if wire.heard_at < asked_at and not self._inbox.paused else 0
        return BrokerUnreachable(f"no answer for {wire.keepalive_s:g} s")

    def _up(self, wire: Wire) -> None:
        self._connections += 1
        if self._connections > 1:
            self.stats.reconnects += 1
            self.stats.sessions_lost += not wire.session_present
        self.stats.connected = True
        self.stats.last_error = ""
        self._outbox.attach(wire)
        session = "kept its session" if wire.session_present else "new session"
        logger.info("broker %s: connected as %s, %s", self._settings.url, self._settings.client_id, session)

    def _back_off(self, lost: LinkLost) -> float:
        """Return how long to wait before the next try, in seconds; logs a reason when it is a new one."""
        first_s, longest_s = self._settings.backoff_s
        wait_s = min(longest_s, first_s * float(2 ** min(self._tries, 20)))
        wait_s = max(lost.pause_s, wait_s * random.uniform(0.75, 1.25))  # noqa: S311
        self._tries += 1
        level = logging.DEBUG if str(lost) == self.stats.last_error else logging.WARNING
        self.stats.last_error = str(lost)
        logger.log(level, "broker %s: %s; trying again in %.1f s", self._settings.url, lost, wait_s)
        return wait_s

    async def close(self, deadline_s: float) -> None:
        """See `Link`."""
        self._stop.set()
        self._inbox.close()
        wire = self._wire
        if wire is not None:
            await self._settle(wire, deadline_s)
            await wire.disconnect()
        await self._finished.wait()

    async def _settle(self, wire: Wire, deadline_s: float) -> None:
        settling: asyncio.Future[Any] = asyncio.gather(
            self._inbox.settled.wait(), self._outbox.settled.wait()
        )
        try:
            ends: set[asyncio.Future[Any]] = {settling, wire.ended}
            await asyncio.wait(ends, timeout=deadline_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            settling.cancel()
