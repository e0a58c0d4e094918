from __future__ import annotations

import asyncio
import gc
import time
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from store.errors import StoreUnavailable
from store.pool import connect_options, name_database, open_pool

if TYPE_CHECKING:
    from psycopg_pool import AsyncConnectionPool


async def show(pool: AsyncConnectionPool, setting: str) -> str:
    async with pool.connection() as connection:
        row = await (await connection.execute("SELECT current_setting(%s)", [setting])).fetchone()
    assert row is not None
    return str(row[0])


async def test_connections_are_set_up(pool: AsyncConnectionPool, database_url: str) -> None:
    assert (await show(pool, "application_name")).startswith("chiiki ")
    assert await show(pool, "TimeZone") == "UTC"
    assert await show(pool, "statement_timeout") != "0"
    assert await show(pool, "lock_timeout") == "10s"
    assert connect_options(database_url, process="x")["keepalives"] == 1


async def test_options_of_the_url_are_kept(database_url: str) -> None:
    url = make_conninfo(database_url, options="-c work_mem=7MB -c lock_timeout=3s")
    pool = await open_pool(url, process="test")
    assert (await show(pool, "work_mem"), await show(pool, "lock_timeout")) == ("7MB", "3s")
    assert await show(pool, "TimeZone") == "UTC"
    await pool.close()


async def test_nobody_gets_a_dead_connection(pool: AsyncConnectionPool, database_url: str) -> None:
    for _ in range(3):
        with psycopg.connect(database_url, autocommit=True) as other:
            other.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND application_name LIKE 'chiiki %'"
            )
        assert await show(pool, "TimeZone") == "UTC"


async def test_waiting_for_the_database_has_an_end(unused_tcp_port: int) -> None:
    url = f"postgresql://someone:secret@127.0.0.1:{unused_tcp_port}/chiiki"
    began = time.monotonic()
    with pytest.raises(StoreUnavailable, match=r"after 0\.6 s: .*refused") as caught:
        await open_pool(url, process="test", deadline_s=0.6)
    assert 0.3 < time.monotonic() - began < 3
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


async def test_a_database_that_does_not_exist_is_told_at_once(database_url: str) -> None:
    began = time.monotonic()
    with pytest.raises(StoreUnavailable, match='"nowhere" does not exist'):
        await open_pool(make_conninfo(database_url, dbname="nowhere"), process="test")
    assert time.monotonic() - began < 5


async def test_a_database_that_comes_up_late_is_awaited(postgres_url: str, database_url: str) -> None:
    name = conninfo_to_dict(database_url)["dbname"]

    async def come_up() -> None:
        await asyncio.sleep(0.5)
        await admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")

    async with await psycopg.AsyncConnection.connect(postgres_url, autocommit=True) as admin:
        await admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        coming = asyncio.create_task(come_up())
        pool = await open_pool(database_url, process="test", deadline_s=10)
        assert coming.done()
        assert await show(pool, "TimeZone") == "UTC"
        await pool.close()


async def test_closing_leaves_no_warning(database_url: str) -> None:
    pool = await open_pool(database_url, process="test", min_size=2)
    await pool.close()
    del pool
    gc.collect()
    assert not [task for task in asyncio.all_tasks() if "pool" in task.get_name()]


def test_a_database_is_named_without_its_password() -> None:
    assert name_database("postgresql://u:secret@db.local:5433/chiiki") == "db.local:5433/chiiki"
    assert name_database("postgresql://db.local") == "db.local:5432/postgres"
