"""Readings of a series, or of a quantity of a device: raw or in buckets, as JSON or CSV."""

import asyncio
import re
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from api.auth import Role
from api.conversion import UnitChoice, canonical_unit
from api.cursors import question, read_cursor, write_cursor
from api.instants import DEFAULT_ZONE, read_every, read_span, read_zone
from api.operations import Call, Csv, Routes
from api.problems import invalid_parameter
from api.readings import (
    Microseconds,
    Subject,
    csv_pieces,
    from_microseconds,
    read_buckets,
    read_rows,
    to_microseconds,
)
from api.routes.series import Flag, SeriesPath, UnitName, Value
from api.wire import (
    At,
    Count,
    Cursor,
    DeviceName,
    DevicePath,
    Id4,
    Instant,
    Next,
    Nothing,
    Position,
    QuantityName,
    Simulated,
    Zone,
)
from devices.quantities import QUANTITIES
from store.devices import get_device
from store.series_readings import Reading, SeriesView, Span, find_series, series_of

routes = Routes("readings")

DEFAULT_LIMIT = 1_000
_UNSAFE = re.compile(r"[^A-Za-z0-9._+-]")


class ReadingsQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which readings, and how they are shown."""

    from_: Annotated[
        Instant | None, Meta(description="Not before; RFC 3339 with offset, or a date in `tz`.")
    ] = msgspec.field(default=None, name="from")
    to: Annotated[
        Instant | None,
        Meta(description="Before; RFC 3339 with offset, or a date in `tz`, whose day is then not included."),
    ] = None
    tz: Zone | None = None
    limit: Annotated[
        Annotated[int, Meta(ge=1, le=5_000, examples=[1000])] | None,
        Meta(description="At most so many on one page. Default: 1000; for CSV all."),
    ] = None
    cursor: Cursor | None = None
    order: Annotated[Literal["asc", "desc"], Meta(description="By device time.")] = "asc"
    every: Annotated[
        Annotated[str, Meta(max_length=8, examples=["1h"])] | None,
        Meta(
            description="Buckets instead of readings: a number and m, h, d, w, mo or y. They begin by the "
            "clock of `tz`; days have 23 or 25 hours where it is set. The first and the last may be cut by "
            "`from` and `to`."
        ),
    ] = None
    quality: Annotated[
        Annotated[int, Meta(ge=1, le=9, examples=[2])] | None,
        Meta(description="Only readings with this QARTOD flag or a better (lower) one."),
    ] = None
    unit: Annotated[UnitChoice, Meta(description="canonical: of the quantity; raw: as the device sends.")] = (
        "canonical"
    )
    format: Literal["json", "csv"] = "json"


class DeviceReadingsQuery(ReadingsQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of which quantity, which readings, and how they are shown."""

    quantity: QuantityName
    position: Position = ""


class BucketShown(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured from `start` until before `end`; buckets without readings are left out."""

    start: At
    end: At
    count: Count
    mean: Annotated[float | None, Meta(examples=[18.25])]
    min: Annotated[float | None, Meta(examples=[9.1])]
    max: Annotated[float | None, Meta(examples=[27.4])]
    worst_quality: Flag


class ReadingsPage(msgspec.Struct, frozen=True, kw_only=True):
    """A page of readings, by device time; instants carry the offset of `timezone`."""

    device: DeviceName
    simulated: Simulated
    quantity: QuantityName
    position: Position
    series: list[Id4]
    unit: UnitName
    timezone: Zone
    readings: list[Value]
    next: Next


class BucketsPage(msgspec.Struct, frozen=True, kw_only=True):
    """A page of buckets; instants carry the offset of `timezone`."""

    device: DeviceName
    simulated: Simulated
    quantity: QuantityName
    position: Position
    series: list[Id4]
    unit: UnitName
    timezone: Zone
    every: Annotated[str, Meta(examples=["1h"])]
    buckets: list[BucketShown]
    next: Next


class Channel(msgspec.Struct, frozen=True, kw_only=True):
    """What the readings belong to."""

    device: str
    simulated: bool
    quantity: str
    position: str

    def label(self) -> str:
        """Return the name of the channel as in messages."""
        return f"{self.quantity}@{self.position}" if self.position else self.quantity

    def file_name(self) -> str:
        """Return a name for a table, of letters that a header and a disk take."""
        parts = ("simulated" if self.simulated else "", self.device, self.quantity, self.position)
        return _UNSAFE.sub("_", "-".join(filter(None, parts))) + ".csv"


@routes.get("/series/{series}/readings", least=Role.VIEWER, ja="系列の測定値")
async def get_series_readings(
    call: Call[SeriesPath, ReadingsQuery, Nothing],
) -> ReadingsPage | BucketsPage | Csv:
    """Read a series.

    Pages stay right while readings arrive: what was shown is neither shifted nor repeated.
    """
    series = await find_series(call.conn, call.path.series, call.principal.lab)
    channel = Channel(
        device=series.device,
        simulated=series.simulated,
        quantity=series.quantity,
        position=series.position,
    )
    return await _answer(call, call.query, channel, [series])


@routes.get("/devices/{device}/readings", least=Role.VIEWER, ja="機器の測定値")
async def get_device_readings(
    call: Call[DevicePath, DeviceReadingsQuery, Nothing],
) -> ReadingsPage | BucketsPage | Csv:
    """Read one quantity of a device at one position, also across a change of the unit it sends in."""
    query = call.query
    if query.quantity not in QUANTITIES:
        raise invalid_parameter(
            "quantity", f"there is no quantity {query.quantity!r}; see /api/v1/quantities"
        )
    device = await get_device(call.conn, call.path.device, call.principal.lab)
    found = await series_of(
        call.conn, device.name, lab=call.principal.lab, quantity=query.quantity, position=query.position
    )
    channel = Channel(
        device=device.name, simulated=device.simulated, quantity=query.quantity, position=query.position
    )
    return await _answer(call, query, channel, found)


ReadingsCall = Call[SeriesPath, ReadingsQuery, Nothing] | Call[DevicePath, DeviceReadingsQuery, Nothing]


async def _answer(
    call: ReadingsCall, query: ReadingsQuery, channel: Channel, found: list[SeriesView]
) -> ReadingsPage | BucketsPage | Csv:
    subject = _subject(query, channel, found)
    if query.format == "csv":
        if query.cursor is not None:
            raise invalid_parameter("cursor", "a CSV has no pages; leave it out")
        return Csv(channel.file_name(), csv_pieces(call.house, subject, channel.label(), query.limit))
    if subject.every is not None:
        return await _buckets_page(call, query, channel, subject)
    return await _readings_page(call, query, channel, subject)


def _subject(query: ReadingsQuery, channel: Channel, found: list[SeriesView]) -> Subject:
    zone = read_zone(query.tz or (found[0].timezone if found else None) or DEFAULT_ZONE)
    begin, end = read_span(query.from_, query.to, zone)
    return Subject(
        span=Span(series=[series.id for series in found], begin=begin, end=end, worst=query.quality or 9),
        units={series.id: series.unit for series in found},
        unit=_unit(query, channel, found),
        zone=zone,
        simulated=channel.simulated,
        newest_first=query.order == "desc",
        every=read_every(query.every) if query.every is not None else None,
    )


def _unit(query: ReadingsQuery, channel: Channel, found: list[SeriesView]) -> str:
    """Choose the unit that all the series can be shown in."""
    stored = {series.unit for series in found} or {QUANTITIES[channel.quantity].unit}
    units = (
        {canonical_unit(channel.quantity, unit) for unit in stored} if query.unit == "canonical" else stored
    )
    if len(units) > 1:
        raise invalid_parameter(
            "unit",
            f"the device has sent it in {', '.join(sorted(units))}; ask for unit=canonical or for one series",
        )
    return units.pop()


def _asked(query: ReadingsQuery, subject: Subject) -> bytes:
    return question("readings", subject.span.series, query.order, query.every, subject.zone.key)


async def _readings_page(
    call: ReadingsCall, query: ReadingsQuery, channel: Channel, subject: Subject
) -> ReadingsPage:
    asked, after = _asked(query, subject), None
    if query.cursor is not None:
        at, series_id = read_cursor(query.cursor, asked, tuple[Microseconds, Id4])
        after = (from_microseconds(at), series_id)
    rows, last = await read_rows(call.conn, subject, query.limit or DEFAULT_LIMIT, after)
    return ReadingsPage(
        device=channel.device,
        simulated=channel.simulated,
        quantity=channel.quantity,
        position=channel.position,
        series=list(subject.span.series),
        unit=subject.unit,
        timezone=subject.zone.key,
        readings=await asyncio.to_thread(_values, rows, subject),
        next=None if last is None else write_cursor(asked, (to_microseconds(last[0]), last[1])),
    )


def _values(rows: list[Reading], subject: Subject) -> list[Value]:
    return [
        Value(
            at=subject.local(row.at),
            received_at=subject.local(row.received_at),
            value=subject.shown(row.series_id, row.value),
            quality=row.quality,
        )
        for row in rows
    ]


async def _buckets_page(
    call: ReadingsCall, query: ReadingsQuery, channel: Channel, subject: Subject
) -> BucketsPage:
    asked, after = _asked(query, subject), None
    if query.cursor is not None:
        after = from_microseconds(read_cursor(query.cursor, asked, Microseconds))
    buckets, edge = await read_buckets(call.conn, subject, query.limit or DEFAULT_LIMIT, after)
    return BucketsPage(
        device=channel.device,
        simulated=channel.simulated,
        quantity=channel.quantity,
        position=channel.position,
        series=list(subject.span.series),
        unit=subject.unit,
        timezone=subject.zone.key,
        every=query.every or "",
        buckets=[msgspec.convert(bucket, BucketShown, from_attributes=True) for bucket in buckets],
        next=None if edge is None else write_cursor(asked, to_microseconds(edge)),
    )
