"""`chiiki import`, from the command line to the stored rows."""

from __future__ import annotations

import argparse
import json

import psycopg
import pytest

from deploy.cli import import_
from deploy.errors import DeployError


@pytest.fixture
def parser():
    parser = argparse.ArgumentParser()
    import_.add(parser.add_subparsers())
    return parser


def test_a_file_is_imported_and_told_of(parser, settings, tell, capsys, tmp_path):
    tell("device", "add", "north-1", "--lab", "shihoro", "--kind", "farm-station")
    path = tmp_path / "farm.csv"
    path.write_text("Zeit,T=1,rest\n2025-01-01 00:00,1.5,x\n2025-01-01 00:10,y,x\n")
    words = ["import", str(path), "--device", "north-1", "--time", "Zeit", "--tz", "Asia/Tokyo"]
    words += ["--map", "T=1=air_temperature", "--map", "rest="]
    args = parser.parse_args([*words, "--json"])
    assert args.run(args, settings) == 0
    told = json.loads(capsys.readouterr().out)
    assert told.pop("took_s") > 0
    assert told == {
        "readings": 2, "committed": 1, "duplicate": 0, "conflicting": 0, "quarantined": 1,
        "reasons": {"not_a_number": 1}, "again": 0,
    }  # fmt: skip
    args = parser.parse_args(words)
    assert args.run(args, settings) == 0
    out = "".join(capsys.readouterr())
    assert "taken in before" in out
    assert "not_a_number 1" in out
    assert settings.database_url is not None
    with psycopg.connect(settings.database_url) as connection:
        assert connection.execute("SELECT value FROM readings").fetchall() == [(1.5,)]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["none.csv"], "there is no file"),
        (["FILE", "--long", "a"], "name two columns"),
        (["FILE", "--map", "a"], "write NAME=VALUE"),
    ],
)
def test_mistakes_are_one_line(parser, settings, tmp_path, words, told):
    path = tmp_path / "a.csv"
    path.write_text("at,x\n")
    words = [str(path) if word == "FILE" else word for word in words]
    args = parser.parse_args(["import", *words, "--device", "north-1"])
    with pytest.raises(DeployError, match=told):
        args.run(args, settings)
