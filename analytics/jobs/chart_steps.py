"""One step of a unit's charts: what is stored of them and new fish in, the next state and alarms out."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from analytics.fish.calibration import Calibration, stored_map
from analytics.fish.unit_charts import (
    CONFIDENCE,
    MISTAKES,
    START_CHECKS,
    START_FISH,
    Moved,
    begin_confidence,
    begin_mistakes,
    watch_confidence,
    watch_mistakes,
)
from store.unit_charts import ChartRow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from analytics.fish.confusion import WholeArray
    from analytics.fish.events import FloatArray
    from store.sort_columns import EventColumns
    from store.verified import Verified

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What became of a chart.

    Attributes
    ----------
    waiting_for : str
        What it needs before it watches.
    begun_anew : bool
        Whether it was made for another model of the classifier: its alarms no longer stand.
    """

    chart: str
    row: ChartRow
    moved: list[Moved]
    waiting_for: str
    begun_anew: bool


def _row(old: ChartRow | None, chart: str, model_id: int, now: datetime) -> ChartRow:
    """Give the chart as it stands; a new one for a unit or a model that has none."""
    if old is not None and old.model_id == model_id:
        return old
    begun_at = EPOCH if old is None else now
    return ChartRow(
        chart=chart,
        model_id=model_id,
        start=None,
        state=None,
        begun_at=begun_at,
        upto_at=None,
        upto_boot=None,
        upto_seq=None,
    )


def carry_confidence(  # noqa: PLR0917
    old: ChartRow | None,
    fish: EventColumns | None,
    calibration: Calibration | None,
    names: Sequence[str],
    model_id: int,
    now: datetime,
) -> Step:
    """Go on with all fish. The start period waits until it is full; fish of it are read again until then."""
    row = _row(old, CONFIDENCE, model_id, now)
    anew = old is not None and row is not old
    if fish is None or not len(fish):
        waiting = "" if row.start else "fish"
        return Step(chart=CONFIDENCE, row=row, moved=[], waiting_for=waiting, begun_anew=anew)
    probabilities, skipped = fish.probabilities.astype(np.float64), 0
    if row.start is None:
        start = _start(probabilities, calibration, names)
        if isinstance(start, str):
            return Step(chart=CONFIDENCE, row=row, moved=[], waiting_for=start, begun_anew=anew)
        row, skipped = replace(row, start=start), int(start["fish"])
    assert row.start is not None
    corrected = _corrected(row.start, probabilities[skipped:])
    state, moved = watch_confidence(row.start, row.state, corrected, fish.at[skipped:])
    row = _upto(replace(row, state=state), fish.at, fish.boot_id, fish.seq)
    return Step(chart=CONFIDENCE, row=row, moved=moved, waiting_for="", begun_anew=anew)


def _start(
    probabilities: FloatArray, calibration: Calibration | None, names: Sequence[str]
) -> dict[str, Any] | str:
    """Learn what is usual, with the calibration that is in use then: it stays with the chart."""
    used = None if calibration is None else {"method": calibration.method, "map": calibration.parameters()}
    corrected, count = _corrected({"calibration": used}, probabilities), START_FISH
    start: dict[str, Any] | str = f"a start period of {START_FISH} fish, {len(probabilities)} so far"
    while isinstance(start, str) and count <= len(probabilities):
        start = begin_confidence(corrected[:count], names)
        count *= 2  # a rare class may be missing from so few
    return start if isinstance(start, str) else start | {"calibration": used}


def _corrected(start: dict[str, Any], probabilities: FloatArray) -> FloatArray:
    used = start["calibration"]
    if used is None or not len(probabilities):
        return probabilities
    return stored_map(used["method"], used["map"]).apply(probabilities)


def _upto(row: ChartRow, at: NDArray[Any], boot_id: NDArray[Any], seq: NDArray[Any]) -> ChartRow:
    last = EPOCH + timedelta(microseconds=int(at[-1]))
    return replace(row, upto_at=last, upto_boot=int(boot_id[-1]), upto_seq=int(seq[-1]))


def carry_mistakes(old: ChartRow | None, checked: Verified, model_id: int, now: datetime) -> Step:
    """Go on with the checked fish that were chosen for one and the same reason, by when they were checked."""
    row = _row(old, MISTAKES, model_id, now)
    anew = old is not None and row is not old
    order = _by_time(checked, row.begun_at)
    if row.start is None:
        reason = _commonest_reason(checked, order)
        order = _alike(checked, order, reason)
        start = begin_mistakes(_wrong(checked, order))
        if isinstance(start, str):
            return Step(chart=MISTAKES, row=row, moved=[], waiting_for=start, begun_anew=anew)
        row = _seen(replace(row, start=start | {"reason": reason}), checked, order[:START_CHECKS])
        order = order[START_CHECKS:]
    else:
        order = _later(checked, _alike(checked, order, row.start["reason"]), row)
    assert row.start is not None
    state, moved = watch_mistakes(row.start, row.state, _wrong(checked, order), checked.at[order])
    row = _seen(replace(row, state=state), checked, order)
    return Step(chart=MISTAKES, row=row, moved=moved, waiting_for="", begun_anew=anew)


def _by_time(checked: Verified, since: datetime) -> WholeArray:
    order = np.lexsort((checked.seq, checked.boot_id, checked.at))
    return np.asarray(order[checked.at[order] >= (since - EPOCH) // timedelta(microseconds=1)])


def _commonest_reason(checked: Verified, order: WholeArray) -> str:
    found = Counter(checked.reason[place] for place in order).most_common(1)
    return found[0][0] if found else ""


def _alike(checked: Verified, order: WholeArray, reason: str) -> WholeArray:
    return np.asarray(order[np.array([checked.reason[place] == reason for place in order], bool)])


def _later(checked: Verified, order: WholeArray, row: ChartRow) -> WholeArray:
    if row.upto_at is None:
        return order
    upto = ((row.upto_at - EPOCH) // timedelta(microseconds=1), row.upto_boot or 0, row.upto_seq or 0)
    keys = zip(
        checked.at[order].tolist(), checked.boot_id[order].tolist(), checked.seq[order].tolist(), strict=True
    )
    return np.asarray(order[np.array([key > upto for key in keys], bool)])


def _seen(row: ChartRow, checked: Verified, order: WholeArray) -> ChartRow:
    if not len(order):
        return row
    return _upto(row, checked.at[order], checked.boot_id[order], checked.seq[order])


def _wrong(checked: Verified, order: WholeArray) -> FloatArray:
    return np.asarray(checked.cls[order] != checked.true[order], np.float64)
