"""Sites: where a lab's devices stand."""

import dataclasses
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from api.auth import Role
from api.cursors import cut, question, read_cursor
from api.operations import PREFIX, Call, Created, Routes
from api.problems import FieldError, Problem
from api.wire import Id4, LabPath, LabSlug, Line, Nothing, Page, PageQuery, SiteSlug
from devices.geometry import GeometryError, check_polygon, check_position, check_timezone
from store.labs import find_lab
from store.sites import Site, add_site, change_site, find_site, list_sites

routes = Routes("sites")

Latitude = Annotated[float, Meta(ge=-90, le=90, description="Degrees north, WGS 84.", examples=[43.1683])]
Longitude = Annotated[float, Meta(ge=-180, le=180, description="Degrees east, WGS 84.", examples=[143.2411])]
Elevation = Annotated[float, Meta(ge=-500, le=9000, description="Metres above sea level.", examples=[120.0])]
ZoneName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_+/-]{1,64}$(?!\n)", examples=["Asia/Tokyo"])]
Spot = Annotated[list[float], Meta(min_length=2, max_length=3, description="[longitude, latitude].")]
Ring = Annotated[list[Spot], Meta(min_length=4, max_length=5_000)]


class Polygon(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="Polygon"):
    """A GeoJSON polygon (RFC 7946), WGS 84: rings of [longitude, latitude], the outer one first."""

    coordinates: Annotated[
        list[Ring],
        Meta(
            min_length=1,
            max_length=100,
            examples=[[[[143.24, 43.16], [143.25, 43.16], [143.25, 43.17], [143.24, 43.16]]]],
        ),
    ]


class SitePath(LabPath, frozen=True):
    """A site in an address."""

    site: SiteSlug


class SiteView(msgspec.Struct, frozen=True, kw_only=True):
    """A place where devices stand."""

    lab: LabSlug
    slug: SiteSlug
    name_ja: Line
    name_en: Line
    latitude: Latitude | None
    longitude: Longitude | None
    elevation_m: Elevation | None
    polygon: Polygon | None
    timezone: ZoneName


class SiteNew(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A site to add."""

    slug: SiteSlug
    name_ja: Line
    name_en: Line
    latitude: Latitude | None = None
    longitude: Longitude | None = None
    elevation_m: Elevation | None = None
    polygon: Polygon | None = None
    timezone: ZoneName = "Asia/Tokyo"


class SiteChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to change of a site; fields that are left out stay."""

    name_ja: Line | UnsetType = UNSET
    name_en: Line | UnsetType = UNSET
    latitude: Latitude | UnsetType | None = UNSET
    longitude: Longitude | UnsetType | None = UNSET
    elevation_m: Elevation | UnsetType | None = UNSET
    polygon: Polygon | UnsetType | None = UNSET
    timezone: ZoneName | UnsetType = UNSET


def view(site: Site) -> SiteView:
    """Return what is shown of a site."""
    return msgspec.convert(site, SiteView, from_attributes=True)


@routes.get("/labs/{lab}/sites", least=Role.VIEWER, ja="拠点の一覧")
async def get_sites(call: Call[LabPath, PageQuery, Nothing]) -> Page[SiteView]:
    """List a lab's sites."""
    lab = (await find_lab(call.conn, call.principal.within(call.path.lab) or call.path.lab)).slug
    asked = question("sites", lab)
    after = read_cursor(call.query.cursor, asked, Id4) if call.query.cursor else None
    rows = await list_sites(call.conn, lab=lab, after=after, limit=call.query.limit + 1)
    shown, next_ = cut(rows, call.query.limit, asked, lambda site: site.id)
    return Page(items=[view(site) for site in shown], next=next_)


@routes.get("/labs/{lab}/sites/{site}", least=Role.VIEWER, ja="拠点")
async def get_site(call: Call[SitePath, Nothing, Nothing]) -> SiteView:
    """Show a site."""
    call.principal.within(call.path.lab)
    return view(await find_site(call.conn, call.path.lab, call.path.site))


@routes.post("/labs/{lab}/sites", least=Role.STAFF, ja="拠点を追加する", conflicts=True)
async def add_lab_site(call: Call[LabPath, Nothing, SiteNew]) -> Created[SiteView]:
    """Add a site to a lab."""
    call.principal.within(call.path.lab)
    fields = _fields(call.body)
    _check(fields)
    site = await add_site(call.conn, lab=call.path.lab, **fields)
    return Created(view(site), f"{PREFIX}/labs/{site.lab}/sites/{site.slug}")


@routes.patch("/labs/{lab}/sites/{site}", least=Role.STAFF, ja="拠点を変更する")
async def change_lab_site(call: Call[SitePath, Nothing, SiteChange]) -> SiteView:
    """Change some of a site's fields."""
    call.principal.within(call.path.lab)
    site = await find_site(call.conn, call.path.lab, call.path.site)
    changed = dataclasses.replace(site, **_fields(call.body))
    _check({name: getattr(changed, name) for name in SiteChange.__struct_fields__})
    return view(await change_site(call.conn, changed))


def _fields(body: SiteNew | SiteChange) -> dict[str, Any]:
    fields = {
        name: value
        for name, value in msgspec.structs.asdict(body).items()
        if not isinstance(value, UnsetType)
    }
    if "polygon" in fields:
        fields["polygon"] = msgspec.to_builtins(fields["polygon"])
    return fields


def _check(fields: dict[str, Any]) -> None:
    """Apply the rules that no single field shows."""
    try:
        check_position(fields["latitude"], fields["longitude"])
    except GeometryError as error:
        raise _invalid("latitude", error) from error
    try:
        if fields["polygon"] is not None:
            check_polygon(fields["polygon"])
    except GeometryError as error:
        raise _invalid("polygon", error) from error
    try:
        check_timezone(fields["timezone"])
    except GeometryError as error:
        raise _invalid("timezone", error) from error


def _invalid(field: str, error: GeometryError) -> Problem:
    return Problem("invalid-body", f"{field}: {error}.", errors=[FieldError(field, str(error))])
