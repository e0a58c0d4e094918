"""Fields: what a site's plantings stand in."""

import dataclasses
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from api.auth import Role
from api.cursors import cut, question, read_cursor
from api.operations import PREFIX, Call, Created, Routes
from api.problems import FieldError, Problem
from api.routes.sites import Polygon, SitePath
from api.wire import Id4, LabPath, LabSlug, Line, Nothing, Page, PageQuery, SiteSlug, Slug
from devices.geometry import GeometryError, check_polygon
from store.fields import Field, add_field, change_field, find_field, list_fields
from store.labs import find_lab

routes = Routes("fields")

FieldSlug = Annotated[Slug, Meta(description="Short name of a field.", examples=["north"])]
FieldName = Annotated[Line, Meta(description="Its name.", examples=["北の畑"])]
Area = Annotated[
    float, Meta(gt=0, le=1e8, description="Square metres; 10 a are 1,000 m².", examples=[3000.0])
]


class FieldPath(SitePath, frozen=True):
    """A field in an address."""

    field: FieldSlug


class FieldView(msgspec.Struct, frozen=True, kw_only=True):
    """A field."""

    id: Id4
    lab: LabSlug
    site: SiteSlug
    slug: FieldSlug
    name_ja: FieldName
    name_en: FieldName
    area_m2: Area | None
    polygon: Polygon | None


class FieldNew(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A field to add."""

    slug: FieldSlug
    name_ja: FieldName
    name_en: FieldName
    area_m2: Area | None = None
    polygon: Polygon | None = None


class FieldChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to change of a field; what is left out stays."""

    name_ja: FieldName | UnsetType = UNSET
    name_en: FieldName | UnsetType = UNSET
    area_m2: Area | UnsetType | None = UNSET
    polygon: Polygon | UnsetType | None = UNSET


def view(field: Field) -> FieldView:
    """Return what is shown of a field."""
    return msgspec.convert(field, FieldView, from_attributes=True)


@routes.get("/labs/{lab}/fields", least=Role.VIEWER, ja="圃場の一覧")
async def get_fields(call: Call[LabPath, PageQuery, Nothing]) -> Page[FieldView]:
    """List a lab's fields, of all its sites."""
    lab = (await find_lab(call.conn, call.principal.within(call.path.lab) or call.path.lab)).slug
    asked = question("fields", lab)
    after = read_cursor(call.query.cursor, asked, Id4) if call.query.cursor else None
    rows = await list_fields(call.conn, lab=lab, after=after, limit=call.query.limit + 1)
    shown, next_ = cut(rows, call.query.limit, asked, lambda field: field.id)
    return Page(items=[view(field) for field in shown], next=next_)


@routes.get("/labs/{lab}/sites/{site}/fields/{field}", least=Role.VIEWER, ja="圃場")
async def get_field(call: Call[FieldPath, Nothing, Nothing]) -> FieldView:
    """Show a field."""
    return view(await _find(call))


@routes.post("/labs/{lab}/sites/{site}/fields", least=Role.TEAM, ja="圃場を追加する", conflicts=True)
async def add_site_field(call: Call[SitePath, Nothing, FieldNew]) -> Created[FieldView]:
    """Add a field to a site."""
    call.principal.within(call.path.lab)
    fields = _given(call.body)
    field = await add_field(call.conn, lab=call.path.lab, site=call.path.site, **fields)
    return Created(view(field), f"{PREFIX}/labs/{field.lab}/sites/{field.site}/fields/{field.slug}")


@routes.patch("/labs/{lab}/sites/{site}/fields/{field}", least=Role.TEAM, ja="圃場を変更する")
async def change_site_field(call: Call[FieldPath, Nothing, FieldChange]) -> FieldView:
    """Change some of a field's properties."""
    changed = dataclasses.replace(await _find(call), **_given(call.body))
    return view(await change_field(call.conn, changed))


async def _find(call: Call[FieldPath, Any, Any]) -> Field:
    call.principal.within(call.path.lab)
    return await find_field(call.conn, call.path.lab, call.path.site, call.path.field)


def _given(body: FieldNew | FieldChange) -> dict[str, Any]:
    fields = {
        name: value
        for name, value in msgspec.structs.asdict(body).items()
        if not isinstance(value, UnsetType)
    }
    if fields.get("polygon") is not None:
        fields["polygon"] = msgspec.to_builtins(fields["polygon"])
        try:
            check_polygon(fields["polygon"])
        except GeometryError as error:
            raise Problem(
                "invalid-body", f"polygon: {error}.", errors=[FieldError("polygon", str(error))]
            ) from error
    return fields
