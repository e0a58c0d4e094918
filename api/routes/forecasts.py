"""Forecasts of growth stages: the newest, as it was on a day, and all that were made."""

from datetime import date
from pathlib import Path
from typing import Annotated, Final, Literal
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta

from analytics.farm.forecast.result import PlantingForecast, StageForecast
from api.auth import Role
from api.cursors import cut, question, read_cursor
from api.instants import LATEST, read_instant
from api.operations import Call, Routes
from api.routes.plantings import Day, PlantingPath
from api.wire import At, Id4, Id8, Instant, Nothing, Page, PageQuery
from store.forecasts import Forecast, get_forecast, list_forecasts, newest_forecast
from store.plantings import get_planting

routes = Routes("forecasts")

Revised = Annotated[
    At | None,
    Meta(description="When data that it rests on had changed; null: they stand.", examples=[None]),
]
Reason = Annotated[str | None, Meta(description="What had changed.", examples=["late_data"])]


EXAMPLE: Final = msgspec.json.decode((Path(__file__).parents[1] / "examples/forecast.json").read_bytes())
"""A forecast of a made-up field, as the model of `analytics.farm.forecast` says it."""


class ForecastPath(msgspec.Struct, frozen=True):
    """A forecast in an address."""

    forecast: Annotated[int, Meta(ge=1, le=2**63 - 1, description="Number of a forecast.", examples=[41])]


class AsOfQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """As of when."""

    as_of: Instant | None = None


class ForecastView(msgspec.Struct, frozen=True, kw_only=True):
    """A forecast as it was made; it never changes, save for the mark that data changed since."""

    id: Id8
    planting_id: Id4
    supersedes: Annotated[int | None, Meta(description="The forecast it took the place of.", examples=[40])]
    issued_on: Day
    made_at: At
    model: Annotated[str, Meta(examples=["wofost-pooled"])]
    model_version: Annotated[str, Meta(examples=["1"])]
    data_end: Annotated[At | None, Meta(description="End of the readings it rests on.", examples=[None])]
    revised_at: Revised
    revised_reason: Reason
    forecast: Annotated[PlantingForecast, Meta(examples=[EXAMPLE])]


class NewestView(msgspec.Struct, frozen=True, kw_only=True):
    """The newest forecast of a planting.

    `waiting`: none was made yet, it follows within a minute; `revised`: data have changed since and a new one
    follows.
    """

    state: Literal["waiting", "current", "revised"]
    newest: ForecastView | None


class StageDate(msgspec.Struct, frozen=True, kw_only=True):
    """What a forecast said of one stage."""

    stage: Annotated[str, Meta(examples=["heading"])]
    bbch: Annotated[int, Meta(ge=0, le=99, examples=[55])]
    seen_on: Annotated[date | None, Meta(description="When it was seen.", examples=[None])]
    median: Annotated[date | None, Meta(examples=["2027-06-05"])]
    first: Annotated[date | None, Meta(description="Begin of the 80 % interval.", examples=["2027-06-02"])]
    last: Annotated[date | None, Meta(description="Its end, included.", examples=["2027-06-09"])]


class ForecastLine(msgspec.Struct, frozen=True, kw_only=True):
    """A forecast in a line: how the dates moved."""

    id: Id8
    issued_on: Day
    made_at: At
    model: Annotated[str, Meta(examples=["wofost-pooled"])]
    model_version: Annotated[str, Meta(examples=["1"])]
    revised_at: Revised
    revised_reason: Reason
    stages: list[StageDate]


SHOWN_LEVEL = 80


def view(forecast: Forecast) -> ForecastView:
    """Return what is shown of a forecast."""
    return ForecastView(
        id=forecast.id,
        planting_id=forecast.planting_id,
        supersedes=forecast.supersedes,
        issued_on=forecast.issued_on,
        made_at=forecast.made_at,
        model=forecast.model,
        model_version=forecast.model_version,
        data_end=forecast.data_end,
        revised_at=forecast.revised_at,
        revised_reason=forecast.revised_reason,
        forecast=read_body(forecast),
    )


def read_body(forecast: Forecast) -> PlantingForecast:
    """Return what a forecast said."""
    return msgspec.convert(forecast.body, PlantingForecast)


@routes.get("/plantings/{planting}/forecast", least=Role.VIEWER, ja="生育ステージの予測")
async def get_newest_forecast(call: Call[PlantingPath, AsOfQuery, Nothing]) -> NewestView:
    """Show when each coming stage is expected, how sure that is, what moves it, and what it rests on.

    With `as_of`, what was shown at that instant.
    """
    planting = await get_planting(call.conn, call.path.planting, call.principal.lab)
    zone = ZoneInfo(planting.timezone)
    as_of = call.query.as_of and read_instant("as_of", call.query.as_of, zone, LATEST)
    found = await newest_forecast(call.conn, planting.id, as_of=as_of or None)
    if found is None:
        return NewestView(state="waiting", newest=None)
    return NewestView(state="revised" if found.revised_at else "current", newest=view(found))


@routes.get("/plantings/{planting}/history", least=Role.VIEWER, ja="予測の履歴")
async def get_forecast_history(call: Call[PlantingPath, PageQuery, Nothing]) -> Page[ForecastLine]:
    """List the forecasts that were made for a planting, newest first: how the dates moved."""
    planting = await get_planting(call.conn, call.path.planting, call.principal.lab)
    asked = question("history", planting.id)
    before = read_cursor(call.query.cursor, asked, Id8) if call.query.cursor else None
    rows = await list_forecasts(call.conn, planting.id, before=before, limit=call.query.limit + 1)
    shown, next_ = cut(rows, call.query.limit, asked, lambda forecast: forecast.id)
    return Page(items=[_line(forecast) for forecast in shown], next=next_)


@routes.get("/forecasts/{forecast}", least=Role.VIEWER, ja="過去の予測")
async def get_one_forecast(call: Call[ForecastPath, Nothing, Nothing]) -> ForecastView:
    """Show a forecast as it was made."""
    return view(await get_forecast(call.conn, call.path.forecast, call.principal.lab))


def _line(forecast: Forecast) -> ForecastLine:
    return ForecastLine(
        id=forecast.id,
        issued_on=forecast.issued_on,
        made_at=forecast.made_at,
        model=forecast.model,
        model_version=forecast.model_version,
        revised_at=forecast.revised_at,
        revised_reason=forecast.revised_reason,
        stages=[_stage(stage) for stage in read_body(forecast).stages],
    )


def _stage(stage: StageForecast) -> StageDate:
    shown = next((each for each in stage.intervals if each.level == SHOWN_LEVEL), None)
    return StageDate(
        stage=stage.stage,
        bbch=stage.bbch,
        seen_on=stage.seen_on,
        median=stage.median,
        first=None if shown is None else shown.first,
        last=None if shown is None else shown.last,
    )
