"""Bring a database to the schema that this code expects.

Each file of `migrations/` runs once, in order, in a transaction of its own, under an advisory lock; its
SHA-256 is kept, so that a file changed after it was applied is noticed.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import psycopg

from store import edition
from store.errors import MigrationError, StoreUnavailable, TimescaleError
from store.pool import connect_options, name_database

if TYPE_CHECKING:
    from collections.abc import Sequence

MIGRATIONS: Final = Path(__file__).parent / "migrations"
MINIMUM_TIMESCALE: Final = (2, 18, 1)
"""Before it, ON CONFLICT DO NOTHING stopped at the first conflict on compressed chunks (timescaledb#7672)."""

_LOCK: Final = 0x0C81_1C1  # any number, as long as it is always the same
_FILE_NAME: Final = re.compile(r"\d{4}_[a-z]+(_[a-z0-9]+)+\.sql")


@dataclass(frozen=True, slots=True)
class Migration:
    """A file of SQL: its name without ``.sql``, its SHA-256 in hexadecimal, its text."""

    name: str
    digest: str
    statements: str


@dataclass(frozen=True, slots=True)
class State:
    """Which migrations a database has, and which it still needs."""

    applied: list[str]
    pending: list[str]

    @property
    def current(self) -> bool:
        """Whether the database has all that this code expects."""
        return not self.pending


def read_migrations(folder: Path = MIGRATIONS) -> list[Migration]:
    """Read the migrations in the order in which they apply.

    Raises
    ------
    MigrationError
        A file's name is not ``NNNN_verb_noun.sql``, or a number is missing or taken twice.
    """
    migrations = []
    for number, path in enumerate(sorted(folder.glob("*.sql")), start=1):
        if not _FILE_NAME.fullmatch(path.name) or int(path.name[:4]) != number:
            raise MigrationError(f"{path.name}: expected {number:04}_verb_noun.sql; rename the migration")
        content = path.read_bytes()
        migrations.append(Migration(path.stem, hashlib.sha256(content).hexdigest(), content.decode()))
    return migrations


def migrate(
    url: str, *, folder: Path = MIGRATIONS, minimum: tuple[int, int, int] = MINIMUM_TIMESCALE
) -> list[str]:
    """Apply what is pending; of several who migrate at once one works and the others wait.

    Returns
    -------
    list[str]
        Names of the migrations applied now.

    Raises
    ------
    StoreUnavailable
        The database does not answer.
    TimescaleError
        TimescaleDB is missing or older than `minimum`.
    MigrationError
        An applied migration was changed, or the database is ahead of this code.
    """
    migrations = read_migrations(folder)
    with _connect(url) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
        _require_timescale(connection, minimum)
        connection.execute(_CREATE_HISTORY)
        pending = _find_pending(migrations, _read_history(connection))
        for migration in pending:
            _apply(connection, migration)
        edition.use_community_features(connection)
    return [migration.name for migration in pending]


def check(url: str, *, folder: Path = MIGRATIONS) -> State:
    """Say what `migrate` would do; changes nothing.

    Raises
    ------
    StoreUnavailable, MigrationError
        As `migrate`.
    """
    migrations = read_migrations(folder)
    with _connect(url) as connection:
        history = _read_history(connection)
    pending = _find_pending(migrations, history)
    return State(list(history), [migration.name for migration in pending])


def _connect(url: str) -> psycopg.Connection:
    # Without time-outs: a migration may rightly take long, and so may the wait for another migrator.
    options = connect_options(url, process="migrate", statement_timeout_s=0, lock_timeout_s=0)
    try:
        return psycopg.connect(url, autocommit=True, **options)
    except psycopg.Error as error:
        reason = " ".join(str(error).split())
        raise StoreUnavailable(f"cannot use the database {name_database(url)}: {reason}") from error


_CREATE_HISTORY = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    name       text PRIMARY KEY,
    sha256     text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)
"""
_HAS_HISTORY = "SELECT to_regclass('schema_migrations') IS NOT NULL"
_SELECT_HISTORY = "SELECT name, sha256 FROM schema_migrations ORDER BY name"


def _read_history(connection: psycopg.Connection) -> dict[str, str]:
    """Read the SHA-256 of each applied migration, by name."""
    found = connection.execute(_HAS_HISTORY).fetchone()
    if found is None or not found[0]:
        return {}
    return dict(connection.execute(_SELECT_HISTORY).fetchall())


def _find_pending(migrations: Sequence[Migration], history: dict[str, str]) -> list[Migration]:
    """Compare the files with what was applied."""
    known = {migration.name: migration for migration in migrations}
    for name, digest in history.items():
        if name not in known:
            ahead = not migrations or name > migrations[-1].name
            hint = (
                "the database is ahead of this code; install the newer version"
                if ahead
                else "restore the file"
            )
            raise MigrationError(f"migration {name} was applied but is not in this code: {hint}")
        if known[name].digest != digest:
            raise MigrationError(
                f"migration {name} was changed after it was applied: undo the change, and add a new migration"
            )
    pending = [migration for migration in migrations if migration.name not in history]
    if pending and history and pending[0].name < max(history):
        raise MigrationError(
            f"migration {pending[0].name} comes before {max(history)}, applied already: renumber it"
        )
    return pending


_INSERT_HISTORY = "INSERT INTO schema_migrations (name, sha256) VALUES (%s, %s)"


def _apply(connection: psycopg.Connection, migration: Migration) -> None:
    """Run one migration and note it, both or neither."""
    try:
        with connection.transaction():
            connection.execute(migration.statements.encode())
            connection.execute(_INSERT_HISTORY, [migration.name, migration.digest])
    except psycopg.Error as error:
        reason = " ".join(str(error).split())
        raise MigrationError(f"migration {migration.name} failed and was undone: {reason}") from error


_SELECT_AVAILABLE = "SELECT default_version FROM pg_available_extensions WHERE name = 'timescaledb'"
_SELECT_INSTALLED = "SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'"
_CREATE_TIMESCALE = "CREATE EXTENSION IF NOT EXISTS timescaledb"


def _require_timescale(connection: psycopg.Connection, minimum: tuple[int, int, int]) -> None:
    """Have the extension in the database, in a version that will do."""
    available = _scalar(connection, _SELECT_AVAILABLE)
    if available is None:
        raise TimescaleError(
            f"this PostgreSQL has no TimescaleDB: install version {_dotted(minimum)} or newer on its server"
        )
    installed = _scalar(connection, _SELECT_INSTALLED)
    if parse_version(installed or available) < minimum:
        raise TimescaleError(_describe_too_old(installed, available, minimum))
    if installed is None:
        _create_timescale(connection)


def _create_timescale(connection: psycopg.Connection) -> None:
    try:
        connection.execute(_CREATE_TIMESCALE)
    except psycopg.Error as error:
        reason = error.diag.message_primary or str(error)
        if "preload" in reason:
            raise TimescaleError(
                "TimescaleDB is installed but not loaded: "
                "set shared_preload_libraries = 'timescaledb' in postgresql.conf and restart PostgreSQL"
            ) from error
        raise TimescaleError(
            f"TimescaleDB cannot be enabled; run CREATE EXTENSION timescaledb as a superuser: {reason}"
        ) from error


def _describe_too_old(installed: str | None, available: str, minimum: tuple[int, int, int]) -> str:
    found = f"TimescaleDB {installed or available} is too old, {_dotted(minimum)} or newer is needed"
    if installed is not None and parse_version(available) >= minimum:
        return f"{found}: run ALTER EXTENSION timescaledb UPDATE (to {available}) in a fresh session"
    return f"{found}: install it on the database's server"


def parse_version(text: str) -> tuple[int, ...]:
    """Read the numbers of a version, e.g. ``2.18.1-dev`` as (2, 18, 1)."""
    return tuple(int(part) for part in re.findall(r"\d+", text.partition("-")[0])[:3])


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


def _scalar(connection: psycopg.Connection, query: str) -> str | None:
    row = connection.execute(query).fetchone()
    return None if row is None else str(row[0])
