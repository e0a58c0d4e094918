"""The queue of jobs: its schema, which the queue's own library writes, and what is waiting in it.

Everything of the queue lies in a PostgreSQL schema of its own, `SCHEMA`, so that its tables, types and
functions and ours never meet; connections of the queue have it as their ``search_path``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.types.json import Jsonb

from store.errors import MigrationError, StoreUnavailable
from store.pool import connect_options, name_database
from store.query import fetch_all, fetch_one

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from psycopg import AsyncConnection

SCHEMA: Final = "jobs"
WHOLE: Final = "schema"
"""The name under which it is noted that the whole schema was made at once."""

_LOCK: Final = 0x0C81_1C2  # any numbers that nothing else of this database uses
_RECOVERY_LOCK: Final = 0x0C81_1C3

_SET_PATH = sql.SQL("SET LOCAL search_path = {}").format(sql.Identifier(SCHEMA))
_CREATE_SCHEMA = sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(SCHEMA))
_CREATE_TABLES = """
CREATE TABLE IF NOT EXISTS jobs.schema_steps (
    name       text PRIMARY KEY,
    applied_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE IF NOT EXISTS jobs.failures (
    id        int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    job_id    int8 NOT NULL,
    task      text NOT NULL,
    arguments jsonb NOT NULL,
    attempt   int4 NOT NULL,
    given_up  bool NOT NULL,
    reason    text NOT NULL,
    at        timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX IF NOT EXISTS failures_at ON jobs.failures (at);
"""
_SELECT_STEPS = "SELECT name FROM jobs.schema_steps"
_INSERT_STEP = "INSERT INTO jobs.schema_steps (name) VALUES (%s)"


def install(url: str, whole: str, steps: Mapping[str, str]) -> list[str]:
    """Bring the queue's schema to what its library expects; of several who do so at once one works.

    Parameters
    ----------
    whole : str
        SQL that makes all of it in an empty schema; it holds what all of `steps` lead to.
    steps : Mapping[str, str]
        SQL of each of the library's migrations by name; they apply in the order of their names.

    Returns
    -------
    list[str]
        What was applied now: `WHOLE`, or the names of steps.

    Raises
    ------
    StoreUnavailable
        The database does not answer.
    MigrationError
        A step failed and was undone.
    """
    options = connect_options(url, process="migrate", statement_timeout_s=0, lock_timeout_s=0)
    try:
        connection = psycopg.connect(url, autocommit=True, **options)
    except psycopg.Error as error:
        reason = _one_line(error)
        raise StoreUnavailable(f"cannot use the database {name_database(url)}: {reason}") from error
    with connection:
        connection.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
        connection.execute(_CREATE_SCHEMA)
        connection.execute(_CREATE_TABLES)
        applied = {row[0] for row in connection.execute(_SELECT_STEPS).fetchall()}
        if not applied:
            _apply(connection, whole, [WHOLE, *sorted(steps)])
            return [WHOLE]
        pending = sorted(set(steps) - applied)
        for name in pending:
            _apply(connection, steps[name], [name])
    return pending


def _apply(connection: psycopg.Connection, statements: str, names: list[str]) -> None:
    """Run SQL inside the queue's schema and note it under its names, both or neither."""
    try:
        with connection.transaction():
            connection.execute(_SET_PATH)
            connection.execute(statements.encode())
            for name in names:
                connection.execute(_INSERT_STEP, [name])
    except psycopg.Error as error:
        what = f"the queue's {names[0]} failed and was undone: {_one_line(error)}"
        raise MigrationError(what) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueState:
    """What waits and what runs.

    Attributes
    ----------
    behind_s : float
        For how long the oldest job that could run has waited.
    """

    waiting: int
    scheduled: int
    running: int
    failed: int
    behind_s: float


_SELECT_STATE = """
WITH open AS (
    SELECT status, scheduled_at > now() AS later,
           COALESCE(scheduled_at, (SELECT min(e.at) FROM jobs.procrastinate_events e WHERE e.job_id = j.id))
               AS since
    FROM jobs.procrastinate_jobs j WHERE status IN ('todo', 'doing', 'failed')
)
SELECT count(*) FILTER (WHERE status = 'todo' AND later IS NOT TRUE)::int4 AS waiting,
       count(*) FILTER (WHERE status = 'todo' AND later)::int4 AS scheduled,
       count(*) FILTER (WHERE status = 'doing')::int4 AS running,
       count(*) FILTER (WHERE status = 'failed')::int4 AS failed,
       COALESCE(extract(epoch FROM clock_timestamp()
           - min(since) FILTER (WHERE status = 'todo' AND later IS NOT TRUE)), 0)::float8 AS behind_s
FROM open
"""


async def state(conn: AsyncConnection) -> QueueState:
    """Count the jobs, and say for how long the oldest has waited."""
    found = await fetch_one(conn, QueueState, _SELECT_STATE)
    assert found is not None
    return found


_SELECT_WAITING = """
SELECT queueing_lock FROM jobs.procrastinate_jobs WHERE status = 'todo' AND queueing_lock = ANY(%s::text[])
"""


async def waiting_locks(conn: AsyncConnection, locks: Sequence[str]) -> set[str]:
    """Find out which jobs wait already: asking for them once more would be an error in the server's log."""
    cursor = await conn.execute(_SELECT_WAITING, [list(locks)])
    return {row[0] for row in await cursor.fetchall()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A job that failed, and why; it was tried again unless `given_up`."""

    id: int
    job_id: int
    task: str
    arguments: dict[str, Any]
    attempt: int
    given_up: bool
    reason: str
    at: datetime


_INSERT_FAILURE = """
INSERT INTO jobs.failures (job_id, task, arguments, attempt, given_up, reason)
VALUES (%s, %s, %s, %s, %s, %s)
"""


async def note_failure(
    conn: AsyncConnection,
    job_id: int,
    task: str,
    arguments: Mapping[str, Any],
    *,
    attempt: int,
    given_up: bool,
    reason: str,
) -> None:
    """Keep why a job failed, for a person to read."""
    await conn.execute(_INSERT_FAILURE, [job_id, task, Jsonb(dict(arguments)), attempt, given_up, reason])


_SELECT_FAILURES = """
SELECT id, job_id, task, arguments, attempt, given_up, reason, at FROM jobs.failures ORDER BY id DESC LIMIT %s
"""


async def list_failures(conn: AsyncConnection, limit: int = 100) -> list[Failure]:
    """List the last failures, newest first."""
    return await fetch_all(conn, Failure, _SELECT_FAILURES, [limit])


_DELETE_FAILURES = "DELETE FROM jobs.failures WHERE at < now() - make_interval(days => %s)"


async def forget_failures(conn: AsyncConnection, older_than_days: int) -> None:
    """Delete what nobody will look at any more."""
    await conn.execute(_DELETE_FAILURES, [older_than_days])


def queue_url(url: str) -> str:
    """Return the URL with which the queue's own connections are opened: they see its schema only."""
    theirs = str(conninfo_to_dict(url).get("options") or "")
    return make_conninfo(url, options=f"{theirs} -c search_path={SCHEMA}".strip())


_TRY_LOCK = "SELECT pg_try_advisory_xact_lock(%s)"


async def claim_recovery(conn: AsyncConnection) -> bool:
    """Be the only one who gives dead workers' jobs to others, until this transaction ends; else False."""
    cursor = await conn.execute(_TRY_LOCK, [_RECOVERY_LOCK])
    row = await cursor.fetchone()
    return row is not None and bool(row[0])


def _one_line(error: psycopg.Error) -> str:
    return " ".join(str(error).split()) or type(error).__name__
