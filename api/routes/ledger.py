"""The ledger: what became of every reading that was received."""

import dataclasses
from datetime import datetime
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta

from api.auth import Role
from api.cursors import question, read_cursor, write_cursor
from api.instants import DEFAULT_ZONE, read_every, read_span, read_zone
from api.operations import Call, Routes
from api.readings import Microseconds, from_microseconds, to_microseconds
from api.wire import At, Count, Cursor, DeviceName, DevicePath, Instant, Limit, Next, Nothing, Simulated, Zone
from devices.model import UNREGISTERED, Device
from store.devices import get_device
from store.ledger_pages import Counts, Hours, first_hour, list_between, list_hours, total
from store.pool import AsyncConnection

routes = Routes("ledger")


class LedgerQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which hours of receipt."""

    from_: Annotated[Instant | None, Meta(description="Hours that begin at or after this.")] = msgspec.field(
        default=None, name="from"
    )
    to: Annotated[Instant | None, Meta(description="Hours that begin before this.")] = None
    every: Annotated[
        Literal["1h", "1d", "1w", "1mo", "1y"],
        Meta(description="An hour belongs to the day of `tz` in which it begins."),
    ] = "1h"
    tz: Annotated[Zone | None, Meta(description="IANA time zone; default: Asia/Tokyo.")] = None
    limit: Limit = 100
    cursor: Cursor | None = None


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of readings (`messages` counts messages)."""

    messages: Count
    received: Count
    committed: Count
    duplicate: Count
    conflicting: Count
    quarantined: Count
    min_delay_ms: Annotated[
        int | None, Meta(description="Least receipt minus device time, milliseconds.", examples=[420])
    ]


class LedgerEntry(Tally, frozen=True, kw_only=True):
    """What was received from `start` on."""

    start: At


class LedgerPage(msgspec.Struct, frozen=True, kw_only=True):
    """Entries, and the totals over the whole of `from` … `to`, not only this page.

    `balances` says whether received = committed + duplicate + conflicting + quarantined.
    """

    device: DeviceName | None
    simulated: Simulated
    timezone: Zone
    every: str
    total: Tally
    balances: bool
    entries: list[LedgerEntry]
    next: Next


@routes.get("/devices/{device}/ledger", least=Role.VIEWER, ja="機器の受信台帳")
async def get_ledger(call: Call[DevicePath, LedgerQuery, Nothing]) -> LedgerPage:
    """Account for what a device has sent."""
    device = await get_device(call.conn, call.path.device, call.principal.lab)
    return await _read(call.conn, call.query, device)


@routes.get("/ledger/unregistered", least=Role.OPERATOR, ja="未登録の送信元の受信台帳")
async def get_unregistered_ledger(call: Call[Nothing, LedgerQuery, Nothing]) -> LedgerPage:
    """Account for what senders have sent that are not registered."""
    return await _read(call.conn, call.query, None)


async def _read(conn: AsyncConnection, query: LedgerQuery, device: Device | None) -> LedgerPage:
    device_id = UNREGISTERED if device is None else device.id
    zone = read_zone(query.tz or DEFAULT_ZONE)
    begin, end = read_span(query.from_, query.to, zone)
    counts = await total(conn, Hours(device_id=device_id, begin=begin, end=end))
    asked = question("ledger", device_id, query.every, zone.key)
    if query.cursor is not None:
        begin = max(begin, from_microseconds(read_cursor(query.cursor, asked, Microseconds)))
    hours = Hours(device_id=device_id, begin=begin, end=end)
    entries, next_at = await _read_part(conn, query, hours, zone)
    return LedgerPage(
        device=None if device is None else device.name,
        simulated=device is not None and device.simulated,
        timezone=zone.key,
        every=query.every,
        total=Tally(**_numbers(counts)),
        balances=counts.balances,
        entries=[_entry(entry, zone) for entry in entries],
        next=None if next_at is None else write_cursor(asked, to_microseconds(next_at)),
    )


async def _read_part(
    conn: AsyncConnection, query: LedgerQuery, hours: Hours, zone: ZoneInfo
) -> tuple[list[Counts], datetime | None]:
    """Read a page and the instant to go on from, None at the end."""
    if query.every == "1h":
        rows = await list_hours(conn, hours, limit=query.limit + 1)
        return rows[: query.limit], rows[query.limit].hour if len(rows) > query.limit else None
    first = await first_hour(conn, hours)
    if first is None:
        return [], None
    edges = read_every(query.every).edges(first, query.limit, zone)
    more = await first_hour(conn, dataclasses.replace(hours, begin=max(hours.begin, edges[-1])))
    return await list_between(conn, hours, edges), None if more is None else edges[-1]


def _numbers(counts: Counts) -> dict[str, Any]:
    return {name: getattr(counts, name) for name in Tally.__struct_fields__}


def _entry(counts: Counts, zone: ZoneInfo) -> LedgerEntry:
    assert counts.hour is not None
    return LedgerEntry(start=counts.hour.astimezone(zone), **_numbers(counts))
