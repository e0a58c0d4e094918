"""Fish whose true class is known, as columns beside what the unit said of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, LiteralString

import numpy as np

if TYPE_CHECKING:
    from datetime import datetime

    from numpy.typing import NDArray
    from psycopg import AsyncConnection


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """Fish by device time, each once, with the verification that holds.

    Attributes
    ----------
    boot_id, lot_id, model_id : int32[n]
    seq : int64[n]
    event_at, at : int64[n], µs since 1970
        When the fish was sorted, and when it was checked.
    cls, true : int16[n]
        What the classifier said and what it is, in the order of the lot's classes.
    probabilities : float64[n, K]
    chance : float64[n]
        Probability with which the fish was chosen.
    method, reason : list[str]
    weight_g, fork_length_mm : float64[n], NaN where it was not measured
    placing : int8[n]
        0 in the bin commanded, 1 in another, -1 where it is not known.
    """

    boot_id: NDArray[np.int32]
    seq: NDArray[np.int64]
    lot_id: NDArray[np.int32]
    model_id: NDArray[np.int32]
    event_at: NDArray[np.int64]
    at: NDArray[np.int64]
    cls: NDArray[np.int16]
    true: NDArray[np.int16]
    probabilities: NDArray[np.float64]
    chance: NDArray[np.float64]
    method: list[str]
    reason: list[str]
    weight_g: NDArray[np.float64]
    fork_length_mm: NDArray[np.float64]
    placing: NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.seq)


# The last word on each fish, and of these only such as the lot has a class for.
_VERIFIED: LiteralString = """
SELECT e.boot_id, e.seq, e.lot_id, e.model_id, (extract(epoch FROM e.at) * 1000000)::int8,
       (extract(epoch FROM v.at) * 1000000)::int8, e.class, array_position(l.classes, v.class) - 1,
       e.probabilities, v.selection_probability, v.method, v.reason, e.weight_g, e.fork_length_mm,
       COALESCE((e.bin_commanded <> e.bin_confirmed)::int, -1)
FROM (
    SELECT DISTINCT ON (event_boot_id, event_seq) * FROM verifications
    WHERE withdrawn_at IS NULL AND event_at IS NOT NULL AND {which}
    ORDER BY event_boot_id, event_seq, at DESC, id DESC
) v
JOIN sort_events e ON e.boot_id = v.event_boot_id AND e.seq = v.event_seq AND e.at = v.event_at
JOIN lots l ON l.id = e.lot_id
WHERE v.class = ANY(l.classes) {kept}
ORDER BY e.at, e.boot_id, e.seq
"""
_OF_LOT = _VERIFIED.replace("{which}", "lot_id = %(lot_id)s").replace("{kept}", "")
_OF_UNIT = _VERIFIED.replace(
    "{which}",
    "device_id = %(device_id)s AND event_at >= COALESCE(%(begin)s, '-infinity'::timestamptz)"
    " AND event_at < COALESCE(%(end)s, 'infinity'::timestamptz)"
    " AND lot_id IS DISTINCT FROM %(except_lot)s::int4",
).replace("{kept}", "AND l.product = %(product)s AND l.classes = %(classes)s::text[]")


async def verified_of_lot(conn: AsyncConnection, lot_id: int) -> Verified:
    """Read the checked fish of a lot."""
    return await _read(conn, _OF_LOT, {"lot_id": lot_id})


async def verified_of_unit(
    conn: AsyncConnection,
    device_id: int,
    *,
    product: str,
    classes: tuple[str, ...],
    begin: datetime | None = None,
    end: datetime | None = None,
    except_lot: int | None = None,
) -> Verified:
    """Read the checked fish of a unit.

    Parameters
    ----------
    product, classes : str, tuple[str, ...]
        Only of lots that were sorted by these.
    begin, end : datetime | None
        When they were sorted, half open.
    except_lot : int | None
        A lot to leave out.
    """
    parameters = {
        "device_id": device_id,
        "product": product,
        "classes": list(classes),
        "begin": begin,
        "end": end,
        "except_lot": except_lot,
    }
    return await _read(conn, _OF_UNIT, parameters)


async def _read(conn: AsyncConnection, query: LiteralString, parameters: dict[str, Any]) -> Verified:
    async with conn.cursor(binary=True) as cursor:
        await cursor.execute(query, parameters)
        rows = await cursor.fetchall()
    width = len(rows[0][8]) if rows else 0
    columns: list[Any] = list(zip(*rows, strict=True)) if rows else [()] * 15
    return Verified(
        boot_id=np.array(columns[0], np.int32),
        seq=np.array(columns[1], np.int64),
        lot_id=np.array(columns[2], np.int32),
        model_id=np.array(columns[3], np.int32),
        event_at=np.array(columns[4], np.int64),
        at=np.array(columns[5], np.int64),
        cls=np.array(columns[6], np.int16),
        true=np.array(columns[7], np.int16),
        probabilities=np.array(columns[8], np.float64).reshape(len(rows), width),
        chance=np.array(columns[9], np.float64),
        method=list(columns[10]),
        reason=list(columns[11]),
        weight_g=np.array(columns[12], np.float64),
        fork_length_mm=np.array(columns[13], np.float64),
        placing=np.array(columns[14], np.int8),
    )
