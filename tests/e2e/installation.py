"""An installation as its users have it: ``up`` or ``demo`` as a process, the command line, HTTP."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deploy.embedded import ports
from deploy.embedded.process import Process

if TYPE_CHECKING:
    from collections.abc import Callable

CHECKOUT = Path(__file__).parents[2]
READY = "ready http://"
START_S = 90.0


class Installation:
    """``./chiiki up`` or ``./chiiki demo`` with a state directory and ports of its own."""

    def __init__(self, command: str, folder: Path, **settings: str) -> None:
        self.state_dir = folder / "state"
        self.http_port, self.mqtt_port = ports.free_port(), ports.free_port()
        own = {
            "CHIIKI_STATE_DIR": str(self.state_dir),
            "CHIIKI_HTTP_PORT": str(self.http_port),
            "CHIIKI_MQTT_PORT": str(self.mqtt_port),
        }
        self.environ = {**os.environ, **own, **settings}
        self.process = Process(
            [sys.executable, "-m", "deploy", command],
            log=folder / f"{command}.log",
            cwd=CHECKOUT,
            environ=self.environ,
        )

    def start(self) -> float:
        """Start it; returns after how many seconds it said that it is ready."""
        self.process.log.unlink(missing_ok=True)
        began_s = time.monotonic()
        self.process.spawn()
        while READY not in (said := self.process.log.read_text()):
            assert self.process.ended() is None, f"it ended: {said}"
            assert time.monotonic() < began_s + START_S, f"not ready after {START_S:.0f} s: {said}"
            time.sleep(0.02)
        return time.monotonic() - began_s

    def stop(self) -> float:
        """End it with SIGTERM; returns how long that took."""
        began_s = time.monotonic()
        self.process.signal(signal.SIGTERM)
        self.process.wait(60)
        return time.monotonic() - began_s

    @property
    def said(self) -> str:
        """What it told its user so far."""
        return self.process.log.read_text()

    def evidence(self) -> str:
        """What the gateway counts and logged: for the message of a test that fails."""
        metrics = self.ask("/metrics")[1].splitlines()
        log = (self.state_dir / "logs/gateway.log").read_text().splitlines()
        return "\n".join([*(line for line in metrics if line.startswith("chiiki_gateway")), *log[-20:]])

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run ``./chiiki …`` on this installation."""
        return subprocess.run(
            [sys.executable, "-m", "deploy", *arguments],
            cwd=CHECKOUT,
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def told(self, *arguments: str) -> Any:
        """Run ``./chiiki … --json`` and return its answer."""
        done = self.command(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def processes(self) -> dict[str, dict[str, Any]]:
        """What ``status`` says of each process, by name."""
        return {one["name"]: one for one in self.told("status")["processes"]}

    @property
    def operator(self) -> str:
        """The operator's API token, which the first start made."""
        return (self.state_dir / "operator-token").read_text().strip()

    def token(self, role: str, lab: str | None = None) -> str:
        """Make an API token."""
        of_lab = ["--lab", lab] if lab else []
        return str(self.told("token", "add", "--role", role, *of_lab)["token"])

    def ask(
        self, path: str, token: str | None = None, *, post: dict[str, Any] | None = None
    ) -> tuple[int, Any]:
        """Ask the API, by POST where there is something to post; returns status and what came."""
        url = path if path.startswith("http") else f"http://127.0.0.1:{self.http_port}{path}"
        return ask(url, token, post=post)

    def get(self, path: str, token: str | None = None) -> Any:
        """Ask the API for what must be there."""
        status, answer = self.ask(path, token)
        assert status == 200, answer
        return answer


def ask(url: str, token: str | None = None, *, post: dict[str, Any] | None = None) -> tuple[int, Any]:
    """Ask an API, by POST where there is something to post; returns status and what came."""
    headers = {"Content-Type": "application/json"} if post is not None else {}
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    data = None if post is None else json.dumps(post).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=10) as answer:
            status, raw, media = answer.status, answer.read(), answer.headers["Content-Type"]
    except urllib.error.HTTPError as error:
        with error:
            status, raw, media = error.code, error.read(), error.headers["Content-Type"]
    return status, json.loads(raw) if "json" in media else raw.decode()


def wait_for(what: Callable[[], Any], deadline_s: float, told: str | Callable[[], str]) -> Any:
    """Ask again and again until the answer is true; returns it."""
    end_at = time.monotonic() + deadline_s
    while not (answer := what()):
        if time.monotonic() > end_at:
            raise AssertionError(f"after {deadline_s:g} s: {told if isinstance(told, str) else told()}")
        time.sleep(0.02)
    return answer


def at_work_for(state_dir: Path) -> dict[int, int]:
    """All processes that were given the state directory, with their parents: pid → ppid."""
    found = {}
    mark = os.fsencode(state_dir)
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            knows = mark in (folder / "environ").read_bytes() or mark in (folder / "cmdline").read_bytes()
            if knows:
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
                found[int(folder.name)] = int(fields[1])
        except OSError:  # ended meanwhile
            continue
    return found
