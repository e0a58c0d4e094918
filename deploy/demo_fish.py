"""The demonstration's fish market: which lots its units still have to send, and its clerk.

The clerk writes down where a lot was landed and at which prices, closes it when its last fish has come, and
sets the estimate beside the simulator's truth. That truth stays with the clerk, in a file of the state
directory and on the screen: neither the gateway nor the database ever has it.
"""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from devices.simulator.market import day_of, opening_s
from devices.simulator.run import FaultConfig, LotsConfig
from devices.simulator.sorting import find_lot, lots_of
from devices.simulator.sorting_unit import SortingUnit
from devices.simulator.trades import TRADES
from devices.simulator.weather import DAY_S
from store.boots import BootNews, add_seqs
from store.devices import get_device
from store.lot_descriptions import newest_descriptions
from store.lots import change_lot, close_lot, list_lots

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from deploy.demo import DemoDevice
    from deploy.supervisor import Supervisor
    from devices.simulator.sorting import Lot as TrueLot
    from devices.simulator.sorting_scores import FaultName
    from store.lots import Lot
    from store.pool import AsyncConnection, AsyncConnectionPool

LOTS: Final = "demo-lots.json"
LOOK_S: Final = 5.0
HISTORY_S: Final = 180.0
"""How long the lots of the last days may take until they are described."""
CHECKED_S: Final = 300.0
"""After its last fish a lot stays open so long: somebody may still check one."""
LANDED_BEFORE: Final = timedelta(hours=2)
MOST: Final = 1_000
LEVEL: Final = 95


async def lots_to_send(
    connection: AsyncConnection, device: DemoDevice, *, now: float, fault: FaultName | None = None
) -> LotsConfig | None:
    """Tell a unit from which fish on the database lacks them; None for what is no sorting unit.

    A fault begins with the newest market day, but not before what is stored already.
    """
    trade = TRADES.get(device.role)
    if trade is None:
        return None
    unit = SortingUnit(trade, device.seed)
    today = day_of(now)
    days = {unit.boot(day): day for day in range(day_of(now - LotsConfig().history_days * DAY_S), today + 1)}
    number = (await get_device(connection, device.name)).id
    known = await add_seqs(connection, [BootNews(device_id=number, boot=boot) for boot in days])
    stored = {boot.boot: boot.seq for boot in known if boot.seq}
    if fault is None:
        return LotsConfig(stored=stored)
    opened = max(
        (opening_s(day) for day in days.values() if unit.total(day) and opening_s(day) <= now), default=now
    )
    ends = [unit.sent_until(days[boot], seq) + 1 for boot, seq in stored.items()]
    return LotsConfig(stored=stored, fault=FaultConfig(name=fault, from_s=max([opened, *ends])))


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A class's share of a lot: estimated with its 95 % interval, and true."""

    estimate: float
    low: float
    high: float
    truth: float

    def __str__(self) -> str:
        """Tell it in a few words."""
        percent = [100 * value for value in (self.estimate, self.low, self.high, self.truth)]
        return "{:.0f} % ({:.0f}-{:.0f}), truly {:.0f}".format(*percent)

    @property
    def holds(self) -> bool:
        """Whether the interval holds the truth."""
        return self.low - 1e-9 <= self.truth <= self.high + 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A lot as it was estimated, beside the truth."""

    id: int
    device: str
    lot: str
    fish: int
    checked: int
    classes: dict[str, Share]

    def line(self) -> str:
        """Tell it in a line."""
        shares = "; ".join(f"{name} {share}" for name, share in self.classes.items())
        return f"{self.device} {self.lot}, {self.fish} fish, {self.checked} checked: {shares}"


async def tend(connection: AsyncConnection, devices: Iterable[DemoDevice], now: datetime) -> list[Told]:
    """Write down and close what has come of the units' lots.

    Returns
    -------
    list[Told]
        Closed lots that are described with all their fish, newest first.
    """
    told = []
    for device in devices:
        trade = TRADES[device.role]
        lots = await list_lots(connection, device=device.name, limit=MOST)
        pairs = [(lot, find_lot(trade, device.seed, lot.code)) for lot in lots]
        closed = [await _tend(connection, lot, true, now) for lot, true in pairs]
        told += await _compare(
            connection, [(lot, true) for lot, (_, true) in zip(closed, pairs, strict=True)]
        )
    return told


async def _tend(connection: AsyncConnection, lot: Lot, true: TrueLot, now: datetime) -> Lot:
    if lot.closed_at is not None:
        return lot
    begin, end = (datetime.fromtimestamp(at_ms / 1_000, UTC) for at_ms in true.at_ms[[0, -1]].tolist())
    if not lot.landing_place:
        prices = dict(zip(true.trade.classes, true.trade.prices, strict=True))
        landed = replace(lot, landing_place=true.place, landed_at=begin - LANDED_BEFORE, prices=prices)
        lot = await change_lot(connection, landed)
    if lot.events == true.true.size and now > end + timedelta(seconds=CHECKED_S):
        lot = await close_lot(connection, lot.id, closed_at=end)
    return lot


async def _compare(connection: AsyncConnection, pairs: list[tuple[Lot, TrueLot]]) -> list[Told]:
    described = await newest_descriptions(connection, [lot.id for lot, _ in pairs if lot.closed_at])
    return [
        _told(lot, true, described[lot.id].body)
        for lot, true in pairs
        if lot.id in described and described[lot.id].events == lot.events
    ]


def _told(lot: Lot, true: TrueLot, body: dict[str, Any]) -> Told:
    counts = true.counts
    classes = {}
    for part in body["classes"]:
        widest = next(one for one in part["intervals"] if one["level"] == LEVEL)
        classes[part["name"]] = Share(
            estimate=part["share"],
            low=widest["low"],
            high=widest["high"],
            truth=counts[part["name"]] / true.true.size,
        )
    return Told(
        id=lot.id, device=lot.device, lot=lot.code, fish=lot.events, checked=body["checked"], classes=classes
    )


async def keep(supervisor: Supervisor, pool: AsyncConnectionPool, devices: list[DemoDevice]) -> None:
    """Be the clerk until the demonstration ends; tell of the lots of the last days, then of each new one."""
    path = supervisor.settings.state_dir / LOTS
    known: set[int] = set()
    patient_until = time.monotonic() + HISTORY_S
    while True:
        async with pool.connection() as connection:
            told = await tend(connection, devices, datetime.now(UTC))
        is_whole = expected(devices, time.time()) <= {(one.device, one.lot) for one in told}
        if told and (known or is_whole or time.monotonic() > patient_until):
            await asyncio.to_thread(_write, path, told)
            if known:
                for one in told:
                    if one.id not in known:
                        supervisor.say(one.line())
            else:
                supervisor.say(summary(told, path))
            known |= {one.id for one in told}
        await asyncio.sleep(LOOK_S)


def expected(devices: Iterable[DemoDevice], now: float) -> set[tuple[str, str]]:
    """Name the lots of the days that are sent as history which are over: device and code."""
    days = range(day_of(now - LotsConfig().history_days * DAY_S), day_of(now) + 1)
    return {
        (device.name, lot.code)
        for device in devices
        for day in days
        for lot in lots_of(TRADES[device.role], device.seed, day)
        if lot.at_ms[-1] / 1_000 + CHECKED_S < now
    }


def summary(told: list[Told], path: Path) -> str:
    """Tell how often the intervals hold the truth, with the newest lot of each unit."""
    shares = [share for one in told for share in one.classes.values()]
    newest = {one.device: one for one in reversed(told)}
    held = sum(share.holds for share in shares)
    first = f"Of {len(told)} lots, {held} of {len(shares)} intervals (95 %) hold the simulator's truth:"
    return "\n".join([first, *(f"  {one.line()}" for one in newest.values()), f"  all of them: {path}"])


def _write(path: Path, told: list[Told]) -> None:
    new = path.with_suffix(".new")
    new.write_text(json.dumps([asdict(one) for one in told], ensure_ascii=False, indent=1))
    new.replace(path)
