"""What a database is prepared with: migrations, the queue, shipped recipes; twice is once."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from analytics import library
from deploy.schema import prepare_database
from deploy.shipped import shipped_recipes
from store.errors import StoreUnavailable
from store.migrate import read_migrations
from store.recipes import put_shipped_recipes

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def blank_url(postgres_url: str) -> Iterator[str]:
    name = f"blank_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        yield make_conninfo(postgres_url, dbname=name)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_everything_is_applied_once_by_whoever_is_first(blank_url: str) -> None:
    with ThreadPoolExecutor(3) as threads:
        applied = [name for names in threads.map(prepare_database, [blank_url] * 3) for name in names]
    migrations = [migration.name for migration in read_migrations()]
    recipes = [f"recipe:{recipe.name} {recipe.version}" for recipe in library.recipes().values()]
    assert sorted(applied) == sorted([*migrations, "jobs:schema", *recipes])
    assert prepare_database(blank_url) == []


def test_a_database_that_is_away_is_one_line(unused_tcp_port: int) -> None:
    url = f"postgresql://chiiki:secret@127.0.0.1:{unused_tcp_port}/chiiki"
    with pytest.raises(StoreUnavailable, match="refused") as error:
        put_shipped_recipes(url, shipped_recipes())
    assert "secret" not in str(error.value)
    assert "\n" not in str(error.value)
