"""A fish market on a running system: units of known truth, and what the API says of their lots."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from devices.credentials import new_token, token_digest
from devices.simulator.device import VirtualDevice, parse_broker
from devices.simulator.market import day_of, is_market_day, opening_s
from devices.simulator.protocol import Outbox
from devices.simulator.sorting import lots_of
from devices.simulator.sorting_unit import SortingUnit
from devices.simulator.trades import COD, MACKEREL, Trade
from store.pool import open_pool
from store.tokens import add_token
from tests.e2e.installation import ask, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from devices.simulator.sorting import Lot
    from devices.simulator.sorting_unit import Message
    from tests.e2e.system import System

LAB = "sendai"
LOTS = 25
DAY_S = 86_400


def small(trade: Trade) -> Trade:
    """As many small lots as a test has time for."""
    return replace(trade, lots_a_day=LOTS, fish=(20, 200), a_minute=60.0, checks=12, frames=1)


KINDS = {"market-echo": ("echo-unit", small(COD)), "market-sorter": ("fish-sorter", small(MACKEREL))}


def last_market_day() -> int:
    """A day that is over."""
    today = day_of(datetime.now(UTC).timestamp())
    return next(day for day in range(today - 1, today - 8, -1) if is_market_day(day))


@dataclass
class Unit:
    """A virtual unit, and all that it sends of a day."""

    name: str
    sorting: SortingUnit
    day: int = field(default_factory=last_market_day)

    def messages(self) -> Iterator[Message]:
        begin_s = opening_s(self.day)
        return self.sorting.messages(begin_s, begin_s + DAY_S / 2)

    def lots(self) -> tuple[Lot, ...]:
        return lots_of(self.sorting.trade, self.sorting.seed, self.day)


@dataclass
class Market:
    """A lab with sorting units; everything is asked for over HTTP, as its staff do."""

    system: System
    url: str
    token: str
    devices: list[VirtualDevice] = field(default_factory=list)

    @classmethod
    async def make(cls, system: System, url: str) -> Market:
        token = new_token()
        pool = await open_pool(system.postgres.url, process="test")
        async with pool.connection() as conn:
            await add_token(conn, digest=token_digest(token), hint="test", lab=LAB, role="staff")
        await pool.close()
        return cls(system, url, token)

    async def open(self, name: str, kind: str, trade: Trade, seed: int) -> tuple[Unit, VirtualDevice]:
        """Register a unit and connect it."""
        await self.system.register([name], kind=kind, lab=LAB)
        broker = parse_broker(self.system.broker.url)
        outbox = Outbox("housekeeping", resend_s=2, ask_s=0.5)
        device = VirtualDevice(broker, name, self.system.passwords[name], outbox)
        self.devices.append(device)
        device.start()
        return Unit(name, SortingUnit(trade, seed)), device

    def close(self) -> None:
        for device in self.devices:
            device.stop()

    def get(self, path: str) -> Any:
        status, answer = ask(f"{self.url}/api/v1/{path}", self.token)
        assert status == 200, answer
        return answer

    def post(self, path: str, body: dict[str, Any]) -> Any:
        status, answer = ask(f"{self.url}/api/v1/{path}", self.token, post=body)
        assert status in {200, 201}, answer
        return answer

    def lots(self, device: str) -> dict[str, dict[str, Any]]:
        """A unit's lots by their codes."""
        items = self.get(f"lots?device={device}&limit=1000")["items"]
        return {lot["code"]: lot for lot in items}

    def composition(self, lot: int) -> dict[str, Any]:
        """What the API says that a lot holds."""
        told: dict[str, Any] = self.get(f"lots/{lot}/composition")["composition"]
        return told

    def events(self) -> dict[tuple[str, str], tuple[int, int]]:
        """Events and different fish of each lot, as they are stored."""
        rows = self.system.query(
            "SELECT d.name, l.code, count(*) AS n, count(DISTINCT e.fish) AS fish FROM sort_events e"
            " JOIN lots l ON l.id = e.lot_id JOIN devices d ON d.id = l.device_id GROUP BY 1, 2"
        )
        return {(row["name"], row["code"]): (row["n"], row["fish"]) for row in rows}

    async def wait_stored(self, events: int, within_s: float = 60.0) -> None:
        """Wait until so many events are stored."""
        end_at = asyncio.get_running_loop().time() + within_s
        while (stored := self.system.query("SELECT count(*) AS n FROM sort_events")[0]["n"]) < events:
            assert asyncio.get_running_loop().time() < end_at, f"only {stored} of {events} events"
            await asyncio.sleep(0.1)

    def due(self) -> int:
        """How many lots wait to be described."""
        number: int = self.system.query("SELECT count(*) AS n FROM lot_progress WHERE noted > done")[0]["n"]
        return number

    def wait_described(self, within_s: float = 90.0) -> None:
        """Wait until no lot is due."""
        wait_for(lambda: self.due() == 0, within_s, self.complaints)

    def complaints(self) -> str:
        """What the workers logged: for the message of a test that fails."""
        logs = [process.log for process in self.system.workers.values()]
        return "\n".join(log.read_text()[-3000:] for log in logs if log.exists())
