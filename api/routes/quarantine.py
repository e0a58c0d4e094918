"""Quarantine: what could not be stored, why, and its replay after the mend."""

import base64
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from api.auth import Role
from api.cursors import cut, question, read_cursor
from api.operations import PREFIX, Accepted, Call, Routes
from api.wire import At, Count, Cursor, DeviceName, Id8, LabSlug, Nothing, Page, Simulated
from store.devices import get_device
from store.quarantine import Listed, get_quarantine, list_quarantine
from store.requests import Request, add_request, get_request

routes = Routes("quarantine")

Reason = Annotated[
    str,
    Meta(pattern=r"^[a-z_]{1,40}$(?!\n)", description="Code of the reason.", examples=["unknown_quantity"]),
]


class QuarantinePath(msgspec.Struct, frozen=True):
    """A quarantined message in an address."""

    quarantine: Id8


class RequestPath(msgspec.Struct, frozen=True):
    """A request in an address."""

    request: Id8


class QuarantineQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which quarantined messages."""

    lab: LabSlug | None = None
    device: DeviceName | None = None
    reason: Reason | None = None
    state: Literal["open", "replayed", "all"] = "open"
    limit: Annotated[int, Meta(ge=1, le=100, description="At most so many on one page.", examples=[50])] = 50
    cursor: Cursor | None = None


class ReplayNew(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which open messages to replay; without any field: all that the token may see."""

    lab: LabSlug | None = None
    device: DeviceName | None = None
    reason: Reason | None = None


class QuarantineView(msgspec.Struct, frozen=True, kw_only=True):
    """A message that could not be stored, wholly or in part.

    `rejected`: which of its readings, in its own order; null: all of it. `sightings`: how often it came
    and was not replayed yet.
    """

    id: Id8
    device: DeviceName | None
    simulated: Simulated
    lab: LabSlug | None
    topic: Annotated[str, Meta(examples=["chiiki/v1/shihoro-farm-1/up/readings"])]
    origin: Annotated[str, Meta(examples=["mqtt"])]
    reason: Annotated[str, Meta(examples=["unknown_quantity"])]
    detail: Annotated[str, Meta(description="What to mend.")]
    rejected: list[int] | None
    readings: Count
    sightings: Count
    size_bytes: Count
    received_at: At
    seen_at: At
    state: Literal["open", "replayed"]
    replayed_at: At | None
    outcome: dict[str, Any] | None


class QuarantineDetail(QuarantineView, frozen=True, kw_only=True):
    """A quarantined message with its payload: as text where it is JSON in UTF-8, else in base64."""

    payload: Annotated[str, Meta(examples=['{"at": 1760000000000, "values": {"air_temp": 21.5}}'])]
    encoding: Literal["text", "base64"]


class RequestView(msgspec.Struct, frozen=True, kw_only=True):
    """What a gateway was asked to do, and how it ended."""

    id: Id8
    lab: LabSlug | None
    verb: Literal["replay"]
    argument: dict[str, Any]
    state: Literal["waiting", "done", "failed"]
    requested_at: At
    ended_at: At | None
    outcome: dict[str, Any] | None


def _fields(row: Listed) -> dict[str, Any]:
    return {name: getattr(row, name) for name in QuarantineView.__struct_fields__}


def _payload(raw: bytes) -> tuple[str, Literal["text", "base64"]]:
    try:
        text = raw.decode()
        msgspec.json.decode(raw)
    except (ValueError, RecursionError):
        return base64.b64encode(raw).decode(), "base64"
    return text, "text"


@routes.get("/quarantine", least=Role.TEAM, ja="隔離されたメッセージの一覧")
async def get_quarantined(call: Call[Nothing, QuarantineQuery, Nothing]) -> Page[QuarantineView]:
    """List quarantined messages, newest first; those of unregistered senders are shown to operators only."""
    query, lab = call.query, call.principal.within(call.query.lab)
    if query.device is not None:
        await get_device(call.conn, query.device, lab)
    asked = question("quarantine", lab, query.device, query.reason, query.state)
    before = read_cursor(query.cursor, asked, Id8) if query.cursor else None
    rows = await list_quarantine(
        call.conn,
        lab=lab,
        device=query.device,
        state=None if query.state == "all" else query.state,
        reason=query.reason,
        before=before,
        limit=query.limit + 1,
    )
    shown, next_ = cut(rows, query.limit, asked, lambda row: row.id)
    return Page(items=[QuarantineView(**_fields(row)) for row in shown], next=next_)


@routes.get("/quarantine/{quarantine}", least=Role.TEAM, ja="隔離されたメッセージ")
async def get_quarantined_message(call: Call[QuarantinePath, Nothing, Nothing]) -> QuarantineDetail:
    """Show a quarantined message with its payload."""
    row = await get_quarantine(call.conn, call.path.quarantine, call.principal.lab)
    payload, encoding = _payload(row.payload)
    return QuarantineDetail(**_fields(row), payload=payload, encoding=encoding)


@routes.post("/quarantine/{quarantine}/replay", least=Role.STAFF, ja="隔離されたメッセージを再処理する")
async def replay_one(call: Call[QuarantinePath, Nothing, Nothing]) -> Accepted[RequestView]:
    """Ask a gateway to take a message in again; the request tells how it went."""
    row = await get_quarantine(call.conn, call.path.quarantine, call.principal.lab)
    return await _ask(call, {"ids": [row.id]})


@routes.post("/quarantine/replay", least=Role.STAFF, ja="隔離されたメッセージをまとめて再処理する")
async def replay_many(call: Call[Nothing, Nothing, ReplayNew]) -> Accepted[RequestView]:
    """Ask a gateway to take in again what is open, of a lab, of a device, or with a reason."""
    body, lab = call.body, call.principal.within(call.body.lab)
    if body.device is not None and call.principal.lab is not None:
        await get_device(call.conn, body.device, lab)
    wanted = {"lab": lab, "device": body.device, "reason": body.reason}
    return await _ask(call, {name: value for name, value in wanted.items() if value is not None})


async def _ask(call: Call[Any, Any, Any], argument: dict[str, Any]) -> Accepted[RequestView]:
    request = await add_request(call.conn, verb="replay", argument=argument, lab=call.principal.lab)
    return Accepted(_request_view(request), f"{PREFIX}/requests/{request.id}")


@routes.get("/requests/{request}", least=Role.STAFF, ja="依頼の状態")
async def get_filed_request(call: Call[RequestPath, Nothing, Nothing]) -> RequestView:
    """Show how a request goes."""
    return _request_view(await get_request(call.conn, call.path.request, call.principal.lab))


def _request_view(request: Request) -> RequestView:
    return RequestView(**{name: getattr(request, name) for name in RequestView.__struct_fields__})
