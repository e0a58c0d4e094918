"""`up` as a user runs it: a process of its own, real services, signals."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from deploy.cli.status import NOT_RUNNING
from deploy.demo import DEVICES
from deploy.embedded.ports import free_port, is_open
from deploy.privilege import process_user
from deploy.settings import CHECKOUT, load
from deploy.supervisor import Supervisor, without_account

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ENDS_WITH_US = ("setpriv", "--pdeathsig", "TERM", "--")
"""So that nothing is left of a run of the tests that is killed."""
PARTS = {"supervisor", "postgres", "broker", "gateway", "api", "worker"}


class Installation:
    """The command line on a state directory of its own."""

    def __init__(self, state_dir: Path, **environ: str) -> None:
        self.http_port = free_port()
        self.environ = {
            **{name: value for name, value in os.environ.items() if not name.startswith("CHIIKI_")},
            **{name: value for name, value in os.environ.items() if name == "CHIIKI_CACHE_DIR"},
            "CHIIKI_STATE_DIR": str(state_dir),
            "CHIIKI_HTTP_PORT": str(self.http_port),
            "CHIIKI_MQTT_PORT": str(free_port()),
            "PYTHONPATH": str(CHECKOUT),
            **environ,
        }
        self.state_dir = state_dir
        self.output = state_dir / "output"
        self.process: subprocess.Popen[bytes] | None = None

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-P", "-m", "deploy", *arguments], env=self.environ, cwd="/",
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    def start(self, command: str = "up") -> float:
        """Start `up` and wait for ``ready``; returns how long it took, in seconds."""
        started_at = time.monotonic()
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [*ENDS_WITH_US, sys.executable, "-P", "-m", "deploy", command], env=self.environ, cwd="/",
                stdout=output, stderr=output,
            )  # fmt: skip
        while "\nready " not in "\n" + self.output.read_text():
            assert self.process.poll() is None, self.output.read_text()
            assert time.monotonic() - started_at < 60, self.output.read_text()
            time.sleep(0.02)
        return time.monotonic() - started_at

    def status(self) -> dict[str, Any]:
        status: dict[str, Any] = json.loads(self.run("status", "--json").stdout)
        return status

    def parts(self) -> dict[str, dict[str, Any]]:
        return {one["name"]: one for one in self.status()["processes"]}

    def leftovers(self) -> list[str]:
        """Processes of this installation that still run."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                environ = (folder / "environ").read_bytes()
                state = (folder / "stat").read_text().rpartition(")")[2].split()[0]
            except OSError:
                continue
            ours = f"CHIIKI_STATE_DIR={self.state_dir}\0".encode() in environ
            if ours and state != "Z":
                found.append((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        return found

    def end(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


@pytest.fixture
def installation(state_dir: Path, programs: object) -> Iterator[Installation]:
    found = Installation(state_dir)
    yield found
    found.end()


def wait_for(condition: Any, deadline_s: float = 20.0) -> None:
    end_at = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end_at, f"not within {deadline_s} s"
        time.sleep(0.05)


def test_from_up_to_stop(installation: Installation) -> None:
    assert installation.run("status").returncode == NOT_RUNNING
    installation.start()
    parts = installation.parts()
    assert set(parts) == PARTS
    for part in parts.values():
        assert part["state"] == "running"
        assert Path(f"/proc/{part['pid']}").exists()
    user, _ = process_user(load({"CHIIKI_STATE_DIR": str(installation.state_dir)}))
    for name in ("gateway", "api", "worker"):
        assert Path(f"/proc/{parts[name]['pid']}").stat().st_uid == (user.uid if user else os.geteuid())
    for name in ("postgres", "broker", "api"):
        assert is_open("127.0.0.1", parts[name]["port"])
    with urllib.request.urlopen(f"http://127.0.0.1:{installation.http_port}/ready", timeout=5) as answer:
        assert answer.status == 200
    token = installation.state_dir / "operator-token"
    assert token.stat().st_mode & 0o777 == 0o600

    second = installation.run("up")
    assert second.returncode == 1
    assert f"already running: pid {parts['supervisor']['pid']}, http://127.0.0.1" in second.stderr
    assert second.stderr.count("\n") == 1

    stopped = installation.run("stop")
    assert (stopped.returncode, stopped.stdout) == (0, "stopped\n")
    assert installation.process is not None
    assert installation.process.wait(5) == 0
    assert installation.leftovers() == []
    assert installation.run("status").returncode == NOT_RUNNING
    installation.start()
    assert token.read_text().startswith("ck_")


def test_what_dies_is_started_again(installation: Installation) -> None:
    installation.start()
    for name in ("gateway", "worker", "postgres", "broker"):
        before = installation.parts()[name]
        os.kill(before["pid"], signal.SIGKILL)
        wait_for(lambda name=name: installation.parts()[name]["restarts"] == 1)
        wait_for(lambda name=name: installation.parts()[name]["state"] == "running")
        after = installation.parts()[name]
        assert after["pid"] != before["pid"]
        assert after["port"] == before["port"]
        assert f"{name} ended (SIGKILL), starting it again" in installation.output.read_text()


def test_ctrl_c_during_the_start_leaves_nothing(installation: Installation) -> None:
    with installation.output.open("wb") as output:
        process = subprocess.Popen(
            [*ENDS_WITH_US, sys.executable, "-P", "-m", "deploy", "up"], env=installation.environ, cwd="/",
            stdout=output, stderr=output,
        )  # fmt: skip
    wait_for((installation.state_dir / "postgres/made").exists)
    process.send_signal(signal.SIGINT)
    process.wait(60)
    assert installation.leftovers() == []
    assert "Traceback" not in installation.output.read_text()


def test_a_killed_supervisor_leaves_no_process(installation: Installation) -> None:
    installation.start()
    assert installation.process is not None
    installation.process.kill()
    installation.process.wait()
    wait_for(lambda: installation.leftovers() == [], 30)
    assert installation.run("status").returncode == NOT_RUNNING
    installation.start()


def test_a_taken_port_is_one_line(installation: Installation) -> None:
    import socket

    with socket.create_server(("127.0.0.1", installation.http_port)):
        failed = installation.run("up")
    assert failed.returncode == 1
    assert failed.stderr.splitlines()[-1].startswith(f"chiiki: port {installation.http_port} is taken by ")
    assert "CHIIKI_HTTP_PORT" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert installation.leftovers() == []


def test_a_command_without_up_has_a_database_for_the_duration(installation: Installation) -> None:
    listed = installation.run("lab", "list", "--json")
    assert listed.returncode == 0, listed.stderr
    assert "shihoro" in listed.stdout
    assert installation.leftovers() == []


def test_no_password_is_shown() -> None:
    assert without_account("mqtts://me:se%40cret@broker:8883") == "mqtts://broker:8883"
    assert without_account("mqtt://broker") == "mqtt://broker"


def test_nothing_is_lost_of_a_device_that_tries_from_the_beginning(
    installation: Installation, connect: Callable[..., Any]
) -> None:
    """What the broker acknowledges before the gateway has a session would be forgotten."""
    added = installation.run("device", "add", "north-1", "--lab=shihoro", "--kind=farm-station", "--json")
    password = json.loads(added.stdout)["password"]
    port, first_at = int(installation.environ["CHIIKI_MQTT_PORT"]), round(time.time()) - 100_000
    acknowledged, refused, ready = [], [], threading.Event()

    def be_a_device() -> None:
        while not ready.wait(0.05):
            if not is_open("127.0.0.1", port):
                continue
            client = connect(port, "north-1", password)
            client.answered.wait(5)
            if not client.connected.is_set():
                refused.append(client.refused)
                continue
            for n in range(20):
                payload = {"at": 1000 * (first_at + n), "values": {"air_temperature": 20.5}}
                said = client.publish("chiiki/v1/north-1/up/readings", json.dumps(payload).encode())
                acknowledged.append(said)
            return

    device = threading.Thread(target=be_a_device)
    device.start()
    try:
        installation.start()
        device.join(15)
    finally:
        ready.set()
        device.join()
    assert refused, "it did not try early enough to prove anything"
    assert acknowledged == ["Success"] * 20
    wait_for(lambda: ledger(installation, "north-1")["committed"] == 20)


def ledger(installation: Installation, device: str) -> dict[str, int]:
    token = (installation.state_dir / "operator-token").read_text().strip()
    request = urllib.request.Request(
        f"http://127.0.0.1:{installation.http_port}/api/v1/devices/{device}/ledger",
        headers={"Authorization": f"Bearer {token}"},
    )
    with urllib.request.urlopen(request, timeout=5) as answer:
        total: dict[str, int] = json.load(answer)["total"]
    return total


def test_the_demo_sends_only_what_is_missing(installation: Installation) -> None:
    names = [device.name for device in DEVICES]

    def committed() -> int:
        return sum(ledger(installation, name)["committed"] for name in names)

    installation.start("demo")
    seen = [0, committed()]
    while seen[-1] > seen[-2] or seen[-1] < 100_000:
        time.sleep(1)
        seen.append(committed())
    installation.end()
    installation.start("demo")
    assert (installation.state_dir / "demo-simulator.json").stat().st_mode & 0o777 == 0o600
    time.sleep(3)
    for name in names:
        total = ledger(installation, name)
        assert total["committed"] == total["received"] > 0, (name, total)


async def test_what_is_done_beside_tells_where_it_fails(tmp_path: Path) -> None:
    said: list[str] = []
    supervisor = Supervisor(load({"CHIIKI_STATE_DIR": str(tmp_path)}), None, said.append)

    async def fail() -> None:
        raise ValueError("no such field")

    async def last() -> None:
        await asyncio.sleep(3600)

    supervisor.beside(fail(), "demo.grow")
    supervisor.beside(last(), "demo.last")
    await asyncio.sleep(0.05)
    await supervisor._stop()
    assert said == ["demo.grow failed: no such field"]
