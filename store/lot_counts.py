"""Lots' running statistics as they are asked for: without checked fish, or counted anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from store.lot_cells import Cells, Fish, add_cells, add_up, forget_cells, read_cells, without
from store.sort_columns import read_lot
from store.verified import verified_of_lot

if TYPE_CHECKING:
    from psycopg import AsyncConnection

    from store.sort_columns import EventColumns
    from store.verified import Verified


async def unchecked_cells(conn: AsyncConnection, lot_id: int) -> tuple[Cells | None, Verified]:
    """Part a lot into fish that nobody checked, added up, and those that somebody did.

    The checked ones are read first: whatever comes meanwhile, they are among all.
    """
    checked = await verified_of_lot(conn, lot_id)
    cells = await read_cells(conn, lot_id)
    if cells is None or not len(checked):
        return cells, checked
    return without(cells, add_up(as_fish(checked))), checked


_LOCK_LOT = "SELECT FROM lots WHERE id = %s FOR UPDATE"
_LOCK_BOOTS_OF_LOT = """
SELECT id FROM sort_boots
WHERE device_id = (SELECT device_id FROM lots WHERE id = %s) ORDER BY id FOR NO KEY UPDATE
"""


async def recount_lot(conn: AsyncConnection, lot_id: int) -> Cells | None:
    """Add a lot up anew from its fish; its unit's batches wait meanwhile.

    Raises
    ------
    StoreMissing
        There is no such lot.
    """
    await conn.execute(_LOCK_BOOTS_OF_LOT, [lot_id])
    await conn.execute(_LOCK_LOT, [lot_id])
    await forget_cells(conn, lot_id)  # first: it waits for whoever is just adding to them
    events = await read_lot(conn, lot_id)
    if len(events):
        await add_cells(conn, add_up(as_fish(events)))
    return await read_cells(conn, lot_id)


def as_fish(rows: EventColumns | Verified) -> Fish:
    """Give fish as they are added up by `store.lot_cells.add_up`."""
    return Fish(
        lot_id=rows.lot_id,
        model_id=rows.model_id,
        cls=rows.cls,
        probabilities=rows.probabilities.astype(np.float64),
        weight_g=rows.weight_g.astype(np.float64),
        fork_length_mm=rows.fork_length_mm.astype(np.float64),
        placing=rows.placing.astype(np.int8),
    )
