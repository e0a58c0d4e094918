"""Sorted fish read back as columns, for whoever computes.

Each column comes as one string of its elements: a tenth of the time that a million rows would take.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, LiteralString

import numpy as np
from psycopg import sql

from store.arrays import PG_EPOCH_US
from store.errors import StoreMissing

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from numpy.typing import NDArray
    from psycopg import AsyncConnection


@dataclass(frozen=True, slots=True, kw_only=True)
class EventColumns:
    """Fish by device time, then boot and number.

    Attributes
    ----------
    boot_id, lot_id, model_id : int32[n]
    seq : int64[n]
    at, received : int64[n], µs since 1970
    fish : int32[n]
        Number within the lot; 0 where it was not told.
    cls : int16[n]
        What the classifier says.
    probabilities : float32[n, K]
    coupling, weight_g, fork_length_mm, spine_ratio, latency_ms : float32[n]
        NaN where it was not told.
    placing : int16[n]
        0 in the bin commanded, 1 in another, -1 where it is not known.
    """

    boot_id: NDArray[np.int32]
    seq: NDArray[np.int64]
    lot_id: NDArray[np.int32]
    model_id: NDArray[np.int32]
    at: NDArray[np.int64]
    received: NDArray[np.int64]
    fish: NDArray[np.int32]
    cls: NDArray[np.int16]
    probabilities: NDArray[np.float32]
    coupling: NDArray[np.float32]
    weight_g: NDArray[np.float32]
    fork_length_mm: NDArray[np.float32]
    spine_ratio: NDArray[np.float32]
    latency_ms: NDArray[np.float32]
    placing: NDArray[np.int16]

    def __len__(self) -> int:
        return len(self.seq)


_INTEGER: Final = ">i4"
_FLOAT: Final = ">f4"
# Column, how it is packed, and the type of its elements.
_COLUMNS: Final[tuple[tuple[str, LiteralString, str], ...]] = (
    ("boot_id", "int4send(e.boot_id)", _INTEGER),
    ("seq", "int8send(e.seq)", ">i8"),
    ("lot_id", "int4send(e.lot_id)", _INTEGER),
    ("model_id", "int4send(e.model_id)", _INTEGER),
    ("at", "timestamptz_send(e.at)", ">i8"),
    ("received", "timestamptz_send(e.received_at)", ">i8"),
    ("fish", "int4send(COALESCE(e.fish, 0))", _INTEGER),
    ("cls", "int2send(e.class)", ">i2"),
    ("coupling", "float4send(COALESCE(e.coupling, 'NaN'))", _FLOAT),
    ("weight_g", "float4send(COALESCE(e.weight_g, 'NaN'))", _FLOAT),
    ("fork_length_mm", "float4send(COALESCE(e.fork_length_mm, 'NaN'))", _FLOAT),
    ("spine_ratio", "float4send(COALESCE(e.spine_ratio, 'NaN'))", _FLOAT),
    ("latency_ms", "float4send(COALESCE(e.latency_ms, 'NaN'))", _FLOAT),
    ("placing", "int2send(COALESCE((e.bin_commanded <> e.bin_confirmed)::int, -1)::int2)", ">i2"),
)
_PACK: Final = sql.SQL("string_agg({}, '')")
_PACK_PROBABILITY: Final = sql.SQL("string_agg(float4send(e.probabilities[{}]), '')")
_READ: Final = sql.SQL("""
SELECT {columns} FROM sort_events e
WHERE e.at >= %(first_at)s AND e.at <= %(last_at)s AND {which}
""")
_OF_LOT: Final = sql.SQL("e.lot_id = %(lot_id)s")
_OF_UNIT: Final = sql.SQL("""
e.device_id = %(device_id)s AND e.at < %(last_at)s AND e.lot_id IN (
    SELECT id FROM lots
    WHERE device_id = %(device_id)s AND product = %(product)s AND classes = %(classes)s::text[]
)
""")

_SELECT_EXTENT = """
SELECT cardinality(l.classes), p.first_at, p.last_at FROM lots l LEFT JOIN lot_progress p ON p.lot_id = l.id
WHERE l.id = %s
"""


async def read_lot(conn: AsyncConnection, lot_id: int) -> EventColumns:
    """Read all fish of a lot.

    Raises
    ------
    StoreMissing
        There is no such lot.
    """
    cursor = await conn.execute(_SELECT_EXTENT, [lot_id])
    extent = await cursor.fetchone()
    if extent is None:
        raise StoreMissing("lot", str(lot_id))
    parameters = {"lot_id": lot_id, "first_at": extent[1], "last_at": extent[2]}
    return await _read(conn, _OF_LOT, extent[0], parameters)


async def read_unit(
    conn: AsyncConnection,
    device_id: int,
    begin: datetime,
    end: datetime,
    *,
    product: str,
    classes: tuple[str, ...],
) -> EventColumns:
    """Read the fish that a unit sorted in a time, half open.

    Parameters
    ----------
    product, classes : str, tuple[str, ...]
        Only of lots that were sorted by these.
    """
    parameters = {
        "device_id": device_id,
        "first_at": begin,
        "last_at": end,
        "product": product,
        "classes": list(classes),
    }
    return await _read(conn, _OF_UNIT, len(classes), parameters)


async def _read(
    conn: AsyncConnection, which: sql.SQL, classes: int, parameters: Mapping[str, Any]
) -> EventColumns:
    packed = [_PACK.format(sql.SQL(how)) for _, how, _ in _COLUMNS]
    packed += [_PACK_PROBABILITY.format(sql.Literal(number)) for number in range(1, classes + 1)]
    query = _READ.format(columns=sql.SQL(", ").join(packed), which=which)
    async with conn.cursor(binary=True) as cursor:
        await cursor.execute(query, parameters, prepare=False)
        row = await cursor.fetchone()
    assert row is not None
    columns = {name: _unpack(value, kind) for (name, _, kind), value in zip(_COLUMNS, row, strict=False)}
    vectors = [_unpack(value, _FLOAT) for value in row[len(_COLUMNS) :]]
    columns["probabilities"] = np.stack(vectors, axis=1)
    for name in ("at", "received"):
        columns[name] += PG_EPOCH_US
    order = np.lexsort((columns["seq"], columns["boot_id"], columns["at"]))
    return EventColumns(**{name: column[order] for name, column in columns.items()})


def _unpack(value: bytes | None, kind: str) -> NDArray[Any]:
    native = np.dtype(kind).newbyteorder("=")
    return np.frombuffer(value or b"", kind).astype(native)
