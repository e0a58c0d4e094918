"""Sorted fish, one by one: pages and tables of a lot, and numbers that never came."""

from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from api.auth import Role
from api.cursors import question, read_cursor, write_cursor
from api.house import House
from api.operations import Call, Csv, Routes
from api.problems import invalid_parameter
from api.readings import CSV_ROWS, Microseconds, csv_line, from_microseconds, to_microseconds
from api.routes.lots import ClassName, LotPath
from api.unit_calibration import MapsOfUnit
from api.wire import At, Cursor, DeviceName, DevicePath, Id4, Line, Next, Nothing, Page, Simulated
from store.devices import get_device
from store.lots import Lot, get_lot
from store.pool import AsyncConnection
from store.sort_boots import missing_fish
from store.sort_pages import EventView, page_of_lot

routes = Routes("lots")

DEFAULT_LIMIT = 1000
Probability = Annotated[float, Meta(ge=0, le=1, examples=[0.93])]
Grams = Annotated[float | None, Meta(description="g", examples=[3012.0])]
Seq = Annotated[int, Meta(ge=0, le=2**63 - 1, description="Number within the boot.", examples=[1042])]
Boot = Annotated[Line, Meta(description="Boot of the unit.", examples=["a3f"])]
FishNumber = Annotated[int, Meta(ge=1, le=2**31 - 1, description="Number within the lot.", examples=[118])]


class EventsQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which fish, and how they are shown."""

    limit: Annotated[
        Annotated[int, Meta(ge=1, le=5_000, examples=[1000])] | None,
        Meta(description="At most so many on one page. Default: 1000; for CSV all."),
    ] = None
    cursor: Cursor | None = None
    order: Annotated[Literal["asc", "desc"], Meta(description="By device time.")] = "asc"
    format: Literal["json", "csv"] = "json"


class FishView(msgspec.Struct, frozen=True, kw_only=True):
    """A sorted fish. `said`: the unit's class; `corrected`: its probabilities by the calibration in use."""

    boot: Boot
    seq: Seq
    fish: FishNumber | None
    at: At
    received_at: At
    said: ClassName
    probabilities: Annotated[
        dict[str, Probability], Meta(description="By class, as sent.", examples=[{"milt": 0.93, "roe": 0.07}])
    ]
    corrected: Annotated[
        dict[str, Probability] | None,
        Meta(description="By the unit's calibration; null: it has none.", examples=[None]),
    ]
    verified: Annotated[ClassName | None, Meta(description="The true class, where somebody found it out.")]
    model: Annotated[str, Meta(examples=["gonad-cnn-3"])]
    coupling: Annotated[float | None, Meta(description="Quality of the coupling, 0 to 1.", examples=[0.9])]
    weight_g: Grams
    fork_length_mm: Annotated[float | None, Meta(description="mm", examples=[612.0])]
    spine_ratio: Annotated[float | None, Meta(examples=[None])]
    latency_ms: Annotated[float | None, Meta(examples=[41.0])]
    bin_commanded: Annotated[str | None, Meta(examples=["a"])]
    bin_confirmed: Annotated[str | None, Meta(examples=["a"])]
    frame: Annotated[str | None, Meta(description="SHA-256 of its image: /frames/{sha256}.", examples=[None])]


class EventsPage(msgspec.Struct, frozen=True, kw_only=True):
    """A page of a lot's fish by device time."""

    lot_id: Id4
    device: DeviceName
    simulated: Simulated
    classes: list[ClassName]
    events: list[FishView]
    next: Next


class MissingView(msgspec.Struct, frozen=True, kw_only=True):
    """Fish of a boot whose numbers came not, though later ones did: whole numbers without a message."""

    boot: Boot
    events: Annotated[int, Meta(ge=0, description="Fish that came.", examples=[1200])]
    first_at: At | None
    last_at: At | None
    missing: Annotated[int, Meta(ge=0, examples=[2])]
    given_up: Annotated[int, Meta(ge=0, description="Among them, such as can no longer come.", examples=[0])]
    ranges: Annotated[
        list[tuple[int, int]],
        Meta(description="The first of them, first and last number.", examples=[[[17, 18]]]),
    ]


@routes.get("/lots/{lot}/events", least=Role.VIEWER, ja="ロットの魚（1尾ずつ）")
async def get_events(call: Call[LotPath, EventsQuery, Nothing]) -> EventsPage | Csv:
    """Read a lot's fish one by one, with their full probability vectors."""
    query = call.query
    lot = await get_lot(call.conn, call.path.lot, call.principal.lab)
    newest_first = query.order == "desc"
    if query.format == "csv":
        if query.cursor is not None:
            raise invalid_parameter("cursor", "a CSV has no pages; leave it out")
        name = f"{'simulated-' if lot.simulated else ''}lot-{lot.id}.csv"
        return Csv(name, _csv(call.house, lot, query.limit, newest_first=newest_first))
    limit, asked, after = query.limit or DEFAULT_LIMIT, question("events", lot.id, query.order), None
    if query.cursor is not None:
        at, boot_id, seq = read_cursor(query.cursor, asked, tuple[Microseconds, Id4, Seq])
        after = (from_microseconds(at), boot_id, seq)
    rows = await page_of_lot(call.conn, lot.id, after=after, newest_first=newest_first, limit=limit + 1)
    shown = rows[:limit]
    maps = await MapsOfUnit.read(call.conn, lot)
    return EventsPage(
        lot_id=lot.id,
        device=lot.device,
        simulated=lot.simulated,
        classes=lot.classes,
        events=[_view(row, maps) for row in shown],
        next=write_cursor(asked, _place(shown[-1])) if len(rows) > limit else None,
    )


def _place(row: EventView) -> tuple[int, int, int]:
    return to_microseconds(row.at), row.boot_id, row.seq


def _view(row: EventView, maps: MapsOfUnit) -> FishView:
    alike = {name: getattr(row, name) for name in FishView.__struct_fields__ if hasattr(row, name)}
    return FishView(**alike, said=row.cls, corrected=maps.correct(row.model, row.probabilities))


async def _csv(house: House, lot: Lot, limit: int | None, *, newest_first: bool) -> AsyncIterator[str]:
    """Write a lot as a table, piece by piece; between pieces no connection is held."""
    head, left, after = _header(lot), limit, None
    while left is None or left > 0:
        size = CSV_ROWS if left is None else min(CSV_ROWS, left)
        async with house.connection() as conn:
            rows = await _rows(conn, lot, size, after, newest_first=newest_first)
        yield head + "".join(_line(row, lot) for row in rows)
        if len(rows) < size:
            return
        head, after = "", (rows[-1].at, rows[-1].boot_id, rows[-1].seq)
        left = None if left is None else left - len(rows)


async def _rows(
    conn: AsyncConnection, lot: Lot, size: int, after: Any, *, newest_first: bool
) -> list[EventView]:
    return await page_of_lot(conn, lot.id, after=after, newest_first=newest_first, limit=size)


_TEXT_COLUMNS = ("boot", "model", "bin_commanded", "bin_confirmed", "frame", "verified")
_NUMBER_COLUMNS = ("coupling", "weight_g", "fork_length_mm", "spine_ratio", "latency_ms")


def _header(lot: Lot) -> str:
    names = ["at", "received_at", "seq", "fish", "said", *(f"p_{name}" for name in lot.classes)]
    return csv_line([*names, *_NUMBER_COLUMNS, *_TEXT_COLUMNS, "simulated"])


def _line(row: EventView, lot: Lot) -> str:
    numbers = [
        row.at.isoformat(),
        row.received_at.isoformat(),
        str(row.seq),
        "" if row.fish is None else str(row.fish),
        row.cls,
        *(repr(row.probabilities[name]) for name in lot.classes),
        *("" if (value := getattr(row, name)) is None else repr(value) for name in _NUMBER_COLUMNS),
    ]
    texts = [getattr(row, name) or "" for name in _TEXT_COLUMNS]
    return ",".join(numbers) + "," + csv_line([*texts, "true" if lot.simulated else "false"])


@routes.get("/units/{device}/missing", least=Role.VIEWER, ja="届いていない魚の番号")
async def get_missing(call: Call[DevicePath, Nothing, Nothing]) -> Page[MissingView]:
    """List the gaps in a unit's numbers: fish that it sorted and that never came, by boot."""
    device = await get_device(call.conn, call.path.device, call.principal.lab)
    found = await missing_fish(call.conn, device.name)
    items = [msgspec.convert(one, MissingView, from_attributes=True) for one in found]
    return Page(items=items, next=None)
