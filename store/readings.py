"""Readings into the database: COPY where all is new, a merge where something may be stored already."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np
import psycopg

from store.arrays import PG_EPOCH_US, float8_array, int2_array, int4_array, timestamptz_array
from store.errors import Fault, StoreUnavailable, classify

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from psycopg import AsyncConnection

CHUNK_US: Final = 7 * 86400 * 1_000_000
"""Width of a chunk of the hypertable, as migration 0003 has it."""

_COPY_HEADER: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_COPY_TRAILER: Final = b"\xff\xff"
_COPY_ROW: Final = np.dtype(
    [
        ("columns", ">i2"),
        ("series_size", ">i4"),
        ("series", ">i4"),
        ("at_size", ">i4"),
        ("at", ">i8"),
        ("received_size", ">i4"),
        ("received", ">i8"),
        ("value_size", ">i4"),
        ("value", ">f8"),
        ("quality_size", ">i4"),
        ("quality", ">i2"),
    ]
)
_COPY_BLANK: Final = np.array((5, 4, 0, 8, 0, 8, 0, 8, 0, 2, 0), _COPY_ROW)
"""A row's five columns, each behind its size in bytes."""
_KEY: Final = np.dtype([("series", ">i4"), ("at", ">i8")])


class Fate(enum.IntEnum):
    """What became of a reading that was given to the database."""

    COMMITTED = 0
    DUPLICATE = 1
    CONFLICTING = 2
    REFUSED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Readings as columns, sorted by (series, at), each key once.

    Attributes
    ----------
    series : int32[n]
    at, received : int64[n], µs since 1970
    value : float64[n], unit of the series
    quality : int16[n], see `devices.model.Quality`
    """

    series: NDArray[np.int32]
    at: NDArray[np.int64]
    received: NDArray[np.int64]
    value: NDArray[np.float64]
    quality: NDArray[np.int16]

    def __len__(self) -> int:
        return len(self.series)

    def take(self, rows: NDArray[np.intp] | NDArray[np.bool_] | slice) -> Rows:
        """Give some of the rows, by index, mask or slice, in the same order."""
        return Rows(
            series=self.series[rows],
            at=self.at[rows],
            received=self.received[rows],
            value=self.value[rows],
            quality=self.quality[rows],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Fates:
    """What became of each row.

    Attributes
    ----------
    code : int8[n]
        A `Fate` each.
    stored : float64[n]
        The value that the database now holds under the row's key; NaN where it refused the row.
    refusals : dict[int, str]
        For each refused row what the database said.
    """

    code: NDArray[np.int8]
    stored: NDArray[np.float64]
    refusals: dict[int, str] = field(default_factory=dict)

    @classmethod
    def all_committed(cls, rows: Rows) -> Fates:
        """Give the fates of rows that were all new."""
        return cls(code=np.zeros(len(rows), np.int8), stored=rows.value)


def encode_copy(rows: Rows) -> bytes:
    """Pack rows as COPY has them (PostgreSQL 17, COPY, "Binary Format")."""
    packed = np.repeat(_COPY_BLANK, len(rows))
    packed["series"] = rows.series
    packed["at"] = rows.at - PG_EPOCH_US
    packed["received"] = rows.received - PG_EPOCH_US
    packed["value"] = rows.value
    packed["quality"] = rows.quality
    return b"".join((_COPY_HEADER, packed.data, _COPY_TRAILER))


_COPY_READINGS = "COPY readings (series_id, at, received_at, value, quality) FROM STDIN (FORMAT BINARY)"


async def copy_readings(conn: AsyncConnection, rows: Rows) -> Fates:
    """Add rows that are thought to be new; UniqueViolation if one is not."""
    if len(rows) == 0:
        return Fates.all_committed(rows)
    async with conn.cursor() as cursor, cursor.copy(_COPY_READINGS) as copy:
        await copy.write(encode_copy(rows))
    return Fates.all_committed(rows)


# The keys that are new come back as one string of 12 bytes each, big-endian, so that they compare as bytes.
_MERGE_READINGS = """
WITH fresh AS (
    INSERT INTO readings (series_id, at, received_at, value, quality)
    SELECT * FROM unnest(%s, %s, %s, %s, %s)
    ON CONFLICT (series_id, at) DO NOTHING
    RETURNING series_id, at
)
SELECT count(*), CASE WHEN count(*) < %s THEN string_agg(int4send(series_id) || timestamptz_send(at), '') END
FROM fresh
"""


async def merge_readings(conn: AsyncConnection, rows: Rows) -> Fates:
    """Add the rows that are new and compare the others with what is stored; right beside other writers."""
    if len(rows) == 0:
        return Fates.all_committed(rows)
    columns = (
        int4_array(rows.series),
        timestamptz_array(rows.at),
        timestamptz_array(rows.received),
        float8_array(rows.value),
        int2_array(rows.quality),
    )
    async with conn.cursor(binary=True) as cursor:
        await cursor.execute(_MERGE_READINGS, (*columns, len(rows)), prepare=False)
        answer = await cursor.fetchone()
    assert answer is not None
    if answer[0] == len(rows):
        return Fates.all_committed(rows)
    old = _not_among(rows, answer[1] or b"")
    stored = rows.value.copy()
    stored[old] = await _stored_values(conn, rows.take(old))
    code = np.zeros(len(rows), np.int8)
    code[old] = np.where(stored[old] == rows.value[old], Fate.DUPLICATE, Fate.CONFLICTING)
    return Fates(code=code, stored=stored)


def _not_among(rows: Rows, fresh: bytes) -> NDArray[np.bool_]:
    """Tell which rows' keys are not among the packed ones."""
    keys = np.empty(len(rows), _KEY)
    keys["series"], keys["at"] = rows.series, rows.at - PG_EPOCH_US
    old = np.ones(len(rows), np.bool_)
    width = f"S{_KEY.itemsize}"
    old[np.searchsorted(keys.view(width), np.frombuffer(fresh, width))] = False
    return old


# The bounds let the planner leave out the other chunks.
_SELECT_STORED = """
SELECT count(r.value), string_agg(float8send(r.value), '' ORDER BY came.n)
FROM unnest(%s, %s) WITH ORDINALITY AS came (series_id, at, n)
JOIN readings r ON r.series_id = came.series_id AND r.at = came.at
WHERE r.at >= to_timestamp(%s) AND r.at < to_timestamp(%s)
"""


async def _stored_values(conn: AsyncConnection, rows: Rows) -> NDArray[np.float64]:
    """Read the values under these keys, chunk by chunk of time."""
    values = np.empty(len(rows), np.float64)
    window = rows.at // CHUNK_US
    for number in np.unique(window).tolist():
        mine = window == number
        bounds = (number * CHUNK_US // 1_000_000, (number + 1) * CHUNK_US // 1_000_000)
        keys = (int4_array(rows.series[mine]), timestamptz_array(rows.at[mine]))
        async with conn.cursor(binary=True) as cursor:
            await cursor.execute(_SELECT_STORED, (*keys, *bounds), prepare=False)
            answer = await cursor.fetchone()
        assert answer is not None
        if answer[0] != np.count_nonzero(mine):
            raise StoreUnavailable("readings were deleted while they were compared; try again")
        values[mine] = np.frombuffer(answer[1], ">f8")
    return values


async def bisect_readings(conn: AsyncConnection, rows: Rows) -> Fates:
    """Add what the database takes, row by row where it must be; `Fates.refusals` tells what it refuses."""
    if len(rows) == 0:
        return Fates.all_committed(rows)
    try:
        async with conn.transaction():  # a savepoint
            return await merge_readings(conn, rows)
    except psycopg.Error as error:
        if classify(error) is Fault.TRANSIENT:
            raise
        if len(rows) == 1:
            refusal = {0: " ".join(str(error).split())}
            return Fates(code=np.array([Fate.REFUSED], np.int8), stored=np.array([np.nan]), refusals=refusal)
    half = len(rows) // 2
    low = await bisect_readings(conn, rows.take(slice(0, half)))
    high = await bisect_readings(conn, rows.take(slice(half, None)))
    return Fates(
        code=np.concatenate((low.code, high.code)),
        stored=np.concatenate((low.stored, high.stored)),
        refusals=low.refusals | {half + row: text for row, text in high.refusals.items()},
    )
