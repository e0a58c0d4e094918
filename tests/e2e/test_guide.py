"""The guide for device makers, done to the letter."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.installation import CHECKOUT, Installation, wait_for
from tests.e2e.publisher import Publisher

if TYPE_CHECKING:
    from collections.abc import Iterator

GUIDE = (CHECKOUT / "docs/guides/device-makers.md").read_text()
EXAMPLE = CHECKOUT / "docs/guides/examples/buffered_device.py"
JSON = re.findall(r"```json\n(.*?)```", GUIDE, re.DOTALL)
SHELL = re.findall(r"```sh\n(.*?)```", GUIDE, re.DOTALL)
STATUSES = [text for text in re.findall(r"`(\{.*?\})`", GUIDE) if "online" in text]
STAND_IN = Path(__file__).parent / "mosquitto_pub.py"
REAL = shutil.which("mosquitto_pub")
CLIENT = "mosquitto_pub" if REAL else "stand-in, since mosquitto_pub is not installed here"
SAMPLES = 300
MEASURE = 'return {"air_temperature": 21.5, "relative_humidity": 64.0}'
COUNTING = """
    global taken
    taken = taken + 1 if "taken" in globals() else int(os.environ["FIRST"])
    with open(os.environ["TAKEN"], "a") as log:
        print(taken, file=log)
    return {"air_temperature": taken / 100}
"""


def add(installation: Installation, name: str, kind: str = "farm-station") -> str:
    told = installation.told("device", "add", name, "--lab", "shihoro", "--kind", kind)
    return str(told["password"])


def ledger(installation: Installation, name: str) -> dict[str, int]:
    total: dict[str, int] = installation.get(f"/api/v1/devices/{name}/ledger", installation.operator)["total"]
    return total


def stored(installation: Installation, name: str) -> list[float]:
    path = f"/api/v1/devices/{name}/readings?quantity=air_temperature&limit=5000"
    return [one["value"] for one in installation.get(path, installation.operator)["readings"]]


def topic_of(message: Any) -> str:
    """Name the last level of the topic on which the guide shows a message."""
    sample = message[0] if isinstance(message, list) else message
    return "readings" if "values" in sample else "verifications" if "event" in sample else "events"


def count_readings(message: Any) -> int:
    samples = message if isinstance(message, list) else [message]
    if topic_of(message) != "readings":
        return len(samples)
    return sum(
        len(column) if isinstance(column, list) else 1
        for sample in samples
        for column in sample["values"].values()
    )


@pytest.mark.parametrize("number", range(len(JSON)))
def test_every_json_example_is_committed_as_shown(installation: Installation, number: int) -> None:
    name = f"guide-{number}"
    topic, expected = topic_of(json.loads(JSON[number])), count_readings(json.loads(JSON[number]))
    kind = "farm-station" if topic == "readings" else "echo-unit"
    publisher = Publisher(installation.mqtt_port, name, add_and_let_in(installation, name, kind))
    publisher.publish([JSON[number].encode()], topic)
    publisher.close()

    wait_for(lambda: ledger(installation, name)["received"], 5, "nothing was received")
    total = ledger(installation, name)
    assert (total["received"], total["committed"]) == (expected, expected)


def add_and_let_in(installation: Installation, name: str, kind: str = "farm-station") -> str:
    """Add a device; the broker knows it within a second."""
    password = add(installation, name, kind)
    time.sleep(1)
    return password


def test_the_guide_has_examples_of_all_three_shapes() -> None:
    messages = [message for message in map(json.loads, JSON) if topic_of(message) == "readings"]
    shapes = {"list" if isinstance(m, list) else type(m["at"]).__name__ + "s" for m in messages}
    assert len(messages) == len(shapes) == 3
    assert {topic_of(json.loads(text)) for text in JSON} == {"readings", "events", "verifications"}


def test_every_status_shown_is_understood(installation: Installation) -> None:
    name = "guide-status"
    publisher = Publisher(installation.mqtt_port, name, add_and_let_in(installation, name))
    assert len(STATUSES) == 3
    for status in STATUSES:
        publisher.publish([status.encode()], "status")
    publisher.publish([b'{"at": 1780272000000, "values": {"air_temperature": 1}}'])
    publisher.close()

    wait_for(lambda: ledger(installation, name)["committed"], 5, "what was sent after them did not come")
    assert ledger(installation, name)["quarantined"] == 0
    device = installation.get(f"/api/v1/devices/{name}", installation.operator)
    assert device["health"]["status"] is not None


def run_shell(installation: Installation, block: str, folder: Path, **environ: str) -> str:
    """Run a block of the guide as it stands, but for the ports and the launcher."""
    block = block.replace("18830", str(installation.mqtt_port)).replace("8800", str(installation.http_port))
    block = block.replace("./chiiki ", f"{sys.executable} -m deploy ")
    try:
        done = subprocess.run(
            ["/bin/sh", "-euc", block],
            cwd=folder,
            env={**installation.environ, "PYTHONPATH": str(CHECKOUT), **environ},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    except subprocess.TimeoutExpired as late:
        pytest.fail(f"{block}{late}: {late.stdout} {late.stderr}\n{installation.evidence()}")
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def programs_path(tmp_path: Path) -> str:
    """A path with mosquitto_pub on it."""
    if REAL is None:
        program = tmp_path / "mosquitto_pub"
        program.write_text(f'#!/bin/sh\nexec {sys.executable} {STAND_IN} "$@"\n')
        program.chmod(0o755)
    return f"{tmp_path}:{os.environ['PATH']}"


@pytest.mark.parametrize("client", [CLIENT])
def test_five_minutes(installation: Installation, tmp_path: Path, programs_path: str, client: str) -> None:
    adding, publishing, looking, buffered = SHELL
    said = run_shell(installation, adding, tmp_path)
    shown = re.search(r"MQTT password\s+(\S+)", said)
    assert shown, said
    time.sleep(1)

    run_shell(installation, publishing, tmp_path, PASSWORD=shown[1], PATH=programs_path)
    wait_for(lambda: ledger(installation, "my-station")["committed"] == 2, 5, "two readings were sent")
    answer = json.loads(
        run_shell(installation, looking, tmp_path, TOKEN=installation.token("viewer", "shihoro"))
    )
    values = {item["series"]["quantity"]: item["newest"]["value"] for item in answer["items"]}
    assert values == {"air_temperature": 21.5, "relative_humidity": 64}
    assert {item["newest"]["at"] for item in answer["items"]} == {"2026-06-01T00:00:00Z"}

    shutil.copy(EXAMPLE, tmp_path)
    block = buffered.replace("PASSWORD=…", f"PASSWORD={shown[1]}").replace("python ", f"{sys.executable} ")
    run_shell(installation, block, tmp_path, COUNT="3", PERIOD_S="0.05")
    assert ledger(installation, "my-station")["committed"] == 2 + 3 * 2
    assert not installation.get("/api/v1/quarantine?device=my-station", installation.operator)["items"]


class Buffered:
    """The example as a maker would use it: copied, with a sensor of his own, which notes what it measured."""

    def __init__(self, installation: Installation, folder: Path, name: str) -> None:
        source = EXAMPLE.read_text()
        assert MEASURE in source
        self.script = folder / "my_device.py"
        self.script.write_text(source.replace(MEASURE, COUNTING.strip()))
        self.log = folder / "taken"
        self.log.touch()
        self.buffer = folder / "buffer.sqlite"
        self.said = folder / "said"
        self.environ = {
            "PATH": os.environ["PATH"],
            "BROKER": f"127.0.0.1:{installation.mqtt_port}",
            "DEVICE": name,
            "PASSWORD": add_and_let_in(installation, name),
            "PERIOD_S": "0.01",
            "RESEND_S": "2",
            "BUFFER": str(self.buffer),
            "TAKEN": str(self.log),
        }
        self.running: subprocess.Popen[bytes] | None = None

    def start(self, samples: int) -> subprocess.Popen[bytes]:
        own = {"COUNT": str(samples), "FIRST": str(len(self.taken()) + 1)}
        with self.said.open("ab") as said:
            self.running = subprocess.Popen(
                [sys.executable, str(self.script)], env={**self.environ, **own}, stdout=said, stderr=said
            )
        return self.running

    def taken(self) -> list[int]:
        return [int(line) for line in self.log.read_text().split()]

    def unsent(self) -> int:
        disk = sqlite3.connect(self.buffer)
        count: int = disk.execute("SELECT count(*) FROM unsent").fetchone()[0]
        disk.close()
        return count


@pytest.fixture
def buffered(installation: Installation, tmp_path: Path) -> Iterator[Buffered]:
    device = Buffered(installation, tmp_path, "guide-buffered")
    yield device
    if device.running is not None:
        device.running.kill()
        device.running.wait(10)


def forget_what_was_acknowledged(installation: Installation, buffered: Buffered) -> None:
    """Let the broker acknowledge samples that the gateway cannot take, and kill it before it saves them."""
    before = len(buffered.taken())
    wait_for(lambda: len(buffered.taken()) > before + 20, 20, "the device does not measure after its kill")
    processes = installation.processes()
    os.kill(processes["gateway"]["pid"], signal.SIGSTOP)
    wait_for(lambda: len(buffered.taken()) > before + 90, 20, "the device stopped without its gateway")
    os.kill(processes["broker"]["pid"], signal.SIGKILL)
    os.kill(processes["gateway"]["pid"], signal.SIGCONT)
    assert len(buffered.taken()) < before + SAMPLES, "the kill came too late to be in the middle"


def test_the_buffered_device_loses_nothing(installation: Installation, buffered: Buffered) -> None:
    first = buffered.start(SAMPLES)
    wait_for(lambda: len(buffered.taken()) > SAMPLES // 4, 20, "the device does not measure")
    broker = installation.processes()["broker"]["pid"]
    os.kill(broker, signal.SIGKILL)
    wait_for(lambda: len(buffered.taken()) > SAMPLES // 2, 20, "the device stopped without its broker")
    first.kill()
    first.wait(10)
    in_first = buffered.taken()
    assert len(in_first) < SAMPLES, "the kill came too late to be in the middle"
    assert buffered.unsent() > 0, "nothing was in the buffer at the kill"

    second = buffered.start(SAMPLES)
    forget_what_was_acknowledged(installation, buffered)
    wait_for(
        lambda: second.poll() is not None,
        60,
        lambda: (
            f"{buffered.unsent()} samples are not committed\n{buffered.said.read_text()}\n"
            + installation.evidence()
        ),
    )
    assert second.returncode == 0, buffered.said.read_text()

    assert installation.processes()["broker"]["pid"] != broker
    assert buffered.unsent() == 0
    taken = buffered.taken()
    assert len(taken) == len(in_first) + SAMPLES
    values = [round(value * 100) for value in stored(installation, "guide-buffered")]
    # A sample that was being measured at the kill may not have reached the buffer.
    assert values in (taken, [number for number in taken if number != in_first[-1]])
    total = ledger(installation, "guide-buffered")
    assert total["committed"] == len(values)
    assert total["conflicting"] == total["quarantined"] == 0
