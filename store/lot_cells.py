"""Running statistics of lots: fish with like scores, added up in the transaction that stores them.

What a composition needs of a lot of any size is some hundred rows, and sums can be added to and taken from: a
fish that was checked by hand is taken out when it is asked for the others.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from devices.scores import cells, log_odds
from store.arrays import float8_array, int2_array, int4_array, int8_array

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray
    from psycopg import AsyncConnection


CellKey = tuple[int, int, tuple[int, ...]]
"""Model, class and cell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fish:
    """Fish as columns, all of as many classes.

    Attributes
    ----------
    lot_id, model_id : int32[n]
    cls : int16[n]
        What the classifier says.
    probabilities : float64[n, K]
    weight_g, fork_length_mm : float64[n], NaN where it was not measured
    placing : int8[n], see `store.sort_rows.SortEvent.placing`
    """

    lot_id: NDArray[np.int32]
    model_id: NDArray[np.int32]
    cls: NDArray[np.int16]
    probabilities: NDArray[np.float64]
    weight_g: NDArray[np.float64]
    fork_length_mm: NDArray[np.float64]
    placing: NDArray[np.int8]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cells:
    """Fish by lot, model, class and cell of scores; `store.lot_cells.LotCells` is what is read of one lot.

    Attributes
    ----------
    lot_id, model_id : int32[B]
    cls : int16[B]
    cell : int16[B, K]
    fish : int64[B]
    scores : float64[B, K], sum of the log-odds
    weight_n, length_n, misplaced, placed : int64[B]
    weight_sum, weight_sq, length_sum, length_sq : float64[B], g, g², mm, mm²
    """

    lot_id: NDArray[np.int32]
    model_id: NDArray[np.int32]
    cls: NDArray[np.int16]
    cell: NDArray[np.int16]
    fish: NDArray[np.int64]
    scores: NDArray[np.float64]
    weight_n: NDArray[np.int64]
    weight_sum: NDArray[np.float64]
    weight_sq: NDArray[np.float64]
    length_n: NDArray[np.int64]
    length_sum: NDArray[np.float64]
    length_sq: NDArray[np.float64]
    misplaced: NDArray[np.int64]
    placed: NDArray[np.int64]

    def take(self, rows: NDArray[np.bool_]) -> Cells:
        """Give some of the rows."""
        return Cells(**{field.name: getattr(self, field.name)[rows] for field in fields(Cells)})


def add_up(fish: Fish) -> Cells:
    """Add fish up by lot, model, class and cell, in the order of these."""
    scores = log_odds(fish.probabilities)
    cell = cells(scores)
    key = np.column_stack((fish.lot_id, fish.model_id, fish.cls, cell)).astype(np.int32)
    kinds, place = np.unique(key, axis=0, return_inverse=True)
    count = len(kinds)
    label = place.ravel()

    def total(values: NDArray[Any]) -> NDArray[np.float64]:
        return np.bincount(label, values.astype(np.float64), minlength=count).astype(np.float64)

    def number(mask: NDArray[np.bool_]) -> NDArray[np.int64]:
        return np.bincount(label[mask], minlength=count)

    weighed, measured = np.isfinite(fish.weight_g), np.isfinite(fish.fork_length_mm)
    weight, length = np.where(weighed, fish.weight_g, 0.0), np.where(measured, fish.fork_length_mm, 0.0)
    return Cells(
        lot_id=kinds[:, 0],
        model_id=kinds[:, 1],
        cls=kinds[:, 2].astype(np.int16),
        cell=kinds[:, 3:].astype(np.int16),
        fish=np.bincount(label, minlength=count),
        scores=np.stack([total(column) for column in scores.T], axis=1),
        weight_n=number(weighed),
        weight_sum=total(weight),
        weight_sq=total(weight**2),
        length_n=number(measured),
        length_sum=total(length),
        length_sq=total(length**2),
        misplaced=number(fish.placing == 1),
        placed=number(fish.placing >= 0),
    )


_ADD_CELLS = """
INSERT INTO lot_cells AS c (lot_id, model_id, class, cell, fish, scores, weight_n, weight_sum, weight_sq,
                            length_n, length_sum, length_sq, misplaced, placed)
SELECT came.lot_id, came.model_id, came.class, came.cell::int2[], came.fish, came.scores::float8[],
       came.weight_n, came.weight_sum, came.weight_sq, came.length_n, came.length_sum, came.length_sq,
       came.misplaced, came.placed
FROM unnest(%s, %s, %s, %s::text[], %s, %s::text[], %s, %s, %s, %s, %s, %s, %s, %s)
    AS came (lot_id, model_id, class, cell, fish, scores, weight_n, weight_sum, weight_sq,
             length_n, length_sum, length_sq, misplaced, placed)
ON CONFLICT (lot_id, model_id, class, cell) DO UPDATE SET
    fish = c.fish + excluded.fish,
    scores = ARRAY(
        SELECT mine + theirs FROM unnest(c.scores, excluded.scores) WITH ORDINALITY AS s (mine, theirs, n)
        ORDER BY n
    ),
    weight_n = c.weight_n + excluded.weight_n,
    weight_sum = c.weight_sum + excluded.weight_sum,
    weight_sq = c.weight_sq + excluded.weight_sq,
    length_n = c.length_n + excluded.length_n,
    length_sum = c.length_sum + excluded.length_sum,
    length_sq = c.length_sq + excluded.length_sq,
    misplaced = c.misplaced + excluded.misplaced,
    placed = c.placed + excluded.placed
"""


async def add_cells(conn: AsyncConnection, came: Cells) -> None:
    """Add fish to what is known of their lots."""
    await conn.execute(
        _ADD_CELLS,
        (
            int4_array(came.lot_id),
            int4_array(came.model_id),
            int2_array(came.cls),
            [_literal(row) for row in came.cell.tolist()],
            int8_array(came.fish),
            [_literal(row) for row in came.scores.tolist()],
            int8_array(came.weight_n),
            float8_array(came.weight_sum),
            float8_array(came.weight_sq),
            int8_array(came.length_n),
            float8_array(came.length_sum),
            float8_array(came.length_sq),
            int8_array(came.misplaced),
            int8_array(came.placed),
        ),
    )


def _literal(values: Sequence[float]) -> str:
    """Write PostgreSQL's text of an array."""
    return "{" + ",".join(map(repr, values)) + "}"


_SELECT_CELLS = """
SELECT lot_id, model_id, class, cell, fish, scores, weight_n, weight_sum, weight_sq, length_n, length_sum,
       length_sq, misplaced, placed
FROM lot_cells WHERE lot_id = ANY(%s::int4[]) ORDER BY lot_id, model_id, class, cell
"""
_TYPES: Final = (
    *(np.int32, np.int32, np.int16, np.int16, np.int64, np.float64, np.int64, np.float64, np.float64),
    *(np.int64, np.float64, np.float64, np.int64, np.int64),
)


async def read_many_cells(conn: AsyncConnection, lot_ids: Sequence[int]) -> dict[int, Cells]:
    """Read what is known of lots; those without any fish are left out."""
    async with conn.cursor(binary=True) as cursor:
        await cursor.execute(_SELECT_CELLS, [list(lot_ids)])
        rows = await cursor.fetchall()
    found: dict[int, list[tuple[Any, ...]]] = {}
    for row in rows:
        found.setdefault(row[0], []).append(row)
    return {lot_id: _columns(mine) for lot_id, mine in found.items()}


def _columns(rows: list[tuple[Any, ...]]) -> Cells:
    names = [field.name for field in fields(Cells)]
    columns = zip(*rows, strict=True)
    arrays = [np.array(column, kind) for column, kind in zip(columns, _TYPES, strict=True)]
    return Cells(**dict(zip(names, arrays, strict=True)))


async def read_cells(conn: AsyncConnection, lot_id: int) -> Cells | None:
    """Read what is known of a lot; None before its first fish."""
    return (await read_many_cells(conn, [lot_id])).get(lot_id)


def without(all_fish: Cells, some: Cells) -> Cells:
    """Take fish out of a lot's cells; cells that are empty then go.

    Parameters
    ----------
    some : Cells
        Of the same lot: fish that are among `all_fish`.
    """
    place = {key: row for row, key in enumerate(_keys(all_fish))}
    rows = [place[key] if key in place else _nearest(place, key) for key in _keys(some)]
    left = {}
    for field in fields(Cells):
        column = getattr(all_fish, field.name).copy()
        if field.name not in {"lot_id", "model_id", "cls", "cell"}:
            np.subtract.at(column, rows, getattr(some, field.name))
        left[field.name] = column
    rest = Cells(**left)
    return rest.take(rest.fish > 0)


def _nearest(place: Mapping[CellKey, int], key: CellKey) -> int:
    """Find the cell beside which a score lies that another processor's logarithm has put over the edge."""
    alike = [other for other in place if other[:2] == key[:2]]
    return place[min(alike, key=lambda other: sum(abs(a - b) for a, b in zip(other[2], key[2], strict=True)))]


def _keys(rows: Cells) -> list[CellKey]:
    return [
        (model, cls, tuple(cell))
        for model, cls, cell in zip(
            rows.model_id.tolist(), rows.cls.tolist(), rows.cell.tolist(), strict=True
        )
    ]


_FORGET_CELLS = "DELETE FROM lot_cells WHERE lot_id = %s"


async def forget_cells(conn: AsyncConnection, lot_id: int) -> None:
    """Forget what was added up of a lot, before it is counted anew."""
    await conn.execute(_FORGET_CELLS, [lot_id])
