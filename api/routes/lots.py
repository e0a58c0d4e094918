"""Lots of fish: what they are, what people say of them, closed and opened again."""

import dataclasses
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from analytics.farm.recipes.model import Text
from analytics.fish.lot_result import LotResult
from api.auth import Role
from api.cursors import cut, question, read_cursor
from api.instants import EARLIEST, LATEST
from api.lot_words import labels
from api.operations import Call, Routes
from api.problems import FieldError, Problem
from api.wire import (
    At,
    Count,
    Cursor,
    DeviceName,
    Id4,
    LabPath,
    LabSlug,
    Limit,
    Line,
    Nothing,
    Page,
    Simulated,
    Slug,
)
from store.devices import get_device
from store.labs import find_lab
from store.lot_descriptions import Description, newest_descriptions
from store.lots import Lot, change_lot, close_lot, get_lot, list_lots, reopen_lot

routes = Routes("lots")

ProductName = Annotated[Slug, Meta(description="What the fish are sorted into.", examples=["cod-sex"])]
ClassName = Annotated[
    str,
    Meta(pattern=r"^[a-z][a-z0-9_]{0,62}$(?!\n)", description="A class of the product.", examples=["milt"]),
]
Share = Annotated[float, Meta(ge=0, le=1, description="0 to 1.", examples=[0.46])]
YenPerKg = Annotated[float, Meta(ge=0, le=1_000_000, examples=[600.0])]
Prices = Annotated[
    dict[str, YenPerKg],
    Meta(description="Yen/kg by class; classes without a price are left out.", examples=[{"milt": 600.0}]),
]
Note = Annotated[str, Meta(max_length=500, pattern=r"^[^\x00]*$(?!\n)", examples=["定置網、朝どれ"])]


class LotPath(msgspec.Struct, frozen=True):
    """A lot in an address."""

    lot: Annotated[int, Meta(ge=1, le=2**31 - 1, description="Number of a lot.", examples=[5])]


class LotsOfLabQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which lots."""

    device: DeviceName | None = None
    product: ProductName | None = None
    closed: Annotated[
        bool | None, Meta(description="Only closed ones, or only others.", examples=[False])
    ] = None
    limit: Limit = 100
    cursor: Cursor | None = None


class LotsQuery(LotsOfLabQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which lots, of which lab."""

    lab: LabSlug | None = None


class ClassBrief(msgspec.Struct, frozen=True, kw_only=True):
    """A class's part, in short."""

    name: ClassName
    label: Text
    share: Share | None
    low: Annotated[Share | None, Meta(description="Begin of the 95 % interval.")]
    high: Annotated[Share | None, Meta(description="Its end.")]


class LotView(msgspec.Struct, frozen=True, kw_only=True):
    """A lot; its shares are null until they are computed, within seconds of the first fish."""

    id: Id4
    lab: LabSlug
    device: DeviceName
    code: Annotated[str, Meta(description="As the unit names it.", examples=["2026-12-01-a"])]
    product: ProductName
    species: Line
    landing_place: Line
    landed_at: At | None
    opened_at: At
    closed_at: At | None
    prices: Prices
    note: Note
    simulated: Simulated
    fish: Count
    first_at: Annotated[At | None, Meta(description="Of its first fish, by device time.")]
    last_at: At | None
    state: Annotated[
        Literal["empty", "waiting", "described"],
        Meta(description="empty: no fish yet; waiting: its first description follows within seconds."),
    ]
    described_at: At | None
    checked: Annotated[Count, Meta(description="Fish checked by hand, as of `described_at`.")]
    classes: list[ClassBrief]


class LotChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to say of a lot; what is left out stays."""

    species: Line | UnsetType = UNSET
    landing_place: Annotated[Line, Meta(examples=["久慈港"])] | UnsetType = UNSET
    landed_at: At | UnsetType | None = UNSET
    prices: Prices | UnsetType = UNSET
    note: Note | UnsetType = UNSET


def result_of(description: Description) -> LotResult:
    """Return what a description says."""
    return msgspec.convert(description.body, LotResult)


def view(call: Call[Any, Any, Any], lot: Lot, newest: Description | None) -> LotView:
    """Return what is shown of a lot."""
    result = None if newest is None else result_of(newest)
    parts = {} if result is None else {part.name: part for part in result.classes}
    fields = {name: getattr(lot, name) for name in Lot.__slots__ if name in LotView.__struct_fields__}
    return LotView(
        **fields
        | {"classes": [_brief(name, label, parts) for name, label in labels(call.house, lot).items()]},
        fish=lot.events,
        state="described" if newest else "waiting" if lot.events else "empty",
        described_at=None if newest is None else newest.made_at,
        checked=0 if result is None else result.checked,
    )


def _brief(name: str, label: Text, parts: dict[str, Any]) -> ClassBrief:
    part = parts.get(name)
    if part is None:
        return ClassBrief(name=name, label=label, share=None, low=None, high=None)
    widest = part.intervals[-1]
    return ClassBrief(name=name, label=label, share=part.share, low=widest.low, high=widest.high)


@routes.get("/lots", least=Role.VIEWER, ja="ロットの一覧")
async def get_lots(call: Call[Nothing, LotsQuery, Nothing]) -> Page[LotView]:
    """List lots, the newest first, with what they hold in short."""
    return await _page(call, call.query.lab)


@routes.get("/labs/{lab}/lots", least=Role.VIEWER, ja="ラボのロットの一覧")
async def get_lots_of_lab(call: Call[LabPath, LotsOfLabQuery, Nothing]) -> Page[LotView]:
    """List a lab's lots, the newest first, with what they hold in short."""
    return await _page(call, call.path.lab)


async def _page(
    call: Call[Nothing, LotsQuery, Nothing] | Call[LabPath, LotsOfLabQuery, Nothing], asked_lab: str | None
) -> Page[LotView]:
    query, lab = call.query, call.principal.within(asked_lab)
    if lab is not None:
        await find_lab(call.conn, lab)
    if query.device is not None:
        await get_device(call.conn, query.device, lab)
    asked = question("lots", lab, query.device, query.product, query.closed)
    rows = await list_lots(
        call.conn,
        lab=lab,
        device=query.device,
        product=query.product,
        closed=query.closed,
        before=read_cursor(query.cursor, asked, Id4) if query.cursor else None,
        limit=query.limit + 1,
    )
    shown, next_ = cut(rows, query.limit, asked, lambda lot: lot.id)
    newest = await newest_descriptions(call.conn, [lot.id for lot in shown])
    return Page(items=[view(call, lot, newest.get(lot.id)) for lot in shown], next=next_)


@routes.get("/lots/{lot}", least=Role.VIEWER, ja="ロット")
async def get_one_lot(call: Call[LotPath, Nothing, Nothing]) -> LotView:
    """Show a lot, with what it holds in short."""
    return await _shown(call, await get_lot(call.conn, call.path.lot, call.principal.lab))


@routes.patch("/lots/{lot}", least=Role.TEAM, ja="ロットの情報（魚種・水揚げ・単価・メモ）を変更する")
async def change_one_lot(call: Call[LotPath, Nothing, LotChange]) -> LotView:
    """Say where and when a lot was landed, and what its classes are sold at."""
    lot = await get_lot(call.conn, call.path.lot, call.principal.lab)
    fields: dict[str, Any] = {
        name: value
        for name, value in msgspec.structs.asdict(call.body).items()
        if not isinstance(value, UnsetType)
    }
    _check(lot, fields)
    return await _shown(call, await change_lot(call.conn, dataclasses.replace(lot, **fields)))


def _check(lot: Lot, fields: dict[str, Any]) -> None:
    for name in fields.get("prices", ()):
        if name not in lot.classes:
            raise _invalid("prices", f"the lot has no class {name!r}: one of {', '.join(lot.classes)}")
    landed_at = fields.get("landed_at")
    if landed_at is not None and not EARLIEST <= landed_at <= LATEST:
        raise _invalid("landed_at", f"must lie between {EARLIEST.year} and {LATEST.year}")


def _invalid(field: str, detail: str) -> Problem:
    return Problem("invalid-body", f"{field}: {detail}.", errors=[FieldError(field, detail)])


@routes.post("/lots/{lot}/close", least=Role.TEAM, ja="ロットを締める")
async def close_one_lot(call: Call[LotPath, Nothing, Nothing]) -> LotView:
    """Say that a lot is complete; fish that still come are counted all the same."""
    return await _shown(call, await close_lot(call.conn, call.path.lot, lab=call.principal.lab))


@routes.post("/lots/{lot}/reopen", least=Role.TEAM, ja="ロットを締めたのを取り消す")
async def reopen_one_lot(call: Call[LotPath, Nothing, Nothing]) -> LotView:
    """Take back that a lot is complete."""
    return await _shown(call, await reopen_lot(call.conn, call.path.lot, lab=call.principal.lab))


async def _shown(call: Call[Any, Any, Any], lot: Lot) -> LotView:
    newest = await newest_descriptions(call.conn, [lot.id])
    return view(call, lot, newest.get(lot.id))
