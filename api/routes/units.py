"""Sorting units: how good they are, whether something has moved, and the alarms that tell of it."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from analytics.farm.recipes.model import Text
from analytics.fish.unit_result import ChartState, Scores, UnitQuality, UnitResult
from api.auth import Role
from api.operations import Call, Routes
from api.routes.lots import ClassName, Note, ProductName
from api.unit_words import moved, standing
from api.wire import At, Count, DeviceName, DevicePath, Id8, Nothing, Simulated
from store.devices import get_device
from store.pool import AsyncConnection
from store.unit_charts import Alarm, acknowledge_alarm, begin_anew, get_alarm, list_alarms
from store.unit_spans import UnitSpan, read_unit_spans
from store.unit_watches import (
    CalibrationRow,
    UnitWatch,
    list_calibrations,
    note_watches,
    read_watches,
)

routes = Routes("units")

State = Annotated[
    Literal["empty", "watched"],
    Meta(description="empty: the unit has sorted nothing yet, or is looked at within seconds."),
]


class AlarmPath(msgspec.Struct, frozen=True):
    """An alarm in an address."""

    alarm: Annotated[int, Meta(ge=1, le=2**63 - 1, description="Number of an alarm.", examples=[3])]


class UnitQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of which product."""

    product: Annotated[ProductName | None, Meta(description="Left out: all that the unit sorts.")] = None


class DriftQuery(UnitQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of which product, and how far back."""

    days: Annotated[int, Meta(ge=1, le=400, description="Days of the course.", examples=[7])] = 7


class CalibrationView(msgspec.Struct, frozen=True, kw_only=True):
    """A version of the correction of a unit's probabilities; raw ones stay as they came."""

    version: Annotated[int, Meta(ge=1, examples=[2])]
    model: Annotated[str, Meta(examples=["gonad-cnn-3"])]
    method: Annotated[str, Meta(examples=["bcts"])]
    fitted_at: At
    fish: Count
    log_loss: Annotated[float, Meta(description="On fish left out of the fit.", examples=[0.21])]
    uncalibrated_log_loss: Annotated[float, Meta(examples=[0.29])]


class ProductQuality(msgspec.Struct, frozen=True, kw_only=True):
    """How good a unit is with one product, as of `watched_at`."""

    product: ProductName
    classes: list[ClassName]
    watched_at: At | None
    checks_until: At | None
    quality: UnitQuality | None
    raw: Annotated[Scores | None, Meta(description="Of the probabilities as they came.")]
    calibrated: Annotated[Scores | None, Meta(description="Of the corrected ones.")]
    calibration: Annotated[int | None, Meta(description="The version in use.", examples=[2])]
    calibration_kept: Annotated[str, Meta(description="Why there is no newer one.", examples=[""])]
    calibrations: list[CalibrationView]
    text: Text


class QualityView(msgspec.Struct, frozen=True, kw_only=True):
    """How good a unit is."""

    device: DeviceName
    simulated: Simulated
    state: State
    products: list[ProductQuality]


class AlarmView(msgspec.Struct, frozen=True, kw_only=True):
    """A chart that crossed its limit: what moved, and since when."""

    id: Id8
    device: DeviceName
    product: ProductName
    chart: Annotated[str, Meta(examples=["confidence"])]
    moved: Annotated[str, Meta(description="What did.", examples=["confidence_down"])]
    class_: Annotated[
        ClassName | None, Meta(description="Of fish called so; null: of all.", examples=["milt"])
    ] = msgspec.field(name="class")
    size: Annotated[float, Meta(description="Mean change: log-odds, or share of mistakes.", examples=[-0.4])]
    since: At
    opened_at: At
    acknowledged_at: At | None
    acknowledged_by: Annotated[str | None, Meta(examples=[None])]
    answer: Note
    cleared_at: At | None
    text: Text


class SpanView(msgspec.Struct, frozen=True, kw_only=True):
    """Ten minutes of a unit's course, of fish called one class."""

    begin_at: At
    model: Annotated[str, Meta(examples=["gonad-cnn-3"])]
    called: ClassName
    fish: Count
    confidence: Annotated[float, Meta(description="Mean probability of that class.", examples=[0.94])]
    coupling: Annotated[float | None, Meta(examples=[0.9])]
    latency_ms: Annotated[float | None, Meta(examples=[41.0])]
    misplaced: Count
    placed: Count


class ProductDrift(msgspec.Struct, frozen=True, kw_only=True):
    """What a unit's charts say of one product."""

    product: ProductName
    watched_at: At | None
    charts: list[ChartState]
    course: list[SpanView]
    text: Text


class DriftView(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a unit is as it was."""

    device: DeviceName
    simulated: Simulated
    state: State
    alarms: list[AlarmView]
    products: list[ProductDrift]


class AlarmAnswer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a person says of an alarm."""

    answer: Annotated[Note, Meta(examples=["プローブを清掃した"])] = ""
    begin_anew: Annotated[
        bool,
        Meta(description="Whether the unit is right again, and its chart learns anew what is usual."),
    ] = False


def _result(watch: UnitWatch) -> UnitResult | None:
    return None if watch.body is None else msgspec.convert(watch.body, UnitResult)


@routes.get("/units/{device}/quality", least=Role.VIEWER, ja="仕分け装置の精度")
async def get_quality(call: Call[DevicePath, UnitQuery, Nothing]) -> QualityView:
    """Show how good a unit is, corrected for how the checked fish were chosen, and its calibration."""
    device = await get_device(call.conn, call.path.device, call.principal.lab)
    found = await read_watches(call.conn, device.id, call.query.product)
    products = [await _quality(call.conn, watch) for watch in found]
    state: Literal["empty", "watched"] = "watched" if products else "empty"
    return QualityView(device=device.name, simulated=device.simulated, state=state, products=products)


async def _quality(conn: AsyncConnection, watch: UnitWatch) -> ProductQuality:
    result = _result(watch)
    versions = await list_calibrations(conn, watch.device_id, watch.product)
    return ProductQuality(
        product=watch.product,
        classes=watch.classes,
        watched_at=watch.watched_at,
        checks_until=None if result is None else result.checks_until,
        quality=None if result is None else result.quality,
        raw=None if result is None else result.raw,
        calibrated=None if result is None else result.calibrated,
        calibration=None if result is None else result.calibration,
        calibration_kept="" if result is None else result.calibration_kept,
        calibrations=[_calibration(row) for row in versions],
        text=standing(result),
    )


def _calibration(row: CalibrationRow) -> CalibrationView:
    return msgspec.convert(row, CalibrationView, from_attributes=True)


@routes.get("/units/{device}/drift", least=Role.VIEWER, ja="仕分け装置の変化（管理図と警報）")
async def get_drift(call: Call[DevicePath, DriftQuery, Nothing]) -> DriftView:
    """Show a unit's control charts and alarms, those that stand first, and its course.

    An alarm names what moved and since when. A change of the classes' shares alone sets off none.
    """
    device = await get_device(call.conn, call.path.device, call.principal.lab)
    found = await read_watches(call.conn, device.id, call.query.product)
    alarms = await list_alarms(call.conn, device.id, product=call.query.product)
    end = datetime.now(UTC)
    spans = await read_unit_spans(call.conn, device.id, end - timedelta(days=call.query.days), end)
    products = [_drift(watch, spans) for watch in found]
    return DriftView(
        device=device.name,
        simulated=device.simulated,
        state="watched" if products else "empty",
        alarms=[_alarm(alarm) for alarm in alarms],
        products=products,
    )


def _drift(watch: UnitWatch, spans: list[UnitSpan]) -> ProductDrift:
    result = _result(watch)
    return ProductDrift(
        product=watch.product,
        watched_at=watch.watched_at,
        charts=[] if result is None else list(result.charts),
        course=[_span(span, watch.classes) for span in spans if span.product == watch.product],
        text=standing(result),
    )


def _span(span: UnitSpan, classes: list[str]) -> SpanView:
    return SpanView(
        begin_at=span.begin_at,
        model=span.model,
        called=classes[span.cls] if span.cls < len(classes) else "unknown",
        fish=span.fish,
        confidence=span.score_sum / span.fish,
        coupling=span.coupling_sum / span.coupling_n if span.coupling_n else None,
        latency_ms=span.latency_sum / span.latency_n if span.latency_n else None,
        misplaced=span.misplaced,
        placed=span.placed,
    )


def _alarm(alarm: Alarm) -> AlarmView:
    fields: dict[str, Any] = {
        name: getattr(alarm, name) for name in AlarmView.__struct_fields__ if hasattr(alarm, name)
    }
    return AlarmView(**fields, class_=alarm.cls or None, text=moved(alarm))


@routes.get("/alarms/{alarm}", least=Role.VIEWER, ja="警報")
async def get_one_alarm(call: Call[AlarmPath, Nothing, Nothing]) -> AlarmView:
    """Show an alarm."""
    return _alarm(await get_alarm(call.conn, call.path.alarm, call.principal.lab))


@routes.post("/alarms/{alarm}/acknowledge", least=Role.TEAM, ja="警報を確認する")
async def answer_alarm(call: Call[AlarmPath, Nothing, AlarmAnswer]) -> AlarmView:
    """Say that an alarm was seen, and what was done; with `begin_anew` its chart learns what is usual."""
    lab = call.principal.lab
    alarm = await acknowledge_alarm(
        call.conn, call.path.alarm, answer=call.body.answer, by=call.principal.token_id, lab=lab
    )
    if call.body.begin_anew:
        await begin_anew(call.conn, alarm.device_id, alarm.product, alarm.chart)
        await note_watches(call.conn, {(alarm.device_id, alarm.product): True})
    return _alarm(await get_alarm(call.conn, alarm.id, lab))
