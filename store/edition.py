"""What TimescaleDB's Community edition adds: old chunks are compressed. Nothing correct depends on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from psycopg import sql

if TYPE_CHECKING:
    import psycopg

COMPRESS_AFTER_DAYS: Final = 30

_SELECT_LICENSE = "SELECT setting FROM pg_settings WHERE name = 'timescaledb.license'"
_SELECT_COMPRESSED = """
SELECT compression_enabled FROM timescaledb_information.hypertables
WHERE hypertable_schema = current_schema AND hypertable_name = 'readings'
"""
# Segments by series, since a question is always about few series; the order is the primary key's.
_ENABLE_COMPRESSION = """
ALTER TABLE readings SET (
    timescaledb.compress, timescaledb.compress_segmentby = 'series_id', timescaledb.compress_orderby = 'at'
)
"""
_ADD_POLICY = """
SELECT add_compression_policy('readings', make_interval(days => %s), if_not_exists => true)
"""
# A late batch of a long buffer may touch many compressed rows; the default limit would refuse it.
_LIFT_LIMIT = "ALTER DATABASE {} SET timescaledb.max_tuples_decompressed_per_dml_transaction = 0"


def use_community_features(connection: psycopg.Connection) -> bool:
    """Have old chunks of `readings` compressed where the Community edition is found; safe to repeat.

    Returns
    -------
    bool
        Whether it was found.
    """
    if not is_community(connection):
        return False
    enabled = connection.execute(_SELECT_COMPRESSED).fetchone()
    if enabled is not None:
        if not enabled[0]:
            connection.execute(_ENABLE_COMPRESSION)
        connection.execute(_ADD_POLICY, [COMPRESS_AFTER_DAYS])
        database = sql.Identifier(connection.info.dbname)
        connection.execute(sql.SQL(_LIFT_LIMIT).format(database))
    return True


def is_community(connection: psycopg.Connection) -> bool:
    """Tell the Community edition from the Apache-2 edition by its licence setting."""
    found = connection.execute(_SELECT_LICENSE).fetchone()
    return found is not None and found[0] == "timescale"
