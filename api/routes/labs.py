"""Labs, the tenants."""

import msgspec

from api.auth import Role
from api.cursors import cut, question, read_cursor
from api.operations import Call, Routes
from api.wire import LabPath, LabSlug, Line, Nothing, Page, PageQuery
from store.labs import Lab, find_lab, list_labs

routes = Routes("labs")


class LabView(msgspec.Struct, frozen=True, kw_only=True):
    """A local IoT promotion lab (地方版IoT推進ラボ), or one added by hand."""

    slug: LabSlug
    name_ja: Line
    name_en: Line
    bureau_ja: Line
    bureau_en: Line
    selection_round: int | None


def view(lab: Lab) -> LabView:
    """Return what is shown of a lab."""
    return msgspec.convert(lab, LabView, from_attributes=True)


@routes.get("/labs", least=Role.VIEWER, ja="ラボの一覧")
async def get_labs(call: Call[Nothing, PageQuery, Nothing]) -> Page[LabView]:
    """List labs: an operator sees all, others their own."""
    asked = question("labs")
    after = read_cursor(call.query.cursor, asked, LabSlug) if call.query.cursor else None
    rows = await list_labs(call.conn, lab=call.principal.lab, after=after, limit=call.query.limit + 1)
    shown, next_ = cut(rows, call.query.limit, asked, lambda lab: lab.slug)
    return Page(items=[view(lab) for lab in shown], next=next_)


@routes.get("/labs/{lab}", least=Role.VIEWER, ja="ラボ")
async def get_lab(call: Call[LabPath, Nothing, Nothing]) -> LabView:
    """Show a lab."""
    call.principal.within(call.path.lab)
    return view(await find_lab(call.conn, call.path.lab))
