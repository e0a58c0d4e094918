from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

import pytest

from deploy.cli import device, field, lab, migrate, planting, quarantine, recipe, token
from deploy.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    return Settings(state_dir=tmp_path, database_url=database_url, mqtt_port=18831)


@pytest.fixture
def command(settings: Settings) -> Callable[..., int]:
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers()
    for module in (device, field, lab, migrate, planting, quarantine, recipe, token):
        module.add(commands)

    def run(*argv: object) -> int:
        args = parser.parse_args([str(word) for word in argv])
        return int(args.run(args, settings))

    return run


@pytest.fixture
def tell(command: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Run a command that works and give what it prints."""

    def run(*argv: object) -> str:
        capsys.readouterr()
        assert command(*argv) == 0
        return capsys.readouterr().out

    return run


@pytest.fixture
def ask(tell: Callable[..., str]) -> Callable[..., Any]:
    """Run a command with --json and give what it says."""
    return lambda *argv: json.loads(tell(*argv, "--json"))
