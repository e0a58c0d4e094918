from __future__ import annotations

import psycopg
import pytest

from store import edition

APACHE = "SELECT setting FROM pg_settings WHERE name = 'timescaledb.license'"


@pytest.fixture
def license_found(database_url: str) -> str:
    with psycopg.connect(database_url) as connection:
        row = connection.execute(APACHE).fetchone()
    assert row is not None
    return str(row[0])


def jobs(connection: psycopg.Connection) -> int:
    row = connection.execute(
        "SELECT count(*) FROM timescaledb_information.jobs WHERE proc_name = 'policy_compression'"
    ).fetchone()
    assert row is not None
    return int(row[0])


def test_compression_is_where_the_edition_has_it(database_url: str, license_found: str) -> None:
    community = license_found == "timescale"
    with psycopg.connect(database_url, autocommit=True) as connection:
        assert edition.is_community(connection) is community
        assert edition.use_community_features(connection) is community
        assert edition.use_community_features(connection) is community
        assert jobs(connection) == int(community)


def test_community_statements_are_known_to_the_server(database_url: str, license_found: str) -> None:
    """Where the licence forbids them, that is the only complaint: names and arguments are right."""
    if license_found == "timescale":
        return
    with psycopg.connect(database_url, autocommit=True) as connection:
        for statement in (edition._ENABLE_COMPRESSION, edition._ADD_POLICY % edition.COMPRESS_AFTER_DAYS):
            with pytest.raises(psycopg.errors.FeatureNotSupported, match="apache"):
                connection.execute(statement.encode())
        assert connection.execute(edition._SELECT_COMPRESSED).fetchone() == (False,)
