"""What can go wrong in the store.

::

    StoreError
    ├── StoreUnavailable     the database is away; the same call may work later (transient)
    ├── StoreMissing         what was named does not exist, or not for this lab
    ├── StoreConflict        what was to be added exists already
    ├── RowsRepeated         COPY met a reading that is stored already: merge instead
    ├── RowsRefused          the database will never take these rows as they are (permanent)
    └── SchemaError          this database and this code do not fit together
        ├── TimescaleError   TimescaleDB is missing or too old
        └── MigrationError   an applied migration was changed, or the database is ahead of the code

What psycopg raises passes through as `DatabaseError`; `classify` says whether waiting helps.
"""

from __future__ import annotations

import enum
from typing import Final

from psycopg import Error as DatabaseError
from psycopg import OperationalError

__all__ = [
    "DatabaseError",
    "Fault",
    "MigrationError",
    "RowsRefused",
    "RowsRepeated",
    "SchemaError",
    "StoreConflict",
    "StoreError",
    "StoreMissing",
    "StoreUnavailable",
    "TimescaleError",
    "classify",
]


class StoreError(Exception):
    """Whatever the store reports; its text is one line that says what to do."""


class StoreUnavailable(StoreError):  # noqa: N818 - a state of the world, as http.HTTPStatus has it
    """The database cannot be reached or cannot work just now."""


class StoreMissing(StoreError):  # noqa: N818
    """What was named does not exist, or belongs to another lab.

    Attributes
    ----------
    noun, name : str
        What was asked for, e.g. ``"device"`` and ``"north-1"``.
    """

    def __init__(self, noun: str, name: str) -> None:
        super().__init__(f"there is no {noun} {name!r}")
        self.noun = noun
        self.name = name


class StoreConflict(StoreError):  # noqa: N818
    """What was to be added exists already.

    Attributes
    ----------
    noun, name : str
        What was to be added, e.g. ``"device"`` and ``"north-1"``.
    """

    def __init__(self, noun: str, name: str) -> None:
        super().__init__(f"there is already a {noun} {name!r}; choose another name")
        self.noun = noun
        self.name = name


class RowsRepeated(StoreError):  # noqa: N818
    """At least one of the rows is stored already, so the quick way in was refused for all of them."""


class RowsRefused(StoreError):  # noqa: N818
    """The database will never take these rows as they are; among many, bisect to find which."""


class SchemaError(StoreError):
    """The database and this code do not fit together."""


class TimescaleError(SchemaError):
    """TimescaleDB is missing or too old."""


class MigrationError(SchemaError):
    """The migrations that were applied are not the ones in this code."""


class Fault(enum.StrEnum):
    """Whether the same statement, unchanged, may work later."""

    TRANSIENT = "transient"
    PERMANENT = "permanent"


# SQLSTATEs (PostgreSQL 17, appendix A): whole classes by two characters, single conditions by five.
_TRANSIENT_CLASSES: Final = frozenset(
    {
        "08",  # connection exception
        "28",  # a password was rotated, pg_hba changed: the rows are not to blame
        "40",  # serialization failure, deadlock
        "53",  # disk full, out of memory, too many connections
        "57",  # shutting down, starting up, cancelled by an operator or a time-out
        "58",  # input or output error
    }
)
_TRANSIENT_STATES: Final = frozenset(
    {
        "25006",  # read-only: a standby, or a primary that an operator has closed
        "25P03",  # idle in transaction for too long: the connection was dropped
        "25P04",  # transaction time-out
        "3D000",  # the database does not exist (yet, or is being restored)
        "42501",  # a GRANT is missing: retry after the operator's mend
        "42P01",  # a table is missing: not migrated yet
        "55P03",  # lock not available
    }
)
_PERMANENT_STATES: Final = frozenset(
    {
        "40002",  # an integrity constraint fails at commit: it will fail again
        "53400",  # a configured limit, such as TimescaleDB's rows to decompress: a smaller batch may pass
    }
)


def classify(error: DatabaseError) -> Fault:
    """Say whether waiting helps.

    Parameters
    ----------
    error : DatabaseError
        Anything that psycopg or its pool raised.

    Returns
    -------
    Fault
        `TRANSIENT`: wait, reconnect, do the same again. `PERMANENT`: the data or the statement is wrong.
    """
    state = error.sqlstate
    if state is None:  # no answer from a server: the connection failed, or the pool has none to give
        return Fault.TRANSIENT if isinstance(error, OperationalError) else Fault.PERMANENT
    if state in _PERMANENT_STATES:
        return Fault.PERMANENT
    if state in _TRANSIENT_STATES or state[:2] in _TRANSIENT_CLASSES:
        return Fault.TRANSIENT
    return Fault.PERMANENT
