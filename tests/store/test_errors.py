from __future__ import annotations

import psycopg
import pytest
from psycopg import errors
from psycopg_pool import PoolTimeout

from store.errors import Fault, StoreConflict, StoreMissing, classify

BROKEN_DATA = [
    "SELECT 1 / 0",
    "SELECT 'x'::int4",
    "SELECT 1e300::float4",
    "SELECT nonsense",
    "SELECT FROM WHERE",
    "INSERT INTO labs (slug, name_ja, name_en) VALUES ('kaga', '', '')",
    "INSERT INTO labs (slug, name_ja, name_en) VALUES ('Not A Slug', '', '')",
    "INSERT INTO sites (lab_id, slug, name_ja, name_en) VALUES (-1, 'x', '', '')",
    "INSERT INTO readings (series_id, at, received_at, value, quality) VALUES (1, now(), now(), NULL, 1)",
]
TRANSIENT_STATEMENTS = [
    "SELECT pg_terminate_backend(pg_backend_pid())",
    "SET statement_timeout = 10; SELECT pg_sleep(2)",
    "SET default_transaction_read_only = on; COMMIT; DELETE FROM heartbeats",
    "SELECT * FROM not_migrated_yet",
    "SELECT * FROM pg_authid",  # a GRANT is missing
]


def fault_of(url: str, statement: str) -> Fault:
    with psycopg.connect(url, autocommit=True) as connection, pytest.raises(psycopg.Error) as caught:
        connection.execute(statement.encode())
    return classify(caught.value)


@pytest.mark.parametrize("statement", BROKEN_DATA)
def test_wrong_data_and_statements_are_permanent(database_url: str, statement: str) -> None:
    assert fault_of(database_url, statement) is Fault.PERMANENT


@pytest.mark.parametrize("statement", TRANSIENT_STATEMENTS)
def test_states_of_the_server_are_transient(database_url: str, statement: str) -> None:
    assert fault_of(database_url, statement) is Fault.TRANSIENT


def test_a_terminated_backend_is_transient_also_at_the_next_statement(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as victim:
        with psycopg.connect(database_url, autocommit=True) as other:
            other.execute("SELECT pg_terminate_backend(%s)", [victim.info.backend_pid])
        for _ in range(2):
            with pytest.raises(psycopg.Error) as caught:
                victim.execute("SELECT 1")
            assert classify(caught.value) is Fault.TRANSIENT


def test_lock_timeout_is_transient(database_url: str) -> None:
    with psycopg.connect(database_url) as holder, psycopg.connect(database_url) as waiter:
        holder.execute("LOCK TABLE labs")
        waiter.execute("SET lock_timeout = 20")
        with pytest.raises(errors.LockNotAvailable) as caught:
            waiter.execute("SELECT * FROM labs")
        assert classify(caught.value) is Fault.TRANSIENT


def test_serialization_failure_is_transient(database_url: str) -> None:
    with psycopg.connect(database_url) as first, psycopg.connect(database_url) as second:
        first.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        first.execute("SELECT * FROM labs")
        second.execute("UPDATE labs SET bureau_en = ''")
        second.commit()
        with pytest.raises(errors.SerializationFailure) as caught:
            first.execute("UPDATE labs SET bureau_en = ''")
        assert classify(caught.value) is Fault.TRANSIENT


def test_too_many_connections_is_transient(postgres_url: str) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("CREATE ROLE crowded LOGIN PASSWORD 'x' CONNECTION LIMIT 0")
        try:
            with pytest.raises(psycopg.Error, match="too many connections") as caught:
                psycopg.connect(postgres_url, user="crowded", password="x")
        finally:
            connection.execute("DROP ROLE crowded")
    assert classify(caught.value) is Fault.TRANSIENT


def test_nobody_listening_is_transient(unused_tcp_port: int) -> None:
    with pytest.raises(psycopg.Error) as caught:
        psycopg.connect(f"postgresql://127.0.0.1:{unused_tcp_port}/x")
    assert classify(caught.value) is Fault.TRANSIENT


def test_text_that_postgres_cannot_hold_is_permanent(database_url: str) -> None:
    with psycopg.connect(database_url) as connection, pytest.raises(psycopg.DataError) as caught:
        connection.execute("SELECT %s::text", ["a\0b"])
    assert classify(caught.value) is Fault.PERMANENT


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (errors.DiskFull(), Fault.TRANSIENT),
        (errors.OutOfMemory(), Fault.TRANSIENT),
        (errors.CannotConnectNow(), Fault.TRANSIENT),  # starting up, recovering from a crash
        (errors.CrashShutdown(), Fault.TRANSIENT),
        (errors.AdminShutdown(), Fault.TRANSIENT),
        (errors.DeadlockDetected(), Fault.TRANSIENT),
        (errors.IoError(), Fault.TRANSIENT),
        (PoolTimeout(), Fault.TRANSIENT),
        (errors.ConfigurationLimitExceeded(), Fault.PERMANENT),
        (errors.TransactionIntegrityConstraintViolation(), Fault.PERMANENT),
        (errors.DataCorrupted(), Fault.PERMANENT),
    ],
)
def test_what_cannot_be_provoked_here(error: psycopg.Error, fault: Fault) -> None:
    assert classify(error) is fault
    assert fault in ("transient", "permanent")


def test_errors_carry_their_facts() -> None:
    missing, conflict = StoreMissing("device", "north-1"), StoreConflict("lab", "kaga")
    assert (missing.noun, missing.name, str(missing)) == ("device", "north-1", "there is no device 'north-1'")
    assert (conflict.noun, conflict.name) == ("lab", "kaga")
