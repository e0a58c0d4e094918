"""How far what is told of lots stays behind their fish: many units at full speed, one event a message.

Each unit first has a lot of another day with hand-checked fish, so that its history weighs. Then all sort at
once. At each look, a lot's lag is the age of the oldest fish published that is not counted: in the running
statistics (the transaction that stores it), and in the newest description (shares with intervals).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import psycopg

from deploy.embedded.provision import provide
from deploy.progress import Reporter
from devices.simulator.load_packets import connect_packet, publish_packet
from devices.simulator.market import day_of, is_market_day, opening_s
from devices.simulator.sorting_unit import SortingUnit
from devices.simulator.trades import MACKEREL
from tests.e2e.system import System, cpu_s

if TYPE_CHECKING:
    from collections.abc import Iterator

    from devices.simulator.sorting_unit import Message

AIM_S = 2.0
LOOK_S = 0.25
WARM_S = 2.0
"""From the first fish until lags are counted."""
LOOKS = """
SELECT d.name, l.code, p.events, coalesce(c.events, 0)
FROM lot_progress p JOIN lots l ON l.id = p.lot_id JOIN devices d ON d.id = l.device_id
LEFT JOIN LATERAL (
    SELECT events FROM lot_descriptions c WHERE c.lot_id = l.id ORDER BY hour DESC LIMIT 1
) c ON true
"""
DUE = "SELECT count(*) FROM lot_progress WHERE noted > done"
HISTORY_FISH, HISTORY_CHECKS = 120, 30
SETTLE_S = 120.0


@dataclass(frozen=True)
class Plan:
    """What is sent, and who works."""

    units: int
    fish_a_minute: float
    seconds: float
    workers: int

    @property
    def fish(self) -> int:
        """Of a unit's lot."""
        return round(self.fish_a_minute * self.seconds / 60)


def main(argv: list[str] | None = None) -> int:
    """Run it; 0 when it ran, whatever came out."""
    parser = argparse.ArgumentParser(prog="./chiiki bench lots_live", description=__doc__)
    parser.add_argument("--json", action="store_true", help="one line of JSON and nothing else")
    parser.add_argument("--units", type=int, default=100)
    parser.add_argument("--fish-a-minute", type=float, default=300.0, help="of each unit")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--workers", type=int, default=1)
    told = vars(parser.parse_args(argv))
    as_line = told.pop("json")
    report = asyncio.run(measure(Plan(**told)))
    print(json.dumps(report, indent=None if as_line else 2))
    return 0


@contextmanager
def installation() -> Iterator[System]:
    with Reporter() as report:
        programs = provide(report)
    with tempfile.TemporaryDirectory(prefix="chiiki-bench-") as folder:
        Path(folder).chmod(0o755)
        system = System(Path(folder), programs)
        try:
            system.start()
            yield system
        finally:
            system.stop()


async def measure(plan: Plan) -> dict[str, Any]:
    with installation() as system:
        names = [f"unit-{i:03d}" for i in range(plan.units)]
        await system.register(names, kind="fish-sorter", lab="sendai")
        system.start_gateway()
        for number in range(plan.workers):
            system.start_worker(f"worker-{number + 1}")
        fleet = Fleet(names, {name: await connect(system, name) for name in names})
        today = next(d for d in range(day_of(time.time()) - 1, 0, -1) if is_market_day(d))
        before = next(d for d in range(today - 1, 0, -1) if is_market_day(d))
        past = [day_of_unit(i, before, HISTORY_FISH, HISTORY_CHECKS) for i in range(plan.units)]
        await fleet.publish(past, rate=2_000)
        settled_s = await settled(system, HISTORY_FISH * plan.units)
        fleet.published.clear()
        pids = own_pids(system)
        cpu = {name: cpu_s(pid) for name, pid in pids.items()}
        days = [day_of_unit(plan.units + i, today, plan.fish, 0) for i in range(plan.units)]
        stop = asyncio.Event()
        looking = asyncio.create_task(look(system, fleet, stop), name="bench.look")
        began = time.perf_counter()
        await fleet.publish(days, rate=plan.units * plan.fish_a_minute / 60)
        sent_s = time.perf_counter() - began
        used = {name: round((cpu_s(pid) - cpu[name]) / sent_s, 2) for name, pid in pids.items()}
        ended_s = await settled(system, (HISTORY_FISH + plan.fish) * plan.units)
        stop.set()
        looks = await looking
        total = system.totals()
        stored = system.query("SELECT count(*) AS n FROM sort_events")[0]["n"]
    during = [one for one in looks if WARM_S <= one["at_s"] - began <= sent_s]
    return {
        "plan": plan.__dict__,
        "aim_s": AIM_S,
        "events": plan.fish * plan.units,
        "events_per_s": round(plan.fish * plan.units / sent_s),
        "running_statistics_behind_s": summary(during, "stored"),
        "description_behind_s": summary(during, "described"),
        "all_described_after_s": round(ended_s, 1),
        "history_described_after_s": round(settled_s, 1),
        "cpus_used": used,
        "lost": (HISTORY_FISH + plan.fish) * plan.units - stored,
        "ledger": total,
    }


def day_of_unit(seed: int, day: int, fish: int, checks: int) -> list[Message]:
    """Give all that a unit says of one lot, first to last."""
    trade = replace(MACKEREL, lots_a_day=1, fish=(fish, fish), checks=checks, frames=0)
    begin_s = opening_s(day)
    return list(SortingUnit(trade, seed).messages(begin_s, begin_s + 12 * 3_600))


def own_pids(system: System) -> dict[str, int]:
    """Name the processes whose time is told."""
    processes = {"gateway": system.gateways["gateway-1"], **system.workers}
    return {name: process.pid for name, process in processes.items() if process.pid is not None}


class Fleet:
    """A connection a unit, and when each of its fish was published, by lot."""

    def __init__(self, names: list[str], writers: dict[str, asyncio.StreamWriter]) -> None:
        self.names = names
        self.published: dict[tuple[str, str], list[float]] = {}
        self._writers = writers
        self._packet_ids = cycle(range(1, 65_536))

    async def publish(self, days: list[list[Message]], rate: float) -> None:
        """Publish the units' messages by turns, so many a second over all."""
        began, sent = time.perf_counter(), 0
        queue = [
            (name, day[turn])
            for turn in range(max(map(len, days)))
            for name, day in zip(self.names, days, strict=True)
            if turn < len(day)
        ]
        while sent < len(queue):
            due = min(len(queue), int(rate * (time.perf_counter() - began)) + 1)
            for name, message in queue[sent:due]:
                self._write(name, message)
            sent = due
            await asyncio.sleep(0.005)

    def _write(self, name: str, message: Message) -> None:
        topic = f"chiiki/v1/{name}/up/{message.topic}".encode()
        self._writers[name].write(
            publish_packet(topic, msgspec.json.encode(message.body), next(self._packet_ids))
        )
        if message.topic == "events":
            self.published.setdefault((name, message.body["lot"]), []).append(time.perf_counter())


async def connect(system: System, name: str) -> asyncio.StreamWriter:
    """Connect a unit; PUBACKs are not read, they fit into the sockets' buffers."""
    reader, writer = await asyncio.open_connection("127.0.0.1", system.broker.port)
    writer.write(connect_packet(f"bench-{name}", name, system.passwords[name]))
    greeting = await reader.readexactly(4)
    if greeting[3]:
        raise SystemExit(f"{name} was not let in: {greeting!r}")
    return writer


async def look(system: System, fleet: Fleet, stop: asyncio.Event) -> list[dict[str, Any]]:
    """Look at all lots now and then, until told to stop and once more."""
    found = []
    conn = await psycopg.AsyncConnection.connect(system.postgres.url, autocommit=True)
    async with conn:
        while True:
            is_last = stop.is_set()
            at_s = time.perf_counter()
            rows = await (await conn.execute(LOOKS)).fetchall()
            found.append({"at_s": at_s, **lags(rows, fleet, at_s)})
            if is_last:
                return found
            await asyncio.sleep(LOOK_S)


def lags(rows: list[Any], fleet: Fleet, at_s: float) -> dict[str, list[float]]:
    """Age of each lot's oldest fish that is not counted, s; 0 where all are."""
    counted = {(name, code): counts for name, code, *counts in rows}
    both = [
        [_lag(published, known, at_s) for known in counted.get(lot, (0, 0))]
        for lot, published in fleet.published.items()
    ]
    return {what: [one[place] for one in both] for place, what in enumerate(("stored", "described"))}


def _lag(published: list[float], known: int, at_s: float) -> float:
    return max(0.0, at_s - published[known]) if known < len(published) else 0.0


def summary(looks: list[dict[str, Any]], what: str) -> dict[str, float]:
    """Sum lags up over lots and looks."""
    values = np.array([lag for one in looks for lag in one[what]])
    found = {f"p{q}": round(float(np.percentile(values, q)), 2) for q in (50, 95, 99)}
    late = float((values > AIM_S).mean())
    return {**found, "max": round(float(values.max()), 2), "above_aim": round(late, 4), "n": int(values.size)}


async def settled(system: System, events: int) -> float:
    """Wait until all fish are counted and described; return after how many seconds."""
    began = time.perf_counter()
    conn = await psycopg.AsyncConnection.connect(system.postgres.url, autocommit=True)
    async with conn:
        while True:
            stored = await (
                await conn.execute("SELECT coalesce(sum(events), 0) FROM lot_progress")
            ).fetchone()
            due = await (await conn.execute(DUE)).fetchone()
            assert stored is not None
            assert due is not None
            if stored[0] >= events and not due[0]:
                return time.perf_counter() - began
            if time.perf_counter() - began > SETTLE_S:
                raise SystemExit(f"after {SETTLE_S:g} s {stored[0]} of {events} events, {due[0]} lots due")
            await asyncio.sleep(0.1)
