"""Plantings: a crop in a field from a day on; ended with its yield, removed and brought back."""

import dataclasses
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

import msgspec
from msgspec import UNSET, Meta, UnsetType

from analytics.library import crops
from api.auth import Role
from api.cursors import cut, question, read_cursor
from api.operations import PREFIX, Call, Created, Routes
from api.problems import FieldError, Problem
from api.routes.fields import FieldSlug
from api.routes.sites import ZoneName
from api.wire import (
    At,
    Cursor,
    DeviceName,
    Id4,
    LabPath,
    LabSlug,
    Limit,
    Line,
    Nothing,
    Page,
    SiteSlug,
)
from store.labs import find_lab
from store.plantings import (
    Planting,
    add_planting,
    change_planting,
    end_planting,
    get_planting,
    list_plantings,
    remove_planting,
    reopen_planting,
    restore_planting,
)

routes = Routes("plantings")

FIRST_DAY: Final = date(1900, 1, 1)
AHEAD: Final = timedelta(days=400)
"""How far ahead a planting may be planned."""

Day = Annotated[date, Meta(description="A day of the site's time zone.", examples=["2025-10-01"])]
CropName = Annotated[
    str,
    Meta(pattern=r"^[a-z][a-z0-9_]{0,62}$(?!\n)", description="A crop of /crops.", examples=["wheat"]),
]
CultivarName = Annotated[
    str,
    Meta(
        max_length=100,
        pattern=r"^[^\x00-\x1f\x7f]*$(?!\n)",
        description="A cultivar of the crop; one that is not known there forecasts as the crop does.",
        examples=["kitahonami"],
    ),
]
Text500 = Annotated[str, Meta(max_length=500, pattern=r"^[^\x00]*$(?!\n)", examples=["低い所は遅れている"])]
TonnesHa = Annotated[float, Meta(ge=0, le=1000, description="Fresh mass, t/ha.", examples=[6.8])]
Station = Annotated[
    DeviceName, Meta(description="The device whose weather it has; null: all devices of the field's site.")
]


class PlantingPath(msgspec.Struct, frozen=True):
    """A planting in an address."""

    planting: Annotated[int, Meta(ge=1, le=2**31 - 1, description="Number of a planting.", examples=[3])]


class PlantingsQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which plantings."""

    site: SiteSlug | None = None
    field: FieldSlug | None = None
    crop: CropName | None = None
    ended: Annotated[bool | None, Meta(description="Only ended ones, or only others.", examples=[False])] = (
        None
    )
    removed: Annotated[bool, Meta(description="Those that were removed instead.", examples=[False])] = False
    limit: Limit = 100
    cursor: Cursor | None = None


class PlantingView(msgspec.Struct, frozen=True, kw_only=True):
    """A planting."""

    id: Id4
    lab: LabSlug
    site: SiteSlug
    field: FieldSlug
    crop: CropName
    cultivar: CultivarName
    sown_on: Day
    label: Line
    goal: Text500
    target_t_ha: TonnesHa | None
    recipe_id: Id4 | None
    station: Station | None
    ended_on: Day | None
    yield_t_ha: TonnesHa | None
    outcome_note: Text500
    simulated: Annotated[bool, Meta(description="Whether nothing of it was grown.", examples=[False])]
    created_at: At
    created_by: Annotated[str | None, Meta(description="Label of the token.", examples=["農場チーム"])]
    removed_at: At | None
    timezone: ZoneName


class PlantingNew(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A planting to note."""

    site: SiteSlug
    field: FieldSlug
    crop: CropName
    sown_on: Day
    cultivar: CultivarName = ""
    label: Line = ""
    goal: Text500 = ""
    target_t_ha: TonnesHa | None = None
    recipe_id: Id4 | None = None
    station: Station | None = None


class PlantingChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to change of a planting; what is left out stays."""

    crop: CropName | UnsetType = UNSET
    sown_on: Day | UnsetType = UNSET
    cultivar: CultivarName | UnsetType = UNSET
    label: Line | UnsetType = UNSET
    goal: Text500 | UnsetType = UNSET
    target_t_ha: TonnesHa | UnsetType | None = UNSET
    recipe_id: Id4 | UnsetType | None = UNSET
    station: Station | UnsetType | None = UNSET


class PlantingEnd(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a planting ended."""

    ended_on: Day
    yield_t_ha: TonnesHa | None = None
    outcome_note: Text500 = ""


def view(planting: Planting) -> PlantingView:
    """Return what is shown of a planting."""
    return msgspec.convert(planting, PlantingView, from_attributes=True)


def today_at(timezone: str) -> date:
    """Return what day it is there."""
    return datetime.now(UTC).astimezone(ZoneInfo(timezone)).date()


@routes.get("/labs/{lab}/plantings", least=Role.VIEWER, ja="作付けの一覧")
async def get_plantings(call: Call[LabPath, PlantingsQuery, Nothing]) -> Page[PlantingView]:
    """List a lab's plantings in the order they were noted."""
    query = call.query
    lab = (await find_lab(call.conn, call.principal.within(call.path.lab) or call.path.lab)).slug
    kept = {"site": query.site, "field": query.field, "crop": query.crop}
    asked = question("plantings", lab, kept, query.ended, query.removed)
    after = read_cursor(query.cursor, asked, Id4) if query.cursor else None
    rows = await list_plantings(
        call.conn,
        lab=lab,
        **kept,
        ended=query.ended,
        removed=query.removed,
        after=after,
        limit=query.limit + 1,
    )
    shown, next_ = cut(rows, query.limit, asked, lambda planting: planting.id)
    return Page(items=[view(planting) for planting in shown], next=next_)


@routes.post("/labs/{lab}/plantings", least=Role.TEAM, ja="作付けを登録する", conflicts=True)
async def note_planting(call: Call[LabPath, Nothing, PlantingNew]) -> Created[PlantingView]:
    """Note what was sown or planted; its first forecast follows within seconds."""
    call.principal.within(call.path.lab)
    fields = msgspec.structs.asdict(call.body)
    _check(fields["crop"], fields["sown_on"])
    planting = await add_planting(call.conn, lab=call.path.lab, **fields, by=call.principal.token_id)
    return Created(view(planting), f"{PREFIX}/plantings/{planting.id}")


@routes.get("/plantings/{planting}", least=Role.VIEWER, ja="作付け")
async def get_one_planting(call: Call[PlantingPath, Nothing, Nothing]) -> PlantingView:
    """Show a planting."""
    return view(await _find(call))


@routes.patch("/plantings/{planting}", least=Role.TEAM, ja="作付けを変更する", conflicts=True)
async def change_one_planting(call: Call[PlantingPath, Nothing, PlantingChange]) -> PlantingView:
    """Change some of a planting's properties; its forecast is made anew."""
    fields: dict[str, Any] = {
        name: value
        for name, value in msgspec.structs.asdict(call.body).items()
        if not isinstance(value, UnsetType)
    }
    changed = dataclasses.replace(await _find(call), **fields)
    _check(changed.crop, changed.sown_on)
    if changed.ended_on is not None and changed.ended_on < changed.sown_on:
        raise _invalid("sown_on", f"lies after the day on which it ended, {changed.ended_on}")
    return view(await change_planting(call.conn, changed, call.principal.lab))


@routes.post("/plantings/{planting}/end", least=Role.TEAM, ja="作付けを終える（収穫）")
async def end_one_planting(call: Call[PlantingPath, Nothing, PlantingEnd]) -> PlantingView:
    """Say that a planting was harvested or given up, and what it yielded; said again, it is written anew."""
    planting = await _find(call)
    if not planting.sown_on <= call.body.ended_on <= today_at(planting.timezone):
        detail = f"must lie between the day of sowing, {planting.sown_on}, and today"
        raise _invalid("ended_on", detail)
    ended = await end_planting(call.conn, planting.id, **msgspec.structs.asdict(call.body))
    return view(ended)


@routes.post("/plantings/{planting}/reopen", least=Role.TEAM, ja="作付けの終了を取り消す")
async def reopen_one_planting(call: Call[PlantingPath, Nothing, Nothing]) -> PlantingView:
    """Undo its end."""
    return view(await reopen_planting(call.conn, call.path.planting, call.principal.lab))


@routes.post("/plantings/{planting}/remove", least=Role.TEAM, ja="作付けを一覧から外す")
async def remove_one_planting(call: Call[PlantingPath, Nothing, Nothing]) -> PlantingView:
    """Take a planting out of lists and forecasts; nothing is deleted."""
    return view(await remove_planting(call.conn, call.path.planting, call.principal.lab))


@routes.post("/plantings/{planting}/restore", least=Role.TEAM, ja="外した作付けを戻す", conflicts=True)
async def restore_one_planting(call: Call[PlantingPath, Nothing, Nothing]) -> PlantingView:
    """Undo its removal."""
    return view(await restore_planting(call.conn, call.path.planting, call.principal.lab))


async def _find(call: Call[PlantingPath, Any, Any]) -> Planting:
    return await get_planting(call.conn, call.path.planting, call.principal.lab)


def _check(crop: str, sown_on: date) -> None:
    if crop not in crops():
        raise _invalid("crop", f"there is no crop {crop!r}: one of {', '.join(sorted(crops()))}")
    if not FIRST_DAY <= sown_on <= datetime.now(UTC).date() + AHEAD:
        raise _invalid("sown_on", f"must lie between {FIRST_DAY} and {AHEAD.days} days from now")


def _invalid(field: str, detail: str) -> Problem:
    return Problem("invalid-body", f"{field}: {detail}.", errors=[FieldError(field, detail)])
