"""Kinds of device, and the quantities there are."""

from typing import Annotated

import msgspec
from msgspec import Meta

from api.auth import Role
from api.operations import Call, Routes
from api.problems import not_found
from api.wire import Nothing, Page, Slug
from devices.model import Kind, Quantity
from devices.quantities import QUANTITIES

routes = Routes("kinds")


class KindPath(msgspec.Struct, frozen=True):
    """A kind of device in an address."""

    kind: Annotated[Slug, Meta(description="Name of a kind of device.", examples=["farm-station"])]


@routes.get("/kinds", least=Role.VIEWER, ja="機器の種類の一覧", cacheable=True)
async def get_kinds(call: Call[Nothing, Nothing, Nothing]) -> Page[Kind]:
    """List the kinds of device with their quantities, units, limits and positions."""
    return Page(items=list(call.house.kinds.values()), next=None)


@routes.get("/kinds/{kind}", least=Role.VIEWER, ja="機器の種類", cacheable=True)
async def get_kind(call: Call[KindPath, Nothing, Nothing]) -> Kind:
    """Show a kind of device."""
    kind = call.house.kinds.get(call.path.kind)
    if kind is None:
        raise not_found(f"kind of device {call.path.kind!r}")
    return kind


@routes.get("/quantities", least=Role.VIEWER, ja="測定量の一覧", cacheable=True)
async def get_quantities(call: Call[Nothing, Nothing, Nothing]) -> Page[Quantity]:  # noqa: ARG001
    """List the quantities with their canonical units."""
    return Page(items=list(QUANTITIES.values()), next=None)
