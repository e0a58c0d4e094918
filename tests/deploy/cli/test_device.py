from __future__ import annotations

import json
import shlex
import subprocess
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from deploy.errors import SettingsError
from devices.credentials import verify_password
from devices.errors import DeviceError
from devices.kinds import load_kinds
from store.errors import StoreConflict, StoreMissing

if TYPE_CHECKING:
    from collections.abc import Callable

NEW = ("device", "add", "north-1", "--lab", "shihoro", "--kind", "farm-station")


def stored_hash(url: str) -> str:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT password_hash FROM devices WHERE name = 'north-1'").fetchone()
    assert row is not None
    return str(row[0])


def test_add_gives_a_password_that_the_broker_knows(ask: Callable[..., Any], database_url: str) -> None:
    said = ask(*NEW, "--label", "北の温室")
    assert verify_password(said["password"], stored_hash(database_url))
    assert said["device"]["label"] == "北の温室"
    assert (said["user"], said["port"], said["topic"]) == ("north-1", 18831, "chiiki/v1/north-1/up/readings")


def test_the_password_is_shown_once(tell: Callable[..., str], ask: Callable[..., Any]) -> None:
    password = next(line.split()[-1] for line in tell(*NEW).splitlines() if "MQTT password" in line)
    for argv in (["device", "list"], ["device", "show", "north-1"], ["device", "revoke", "north-1"]):
        assert password not in tell(*argv)
        assert "password" not in json.dumps(ask(*argv))


def test_the_ready_line_publishes_a_reading_of_now(tell: Callable[..., str]) -> None:
    """The shell is asked what `mosquitto_pub` would get: the words, and JSON with a quantity of the kind."""
    line = next(line for line in tell(*NEW).splitlines() if line.startswith("mosquitto_pub"))
    arguments = line.removeprefix("mosquitto_pub")
    script = f"set -- {arguments}; printf '%s\\n' \"$@\""
    words = subprocess.run(
        ["sh", "-c", script], check=True, capture_output=True, text=True
    ).stdout.splitlines()
    message = json.loads(words[words.index("-m") + 1])
    assert words[words.index("-t") + 1] == "chiiki/v1/north-1/up/readings"
    assert words[words.index("-u") + 1] == "north-1"
    assert 1_700_000_000_000 < message["at"] < 10_000_000_000_000
    (key,) = message["values"]
    assert key.partition("@")[0] in load_kinds()["farm-station"].quantities
    assert shlex.split(line)


def test_what_cannot_be_is_told(command: Callable[..., int], ask: Callable[..., Any]) -> None:
    ask(*NEW)
    with pytest.raises(StoreConflict, match="already a device 'north-1'"):
        command(*NEW)
    with pytest.raises(SettingsError, match=r"no kind 'tricorder': choose one of .*farm-station"):
        command("device", "add", "north-2", "--lab", "shihoro", "--kind", "tricorder")
    with pytest.raises(StoreMissing, match="no lab 'atlantis'"):
        command("device", "add", "north-2", "--lab", "atlantis", "--kind", "farm-station")
    with pytest.raises(DeviceError, match="belong to the services"):
        command("device", "add", "chiiki-x", "--lab", "shihoro", "--kind", "farm-station")
    for verb in ("show", "revoke", "restore", "rotate"):
        with pytest.raises(StoreMissing, match="no device 'north-2'"):
            command("device", verb, "north-2")
    assert [device["name"] for device in ask("device", "list")] == ["north-1"]


def test_revoke_restore_rotate(ask: Callable[..., Any], tell: Callable[..., str], database_url: str) -> None:
    first = ask(*NEW)["password"]
    assert ask("device", "revoke", "north-1")["revoked"]
    assert "stays revoked" in tell("device", "rotate", "north-1")
    assert not ask("device", "restore", "north-1")["revoked"]
    second = ask("device", "rotate", "north-1")["password"]
    assert second != first
    assert verify_password(second, stored_hash(database_url))
    assert not verify_password(first, stored_hash(database_url))


def test_list_is_of_a_lab_or_of_all(ask: Callable[..., Any], tell: Callable[..., str]) -> None:
    ask(*NEW, "--simulated")
    assert [device["simulated"] for device in ask("device", "list", "--lab", "shihoro")] == [True]
    assert ask("device", "list", "--lab", "kaga") == []
    assert "north-1" in tell("device", "list")


def test_kinds_need_no_database(ask: Callable[..., Any], tell: Callable[..., str]) -> None:
    assert "farm-station" in [kind["name"] for kind in ask("device", "kinds")]
    assert "air_temperature" in tell("device", "kinds")
