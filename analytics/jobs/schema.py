"""The queue's tables: procrastinate's own SQL, applied to the same database."""

from __future__ import annotations

from pathlib import Path

from procrastinate.schema import SchemaManager

from store import queue


def prepare(database_url: str) -> list[str]:
    """Make the queue's tables, or bring them to the installed release of procrastinate; safe to repeat.

    On a fresh database procrastinate's whole schema is made, and the migrations it contains are noted as
    applied; later releases bring further ones, and only those are run. Call it after `store.migrate.migrate`,
    with the workers stopped when procrastinate was updated.

    Returns
    -------
    list[str]
        What was applied now: ``schema``, or names of procrastinate's migrations.

    Raises
    ------
    StoreUnavailable
        The database does not answer.
    MigrationError
        A migration failed and was undone.
    """
    folder = Path(SchemaManager.get_migrations_path())
    steps = {path.stem: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.sql"))}
    return queue.install(database_url, SchemaManager.get_schema(), steps)
