"""What to do now: where the field departs from its recipe, which work is next, which risks are near."""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from analytics.farm.forecast.result import PlantingForecast, Progress, StageForecast
from analytics.farm.recipes import work as recipe_work
from analytics.farm.recipes.model import Text
from analytics.farm.recipes.parse import parse_recipe
from analytics.library import risk_tables
from api.auth import Role
from api.operations import Call, Routes
from api.routes.forecasts import read_body
from api.routes.plantings import Day, PlantingPath, today_at
from api.routes.recipes import RecipeLine
from api.routes.recipes import view as recipe_view
from api.wire import At, Id4, Nothing
from store.forecasts import newest_forecast
from store.plantings import Planting, get_planting, recipe_of_planting
from store.pool import AsyncConnection
from store.recipe_scores import Deviation, Score, list_deviations, list_scores
from store.recipes import Recipe
from store.risks import Risk, list_risks

routes = Routes("plantings")

Share = Annotated[float, Meta(ge=0, le=1, description="0 to 1.", examples=[0.97])]
INTERVAL: Final = 80


class AdviceQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How far back."""

    days: Annotated[int, Meta(ge=1, le=400, description="Days back, today included.", examples=[14])] = 14


class ScoreView(msgspec.Struct, frozen=True, kw_only=True):
    """How well a day kept to the recipe."""

    day: Day
    score: Annotated[float | None, Meta(description="0 to 100; null: not known.", examples=[83.0])]
    coverage: Share


class DeviationView(msgspec.Struct, frozen=True, kw_only=True):
    """A time outside of the favourable range."""

    begin_at: At
    end_at: At
    quantity: Annotated[str, Meta(examples=["soil_temperature@10cm"])]
    measure: Annotated[
        str, Meta(description="Time of day and window that the recipe names.", examples=["any"])
    ]
    direction: Annotated[str, Meta(examples=["low"])]
    grade: Annotated[str, Meta(description="tolerable or harmful, at worst.", examples=["tolerable"])]
    depth: Annotated[float, Meta(description="Greatest distance from the favourable range.", examples=[1.4])]
    details: Annotated[dict[str, Any], Meta(examples=[{"length_h": 9}])]


class TaskView(msgspec.Struct, frozen=True, kw_only=True):
    """Work that the recipe asks for."""

    key: Annotated[str, Meta(examples=["tillering/top-dressing"])]
    status: Annotated[str, Meta(description="overdue, due, upcoming or unknown.", examples=["upcoming"])]
    stage: Text
    text: Text
    checklist: list[Text]
    first: Annotated[date | None, Meta(description="First day on which to do it.", examples=["2027-04-20"])]
    last: Annotated[date | None, Meta(description="Last day.", examples=["2027-04-27"])]
    earliest: Annotated[
        date | None, Meta(description="First day at the early end of the 80 % interval.", examples=[None])
    ]
    latest: Annotated[
        date | None, Meta(description="Last day at the late end of the 80 % interval.", examples=[None])
    ]
    observed: Annotated[bool, Meta(description="Rests on observed stages alone.", examples=[False])]


class RiskDay(msgspec.Struct, frozen=True, kw_only=True):
    """A risk on a day."""

    day: Day
    value: Annotated[float | None, Meta(examples=[3.0])]
    accumulated: Annotated[float | None, Meta(examples=[14.0])]
    level: Annotated[str, Meta(description="none, low, moderate, high or unknown.", examples=["moderate"])]
    coverage: Share
    reason: Annotated[str, Meta(description="Key of the reason.", examples=["wallin.accumulating"])]


class RiskView(msgspec.Struct, frozen=True, kw_only=True):
    """A risk: where it stands now, in words, and the last days."""

    risk: Annotated[str, Meta(examples=["late_blight_wallin"])]
    level: Annotated[str, Meta(examples=["moderate"])]
    text: Text
    days: list[RiskDay]


class AdviceView(msgspec.Struct, frozen=True, kw_only=True):
    """Advice for a planting; a list is empty where there is nothing to say."""

    planting_id: Id4
    today: Day
    progress: Progress | None
    recipe: RecipeLine | None
    scores: list[ScoreView]
    deviations: list[DeviationView]
    work: list[TaskView]
    risks: list[RiskView]


@routes.get(
    "/plantings/{planting}/advice", least=Role.VIEWER, ja="今すべきこと（レシピからのずれ・作業・リスク）"
)
async def get_advice(call: Call[PlantingPath, AdviceQuery, Nothing]) -> AdviceView:
    """Show where a planting departs from its recipe, which work is due or next, and which risks are near."""
    planting = await get_planting(call.conn, call.path.planting, call.principal.lab)
    today = today_at(planting.timezone)
    since = today - timedelta(days=call.query.days - 1)
    recipe = await recipe_of_planting(call.conn, planting)
    newest = await newest_forecast(call.conn, planting.id)
    forecast = None if newest is None else read_body(newest)
    scores, deviations = await _departures(call.conn, planting, recipe, since)
    return AdviceView(
        planting_id=planting.id,
        today=today,
        progress=None if forecast is None else forecast.progress,
        recipe=None if recipe is None else recipe_view(recipe),
        scores=[ScoreView(day=score.day, score=score.score, coverage=score.coverage) for score in scores],
        deviations=[_deviation(deviation) for deviation in deviations],
        work=[] if recipe is None else _work(recipe, planting, forecast, today),
        risks=_risks(await list_risks(call.conn, planting.id, first_day=since)),
    )


async def _departures(
    conn: AsyncConnection, planting: Planting, recipe: Recipe | None, since: date
) -> tuple[list[Score], list[Deviation]]:
    if recipe is None:
        return [], []
    scores = await list_scores(conn, planting.id, recipe.id, first_day=since)
    begin = datetime(since.year, since.month, since.day, tzinfo=UTC) - timedelta(days=1)
    return scores, await list_deviations(conn, planting.id, recipe.id, begin=begin)


def _deviation(deviation: Deviation) -> DeviationView:
    return DeviationView(
        begin_at=deviation.begin_at,
        end_at=deviation.end_at,
        quantity=deviation.quantity,
        measure=deviation.measure,
        direction=deviation.direction,
        grade=deviation.grade,
        depth=deviation.depth,
        details=deviation.body,
    )


def _work(
    recipe: Recipe, planting: Planting, forecast: PlantingForecast | None, today: date
) -> list[TaskView]:
    sown = planting.sown_on
    dates = [recipe_work.StageDate(bbch=0, day=sown, earliest=sown, latest=sown, observed=True)]
    dates += stage_dates(() if forecast is None else forecast.stages)
    return [_task(task) for task in recipe_work.next_work(parse_recipe(recipe.body), dates, today)]


def stage_dates(stages: Iterable[StageForecast]) -> list[recipe_work.StageDate]:
    """Return when stages were seen or are expected, as the work calendar takes it."""
    dates = []
    for stage in stages:
        if stage.seen_on is not None:
            day = first = last = stage.seen_on
        elif stage.median is not None:
            shown = [each for each in stage.intervals if each.level == INTERVAL]
            day, first, last = stage.median, stage.median, stage.median
            if shown:
                first, last = shown[0].first, shown[0].last
        else:
            continue
        dates.append(
            recipe_work.StageDate(
                bbch=stage.bbch, day=day, earliest=first, latest=last, observed=stage.seen_on is not None
            )
        )
    return dates


def _task(task: recipe_work.Task) -> TaskView:
    return TaskView(
        key=task.key,
        status=task.status,
        stage=task.stage.label,
        text=task.work.text,
        checklist=list(task.work.checklist),
        first=task.first,
        last=task.last,
        earliest=task.earliest,
        latest=task.latest,
        observed=task.observed,
    )


def _risks(rows: Sequence[Risk]) -> list[RiskView]:
    return [_risk(name, list(days)) for name, days in groupby(rows, key=lambda row: row.risk)]


def _risk(name: str, days: list[Risk]) -> RiskView:
    now = days[-1]
    reason = risk_tables().reasons.get(now.reason)
    return RiskView(
        risk=name,
        level=now.level,
        text=Text(ja="", en="") if reason is None else Text(ja=reason.ja, en=reason.en),
        days=[
            RiskDay(
                day=each.day,
                value=each.value,
                accumulated=each.accumulated,
                level=each.level,
                coverage=each.coverage,
                reason=each.reason,
            )
            for each in days
        ],
    )
