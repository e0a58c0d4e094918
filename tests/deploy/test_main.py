"""The command line as a whole."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys

import pytest

from deploy.cli.main import COMMANDS, main
from deploy.settings import CHECKOUT


def test_help_names_every_command_and_is_quick(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    said = capsys.readouterr().out
    for name in COMMANDS:
        assert re.search(rf"^    {name}\b", said, re.MULTILINE), name
    heavy = "[name for name in ('psycopg', 'aiohttp', 'numpy') if name in sys.modules]"
    code = f"import sys; from deploy.cli.main import main; main([]); print({heavy})"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=CHECKOUT, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_has_its_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert importlib.import_module(f"deploy.cli.{COMMANDS[name][0]}").add.__annotations__
    try:
        code = main([name, "--help"])
    except SystemExit as end:
        code = end.code
    assert code == 0
    assert f"./chiiki {name}" in capsys.readouterr().out


def test_an_unknown_command_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["fly"])
    assert end.value.code == 2
    assert "fly" in capsys.readouterr().err


def test_an_expected_error_is_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHIIKI_HTTP_PORT", "many")
    assert main(["status"]) == 1
    assert capsys.readouterr().err == "chiiki: CHIIKI_HTTP_PORT must be a whole number, not 'many'\n"


def test_an_unexpected_error_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deploy.state.is_held", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        main(["status"])


@pytest.mark.parametrize("name", ["gateway", "api"])
def test_a_process_alone_says_what_it_needs(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CHIIKI_DATABASE_URL", raising=False)
    monkeypatch.delenv("CHIIKI_MQTT_URL", raising=False)
    assert main([name]) == 1
    assert (
        capsys.readouterr().err
        == "chiiki: set CHIIKI_DATABASE_URL, or use ./chiiki up, which runs everything here\n"
    )


def test_doctor_finds_this_machine_well(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, state_dir: object, programs: object
) -> None:
    monkeypatch.setenv("CHIIKI_STATE_DIR", str(state_dir))
    monkeypatch.setenv("CHIIKI_HTTP_PORT", "28873")
    monkeypatch.setenv("CHIIKI_MQTT_PORT", "28874")
    assert main(["doctor"]) == 0
    said = capsys.readouterr().out
    assert re.search(
        r"ok  services: PostgreSQL 17\.\d+ with TimescaleDB 2\.\d+\.\d+, mosquitto 2\.\d+\.\d+", said
    )
    assert "BAD" not in said
