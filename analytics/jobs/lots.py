"""From sorted fish in the store to descriptions of their lots in the store."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from dataclasses import dataclass, fields
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from analytics.fish.events import Tally
from analytics.fish.lot_description import MODEL_VERSION, LotFish, Sizes, describe
from analytics.jobs.lot_memory import Known, fish_of
from store import lot_cells, lot_descriptions, lot_dues, unit_watches
from store.batches import transaction
from store.lot_counts import as_fish

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from analytics.fish.events import FloatArray
    from analytics.jobs.desk import Desk
    from store.lot_cells import Cells
    from store.lot_descriptions import LotFacts, NewDescription
    from store.lot_dues import DueLot
    from store.pool import AsyncConnection

SLICES: Final = 8
"""Into so many jobs the units are dealt, so that several workers can describe lots at the same time."""
PUT_OFF: Final = timedelta(hours=1)
CHECKED: Final = {"verification", "unit_verification"}

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Input:
    """All that goes into one description."""

    lot: LotFacts
    cells: Cells
    know: Callable[[], Known]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outcome:
    """What became of a lot: `new` is None where its inputs were those of its newest description."""

    known: Known | None = None
    new: NewDescription | None = None
    error: Exception | None = None


def slice_of(device_id: int) -> int:
    """Tell to which job a unit's lots belong."""
    return device_id % SLICES


async def due_of_slice(conn: AsyncConnection, slice_: int) -> list[DueLot]:
    """List the lots that are due of a slice of the units."""
    return [one for one in await lot_dues.list_due_lots(conn) if slice_of(one.device_id) == slice_]


async def describe_lots(desk: Desk, slice_: int) -> list[int]:
    """Describe all lots that are due of a slice of the units; the same inputs add nothing.

    Returns
    -------
    list[int]
        Lots that have a new description.

    Raises
    ------
    Exception
        That of the first lot that failed: it is put off, and the others are described all the same.
    """
    async with transaction(desk.pool) as conn:
        due = await due_of_slice(conn, slice_)
        inputs, facts = await _read(desk, conn, due)
    outcomes = await asyncio.to_thread(lambda: {one.lot.id: _outcome(one) for one in inputs})
    for lot_id, outcome in outcomes.items():
        if outcome.known is not None:
            desk.lots.keep(lot_id, outcome.known)
    failed = {lot_id: outcome.error for lot_id, outcome in outcomes.items() if outcome.error is not None}
    made = [outcome.new for outcome in outcomes.values() if outcome.new is not None]
    async with transaction(desk.pool) as conn:
        await lot_descriptions.add_descriptions(conn, made, model_version=MODEL_VERSION)
        await unit_watches.note_watches(conn, _watches(due))
        await lot_dues.settle_lots(conn, {lot.id: lot.mark for lot in facts if lot.id not in failed})
        await lot_dues.put_off_lots(conn, sorted(failed), desk.now() + PUT_OFF)
    for lot_id, error in failed.items():
        _log.error("lot %d cannot be described", lot_id, exc_info=error)
        raise error
    return [one.lot_id for one in made]


async def _read(
    desk: Desk, conn: AsyncConnection, due: Sequence[DueLot]
) -> tuple[list[_Input], list[LotFacts]]:
    """Read the marks first: what is noted from then on makes the lots due again."""
    facts = await lot_descriptions.lot_facts(conn, [one.lot_id for one in due])
    counted = await lot_cells.read_many_cells(conn, [lot.id for lot in facts])
    inputs = []
    for lot in facts:
        cells = counted.get(lot.id)
        if cells is not None:
            models = frozenset(cells.model_id.tolist())
            inputs.append(_Input(lot=lot, cells=cells, know=await desk.lots.look_up(conn, lot, models)))
    return inputs, facts


def _watches(due: Sequence[DueLot]) -> dict[unit_watches.UnitKey, bool]:
    units: dict[unit_watches.UnitKey, bool] = {}
    for one in due:
        key = (one.device_id, one.product)
        units[key] = units.get(key, False) or bool(CHECKED & set(one.reasons))
    return units


def _outcome(given: _Input) -> _Outcome:
    """Describe one lot; one that cannot be does not keep the others waiting."""
    try:
        known = given.know()
        digest = _digest(given, known)
        new = None if digest == given.lot.digest else _describe(given, known, digest)
    except Exception as error:  # noqa: BLE001 - told and raised once the others are stored
        return _Outcome(error=error)
    return _Outcome(known=known, new=new)


def _describe(given: _Input, known: Known, digest: bytes) -> NewDescription:
    lot = given.lot
    described = describe(_fish(given, known), known.past, seed=lot.id)
    return lot_descriptions.NewDescription(
        lot_id=lot.id,
        mark=lot.mark,
        events=int(given.cells.fish.sum()),
        inputs_digest=digest,
        body=described.result.as_body(),
        draws=described.draws,
    )


def _digest(given: _Input, known: Known) -> bytes:
    told = hashlib.sha256(MODEL_VERSION.encode() + known.digest)
    told.update(repr((given.lot.classes, given.lot.first_at, given.lot.last_at)).encode())
    for field in fields(given.cells):
        told.update(np.ascontiguousarray(getattr(given.cells, field.name)).tobytes())
    return told.digest()


def _fish(given: _Input, known: Known) -> LotFish:
    lot, cells = given.lot, given.cells
    classes = len(lot.classes)
    rest = lot_cells.without(cells, lot_cells.add_up(as_fish(known.own))) if len(known.own) else cells
    fish = rest.fish.astype(np.float64)

    def by_class(values: NDArray[Any]) -> FloatArray:
        return np.bincount(cells.cls, values, minlength=classes).astype(np.float64)

    lasted = (lot.last_at - lot.first_at).total_seconds() if lot.first_at and lot.last_at else 0.0
    return LotFish(
        names=tuple(lot.classes),
        unchecked=Tally(scores=rest.scores / np.maximum(fish, 1.0)[:, None], fish=fish),
        said=by_class(cells.fish),
        checks=fish_of(known.own, classes),
        weight_g=Sizes(
            n=by_class(cells.weight_n), total=by_class(cells.weight_sum), squares=by_class(cells.weight_sq)
        ),
        length_mm=Sizes(
            n=by_class(cells.length_n), total=by_class(cells.length_sum), squares=by_class(cells.length_sq)
        ),
        misplaced=int(cells.misplaced.sum()),
        placed=int(cells.placed.sum()),
        lasted_s=lasted,
    )
