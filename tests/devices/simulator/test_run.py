"""A whole simulation on a real broker: history first, then the present, and a clean end."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import cbor2
import msgspec
import numpy as np
import pytest
from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from devices.simulator.feed import Columns
from devices.simulator.market import day_of
from devices.simulator.run import (
    Config,
    ConfigError,
    DeviceConfig,
    LotsConfig,
    chunks,
    make_unit,
    read_config,
    run,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PASSWORD = "a password of the test"
FISH = {"events", "verifications", "frames"}


class Reader:
    """Keeps every sample object and status by device."""

    def __init__(self, port: int) -> None:
        self.samples: dict[str, list[dict[str, Any]]] = {}
        self.statuses: dict[str, list[dict[str, Any]]] = {}
        self.fish: dict[str, list[dict[str, Any]]] = {}
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2)
        self.client.username_pw_set("chiiki-gateway", PASSWORD)
        self.client.on_message = self.take
        self.client.connect("127.0.0.1", port)
        self.client.subscribe("chiiki/v1/+/up/#", qos=1)
        self.client.loop_start()

    def take(self, _client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        device, _, name = message.topic.removeprefix("chiiki/v1/").partition("/up/")
        payload = cbor2.loads(message.payload) if name == "frames" else json.loads(message.payload)
        if name in FISH:
            self.fish.setdefault(device, []).extend(payload if isinstance(payload, list) else [payload])
            return
        kept = self.statuses if name == "status" else self.samples
        kept.setdefault(device, []).extend(payload if isinstance(payload, list) else [payload])

    def instants(self, device: str) -> list[int]:
        found: list[int] = []
        for sample in self.samples.get(device, []):
            found += sample["at"] if isinstance(sample["at"], list) else [sample["at"]]
        return found


@pytest.fixture
def reader(broker: Any) -> Iterator[Reader]:
    for name in ("farm-1", "farm-2", "echo-1"):
        broker.account(name, PASSWORD)
    broker.gateway(PASSWORD)
    reader = Reader(broker.port)
    yield reader
    reader.client.disconnect()
    reader.client.loop_stop()


def configuration(broker: Any) -> Config:
    devices = [
        {"name": "farm-1", "password": PASSWORD, "role": "farm-station", "seed": 1, "site": "s"},
        {
            "name": "farm-2",
            "password": PASSWORD,
            "role": "farm-station",
            "seed": 2,
            "site": "s",
            "simple": True,
        },
        {"name": "echo-1", "password": PASSWORD, "role": "echo-unit", "seed": 3, "history_days": 8},
    ]
    return msgspec.convert({"mqtt_url": broker.url, "devices": devices}, Config)


def wait_for(condition: Any, deadline_s: float = 20.0) -> None:
    end_at = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end_at, "did not happen in time"
        time.sleep(0.05)


def test_history_and_present_meet_without_gap_or_future(broker: Any, reader: Reader) -> None:
    stop = threading.Event()
    thread = threading.Thread(
        target=run, args=(configuration(broker), stop), kwargs={"history_days": 10, "speed": 20_000}
    )
    started = time.time()
    thread.start()
    wait_for(lambda: all(len(set(reader.instants(name))) >= 1440 for name in ("farm-1", "farm-2")))
    stop.set()
    thread.join(20)
    for name in ("farm-1", "farm-2"):
        instants = sorted(set(reader.instants(name)))
        assert set(np.diff(instants).tolist()) == {600_000}
        assert 0 <= started * 1_000 - 10 * 86_400_000 - instants[0] + 600_000 <= 600_000
        assert instants[-1] <= time.time() * 1_000
        assert reader.statuses[name][-1] == {"online": False, "simulated": True}
    assert {type(sample["at"]) for sample in reader.samples["farm-1"]} == {int, list}
    assert [sample["seq"] for sample in reader.samples["farm-1"]][:3] == [1, 2, 3]
    assert not any("seq" in sample for sample in reader.samples["farm-2"])
    assert 5 * 390 <= len(set(reader.instants("echo-1"))) <= 7 * 390


def test_the_program_ends_cleanly_on_sigterm(broker: Any, reader: Reader, tmp_path: Path) -> None:
    file = tmp_path / "simulator.json"
    file.write_bytes(msgspec.json.encode(configuration(broker)))
    process = subprocess.Popen([sys.executable, "-m", "devices.simulator", file, "--history-days", "1"])
    try:
        wait_for(lambda: len(reader.instants("farm-1")) >= 144)
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0
    finally:
        process.kill()
        process.wait()
    wait_for(lambda: all(said[-1]["online"] is False for said in reader.statuses.values()))
    assert set(reader.statuses) == {"farm-1", "farm-2", "echo-1"}


@pytest.mark.parametrize(
    ("text", "reason"),
    [("{", "truncated"), ("{}", "mqtt_url"), ('{"mqtt_url": "", "devices": [], "x": 1}', "x")],
)
def test_a_bad_configuration_is_one_line(text: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason) as caught:
        read_config(io.BytesIO(text.encode()))
    assert "\n" not in str(caught.value)


def test_the_program_says_so_and_returns_2(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "devices.simulator", tmp_path / "none.json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "none.json" in done.stderr


def test_columns_are_cut_into_sixties() -> None:
    columns = Columns(np.arange(130, dtype=np.int64), {"air_temperature": np.arange(130.0)})
    bodies = chunks(columns)
    assert [len(body["at"]) for body in bodies] == [60, 60, 10]  # type: ignore[arg-type]
    assert bodies[1]["values"] == {"air_temperature": [float(n) for n in range(60, 120)]}
    assert bodies[2]["at"][-1] == 129_000  # type: ignore[index]


def test_fish_of_whole_days_come_once_and_in_order_over_mqtt(broker: Any, reader: Reader) -> None:
    lots = {"history_days": 3, "stored": {}}
    device = {"name": "echo-1", "password": PASSWORD, "role": "echo-unit", "seed": 3, "lots": lots}
    config = msgspec.convert({"mqtt_url": broker.url, "devices": [device | {"history_days": 0}]}, Config)
    unit = make_unit(config.devices[0])
    assert unit is not None
    now = time.time()
    today = day_of(now)
    whole = {unit.boot(day): unit.total(day) for day in range(today - 3, today) if unit.total(day)}
    stop = threading.Event()
    thread = threading.Thread(target=run, args=(config, stop))
    thread.start()

    def seqs(boot: str) -> list[int]:
        return [body["seq"] for body in reader.fish.get("echo-1", []) if body["boot"] == boot]

    wait_for(lambda: all(len(set(seqs(boot))) == total for boot, total in whole.items()))
    stop.set()
    thread.join(20)
    assert whole
    for boot, total in whole.items():
        assert list(dict.fromkeys(seqs(boot))) == list(range(1, total + 1))
    assert all(body["at"] <= (time.time() + 1) * 1_000 for body in reader.fish["echo-1"])


@pytest.mark.parametrize("wrong", [{"role": "farm-station"}, {"role": "echo-unit", "simple": True}])
def test_lots_of_what_sorts_no_fish_are_refused(wrong: dict[str, Any]) -> None:
    device = msgspec.convert({"name": "a", "password": "", "lots": {}, **wrong}, DeviceConfig)
    with pytest.raises(ConfigError, match="a cannot have lots"):
        make_unit(device)


def test_a_fault_of_the_configuration_reaches_the_unit() -> None:
    lots = msgspec.convert({"checking": "doubtful", "fault": {"name": "gain", "from_s": 5}}, LotsConfig)
    unit = make_unit(DeviceConfig(name="a", password="", role="fish-sorter", lots=lots))
    assert unit is not None
    assert unit.fault is not None
    assert (unit.checking, unit.fault.name, unit.fault.until_s) == ("doubtful", "gain", float("inf"))
