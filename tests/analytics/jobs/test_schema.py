"""The queue's schema: made once, brought up to date, never by two at a time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import psycopg
import pytest

from analytics.jobs.schema import prepare
from store import queue
from store.errors import MigrationError, StoreUnavailable
from store.queue import WHOLE, install

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def bare_url(database_url: str) -> Iterator[str]:
    """A migrated database without the queue's schema."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("SET client_min_messages = warning")
        connection.execute("DROP SCHEMA IF EXISTS jobs CASCADE")
    return database_url


def tables(url: str, schema: str) -> set[str]:
    query = "SELECT tablename FROM pg_tables WHERE schemaname = %s"
    with psycopg.connect(url) as connection:
        return {row[0] for row in connection.execute(query, [schema]).fetchall()}


def test_made_once_in_its_own_schema(bare_url: str) -> None:
    assert prepare(bare_url) == [WHOLE]
    assert prepare(bare_url) == []
    assert "procrastinate_jobs" in tables(bare_url, "jobs")
    assert not any(name.startswith("procrastinate") for name in tables(bare_url, "public"))


def test_two_at_once(bare_url: str) -> None:
    with ThreadPoolExecutor(2) as threads:
        results = list(threads.map(prepare, [bare_url, bare_url]))
    assert sorted(results) == [[], [WHOLE]]


def test_only_what_a_later_release_brings_is_applied(bare_url: str) -> None:
    install(bare_url, "CREATE TABLE first (id int4)", {"01": "SELECT 1 / 0"})
    later = {"01": "SELECT 1 / 0", "03": "DROP TABLE second", "02": "CREATE TABLE second (id int4)"}
    assert install(bare_url, "", later) == ["02", "03"]
    assert tables(bare_url, "jobs") == {"first", "schema_steps", "failures"}


def test_a_step_that_fails_is_undone(bare_url: str) -> None:
    install(bare_url, "CREATE TABLE first (id int4)", {})
    with pytest.raises(MigrationError, match="02 failed and was undone: division by zero"):
        install(bare_url, "", {"02": "CREATE TABLE second (id int4); SELECT 1 / 0"})
    assert "second" not in tables(bare_url, "jobs")
    assert install(bare_url, "", {"02": "CREATE TABLE second (id int4)"}) == ["02"]


def test_no_database() -> None:
    with pytest.raises(StoreUnavailable, match="cannot use the database"):
        prepare("postgresql://127.0.0.1:9/nothing?connect_timeout=1")


async def test_an_empty_queue_is_not_behind(bare_url: str) -> None:
    prepare(bare_url)
    async with await psycopg.AsyncConnection.connect(bare_url) as conn:
        state = await queue.state(conn)
    assert (state.waiting, state.running, state.behind_s) == (0, 0, 0.0)
