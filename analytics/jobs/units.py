"""From a sorting unit's fish in the store to its quality, calibration, charts and alarms in the store."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from analytics.fish.calibration import Calibration, Kept, calibrate, stored_map
from analytics.fish.unit_charts import CONFIDENCE, MISTAKES, Moved, chart_state
from analytics.fish.unit_description import scores, unit_quality
from analytics.fish.unit_past import CheckedFish, no_checks
from analytics.fish.unit_result import UnitResult
from analytics.jobs.chart_steps import Step, carry_confidence, carry_mistakes
from analytics.jobs.lot_memory import DAY_US, fish_of
from store import unit_charts, unit_watches
from store.batches import transaction
from store.sort_columns import EventColumns, read_unit
from store.unit_spans import UnitSpan, read_unit_spans
from store.verified import Verified, verified_of_unit

if TYPE_CHECKING:
    from analytics.jobs.desk import Desk
    from store.pool import AsyncConnection
    from store.unit_charts import ChartRow
    from store.unit_watches import CalibrationRow, UnitWatch

QUALITY_DAYS: Final = 365
"""Older checks say little of the unit as it is."""
LAG: Final = timedelta(seconds=5)
"""Charts wait so long for fish that come out of their order."""
MOST_FISH: Final = 100_000
"""So many fish go onto a chart at once; the rest comes at the next look."""
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Input:
    """All that is known of a unit, product and model."""

    watch: UnitWatch
    model_id: int
    checked: Verified
    left_out: int
    called: list[float]
    calibration: CalibrationRow | None
    charts: dict[str, ChartRow]
    fish: EventColumns | None
    cut: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Output:
    result: UnitResult
    calibration: Calibration | None
    steps: list[Step]


async def watch_unit(desk: Desk, device_id: int, product: str) -> bool:
    """Look at a unit; its charts go on with the fish that came since the last look.

    Returns
    -------
    bool
        Whether there was anything to look at.
    """
    now = desk.now()
    async with transaction(desk.pool) as conn:
        given = await _read(conn, device_id, product, now)
    if given is None:
        return False
    made = await asyncio.to_thread(_compute, given, now)
    async with transaction(desk.pool) as conn:
        if made.calibration is not None:
            row = _calibration_row(made.calibration, given.model_id)
            await unit_watches.add_calibration(conn, device_id, product, row)
        for step in made.steps:
            await _write(conn, device_id, product, step)
        body = made.result.as_body()
        await unit_watches.settle_watch(conn, device_id, product, mark=given.watch.mark, body=body)
        if given.cut:
            await unit_watches.note_watches(conn, {(device_id, product): True})
    return True


async def _read(conn: AsyncConnection, device_id: int, product: str, now: datetime) -> _Input | None:
    """Read the mark first: what is noted from then on makes the unit due again."""
    found = await unit_watches.read_watches(conn, device_id, product)
    if not found or found[0].model_id is None:
        return None
    watch, model_id = found[0], found[0].model_id
    begin = now - timedelta(days=QUALITY_DAYS)
    classes = tuple(watch.classes)
    checked = await verified_of_unit(conn, device_id, product=product, classes=classes, begin=begin)
    spans = [
        span for span in await read_unit_spans(conn, device_id, begin, now) if _is_of(span, product, model_id)
    ]
    charts = await unit_charts.read_charts(conn, device_id, product)
    fish, cut = await _new_fish(
        conn, device_id, product, classes, charts.get(CONFIDENCE), spans, model_id, now
    )
    mine = checked.model_id == model_id
    return _Input(
        watch=watch,
        model_id=model_id,
        checked=_take(checked, mine),
        left_out=int((~mine).sum()),
        called=[float(sum(s.fish for s in spans if s.cls == k)) for k in range(len(classes))],
        calibration=await unit_watches.newest_calibration(conn, device_id, product, model_id),
        charts=charts,
        fish=fish,
        cut=cut,
    )


def _is_of(span: UnitSpan, product: str, model_id: int) -> bool:
    return span.product == product and span.model_id == model_id


async def _new_fish(  # noqa: PLR0917
    conn: AsyncConnection,
    device_id: int,
    product: str,
    classes: tuple[str, ...],
    row: ChartRow | None,
    spans: list[UnitSpan],
    model_id: int,
    now: datetime,
) -> tuple[EventColumns | None, bool]:
    """Read the fish that its chart has not seen, as many as go at once, and whether there are more."""
    seen = row if row is not None and row.model_id == model_id else None
    begin = EPOCH if seen is None else seen.upto_at or seen.begun_at
    ahead = [span for span in spans if span.begin_at + timedelta(minutes=10) > begin]
    if not ahead:
        return None, False
    held = np.cumsum([span.fish for span in ahead])
    stop = int(np.searchsorted(held, MOST_FISH))
    cut = stop < len(ahead)
    end = min(ahead[stop].begin_at + timedelta(minutes=10) if cut else now - LAG, now - LAG)
    begin = max(begin, ahead[0].begin_at)
    if end <= begin:
        return None, False
    fish = await read_unit(conn, device_id, begin, end, product=product, classes=classes)
    return _after(fish, seen, model_id), cut


def _after(fish: EventColumns, row: ChartRow | None, model_id: int) -> EventColumns:
    """Leave out fish of other models, and those that the chart has seen."""
    kept = fish.model_id == model_id
    if row is not None and row.upto_at is not None:
        at = (row.upto_at - EPOCH) // timedelta(microseconds=1)
        boot, seq = row.upto_boot or 0, row.upto_seq or 0
        later = (fish.boot_id > boot) | ((fish.boot_id == boot) & (fish.seq > seq))
        kept &= (fish.at > at) | ((fish.at == at) & later)
    return EventColumns(**{name: getattr(fish, name)[kept] for name in EventColumns.__slots__})


def _take(fish: Verified, which: np.ndarray[Any, np.dtype[np.bool_]]) -> Verified:
    columns: dict[str, Any] = {}
    for name in Verified.__slots__:
        column = getattr(fish, name)
        columns[name] = (
            [one for one, kept in zip(column, which, strict=True) if kept]
            if isinstance(column, list)
            else column[which]
        )
    return Verified(**columns)


def _compute(given: _Input, now: datetime) -> _Output:
    names, classes = given.watch.classes, len(given.watch.classes)
    fish = fish_of(given.checked, classes) if len(given.checked) else no_checks(classes)
    present = None if given.calibration is None else calibration_of(given.calibration)
    new, kept = _calibrate(fish, given.checked, present, now)
    in_use = new or present
    steps = [
        carry_confidence(given.charts.get(CONFIDENCE), given.fish, in_use, names, given.model_id, now),
        carry_mistakes(given.charts.get(MISTAKES), given.checked, given.model_id, now),
    ]
    corrected = fish.probabilities if in_use is None else in_use.apply(fish.probabilities)
    result = UnitResult(
        quality=unit_quality(fish, names, np.array(given.called), left_out=given.left_out),
        raw=scores(fish.probabilities, fish, names),
        calibrated=None if in_use is None else scores(corrected, fish, names),
        calibration=None if in_use is None else in_use.version,
        calibration_kept=kept,
        checks_until=EPOCH + timedelta(microseconds=int(given.checked.event_at[-1]))
        if len(fish.true)
        else None,
        charts=tuple(
            chart_state(step.chart, step.row.start or step.waiting_for, step.row.state) for step in steps
        ),
    )
    return _Output(result=result, calibration=new, steps=steps)


def _calibrate(
    fish: CheckedFish, checked: Verified, present: Calibration | None, now: datetime
) -> tuple[Calibration | None, str]:
    if not len(fish.true):
        return None, "no fish was checked"
    if present is not None and present.fish >= len(fish.true):
        return None, "no more fish were checked since"
    found = calibrate(
        fish.probabilities,
        fish.true,
        fitted_at=now,
        chance=fish.chance,
        session=checked.event_at // DAY_US,
        present=present,
    )
    return (None, found.reason) if isinstance(found, Kept) else (found, "")


def calibration_of(row: CalibrationRow) -> Calibration:
    """Give a stored calibration as the core applies it."""
    return Calibration(
        version=row.version,
        method="isotonic" if row.method == "isotonic" else "bcts",
        map=stored_map(row.method, row.parameters),
        fitted_at=row.fitted_at,
        fish=row.fish,
        effective_fish=row.effective_fish,
        log_loss=row.log_loss,
        uncalibrated_log_loss=row.uncalibrated_log_loss,
    )


def _calibration_row(made: Calibration, model_id: int) -> dict[str, Any]:
    names = ("version", "method", "fitted_at", "fish", "effective_fish", "log_loss", "uncalibrated_log_loss")
    row = {name: getattr(made, name) for name in names}
    return row | {"model_id": model_id, "parameters": made.parameters()}


async def _write(conn: AsyncConnection, device_id: int, product: str, step: Step) -> None:
    if step.begun_anew:
        await unit_charts.clear_alarms(conn, device_id, product, step.chart)
    await unit_charts.write_chart(conn, device_id, product, step.row)
    for moved in step.moved:
        await unit_charts.add_alarm(conn, device_id, product, _alarm(step.chart, moved))


def _alarm(chart: str, moved: Moved) -> dict[str, Any]:
    return {
        "chart": chart,
        "moved": moved.what,
        "cls": moved.cls,
        "size": moved.size,
        "since": EPOCH + timedelta(microseconds=moved.since),
        "opened_at": EPOCH + timedelta(microseconds=moved.at),
    }
