"""From sorted fish in the store to descriptions of their lots in the store."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from analytics.fish.events import Tally
from analytics.fish.lot_description import MODEL_VERSION, LotFish, Sizes, describe
from analytics.jobs.lot_memory import fish_of
from store import lot_cells, lot_descriptions, lot_dues, unit_watches
from store.batches import transaction
from store.lot_counts import as_fish

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from analytics.fish.events import FloatArray
    from analytics.fish.lot_description import Described
    from analytics.jobs.desk import Desk
    from analytics.jobs.lot_memory import Known, Unlearnt
    from store.lot_cells import Cells
    from store.lot_descriptions import LotFacts, NewDescription
    from store.lot_dues import DueLot
    from store.pool import AsyncConnection

SLICES: Final = 8
"""Into so many jobs the units are dealt, so that several workers can describe lots at the same time."""
BUDGET_S: Final = 0.05
"""For how long a job composes: with all slices one after the other, no lot waits for two seconds."""
_CARRIED: Final = b"carried "
PUT_OFF: Final = timedelta(hours=1)
CHECKED: Final = {"verification", "unit_verification"}

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Input:
    """All that goes into one description."""

    lot: LotFacts
    cells: Cells
    known: Known | Unlearnt

    @property
    def news(self) -> float:
        """Tell how much of it is new, against what was composed last."""
        base = self.known.base
        return float("inf") if base is None else float(self.cells.fish.sum()) / base.told.fish - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outcome:
    """What became of a lot.

    Attributes
    ----------
    new : NewDescription | None
        None where its inputs were those of its newest description, or there was no time.
    whole : bool
        Whether that is all that can be said now; else the lot stays due.
    """

    known: Known | None = None
    new: NewDescription | None = None
    whole: bool = True
    error: Exception | None = None


def slice_of(device_id: int) -> int:
    """Tell to which job a unit's lots belong."""
    return device_id % SLICES


async def due_of_slice(conn: AsyncConnection, slice_: int) -> list[DueLot]:
    """List the lots that are due of a slice of the units."""
    return [one for one in await lot_dues.list_due_lots(conn) if slice_of(one.device_id) == slice_]


async def describe_lots(desk: Desk, slice_: int, *, budget_s: float = BUDGET_S) -> list[int]:
    """Describe all lots that are due of a slice of the units; the same inputs add nothing.

    While fish come faster than lots can be composed, those that changed most are composed, and the others'
    compositions are carried on.

    Parameters
    ----------
    budget_s : float
        For how long to compose; one lot at least is.

    Returns
    -------
    list[int]
        Lots that are due still.

    Raises
    ------
    Exception
        That of the first lot that failed: it is put off, and the others are described all the same.
    """
    async with transaction(desk.pool) as conn:
        due = await due_of_slice(conn, slice_)
        inputs, facts = await _read(desk, conn, due)
    outcomes = await asyncio.to_thread(_outcomes, inputs, budget_s)
    for lot_id, outcome in outcomes.items():
        if outcome.known is not None:
            desk.lots.keep(lot_id, outcome.known)
    failed = {lot_id: outcome.error for lot_id, outcome in outcomes.items() if outcome.error is not None}
    later = {lot_id for lot_id, outcome in outcomes.items() if not outcome.whole}
    made = [outcome.new for outcome in outcomes.values() if outcome.new is not None]
    done = {lot.id: lot.mark for lot in facts if lot.id not in failed and lot.id not in later}
    async with transaction(desk.pool) as conn:
        await lot_descriptions.add_descriptions(conn, made, model_version=MODEL_VERSION)
        await unit_watches.note_watches(conn, _watches(due))
        news = await lot_dues.settle_lots(conn, done)
        await lot_dues.put_off_lots(conn, sorted(failed), desk.now() + PUT_OFF)
    for lot_id, error in failed.items():
        _log.error("lot %d cannot be described", lot_id, exc_info=error)
        raise error
    return sorted({*later, *news})


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
            known = await desk.lots.look_up(conn, lot, models)
            inputs.append(_Input(lot=lot, cells=cells, known=known))
    return inputs, facts


def _watches(due: Sequence[DueLot]) -> dict[unit_watches.UnitKey, bool]:
    units: dict[unit_watches.UnitKey, bool] = {}
    for one in due:
        key = (one.device_id, one.product)
        units[key] = units.get(key, False) or bool(CHECKED & set(one.reasons))
    return units


def _outcomes(inputs: Sequence[_Input], budget_s: float) -> dict[int, _Outcome]:
    """Describe lots, those first that changed most; when the time is up, the others are carried on."""
    end_s = time.monotonic() + budget_s
    found: dict[int, _Outcome] = {}
    for given in sorted(inputs, key=lambda one: -one.news):
        found[given.lot.id] = _outcome(given, in_time=not found or time.monotonic() < end_s)
    return found


def _outcome(given: _Input, *, in_time: bool) -> _Outcome:
    """Describe one lot; one that cannot be does not keep the others waiting."""
    try:
        if not in_time and given.known.base is None:
            return _Outcome(whole=False)
        known = given.known.learn()
        digest = _digest(given, known)
        if digest == given.lot.digest:
            return _Outcome(known=known)
        base = None if in_time else known.base
        made = describe(_fish(given, known), known.past, base=base, seed=given.lot.id)
        if base is not None:
            return _Outcome(known=known, new=_new(given, made, _CARRIED + digest), whole=False)
        return _Outcome(known=replace(known, base=made), new=_new(given, made, digest))
    except Exception as error:  # noqa: BLE001 - told and raised once the others are stored
        return _Outcome(error=error)


def _new(given: _Input, made: Described, digest: bytes) -> NewDescription:
    return lot_descriptions.NewDescription(
        lot_id=given.lot.id,
        mark=given.lot.mark,
        events=int(given.cells.fish.sum()),
        inputs_digest=digest,
        body=made.result.as_body(),
        draws=made.draws,
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
