"""A device's life: registered, let in, cut off; and what it sent before its kind's file was right."""

from __future__ import annotations

import itertools
import os
import signal
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from tests.e2e.installation import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.e2e.installation import Installation

WITHIN_S = 1.0
"""Promised for letting in and cutting off."""
AT = 1_780_000_000_000
KIND = """
name = "probe"
label_ja = "試作"
label_en = "prototype"
period_s = 60

[quantities.air_temperature]
unit = "degC"
"""
MENDED = '\n[quantities.soil_temperature]\nunit = "degC"\n'
_numbers = itertools.count(1)


class Connection:
    """One MQTT 5 connection by a client that knows nothing of Chiiki."""

    def __init__(self, port: int, name: str, password: str) -> None:
        self.name = name
        self.ended = threading.Event()
        self._answered = threading.Event()
        self._reason: Any = None
        self._results: dict[int, Any] = {}
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5, reconnect_on_failure=False
        )
        self._client.username_pw_set(name, password)
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = lambda *_: self.ended.set()
        self._client.on_publish = lambda _c, _d, mid, reason, _p: self._results.setdefault(mid, reason)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        assert self._answered.wait(5)

    def _on_connect(self, _client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        self._reason = reason
        self._answered.set()

    @property
    def is_let_in(self) -> bool:
        return not self._reason.is_failure

    def publish(self, payload: str, to: str | None = None) -> str:
        """Publish readings; returns the reason that the broker's PUBACK gives."""
        sent = self._client.publish(f"chiiki/v1/{to or self.name}/up/readings", payload, qos=1)
        return str(wait_for(lambda: self._results.get(sent.mid), 5, "no PUBACK"))

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
def connect(installation: Installation) -> Iterator[Callable[[str, str], Connection]]:
    opened: list[Connection] = []

    def make(name: str, password: str) -> Connection:
        opened.append(Connection(installation.mqtt_port, name, password))
        return opened[-1]

    yield make
    for connection in opened:
        connection.close()


@pytest.fixture(scope="module")
def staff(installation: Installation) -> str:
    """A token of Shihoro's staff."""
    return installation.token("staff", "shihoro")


@pytest.fixture
def register(installation: Installation, staff: str) -> Callable[..., tuple[str, str]]:
    def post(kind: str = "farm-station") -> tuple[str, str]:
        name = f"registry-{next(_numbers)}"
        status, answer = installation.ask("/api/v1/devices", staff, post={"name": name, "kind": kind})
        assert status == 201, answer
        assert answer["mqtt_username"] == name
        return name, answer["mqtt_password"]

    return post


def let_in(connect: Callable[[str, str], Connection], name: str, password: str) -> Connection:
    """Try until the broker lets the device in, at most for the promised second."""
    end_at = time.monotonic() + WITHIN_S
    while not (connection := connect(name, password)).is_let_in:
        assert time.monotonic() < end_at, f"{name} is not let in after {WITHIN_S:g} s"
        time.sleep(0.02)
    return connection


def reading(value: float, quantity: str = "air_temperature", at: int = AT) -> str:
    return f'{{"at": {at}, "values": {{"{quantity}": {value}}}}}'


def total(installation: Installation, name: str) -> dict[str, int]:
    page = installation.get(f"/api/v1/devices/{name}/ledger", installation.operator)
    assert page["balances"] is True
    counts: dict[str, int] = page["total"]
    return counts


def test_a_new_device_is_let_in_and_its_first_reading_is_seen(
    installation: Installation, staff: str, register: Any, connect: Any
) -> None:
    name, password = register()
    assert connect(name, "guessed").is_let_in is False

    assert let_in(connect, name, password).publish(reading(21.5)) == "Success"

    path = f"/api/v1/devices/{name}/latest"

    def seen() -> list[tuple[str, float]]:
        items = installation.get(path, staff)["items"]  # a series may be there before its first value
        return [(one["series"]["quantity"], one["newest"]["value"]) for one in items if one["newest"]]

    assert wait_for(seen, 2, "the reading is not seen") == [("air_temperature", 21.5)]
    status, problem = installation.ask(path, installation.token("staff", "sendai"))
    assert (status, problem["code"]) == (404, "not-found")


def test_a_revoked_device_is_cut_off_and_others_stay(
    installation: Installation, staff: str, register: Any, connect: Any
) -> None:
    (name, password), (other, others) = register(), register()
    gone, stays = let_in(connect, name, password), let_in(connect, other, others)

    status, answer = installation.ask(f"/api/v1/devices/{name}/revoke", staff, post={})
    assert status == 200
    assert answer["revoked_at"] is not None

    assert gone.ended.wait(WITHIN_S), "a revoked device is still connected"
    assert connect(name, password).is_let_in is False
    assert stays.publish(reading(1)) == "Success"
    assert not stays.ended.is_set()


def test_after_a_rotation_only_the_new_password_holds(
    installation: Installation, staff: str, register: Any, connect: Any
) -> None:
    name, old = register()
    before = let_in(connect, name, old)

    status, answer = installation.ask(f"/api/v1/devices/{name}/rotate", staff, post={})
    assert status == 200

    assert before.ended.wait(WITHIN_S), "the old password's connection stands"
    assert let_in(connect, name, answer["mqtt_password"]).publish(reading(2)) == "Success"
    assert connect(name, old).is_let_in is False


def test_a_device_cannot_speak_for_another(installation: Installation, register: Any, connect: Any) -> None:
    (name, password), (victim, victims) = register(), register()
    speaker = let_in(connect, name, password)

    assert speaker.publish(reading(66), to=victim) == "Not authorized"
    assert let_in(connect, victim, victims).publish(reading(20)) == "Success"

    counts = wait_for(lambda: total(installation, victim)["received"] and total(installation, victim), 5, "")
    assert (counts["received"], counts["committed"]) == (1, 1), "the other's reading came through"
    assert total(installation, name)["received"] == 0


def restart(installation: Installation, name: str) -> None:
    """End a process as an administrator would; the supervisor starts it again."""
    pid = installation.processes()[name]["pid"]
    os.kill(pid, signal.SIGTERM)

    def is_back() -> bool:
        now = installation.processes()[name]
        return now["pid"] not in {pid, None} and now["state"] == "running"

    wait_for(is_back, 15, f"{name} was not started again")


def test_what_was_quarantined_is_taken_in_after_the_mend(
    installation: Installation, staff: str, register: Any, connect: Any
) -> None:
    kind = installation.state_dir.parent / "kinds/probe.toml"
    kind.write_text(KIND)
    restart(installation, "api")
    wait_for(lambda: installation.ask("/ready")[0] == 200, 15, "the API does not come back")
    restart(installation, "gateway")
    name, password = register("probe")
    device = let_in(connect, name, password)
    device.publish(
        f'{{"at": [{AT}, {AT + 1000}], "values": {{"air_temperature": [1, 2], "soil_temperature": [8, 9]}}}}'
    )
    path = f"/api/v1/quarantine?device={name}"
    (kept,) = wait_for(lambda: installation.get(path, staff)["items"], 10, "nothing is in quarantine")
    assert (kept["reason"], kept["readings"], kept["state"]) == ("unknown_quantity", 2, "open")
    assert "soil_temperature" in kept["detail"]
    assert total(installation, name) | {"min_delay_ms": 0} == {
        "messages": 1, "received": 4, "committed": 2, "duplicate": 0, "conflicting": 0, "quarantined": 2,
        "min_delay_ms": 0,
    }  # fmt: skip

    kind.write_text(KIND + MENDED)
    restart(installation, "gateway")
    status, asked = installation.ask(f"/api/v1/quarantine/{kept['id']}/replay", staff, post={})
    assert status == 202, asked
    request = f"/api/v1/requests/{asked['id']}"
    wait_for(lambda: installation.get(request, staff)["state"] != "waiting", 15, "the replay does not end")
    assert installation.get(request, staff)["state"] == "done"

    readings = installation.get(f"/api/v1/devices/{name}/readings?quantity=soil_temperature", staff)
    assert [one["value"] for one in readings["readings"]] == [8, 9]
    after = total(installation, name)
    assert (after["received"], after["committed"], after["quarantined"]) == (4, 4, 0)
    assert installation.get(path, staff)["items"] == []
    assert installation.get(f"/api/v1/quarantine/{kept['id']}", staff)["state"] == "replayed"
