"""The migrations add up to what the queries expect: each query prepares, and each column is used."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import psycopg
import pytest

STORE = Path(__file__).parents[2] / "store"
PREPARED = ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH", "MERGE")
# PREPARE has no types of parameters, which psycopg sends: these complaints are of that alone.
UNTYPED = {"42P18", "42725"}


def read_queries() -> dict[str, str]:
    queries = {}
    for path in sorted(STORE.glob("*.py")):
        module = importlib.import_module(f"store.{path.stem}")
        for name, value in vars(module).items():
            if name.lstrip("_").isupper() and isinstance(value, str) and " " in value.strip():
                queries[f"{path.stem}.{name}"] = value
    return queries


QUERIES = read_queries()


def number_parameters(query: str) -> str:
    """Write psycopg's placeholders as PREPARE wants them."""
    names: dict[str, int] = {}

    def number(match: re.Match[str]) -> str:
        if match.group() == "%%":
            return "%"
        return f"${names.setdefault(match.group(1) or str(match.start()), len(names) + 1)}"

    return re.sub(r"%%|%(?:\((\w+)\))?[sbt]", number, query)


@pytest.fixture(scope="module")
def statements() -> dict[str, str]:
    return {
        name: query
        for name, query in QUERIES.items()
        if query.strip().upper().startswith(PREPARED) and "{" not in query
    }


def test_every_query_fits_the_schema(database_url: str, statements: dict[str, str]) -> None:
    broken = {}
    with psycopg.connect(database_url, autocommit=True) as connection:
        for query in QUERIES.values():
            if re.match(r"\s*CREATE TEMP", query) and "{" not in query:
                connection.execute(query.encode().replace(b"ON COMMIT DROP", b""))
        for name, query in statements.items():
            try:
                connection.execute(f"PREPARE p AS {number_parameters(query)}".encode())
                connection.execute("DEALLOCATE p")
            except psycopg.Error as error:
                if error.sqlstate not in UNTYPED:
                    broken[name] = str(error).splitlines()[0]
    assert broken == {}
    assert len(statements) > 30


def test_a_query_that_does_not_fit_is_noticed(database_url: str) -> None:
    with psycopg.connect(database_url) as connection, pytest.raises(psycopg.errors.UndefinedColumn):
        connection.execute(
            f"PREPARE p AS {number_parameters('SELECT colour FROM devices WHERE id = %(id)s')}"
        )


def test_every_column_is_used(database_url: str) -> None:
    words = set(re.findall(r"\w+", " ".join(QUERIES.values())))
    with psycopg.connect(database_url) as connection:
        columns = connection.execute(
            "SELECT table_name, column_name FROM information_schema.columns "
            "WHERE table_schema = 'public' AND column_default IS DISTINCT FROM 'now()'"
        ).fetchall()
    assert [f"{table}.{column}" for table, column in columns if column not in words] == []


def test_readings_is_a_hypertable_with_the_key_of_the_contract(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        tables = connection.execute(
            "SELECT hypertable_name::text FROM timescaledb_information.hypertables"
        ).fetchall()
        key = connection.execute(
            "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'readings_pkey'"
        )
        assert sorted(tables) == [("readings",), ("sort_events",)]
        assert key.fetchone() == ("PRIMARY KEY (series_id, at)",)


def test_an_unbalanced_ledger_is_refused(database_url: str) -> None:
    with psycopg.connect(database_url) as connection, pytest.raises(psycopg.errors.CheckViolation):
        connection.execute(
            "INSERT INTO ledger (device_id, hour, received, committed) VALUES (1, now(), 2, 1)"
        )
