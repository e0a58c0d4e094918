from __future__ import annotations

import csv
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from deploy.embedded.postgres import EmbeddedPostgres
from store.errors import MigrationError, StoreUnavailable, TimescaleError
from store.migrate import MIGRATIONS, check, migrate, parse_version, read_migrations

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deploy.embedded.provision import Programs

ALL = [migration.name for migration in read_migrations()]
PUBLISHED_LABS = Path(__file__).parents[3] / "shared" / "data" / "labs.csv"


@pytest.fixture
def blank_url(postgres_url: str) -> Iterator[str]:
    name = f"blank_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        yield make_conninfo(postgres_url, dbname=name)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def write(folder: Path, name: str, statements: str) -> None:
    (folder / f"{name}.sql").write_text(statements)


def one_line(error: pytest.ExceptionInfo[Exception]) -> str:
    text = str(error.value)
    assert "\n" not in text
    return text


def test_applies_all_once(blank_url: str) -> None:
    assert check(blank_url).pending == ALL
    assert migrate(blank_url) == ALL
    assert migrate(blank_url) == []
    state = check(blank_url)
    assert state.current
    assert state.applied == ALL


def test_two_at_once_end_well(blank_url: str) -> None:
    with ThreadPoolExecutor(3) as threads:
        results = list(threads.map(migrate, [blank_url] * 3))
    assert sorted(results, key=len) == [[], [], ALL]


def test_changed_file_is_refused(blank_url: str, tmp_path: Path) -> None:
    write(tmp_path, "0001_create_things", "CREATE TABLE things (id int4)")
    migrate(blank_url, folder=tmp_path)
    write(tmp_path, "0001_create_things", "CREATE TABLE things (id int8)")
    for verb in (migrate, check):
        with pytest.raises(MigrationError, match="0001_create_things was changed after") as error:
            verb(blank_url, folder=tmp_path)
        assert "add a new migration" in one_line(error)


def test_missing_file_is_refused(blank_url: str, tmp_path: Path) -> None:
    write(tmp_path, "0001_create_things", "SELECT 1")
    write(tmp_path, "0002_create_more", "SELECT 2")
    migrate(blank_url, folder=tmp_path)
    (tmp_path / "0001_create_things.sql").unlink()
    (tmp_path / "0002_create_more.sql").rename(tmp_path / "0001_create_more.sql")
    with pytest.raises(MigrationError, match="0001_create_things was applied but is not in this code"):
        migrate(blank_url, folder=tmp_path)


def test_database_ahead_of_the_code_is_refused(blank_url: str, tmp_path: Path) -> None:
    write(tmp_path, "0001_create_things", "SELECT 1")
    write(tmp_path, "0002_create_more", "SELECT 2")
    migrate(blank_url, folder=tmp_path)
    (tmp_path / "0002_create_more.sql").unlink()
    with pytest.raises(MigrationError, match="ahead of this code") as error:
        check(blank_url, folder=tmp_path)
    assert "0002_create_more" in one_line(error)


def test_failing_migration_leaves_nothing(blank_url: str, tmp_path: Path) -> None:
    write(tmp_path, "0001_create_things", "CREATE TABLE things (id int4)")
    write(tmp_path, "0002_create_more", "CREATE TABLE more (id int4); SELECT 1 / 0")
    with pytest.raises(
        MigrationError, match="0002_create_more failed and was undone: division by zero"
    ) as error:
        migrate(blank_url, folder=tmp_path)
    one_line(error)
    assert check(blank_url, folder=tmp_path).applied == ["0001_create_things"]
    with psycopg.connect(blank_url) as connection:
        assert connection.execute("SELECT to_regclass('things')::text, to_regclass('more')").fetchone() == (
            "things",
            None,
        )


@pytest.mark.parametrize("names", [["0001_create"], ["0001_create_a", "0003_create_b"], ["1_create_a"]])
def test_file_names_are_checked(tmp_path: Path, names: list[str]) -> None:
    for name in names:
        write(tmp_path, name, "SELECT 1")
    with pytest.raises(MigrationError, match="rename the migration"):
        read_migrations(tmp_path)


def test_old_timescale_is_refused_before_anything_is_made(blank_url: str) -> None:
    with pytest.raises(TimescaleError, match=r"is too old, 99\.0\.0 or newer is needed: install it") as error:
        migrate(blank_url, minimum=(99, 0, 0))
    one_line(error)
    assert check(blank_url).applied == []


def test_timescale_that_is_not_loaded_is_refused(programs: Programs, state_dir: Path) -> None:
    server = EmbeddedPostgres(state_dir, programs, settings={"shared_preload_libraries": ""})
    try:
        server.start()
        for url in (server.url, server.superuser_url):
            with pytest.raises(TimescaleError, match="set shared_preload_libraries = 'timescaledb'") as error:
                migrate(url)
            one_line(error)
    finally:
        server.stop()


def test_versions_compare_by_number() -> None:
    assert parse_version("2.9.3") < parse_version("2.18.1") <= parse_version("2.18.1-dev")
    assert parse_version("2.19.3") == (2, 19, 3)


def test_database_that_is_away_is_one_line(unused_tcp_port: int) -> None:
    url = f"postgresql://postgres:secret@127.0.0.1:{unused_tcp_port}/chiiki"
    with pytest.raises(StoreUnavailable, match=f"127.0.0.1:{unused_tcp_port}/chiiki: .*refused") as error:
        migrate(url)
    assert "secret" not in one_line(error)


def test_labs_are_the_published_ones(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        rows = connection.execute(
            "SELECT slug, name_ja, name_en, bureau_ja, bureau_en, selection_round::text FROM labs"
        ).fetchall()
    assert len(rows) == 101
    assert Counter(row[-1] for row in rows) == {"1": 29, "2": 24, "3": 21, "4": 19, "5": 8}
    if PUBLISHED_LABS.is_file():
        with PUBLISHED_LABS.open(encoding="utf-8", newline="") as file:
            published = sorted(tuple(row.values()) for row in csv.DictReader(file))
        assert sorted(rows) == published


def test_migrations_are_readable_as_shipped() -> None:
    assert len(ALL) == len(list(MIGRATIONS.iterdir()))
