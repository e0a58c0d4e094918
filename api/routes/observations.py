"""Stages seen in the field: noted, corrected, taken back; nothing that was noted is lost."""

from datetime import date, timedelta
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from analytics.library import crop as find_crop
from api.auth import Role
from api.operations import PREFIX, Call, Created, Routes
from api.problems import FieldError, Problem
from api.routes.plantings import Day, PlantingPath, Text500, today_at
from api.wire import At, Id4, Id8, Line, Nothing, Page
from store.observations import (
    Observation,
    add_observation,
    correct_observation,
    get_observation,
    list_observations,
    restore_observation,
    withdraw_observation,
)
from store.plantings import Planting, get_planting

routes = Routes("plantings")

Bbch = Annotated[
    int,
    Meta(
        ge=0, le=99, description="Growth stage, BBCH scale (0–99); /crops/{crop} tells them.", examples=[55]
    ),
]
Observer = Annotated[Line, Meta(description="Who saw it.", examples=["2年A組 佐藤"])]


class ObservationPath(msgspec.Struct, frozen=True):
    """An observation in an address."""

    observation: Annotated[
        int, Meta(ge=1, le=2**63 - 1, description="Number of an observation.", examples=[7])
    ]


class ObservationQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which observations."""

    withdrawn: Annotated[bool, Meta(description="Also those that were taken back.", examples=[False])] = False


class ObservationView(msgspec.Struct, frozen=True, kw_only=True):
    """A stage that was seen in a planting."""

    id: Id8
    planting_id: Id4
    bbch: Bbch
    observed_on: Day
    observer: Observer
    note: Text500
    noted_at: At
    noted_by: Annotated[str | None, Meta(description="Label of the token.", examples=["農場チーム"])]
    withdrawn_at: At | None


class ObservationNew(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A stage that was seen."""

    bbch: Bbch
    observed_on: Day
    observer: Observer = ""
    note: Text500 = ""


class ObservationChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to correct; what is left out stays."""

    bbch: Bbch | UnsetType = UNSET
    observed_on: Day | UnsetType = UNSET
    observer: Observer | UnsetType = UNSET
    note: Text500 | UnsetType = UNSET


def view(observation: Observation) -> ObservationView:
    """Return what is shown of an observation."""
    return msgspec.convert(observation, ObservationView, from_attributes=True)


@routes.get("/plantings/{planting}/observations", least=Role.VIEWER, ja="生育ステージの観察の一覧")
async def get_observations(call: Call[PlantingPath, ObservationQuery, Nothing]) -> Page[ObservationView]:
    """List the stages that were seen in a planting, by day; each at most once save for those taken back."""
    planting = await get_planting(call.conn, call.path.planting, call.principal.lab)
    rows = await list_observations(call.conn, planting.id, withdrawn=call.query.withdrawn)
    return Page(items=[view(row) for row in rows], next=None)


@routes.post(
    "/plantings/{planting}/observations", least=Role.TEAM, ja="生育ステージの観察を記録する", conflicts=True
)
async def note_observation(call: Call[PlantingPath, Nothing, ObservationNew]) -> Created[ObservationView]:
    """Note a stage. The forecasts of this planting and of its neighbours with the same crop are made anew."""
    planting = await get_planting(call.conn, call.path.planting, call.principal.lab)
    _check(planting, call.body.bbch, call.body.observed_on)
    added = await add_observation(
        call.conn,
        planting.id,
        **msgspec.structs.asdict(call.body),
        lab=call.principal.lab,
        by=call.principal.token_id,
    )
    return Created(view(added), f"{PREFIX}/observations/{added.id}")


@routes.get("/observations/{observation}", least=Role.VIEWER, ja="生育ステージの観察")
async def get_one_observation(call: Call[ObservationPath, Nothing, Nothing]) -> ObservationView:
    """Show an observation."""
    return view(await get_observation(call.conn, call.path.observation, call.principal.lab))


@routes.patch(
    "/observations/{observation}", least=Role.TEAM, ja="生育ステージの観察を訂正する", conflicts=True
)
async def change_observation(call: Call[ObservationPath, Nothing, ObservationChange]) -> ObservationView:
    """Correct an observation: the one before is kept as taken back, and the answer is the new one."""
    before = await get_observation(call.conn, call.path.observation, call.principal.lab)
    given: dict[str, Any] = {
        name: value
        for name, value in msgspec.structs.asdict(call.body).items()
        if not isinstance(value, UnsetType)
    }
    planting = await get_planting(call.conn, before.planting_id, call.principal.lab)
    _check(planting, given.get("bbch", before.bbch), given.get("observed_on", before.observed_on))
    corrected = await correct_observation(
        call.conn, before.id, **given, lab=call.principal.lab, by=call.principal.token_id
    )
    return view(corrected)


@routes.post("/observations/{observation}/withdraw", least=Role.TEAM, ja="生育ステージの観察を取り消す")
async def take_back_observation(call: Call[ObservationPath, Nothing, Nothing]) -> ObservationView:
    """Take an observation back; the forecasts are made anew without it."""
    return view(await withdraw_observation(call.conn, call.path.observation, call.principal.lab))


@routes.post(
    "/observations/{observation}/restore", least=Role.TEAM, ja="観察の取り消しを元に戻す", conflicts=True
)
async def bring_back_observation(call: Call[ObservationPath, Nothing, Nothing]) -> ObservationView:
    """Undo taking it back."""
    return view(await restore_observation(call.conn, call.path.observation, call.principal.lab))


def _check(planting: Planting, bbch: int, observed_on: date) -> None:
    stages = {stage.bbch for stage in find_crop(planting.crop).stages}
    if bbch not in stages:
        known = ", ".join(f"{stage:02d}" for stage in sorted(stages))
        raise _invalid("bbch", f"{planting.crop} is observed at the stages {known}")
    if observed_on < planting.sown_on:
        raise _invalid("observed_on", f"lies before the day of sowing, {planting.sown_on}")
    if observed_on > today_at(planting.timezone):
        raise _invalid("observed_on", f"lies in the future: today is {today_at(planting.timezone)}")
    if observed_on > planting.sown_on + timedelta(days=1000):
        raise _invalid("observed_on", f"lies years after the day of sowing, {planting.sown_on}")


def _invalid(field: str, detail: str) -> Problem:
    return Problem("invalid-body", f"{field}: {detail}.", errors=[FieldError(field, detail)])
