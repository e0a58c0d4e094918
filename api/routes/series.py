"""Series of a device, and the latest values."""

from typing import Annotated

import msgspec
from msgspec import Meta

from api.auth import Role
from api.conversion import UnitChoice, canonical_unit, shown
from api.cursors import cut, question, read_cursor
from api.operations import Call, Routes
from api.wire import (
    At,
    Cursor,
    DeviceName,
    DevicePath,
    Id4,
    LabPath,
    LabSlug,
    Limit,
    Nothing,
    Page,
    Position,
    QuantityName,
    Simulated,
)
from store.devices import get_device
from store.labs import find_lab
from store.series_readings import Latest, Reading, SeriesView, find_series, list_latest, series_of

routes = Routes("series")

UnitName = Annotated[str, Meta(description="Unit, as in `devices/units.py`.", examples=["degC"])]
Flag = Annotated[
    int,
    Meta(
        ge=1,
        le=9,
        description="QARTOD flag: 1 good, 2 not evaluated, 3 suspect, 4 fail, 9 missing.",
        examples=[1],
    ),
]


class SeriesPath(msgspec.Struct, frozen=True):
    """A series in an address."""

    series: Id4


class SeriesShown(msgspec.Struct, frozen=True, kw_only=True):
    """One quantity of one device at one position, in the unit the device sends."""

    id: Id4
    device: DeviceName
    simulated: Simulated
    lab: LabSlug
    quantity: QuantityName
    position: Position
    unit: UnitName
    canonical_unit: UnitName


class UnitQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """In which unit."""

    unit: UnitChoice = "canonical"


class LatestQuery(UnitQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """In which unit, and a page of a list."""

    limit: Limit = 100
    cursor: Cursor | None = None


class Value(msgspec.Struct, frozen=True, kw_only=True):
    """One reading: what was measured when, and when that reached us."""

    at: At
    received_at: At
    value: Annotated[
        float | None, Meta(description="null: beyond what a float holds in this unit.", examples=[21.5])
    ]
    quality: Flag


class LatestShown(msgspec.Struct, frozen=True, kw_only=True):
    """The newest value of a series by the device's clock, and the one that arrived last."""

    series: SeriesShown
    unit: UnitName
    newest: Value | None
    last_received: Value | None


def view(series: SeriesView) -> SeriesShown:
    """Return what is shown of a series."""
    return SeriesShown(
        id=series.id,
        device=series.device,
        simulated=series.simulated,
        lab=series.lab,
        quantity=series.quantity,
        position=series.position,
        unit=series.unit,
        canonical_unit=canonical_unit(series.quantity, series.unit),
    )


def _latest_view(latest: Latest, choice: UnitChoice) -> LatestShown:
    series = view(latest.series)
    unit = series.canonical_unit if choice == "canonical" else series.unit

    def show(reading: Reading | None) -> Value | None:
        if reading is None:
            return None
        return Value(
            at=reading.at,
            received_at=reading.received_at,
            value=shown(reading.value, series.unit, unit),
            quality=reading.quality,
        )

    return LatestShown(
        series=series, unit=unit, newest=show(latest.newest), last_received=show(latest.received)
    )


@routes.get("/devices/{device}/series", least=Role.VIEWER, ja="機器の系列の一覧")
async def get_device_series(call: Call[DevicePath, Nothing, Nothing]) -> Page[SeriesShown]:
    """List a device's series; there are no more than its kind allows."""
    device = await get_device(call.conn, call.path.device, call.principal.lab)
    rows = await series_of(call.conn, device.name, lab=call.principal.lab)
    return Page(items=[view(series) for series in rows], next=None)


@routes.get("/series/{series}", least=Role.VIEWER, ja="系列")
async def get_series(call: Call[SeriesPath, Nothing, Nothing]) -> SeriesShown:
    """Show a series."""
    return view(await find_series(call.conn, call.path.series, call.principal.lab))


@routes.get("/devices/{device}/latest", least=Role.VIEWER, ja="機器の最新値")
async def get_device_latest(call: Call[DevicePath, LatestQuery, Nothing]) -> Page[LatestShown]:
    """Show the latest values of a device's series."""
    device = await get_device(call.conn, call.path.device, call.principal.lab)
    return await _list_latest(call.query, call, device=device.name)


@routes.get("/labs/{lab}/latest", least=Role.VIEWER, ja="ラボの最新値")
async def get_lab_latest(call: Call[LabPath, LatestQuery, Nothing]) -> Page[LatestShown]:
    """Show the latest values of all series of a lab."""
    call.principal.within(call.path.lab)
    lab = await find_lab(call.conn, call.path.lab)
    return await _list_latest(call.query, call, lab=lab.slug)


async def _list_latest(
    query: LatestQuery,
    call: Call[DevicePath, LatestQuery, Nothing] | Call[LabPath, LatestQuery, Nothing],
    *,
    lab: str | None = None,
    device: str | None = None,
) -> Page[LatestShown]:
    asked = question("latest", lab, device)
    after = read_cursor(query.cursor, asked, Id4) if query.cursor else 0
    rows = await list_latest(
        call.conn, lab=lab or call.principal.lab, device=device, after=after, limit=query.limit + 1
    )
    part, next_ = cut(rows, query.limit, asked, lambda latest: latest.series.id)
    return Page(items=[_latest_view(latest, query.unit) for latest in part], next=next_)
