"""The loader on a real broker: it sends what it says, counts what came back, and goes nowhere else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import msgspec
import pytest

from devices.quantities import QUANTITIES
from devices.simulator.load import Account, LoadError, LoadPlan, main, run_load
from devices.simulator.load_packets import Packets, ReadingsShape, publish_packet
from tests.ingest.link_lab import collect, link_on, running

if TYPE_CHECKING:
    from pathlib import Path

PASSWORD = "a password for tests"


def accounts(broker, count: int) -> tuple[Account, ...]:
    for i in range(count):
        broker.account(f"farm-{i}", PASSWORD)
    return tuple(Account(f"farm-{i}", PASSWORD) for i in range(count))


async def test_every_message_of_every_device_arrives(broker):
    shape = ReadingsShape(samples=3, boot="b1")
    plan = LoadPlan(port=broker.port, accounts=accounts(broker, 3), messages=1000, window=50, shape=shape)
    async with running(link_on(broker, "mqtt5")) as link:
        report = await run_load(plan)
        taken = await collect(link, 1000)
    assert (report.sent, report.acknowledged, report.readings) == (1000, 1000, 15_000)
    assert (report.complete, report.connections) == (True, 3)
    for i, count in enumerate((334, 333, 333)):
        topic = f"chiiki/v1/farm-{i}/up/readings"
        assert [payload for at, payload in taken if at == topic] == [shape.payload(k) for k in range(count)]


async def test_one_account_may_send_for_many_devices(broker):
    broker.account("load", PASSWORD, write=["chiiki/#"])
    plan = LoadPlan(
        port=broker.port, accounts=(Account("load", PASSWORD),), devices=("a1", "b2"), messages=10
    )
    async with running(link_on(broker, "mqtt5")) as link:
        assert (await run_load(plan)).complete
        taken = await collect(link, 10)
    assert [topic.split("/")[2] for topic, _ in taken] == ["a1", "b2"] * 5


async def test_a_rate_is_kept(broker):
    plan = LoadPlan(port=broker.port, accounts=accounts(broker, 2), messages=300, rate=300)
    report = await run_load(plan)
    assert report.complete
    assert 0.95 < report.elapsed_s < 2


async def test_time_is_bounded(broker):
    plan = LoadPlan(port=broker.port, accounts=accounts(broker, 1), messages=1000, rate=100, time_s=0.3)
    report = await run_load(plan)
    assert not report.complete
    assert 0 < report.acknowledged <= report.sent < 100


async def test_a_refused_account_is_an_error(broker):
    plan = LoadPlan(port=broker.port, accounts=(Account("nobody", "wrong"),), messages=1)
    with pytest.raises(LoadError, match="nobody: the broker refuses the connection"):
        await run_load(plan)


@pytest.mark.parametrize("host", ["192.0.2.1", "0.0.0.0", "::", "203.0.113.9"])
async def test_other_machines_are_refused(host):
    with pytest.raises(LoadError, match="loopback addresses only"):
        await run_load(LoadPlan(host=host, port=9, accounts=(Account("a"),), messages=1))


@pytest.mark.parametrize(
    "wrong", [{"accounts": ()}, {"messages": 0}, {"messages": 10**9}, {"window": 65536}, {"time_s": 0}]
)
def test_plans_out_of_bounds_are_refused(wrong):
    with pytest.raises(LoadError):
        LoadPlan(**({"port": 1, "accounts": (Account("a"),)} | wrong))


def test_payloads_are_readings_and_differ():
    for shape in (ReadingsShape(), ReadingsShape(samples=12, boot="b")):
        payloads = [msgspec.json.decode(shape.payload(i)) for i in range(50)]
        instants = [at for p in payloads for at in (p["at"] if shape.samples > 1 else [p["at"]])]
        assert instants == [shape.start_ms + i * shape.step_ms for i in range(50 * shape.samples)]
        assert set(payloads[0]["values"]) == set(shape.quantities) <= set(QUANTITIES)
        assert shape.readings == 5 * shape.samples
        assert [p.get("seq") for p in payloads] == [i + 1 if shape.boot else None for i in range(50)]


def test_packets_are_cut_where_messages_end():
    packets = Packets(["t/a", "t/b"], ReadingsShape(), 4)
    shape = ReadingsShape()
    order = [(b"t/a", 0), (b"t/b", 0), (b"t/a", 1), (b"t/b", 1)]
    wanted = [publish_packet(topic, shape.payload(k), i + 1) for i, (topic, k) in enumerate(order)]
    assert bytes(packets.cut(1, 3)) == wanted[1] + wanted[2]
    assert bytes(packets.cut(0, 4)) == b"".join(wanted)


def test_command_line(broker, tmp_path: Path, capsys):
    names = {account.name: account.password for account in accounts(broker, 2)}
    file = tmp_path / "accounts.json"
    file.write_text(json.dumps(names))
    assert main(["--port", str(broker.port), "--accounts", str(file), "--messages", "50"]) == 0
    assert json.loads(capsys.readouterr().out)["acknowledged"] == 50
    assert main(["--port", str(broker.port), "--accounts", str(tmp_path / "none"), "--messages", "1"]) == 1
    assert "load: " in capsys.readouterr().err


def test_devices_are_divided_among_the_connections():
    accounts = tuple(Account(f"load-{i}") for i in range(3))
    plan = LoadPlan(port=1, accounts=accounts, devices=tuple(f"d{i}" for i in range(7)))
    devices = [plan.devices_of(account) for account in accounts]
    assert devices == [("d0", "d3", "d6"), ("d1", "d4"), ("d2", "d5")]
    with pytest.raises(LoadError, match="some would have none"):
        LoadPlan(port=1, accounts=accounts, devices=("d1",))
