"""What one received QoS 1 message costs in CPU, by codec: a child process only receives and acknowledges.

The broker is the real one; the load comes by `devices.simulator.load` from a process of its own. Beside it
stands the cost of taking one PUBLISH apart, in `ingest.link_mqtt5` and by the Rust codec.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import mqtt5

from deploy.embedded.broker import EmbeddedBroker
from deploy.embedded.places import service_user
from deploy.embedded.provision import provide
from deploy.progress import Reporter
from devices.credentials import hash_password, new_password, render_acl_file, render_password_file
from devices.simulator.load_packets import ReadingsShape
from ingest.link import Delivery, LinkSettings
from ingest.link_choice import make_link
from ingest.link_mqtt5 import Mqtt5Wire
from ingest.link_queues import Inbox, Outbox

CHECKOUT = Path(__file__).parents[2]
CODECS = ("paho", "paho 3.1.1", "mqtt5")
CHILD_S = 120


async def receive(plan: dict[str, Any]) -> dict[str, float]:
    """Take and acknowledge; CPU and time are those from the first delivery to the last."""
    codec, _, version = plan["codec"].partition(" ")
    settings = LinkSettings(
        url=plan["url"],
        client_id="bench",
        username="bench",
        password=plan["password"],
        mqtt_version=version or "5",
    )
    link = make_link(settings, codec)
    running = asyncio.create_task(link.run())
    while not link.stats.connected:  # noqa: ASYNC110  there is no event for it
        await asyncio.sleep(0.01)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    first = await link.receive()
    link.acknowledge(first)
    begun, cpu, taken, deliveries = time.perf_counter(), time.process_time(), 0, 0
    while taken < plan["messages"] - len(first):
        delivery = await link.receive()
        taken += len(delivery)
        deliveries += 1
        link.acknowledge(delivery)
    cpu_s, wall_s = time.process_time() - cpu, time.perf_counter() - begun
    await link.close(10)
    await running
    return {
        "us_per_message": round(cpu_s / taken * 1e6, 2),
        "messages_per_s": round(taken / wall_s),
        "messages_per_delivery": round(taken / deliveries, 1),
        "cores": round(cpu_s / wall_s, 2),
        "memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
    }


def measure(
    broker: EmbeddedBroker, password: str, codec: str, messages: int, rate: float | None
) -> dict[str, Any]:
    plan = {"url": broker.url, "password": password, "codec": codec, "messages": messages}
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.link", "--receive"],
        cwd=CHECKOUT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        child.stdin.write(json.dumps(plan) + "\n")
        child.stdin.flush()
        assert child.stdout.readline() == "ready\n"
        load = run_loader(broker, password, messages, rate)
        output, _ = child.communicate(timeout=CHILD_S)
    finally:
        child.kill()
        child.wait()
    return json.loads(output) | {"loader_us_per_message": round(load["cpu_s"] / messages * 1e6, 2)}


def run_loader(broker: EmbeddedBroker, password: str, messages: int, rate: float | None) -> dict[str, Any]:
    accounts = broker.folder.parent / "accounts.json"
    accounts.write_text(json.dumps({"load": password}))
    command = [sys.executable, "-m", "devices.simulator.load", "--port", str(broker.port)]
    command += [
        "--accounts",
        str(accounts),
        "--devices",
        "100",
        "--messages",
        str(messages),
        "--window",
        "2000",
    ]
    command += ["--rate", str(rate)] if rate else []
    done = subprocess.run(command, cwd=CHECKOUT, check=True, capture_output=True, text=True, timeout=CHILD_S)
    return json.loads(done.stdout)


def decoding() -> dict[str, float]:
    """µs to take one PUBLISH of five readings apart: ours, and the Rust codec's."""
    many = 2000
    shape = ReadingsShape()
    one_by_one = [
        mqtt5.PublishPacket(
            f"chiiki/v1/load-{i % 100:05d}/up/readings",
            shape.payload(i),
            qos=mqtt5.QoS.AT_LEAST_ONCE,
            packet_id=i + 1,
        ).write()
        for i in range(many)
    ]
    data = b"".join(one_by_one)

    async def ours() -> float:
        settings = LinkSettings(url="mqtt://127.0.0.1", client_id="bench")
        link = make_link(settings, "mqtt5")
        wire = Mqtt5Wire(settings, Inbox(settings, link.stats), Outbox(1, link.stats))
        return _fastest(lambda: wire._take(data, Delivery(wire, 0)))

    def rust() -> None:
        delivery, view, start = Delivery(None, 0), memoryview(data), 0
        while start < len(data):
            packet, size = mqtt5.read(view[start:])
            delivery.topics.append(packet.topic)
            delivery.payloads.append(packet.payload)
            delivery.retained.append(packet.retain)
            delivery.packet_ids.append(packet.packet_id)
            start += size

    return {"ours_us": round(asyncio.run(ours()) / many, 3), "rust_us": round(_fastest(rust) / many, 3)}


def _fastest(work: Any) -> float:
    """µs of the fastest of a few runs."""
    times = []
    for _ in range(15):
        begun = time.perf_counter()
        work()
        times.append(time.perf_counter() - begun)
    return min(times) * 1e6


def run(messages: int, codecs: list[str], rate: float | None) -> dict[str, Any]:
    with Reporter() as report:
        programs = provide(report)
    with tempfile.TemporaryDirectory(prefix="chiiki-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        broker = EmbeddedBroker(folder, programs)
        broker.prepare()
        password = new_password()
        hashed = hash_password(password)
        rules = "user bench\ntopic readwrite chiiki/#\n\nuser load\ntopic write chiiki/#\n\n"
        broker.write(broker.password_file, render_password_file({"bench": hashed, "load": hashed}))
        broker.write(broker.acl_file, rules + render_acl_file([]))
        broker.start()
        try:
            found = {codec: measure(broker, password, codec, messages, rate) for codec in codecs}
        finally:
            broker.stop()
    return {
        "messages": messages,
        "rate": rate,
        "as_root": service_user() is not None,
        "codecs": found,
        "decoding": decoding(),
    }


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.link", description=__doc__)
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--rate", type=float, help="messages/s; without it: as fast as the broker takes them")
    parser.add_argument("--codec", action="append", choices=CODECS)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--receive", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    if arguments.receive:
        sys.stdout.write(json.dumps(asyncio.run(receive(json.loads(sys.stdin.readline())))) + "\n")
        return 0
    found = run(arguments.messages, arguments.codec or list(CODECS), arguments.rate)
    sys.stdout.write(json.dumps(found, indent=None if arguments.json else 2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
