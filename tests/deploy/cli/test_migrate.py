from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from analytics import library
from deploy.cli import migrate
from deploy.settings import Settings
from store.errors import SchemaError, StoreUnavailable
from store.migrate import read_migrations

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from deploy.embedded.provision import Programs

LAST = read_migrations()[-1].name


def test_a_current_database_has_nothing_to_do(ask: Callable[..., Any], tell: Callable[..., str]) -> None:
    assert ask("migrate") == {"applied": []}
    assert ask("migrate", "--check")["current"]
    assert "nothing" in tell("migrate")


def test_check_tells_what_is_pending_by_its_exit_code(
    command: Callable[..., int], capsys: pytest.CaptureFixture[str], database_url: str
) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("DELETE FROM schema_migrations WHERE name = %s", [LAST])
    assert command("migrate", "--check") == 1
    assert capsys.readouterr().out == f"pending {LAST}\n"


def test_a_database_without_schema_is_told_so(command: Callable[..., int], database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    with pytest.raises(SchemaError, match=r"run \./chiiki migrate"):
        command("lab", "list")


def test_a_database_that_does_not_exist_is_one_line(tmp_path: Path, database_url: str) -> None:
    settings = Settings(state_dir=tmp_path, database_url=make_conninfo(database_url, dbname="nowhere"))
    with pytest.raises(StoreUnavailable, match='"nowhere" does not exist') as caught:
        migrate.run(argparse.Namespace(check=False, json=False), settings)
    assert "\n" not in str(caught.value)


def test_check_leaves_an_embedded_database_as_it_is(
    state_dir: Path, programs: Programs, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = Settings(state_dir=state_dir)
    migrations = [migration.name for migration in read_migrations()]
    for _ in range(2):
        assert migrate.run(argparse.Namespace(check=True, json=True), settings) == 1
        assert json.loads(capsys.readouterr().out)["pending"] == migrations
    assert migrate.run(argparse.Namespace(check=False, json=True), settings) == 0
    applied = json.loads(capsys.readouterr().out)["applied"]
    assert applied[: len(migrations)] == migrations
    assert "jobs:schema" in applied
    assert sum(name.startswith("recipe:") for name in applied) == len(library.recipes())
