"""Devices: registered, shown with their health, cut off and let in again."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from api.auth import Role
from api.cursors import cut, question, read_cursor
from api.house import House
from api.operations import PREFIX, Call, Created, Routes
from api.problems import FieldError, Problem
from api.wire import (
    At,
    Cursor,
    DeviceName,
    DevicePath,
    LabSlug,
    Limit,
    Line,
    Nothing,
    Page,
    Simulated,
    SiteSlug,
    Slug,
)
from devices.credentials import hash_password, new_password
from devices.errors import NameRuleError
from devices.health import ClockEstimate, DeviceState, estimate_clock_offset, state_of
from devices.registry import check_device_name
from store.device_health import DeviceRecord, get_record, list_records
from store.devices import add_device, restore_device, revoke_device, rotate_device
from store.errors import StoreMissing

routes = Routes("devices")


class DeviceQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which devices."""

    lab: LabSlug | None = None
    site: SiteSlug | None = None
    kind: Annotated[Slug, Meta(description="Name of a kind of device.", examples=["farm-station"])] | None = (
        None
    )
    limit: Limit = 100
    cursor: Cursor | None = None


class DeviceNew(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A device to register."""

    name: DeviceName
    kind: Annotated[Slug, Meta(examples=["farm-station"])]
    lab: LabSlug | None = None
    site: SiteSlug | None = None
    label: Line = ""
    simulated: bool = False


class DeviceHealth(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a device is talking, and whether its clock is right.

    A device that always buffers looks like one whose clock is behind: `behind` is a hint, `ahead` is certain.
    """

    state: DeviceState
    last_received_at: At | None
    clock: Annotated[
        ClockEstimate | None,
        Meta(
            description="Of the last 24 hours; `offset_s`: true time minus device time. null: nothing came."
        ),
    ]
    online: Annotated[
        bool | None,
        Meta(description="What its status message or last will said; false for a revoked device."),
    ]
    status: Annotated[dict[str, Any] | None, Meta(description="Its last status message.")]
    status_at: At | None
    open_quarantine: Annotated[int, Meta(ge=0, description="Open quarantined messages; 1000: or more.")]


class DeviceView(msgspec.Struct, frozen=True, kw_only=True):
    """A registered device."""

    name: DeviceName
    lab: LabSlug
    site: SiteSlug | None
    kind: Annotated[str, Meta(examples=["farm-station"])]
    label: Line
    simulated: Simulated
    created_at: At
    rotated_at: At | None
    revoked_at: At | None
    health: DeviceHealth


class DeviceSecret(msgspec.Struct, frozen=True, kw_only=True):
    """A device with its MQTT password, which is shown this once and kept nowhere."""

    device: DeviceView
    mqtt_username: DeviceName
    mqtt_password: Annotated[str, Meta(examples=["Zk0tN3J1cVh2b2pSc1d4Y0FpQ2FzTHBW"])]
    topic: Annotated[str, Meta(examples=["chiiki/v1/shihoro-farm-1/up/readings"])]


def view(record: DeviceRecord, house: House) -> DeviceView:
    """Return what is shown of a device."""
    return DeviceView(
        name=record.name,
        lab=record.lab,
        site=record.site,
        kind=record.kind,
        label=record.label,
        simulated=record.simulated,
        created_at=record.created_at,
        rotated_at=record.rotated_at,
        revoked_at=record.revoked_at,
        health=_health(record, house),
    )


_UNKNOWN_PERIOD_S = 3_600.0
_UNKNOWN_TOLERANCE_S = 120.0


def _health(record: DeviceRecord, house: House) -> DeviceHealth:
    kind = house.kinds.get(record.kind)
    period_s = kind.period_s if kind else _UNKNOWN_PERIOD_S
    tolerance_s = kind.clock_tolerance_s if kind else _UNKNOWN_TOLERANCE_S
    revoked = record.revoked_at is not None
    return DeviceHealth(
        state=state_of(record.last_received_at, record.now, period_s=period_s, revoked=revoked),
        last_received_at=record.last_received_at,
        clock=estimate_clock_offset(record.min_delays_ms, period_s=period_s, tolerance_s=tolerance_s),
        online=False if revoked else record.online,
        status=record.status,
        status_at=record.status_at,
        open_quarantine=record.open_quarantine,
    )


@routes.get("/devices", least=Role.VIEWER, ja="機器の一覧")
async def get_devices(call: Call[Nothing, DeviceQuery, Nothing]) -> Page[DeviceView]:
    """List devices by name, with their health; revoked ones too."""
    query, lab = call.query, call.principal.within(call.query.lab)
    asked = question("devices", lab, query.site, query.kind)
    after = read_cursor(query.cursor, asked, DeviceName) if query.cursor else None
    rows = await list_records(
        call.conn, lab=lab, site=query.site, kind=query.kind, after=after, limit=query.limit + 1
    )
    shown, next_ = cut(rows, query.limit, asked, lambda record: record.name)
    return Page(items=[view(record, call.house) for record in shown], next=next_)


@routes.get("/devices/{device}", least=Role.VIEWER, ja="機器")
async def get_device(call: Call[DevicePath, Nothing, Nothing]) -> DeviceView:
    """Show a device with its health."""
    return view(await get_record(call.conn, call.path.device, call.principal.lab), call.house)


@routes.post("/devices", least=Role.STAFF, ja="機器を登録する", conflicts=True)
async def create_device(call: Call[Nothing, Nothing, DeviceNew]) -> Created[DeviceSecret]:
    """Register a device; the answer shows its MQTT password, once.

    The broker lets it in within a second. An operator must name the lab.
    """
    body, lab = call.body, call.principal.within(call.body.lab)
    if lab is None:
        raise _invalid("lab", "name the lab, since an operator's token has none")
    _check(call)
    password = new_password()
    try:
        await add_device(
            call.conn,
            name=body.name,
            lab=lab,
            kind=body.kind,
            password_hash=hash_password(password),
            site=body.site,
            label=body.label,
            simulated=body.simulated,
        )
    except StoreMissing as error:
        raise _invalid(error.noun, f"{error}") from error
    return Created(await _secret(call, body.name, password), f"{PREFIX}/devices/{body.name}")


def _check(call: Call[Nothing, Nothing, DeviceNew]) -> None:
    try:
        check_device_name(call.body.name)
    except NameRuleError as error:
        raise _invalid("name", str(error)) from error
    if call.body.kind not in call.house.kinds:
        known = ", ".join(sorted(call.house.kinds))
        raise _invalid("kind", f"there is no kind {call.body.kind!r}; use one of: {known}")


def _invalid(field: str, detail: str) -> Problem:
    return Problem("invalid-body", f"{field}: {detail}.", errors=[FieldError(field, detail)])


async def _secret(call: Call[Any, Any, Any], name: str, password: str) -> DeviceSecret:
    return DeviceSecret(
        device=view(await get_record(call.conn, name, call.principal.lab), call.house),
        mqtt_username=name,
        mqtt_password=password,
        topic=f"chiiki/v1/{name}/up/readings",
    )


@routes.post("/devices/{device}/rotate", least=Role.STAFF, ja="機器のパスワードを替える")
async def rotate(call: Call[DevicePath, Nothing, Nothing]) -> DeviceSecret:
    """Give a device a new MQTT password, shown once; the old one ends within a second."""
    password = new_password()
    await rotate_device(call.conn, call.path.device, hash_password(password), call.principal.lab)
    return await _secret(call, call.path.device, password)


@routes.post("/devices/{device}/revoke", least=Role.STAFF, ja="機器を失効させる")
async def revoke(call: Call[DevicePath, Nothing, Nothing]) -> DeviceView:
    """Cut a device off, within a second; what it sent stays."""
    await revoke_device(call.conn, call.path.device, call.principal.lab)
    return view(await get_record(call.conn, call.path.device, call.principal.lab), call.house)


@routes.post("/devices/{device}/restore", least=Role.STAFF, ja="失効させた機器を戻す")
async def restore(call: Call[DevicePath, Nothing, Nothing]) -> DeviceView:
    """Let a revoked device in again, with the password it had."""
    await restore_device(call.conn, call.path.device, call.principal.lab)
    return view(await get_record(call.conn, call.path.device, call.principal.lab), call.house)
