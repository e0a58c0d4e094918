"""Load for a gateway: QoS 1 messages, encoded beforehand, as fast as the broker confirms them or at a rate.

A client library spends more on a message than what it should measure; here a message costs its share of one
``send`` and a count of the PUBACKs. For benchmarks and tests of one's own broker: addresses that are not
loopback are refused.

``python -m devices.simulator.load --port 18830 --accounts FILE --messages 1000`` prints its report as JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import ipaddress
import json
import os
import socket
import sys
import time
from pathlib import Path

from devices.errors import DeviceError
from devices.simulator.load_packets import Packets, ReadingsShape, connect_packet

MAX_MESSAGES = 5_000_000
MAX_SECONDS = 3600.0
PACE_S = 0.002
CONNACK = b"\x20\x02"
PUBACK_BYTES = 4
LOOK_S = 0.001
LONGEST_REST_S = 0.02
QUICK_ACK = getattr(socket, "TCP_QUICKACK", None)
REFILLS = 4
"""A window is refilled in so many parts: a write for each PUBACK would cost more than the message."""


class LoadError(DeviceError):
    """The load cannot be run, or a connection of it failed; says why."""


@dataclasses.dataclass(frozen=True, slots=True)
class Account:
    """A user of the broker, who has one connection."""

    name: str
    password: str | None = dataclasses.field(default=None, repr=False)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class LoadPlan:
    """What to send, to whom, how fast.

    Attributes
    ----------
    accounts : tuple[Account, ...]
        One connection each; messages are divided evenly. Each publishes for the device of its name.
    devices : tuple[str, ...]
        If set, these are divided among the connections, each of which publishes for its own in turn (accounts
        that may write everywhere); at least as many as accounts.
    rate : float | None
        Messages/s over all connections; None: full speed.
    window : int
        Messages that a connection leaves unconfirmed, 1..65535.
    time_s : float
        End, whether or not all is sent.
    """

    host: str = "127.0.0.1"
    port: int
    accounts: tuple[Account, ...]
    devices: tuple[str, ...] = ()
    messages: int = 100_000
    rate: float | None = None
    window: int = 500
    time_s: float = 300.0
    topic: str = "chiiki/v1/{device}/up/readings"
    shape: ReadingsShape = dataclasses.field(default_factory=ReadingsShape)

    def __post_init__(self) -> None:
        """Refuse what is out of bounds."""
        if not self.accounts:
            raise LoadError("a load needs at least one account")
        if self.devices and len(self.devices) < len(self.accounts):
            raise LoadError(
                f"{len(self.accounts)} accounts for {len(self.devices)} devices: some would have none"
            )
        if not 1 <= self.messages <= MAX_MESSAGES:
            raise LoadError(f"messages is {self.messages}: choose 1 to {MAX_MESSAGES}")
        if not 0 < self.time_s <= MAX_SECONDS:
            raise LoadError(f"time_s is {self.time_s}: choose up to {MAX_SECONDS:g} s")
        if not 1 <= self.window <= 65535:  # noqa: PLR2004  packet ids have 16 bits
            raise LoadError(f"window is {self.window}: choose 1 to 65535")

    def devices_of(self, account: Account) -> tuple[str, ...]:
        """For whom a connection publishes; each device through one only, else two would send the same."""
        return self.devices[self.accounts.index(account) :: len(self.accounts)] or (account.name,)


@dataclasses.dataclass(frozen=True, slots=True)
class LoadReport:
    """What was sent.

    Attributes
    ----------
    begun_at : float
        When the first message left, Unix seconds.
    elapsed_s : float
        From then to the last PUBACK.
    cpu_s : float
        Our own meanwhile.
    """

    messages: int
    sent: int
    acknowledged: int
    readings: int
    size: int
    connections: int
    begun_at: float
    elapsed_s: float
    cpu_s: float
    rate: float

    @property
    def complete(self) -> bool:
        """Whether every message was sent and acknowledged."""
        return self.acknowledged == self.messages


async def run_load(plan: LoadPlan) -> LoadReport:
    """Connect everybody, then send.

    Raises
    ------
    LoadError
        Not a loopback address, a refused account, a connection that broke.
    """
    _only_loopback(plan.host, plan.port)
    share, more = divmod(plan.messages, len(plan.accounts))
    senders = [_Sender(plan, account, share + (i < more)) for i, account in enumerate(plan.accounts)]
    try:
        await asyncio.gather(*(sender.connect() for sender in senders))
        begun_at, begun, cpu = time.time(), time.perf_counter(), time.process_time()
        await _send(plan, senders)
        elapsed_s, cpu_s = time.perf_counter() - begun, time.process_time() - cpu
    finally:
        for sender in senders:
            sender.close()
    return _report(plan, senders, begun_at, elapsed_s, cpu_s)


async def _send(plan: LoadPlan, senders: list[_Sender]) -> None:
    everything = asyncio.gather(*(sender.done for sender in senders))
    pacing = asyncio.create_task(_pace(plan, senders), name="load.pace")
    try:
        await asyncio.wait({everything}, timeout=plan.time_s)
        if everything.done():
            everything.result()
    finally:
        pacing.cancel()
        everything.cancel()


async def _pace(plan: LoadPlan, senders: list[_Sender]) -> None:
    """Let everybody send, all at once or by turns."""
    begun, told, many = time.perf_counter(), 0, len(senders)
    while told < plan.messages:
        due = plan.messages if plan.rate is None else int(plan.rate * (time.perf_counter() - begun))
        due = min(due, plan.messages)
        for turn in range(max(told, due - many), due):
            sender = senders[turn % many]
            sender.allow(turn // many + 1)
        told = due
        await asyncio.sleep(PACE_S)


def _report(
    plan: LoadPlan, senders: list[_Sender], begun_at: float, elapsed_s: float, cpu_s: float
) -> LoadReport:
    acknowledged = sum(sender.acknowledged for sender in senders)
    return LoadReport(
        messages=plan.messages,
        sent=sum(sender.sent for sender in senders),
        acknowledged=acknowledged,
        readings=acknowledged * plan.shape.readings,
        size=sum(sender.packets.offsets[sender.sent] for sender in senders),
        connections=len(senders),
        begun_at=begun_at,
        elapsed_s=round(elapsed_s, 4),
        cpu_s=round(cpu_s, 4),
        rate=round(acknowledged / elapsed_s, 1),
    )


class _Sender(asyncio.Protocol):
    """One connection: sends while its window and its allowance last, and counts PUBACKs by their bytes."""

    def __init__(self, plan: LoadPlan, account: Account, count: int) -> None:
        topics = [plan.topic.format(device=device) for device in plan.devices_of(account)]
        self.packets = Packets(topics, plan.shape, count)
        self.sent = self.acknowledged = 0
        self._plan = plan
        self._account = account
        self._allowed = 0
        self._bytes = self._pump_at = 0
        self._head = b""
        self._transport: asyncio.Transport | None = None
        loop = asyncio.get_running_loop()
        self._ready: asyncio.Future[None] = loop.create_future()
        self.done: asyncio.Future[None] = loop.create_future()

    async def connect(self) -> None:
        plan, account = self._plan, self._account
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(30):
                self._transport, _ = await loop.create_connection(lambda: self, plan.host, plan.port)
                username = account.name if account.password is not None else None
                client_id = f"load-{account.name}-{os.getpid()}"
                self._transport.write(connect_packet(client_id, username, account.password))
                await self._ready
        except OSError as error:
            raise LoadError(f"{account.name}: no connection to {plan.host}:{plan.port}: {error}") from error
        if not self.packets.count:
            self.done.set_result(None)

    def data_received(self, data: bytes) -> None:
        if not self._ready.done():
            data = self._greeted(data)
        self._bytes += len(data)
        self._rest()
        acknowledged = self._bytes // PUBACK_BYTES
        self.acknowledged = acknowledged
        if acknowledged >= self._pump_at:
            self._pump()

    def _rest(self) -> None:
        """Let PUBACKs gather before the next look: some thousand looks a second over all connections.

        The segment is confirmed now: a broker that follows Nagle holds the next PUBACKs back until it is.
        """
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        if QUICK_ACK is not None:
            transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, QUICK_ACK, 1)
        transport.pause_reading()
        rest_s = min(LONGEST_REST_S, LOOK_S * len(self._plan.accounts))
        asyncio.get_running_loop().call_later(rest_s, transport.resume_reading)

    def _greeted(self, data: bytes) -> bytes:
        self._head += data
        if len(self._head) < PUBACK_BYTES:
            return b""
        if self._head[:2] != CONNACK or self._head[3]:
            self._fail(f"the broker refuses the connection (code {self._head[3]}): check name and password")
            return b""
        self._ready.set_result(None)
        return self._head[PUBACK_BYTES:]

    def allow(self, allowed: int) -> None:
        self._allowed = allowed
        self._pump()

    def _pump(self) -> None:
        stop = min(self._allowed, self.packets.count, self.acknowledged + self._plan.window)
        if stop > self.sent and self._transport is not None:
            self._transport.write(self.packets.cut(self.sent, stop))
            self.sent = stop
            self._pump_at = min(self.sent, self.acknowledged + self._plan.window // REFILLS)
        if self.acknowledged == self.packets.count and not self.done.done():
            self.done.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(f"the broker ended the connection{f': {exc}' if exc else ''}")

    def _fail(self, reason: str) -> None:
        error = LoadError(f"{self._account.name}: {reason}")
        if not self._ready.done():
            self._ready.set_exception(error)
            self.done.cancel()
        elif not self.done.done():
            self.done.set_exception(error)

    def close(self) -> None:
        self.done.cancel()
        if self._transport is not None:
            self._transport.write(b"\xe0\x00")
            self._transport.close()


def _only_loopback(host: str, port: int) -> None:
    try:
        found = {str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
    except OSError as error:
        raise LoadError(f"{host}: {error}") from error
    if not all(ipaddress.ip_address(address).is_loopback for address in found):
        raise LoadError(f"{host} is not this machine: the loader sends to loopback addresses only")


def main(argv: list[str] | None = None) -> int:
    """Run a load from the command line; 0 if every message was acknowledged."""
    arguments = _parser().parse_args(argv)
    try:
        report = asyncio.run(run_load(_plan(arguments)))
    except (LoadError, OSError, ValueError) as error:
        print(f"load: {error}", file=sys.stderr)  # noqa: T201
        return 1
    print(json.dumps(dataclasses.asdict(report)))  # noqa: T201
    return 0 if report.complete else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m devices.simulator.load", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument(
        "--accounts", type=Path, help='JSON file {"name": "password" or null}, one connection each'
    )
    parser.add_argument(
        "--devices", type=int, default=0, help="publish for so many devices load-00000… by turns"
    )
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--rate", type=float, help="messages a second; without it: full speed")
    parser.add_argument("--window", type=int, default=500)
    parser.add_argument("--time-s", type=float, default=300.0)
    parser.add_argument("--samples", type=int, default=1, help="samples of five quantities a message")
    parser.add_argument("--start-ms", type=int, default=1_760_000_000_000)
    parser.add_argument("--boot", help="send boot and seq")
    return parser


def _plan(arguments: argparse.Namespace) -> LoadPlan:
    accounts = json.loads(arguments.accounts.read_text()) if arguments.accounts else {"load": None}
    return LoadPlan(
        host=arguments.host,
        port=arguments.port,
        accounts=tuple(Account(name, password) for name, password in accounts.items()),
        devices=tuple(f"load-{i:05d}" for i in range(arguments.devices)),
        messages=arguments.messages,
        rate=arguments.rate,
        window=arguments.window,
        time_s=arguments.time_s,
        shape=ReadingsShape(samples=arguments.samples, start_ms=arguments.start_ms, boot=arguments.boot),
    )


if __name__ == "__main__":
    sys.exit(main())
