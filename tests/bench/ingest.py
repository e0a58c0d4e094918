"""What the line from MQTT to committed rows carries, beside what this machine's bare COPY can take.

Each round measures, one after the other in the same run: bare COPY into the same hypertable, then committed
readings/s through broker and gateway with 5 readings a message, then with 60. Ratios are taken within a
round, since a machine's speed drifts. Then, at a calm rate, the time from a device's publish to the COMMIT of
its readings, by PostgreSQL's own commit timestamps.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import psycopg

from deploy.embedded.provision import provide
from deploy.progress import Reporter
from devices.credentials import hash_password, render_password_file
from devices.simulator.load_packets import connect_packet, publish_packet
from store.readings import Rows, encode_copy
from tests.e2e.system import ACCOUNT, CHECKOUT, System, cpu_s, memory_mb

if TYPE_CHECKING:
    from collections.abc import Iterator

QUANTITIES = 5
SAMPLES_OF_60 = 12
DAY_MS = 86_400_000
START_MS = 1_770_000_000_000
COPY_BATCHES = (5_000, 20_000, 50_000)
NODE_RED = {
    "readings_per_s": 79_700,
    "memory_mb": 207,
    "from": "an earlier measurement on such a machine, not this run",
}
AIMS = {"ratio_at_5": 0.5, "ratio_at_60": 0.8, "gateway_mb": 150, "p99_ms": 250}


@dataclass(frozen=True)
class Plan:
    """How much of each; `shares` are offered rates at 5 a message, as shares of the bare COPY limit."""

    rounds: int
    devices: int
    connections: int
    messages: int
    copy_rows: int
    shares: tuple[float, ...]
    latency_s: float
    codec: str
    boot: bool


def main(argv: list[str] | None = None) -> int:
    """Run it; 0 when it ran, whatever came out."""
    arguments = parser().parse_args(argv)
    told = {name: value for name, value in vars(arguments).items() if name != "json"}
    plan = Plan(**told | {"shares": tuple(map(float, arguments.shares.split(",")))})
    report = asyncio.run(measure(plan))
    print(json.dumps(report, indent=None if arguments.json else 2))
    if not arguments.json:
        tell(report)
    return 0


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="./chiiki bench ingest", description=__doc__)
    made.add_argument("--json", action="store_true", help="one line of JSON and nothing else")
    made.add_argument("--rounds", type=int, default=3)
    made.add_argument("--devices", type=int, default=100)
    made.add_argument(
        "--connections",
        type=int,
        default=0,
        help="publish for all devices over so many; 0: each over its own",
    )
    made.add_argument("--messages", type=int, default=240_000, help="of 5 readings; a sixth as many of 60")
    made.add_argument("--copy-rows", type=int, default=1_200_000)
    made.add_argument(
        "--shares",
        default="0.35,0.45,0.55,0",
        help="offered rates as shares of COPY; 0: as fast as the broker takes",
    )
    made.add_argument("--latency-s", type=float, default=20.0, help="how long to publish 1,000 messages/s")
    made.add_argument("--codec", choices=("mqtt5", "paho"), default="mqtt5")
    made.add_argument("--boot", action="store_true", help="messages carry boot and seq")
    return made


async def measure(plan: Plan) -> dict[str, Any]:
    rounds = [await one_round(plan) for _ in range(plan.rounds)]
    calm = await latency(plan) if plan.latency_s else None
    medians = [statistics.median(r["copy"][size] for r in rounds) for size in rounds[0]["copy"]]
    limit = max(medians)
    at_5, at_60 = (statistics.median(r[key]["readings_per_s"] for r in rounds) for key in ("at_5", "at_60"))
    return {
        "machine": machine(),
        "plan": plan.__dict__,
        "aims": AIMS,
        "copy_rows_per_s": limit,
        "readings_per_s_at_5": at_5,
        "readings_per_s_at_60": at_60,
        "ratio_at_5": round(at_5 / limit, 3),
        "ratio_at_60": round(at_60 / limit, 3),
        "gateway_mb": max(r["gateway_mb"] for r in rounds),
        "latency": calm,
        "node_red": NODE_RED,
        "rounds": rounds,
    }


@contextmanager
def installation(codec: str, **postgres_settings: str) -> Iterator[System]:
    with Reporter() as report:
        programs = provide(report)
    with tempfile.TemporaryDirectory(prefix="chiiki-bench-") as folder:
        Path(folder).chmod(0o755)
        system = System(Path(folder), programs, codec=codec, postgres_settings=postgres_settings)
        try:
            system.start()
            yield system
        finally:
            system.stop()


async def one_round(plan: Plan) -> dict[str, Any]:
    """COPY and both message sizes on one fresh installation, one after the other."""
    with installation(plan.codec) as system:
        copies = {size: bare_copy(system, plan, size) for size in COPY_BATCHES}
        await system.register([f"load-{i:05d}" for i in range(plan.devices)])
        gateway = system.start_gateway()
        limit = max(copies.values())
        runs = [await through_the_gateway(system, plan, n, limit) for n in range(len(plan.shares) + 1)]
        assert gateway.pid is not None
        memory = round(memory_mb(gateway.pid, "VmHWM"), 1)
        ledger = system.totals()
    best = max(runs[:-1], key=lambda run: run["readings_per_s"])
    return {
        "copy": copies,
        "at_5": best,
        "at_60": runs[-1],
        "runs": runs,
        "gateway_mb": memory,
        "ledger": ledger,
    }


def bare_copy(system: System, plan: Plan, size: int) -> float:
    """Rows/s of COPY BINARY in sorted batches, each committed; encoded beforehand."""
    series = plan.devices * QUANTITIES
    instants = size // series or 1
    base_us = (START_MS + COPY_BATCHES.index(size) * 400_000_000) * 1000
    buffers = []
    for first in range(0, plan.copy_rows // series, instants):
        at = base_us + (np.arange(first, first + instants) * 1_000_000)
        n = series * instants
        values = np.arange(n, dtype=np.float64) % 997 / 20
        buffers.append(
            encode_copy(
                Rows(
                    series=np.repeat(np.arange(1, series + 1, dtype=np.int32), instants),
                    at=np.tile(at, series),
                    received=np.full(n, time.time_ns() // 1000),
                    value=values,
                    quality=np.ones(n, np.int16),
                )
            )
        )
    with psycopg.connect(system.postgres.url) as conn:
        begun = time.perf_counter()
        for buffer in buffers:
            with conn.cursor() as cursor, cursor.copy("COPY readings FROM STDIN (FORMAT BINARY)") as copy:
                copy.write(buffer)
            conn.commit()
        elapsed_s = time.perf_counter() - begun
        conn.execute("TRUNCATE readings")
    return round(len(buffers) * series * instants / elapsed_s)


async def through_the_gateway(system: System, plan: Plan, number: int, limit: float) -> dict[str, Any]:
    """Committed readings/s from the first PUBLISH to the last COMMIT; run `number` of the round."""
    share = plan.shares[number] if number < len(plan.shares) else 0.0
    samples, messages = (
        (1, plan.messages) if number < len(plan.shares) else (SAMPLES_OF_60, plan.messages // 6)
    )
    start_ms = START_MS + number * 30 * DAY_MS
    warm = system.totals()["received"] + plan.devices * QUANTITIES
    # Opens the series and a first chunk, so that the run measures what goes on for years.
    await load(system, plan, samples=1, messages=plan.devices, start_ms=start_ms - DAY_MS)
    await system.wait_received(warm)
    gateway = system.gateways["gateway-1"]
    pids = {"gateway": gateway.pid, "broker": system.broker.pid, "postgres": system.postgres.pid}
    before = {name: tree_cpu_s(pid) for name, pid in pids.items() if pid}
    readings = samples * QUANTITIES * messages
    rate = int(share * limit / QUANTITIES)
    report, done_at = await asyncio.gather(
        load(system, plan, samples=samples, messages=messages, start_ms=start_ms, rate=rate),
        committed(system, warm + readings),
    )
    elapsed_s = done_at - report["begun_at"]
    cpu = {name: (tree_cpu_s(pid) - before[name]) / messages * 1e6 for name, pid in pids.items() if pid}
    cpu["loader"] = report["cpu_s"] / messages * 1e6
    return {
        "readings_a_message": samples * QUANTITIES,
        "messages": messages,
        "offered_per_s": rate or None,
        "published_per_s": report["rate"],
        "messages_per_s": round(messages / elapsed_s),
        "readings_per_s": round(readings / elapsed_s),
        "cpu_us_a_message": {name: round(us, 1) for name, us in cpu.items()},
    }


async def load(
    system: System, plan: Plan, *, samples: int, messages: int, start_ms: int = START_MS, rate: int = 0
) -> dict[str, Any]:
    """Publish from a process of its own; from every device's own connection, or for all over a few."""
    command = ["-m", "devices.simulator.load", "--port", str(system.broker.port)]
    command += ["--messages", str(messages), "--samples", str(samples), "--start-ms", str(start_ms)]
    command += ["--accounts", str(accounts_file(system, plan))]
    command += ["--devices", str(plan.devices)] if plan.connections else []
    command += ["--boot", "bench"] if plan.boot else []
    command += ["--rate", str(rate)] if rate else []
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, cwd=CHECKOUT, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    if process.returncode:
        raise SystemExit("the loader failed; see above")
    report: dict[str, Any] = json.loads(out)
    return report


def accounts_file(system: System, plan: Plan) -> Path:
    """Who publishes: the devices, or so many accounts that may publish for all of them."""
    path = system.state_dir / "accounts.json"
    own = {name: word for name, word in system.passwords.items() if name != ACCOUNT}
    if plan.connections:
        own = {f"bench-{i}": "bench" for i in range(plan.connections)}
        broker = system.broker
        known, rules = broker.password_file.read_text(), broker.acl_file.read_text()
        if "bench-0:" not in known:
            lines = render_password_file({name: hash_password(word) for name, word in own.items()})
            broker.write(broker.password_file, known + lines)
            topics = "".join(f"user {name}\ntopic write chiiki/v1/+/up/#\n\n" for name in own)
            broker.write(broker.acl_file, topics + rules)
            broker.reload()
            time.sleep(0.3)
    path.write_text(json.dumps(own))
    return path


async def committed(system: System, readings: int) -> float:
    """Wait until all is in the ledger, which is a cheap look; return when that was, Unix s."""
    conn = await psycopg.AsyncConnection.connect(system.postgres.url, autocommit=True)
    async with conn:
        while True:
            cursor = await conn.execute("SELECT coalesce(sum(received), 0), now() FROM ledger")
            row = await cursor.fetchone()
            assert row is not None
            if row[0] >= readings:
                return row[1].timestamp()  # type: ignore[no-any-return]
            await asyncio.sleep(0.02)


def tree_cpu_s(pid: int) -> float:
    """CPU time of a process and its living children, s."""
    total = cpu_s(pid)
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            if int(stat.read_text().rpartition(")")[2].split()[1]) == pid:
                total += cpu_s(int(stat.parent.name))
        except OSError:
            continue
    return total


LATENCY = """
SELECT 1000 * (extract(epoch FROM pg_xact_commit_timestamp(r.xmin)) - r.value)
FROM readings r JOIN series s ON s.id = r.series_id WHERE s.quantity = 'uptime'
"""


async def latency(plan: Plan, rate: int = 1000) -> dict[str, Any]:
    """Publish `rate` messages/s that carry their own time; compare with the time of their COMMIT."""
    with installation(plan.codec, track_commit_timestamp="on") as system:
        names = [f"calm-{i:03d}" for i in range(50)]
        await system.register(names)
        system.start_gateway()
        await publish_at_rate(system, names, rate, rate * 2)  # series are opened, caches are warm
        await asyncio.sleep(1)
        before = system.totals()["received"]
        system.query("DELETE FROM readings RETURNING 1")
        count = int(rate * plan.latency_s)
        took_s = await publish_at_rate(system, names, rate, count)
        await system.wait_received(before + count * QUANTITIES)
        with psycopg.connect(system.postgres.url) as conn:
            ms = np.array(conn.execute(LATENCY).fetchall(), dtype=np.float64)
    return {
        "messages": count,
        "messages_per_s": round(count / took_s),
        "readings_a_message": QUANTITIES,
        **{f"p{q}_ms": round(float(np.percentile(ms, q)), 1) for q in (50, 90, 99)},
        "max_ms": round(float(ms.max()), 1),
        "n": int(ms.size),
    }


async def publish_at_rate(system: System, names: list[str], rate: int, count: int) -> float:
    """Publish `count` messages by turns over a connection a device; return how long it took, s."""
    writers = []
    for name in names:
        reader, writer = await asyncio.open_connection("127.0.0.1", system.broker.port)
        writer.write(connect_packet(f"bench-{name}", name, system.passwords[name]))
        assert (await reader.readexactly(4))[3] == 0, f"{name} was not let in"
        writers.append((reader, writer))
    begun = time.perf_counter()
    for number in range(count):
        early_s = begun + number / rate - time.perf_counter()
        if early_s > 0.001:
            await asyncio.sleep(early_s)
        topic = f"chiiki/v1/{names[number % len(names)]}/up/readings".encode()
        writers[number % len(names)][1].write(publish_packet(topic, stamped(number), number % 65535 + 1))
    took_s = time.perf_counter() - begun
    await asyncio.sleep(0.3)
    for _, writer in writers:
        writer.write(b"\xe0\x00")
        writer.close()
    return took_s


def stamped(number: int) -> bytes:
    values = (
        f'"air_temperature":{number % 40},"relative_humidity":60,"illuminance":{number},"water_level":1.5'
    )
    return f'{{"at":{time.time_ns() // 1_000_000},"values":{{"uptime":{time.time():.6f},{values}}}}}'.encode()


def machine() -> dict[str, Any]:
    model = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if "model name" in line
    ]
    return {
        "processors": os.cpu_count(),
        "model": model[0] if model else platform.machine(),
        "python": platform.python_version(),
    }


def tell(report: dict[str, Any]) -> None:
    calm = report["latency"]
    print(f"\nbare COPY          {report['copy_rows_per_s']:>9,.0f} rows/s")
    for size, aim in ((5, 0.5), (60, 0.8)):
        rate, ratio = report[f"readings_per_s_at_{size}"], report[f"ratio_at_{size}"]
        print(f"{size:>2} a message       {rate:>9,.0f} readings/s, {ratio:.2f} of it (aim {aim})")
    print(f"gateway's memory   {report['gateway_mb']:>9,.0f} MB at most (aim 150)")
    if calm:
        rate = calm["messages_per_s"]
        print(f"publish to commit  {calm['p99_ms']:>9,.0f} ms p99 at {rate:,} messages/s (aim 250)")


if __name__ == "__main__":
    sys.exit(main())
