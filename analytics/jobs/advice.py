"""How plantings keep to their recipes, and which risks are near: store -> recipes and risks -> store."""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

import numpy as np

from analytics.errors import AnalyticsError
from analytics.farm.recipes.deviations import find_deviations
from analytics.farm.recipes.parse import parse_recipe
from analytics.farm.recipes.score import Verdict, count_by_day, score, summarise
from analytics.farm.recipes.season import season
from analytics.farm.risks.registry import evaluate
from analytics.jobs.hours import read_hours
from analytics.jobs.learning import SOWN, forecast_dates, stages_of
from analytics.library import risk_tables
from store import forecasts, plantings, recipe_scores, recipes, risks, sites
from store.batches import transaction
from store.daily_values import OF_SITE
from store.errors import StoreMissing

if TYPE_CHECKING:
    from analytics.farm.recipes.deviations import Deviation
    from analytics.farm.recipes.score import Scores
    from analytics.farm.risks.model import RiskSeries
    from analytics.jobs.desk import Desk
    from analytics.jobs.hours import Hours

BEFORE: Final = timedelta(days=14)
"""Of weather before sowing, which risks that look back need."""
US_PER_S: Final = 1_000_000


async def advise_crop(desk: Desk, lab: str, crop: str) -> None:
    """Score each open planting of a crop in a lab against its recipe, and compute its risks.

    What is wrong with one planting keeps no other from its advice; it is raised when all are done.
    """
    async with transaction(desk.pool) as conn:
        found = await plantings.plantings_of_crop(conn, lab, crop)
    wanted = sorted((each for each in found if each.ended_on is None), key=lambda each: each.id)
    by_station: dict[tuple[int, int], list[plantings.Planting]] = {}
    for each in wanted:
        by_station.setdefault((each.weather_site_id, each.station_id or OF_SITE), []).append(each)
    failed: list[AnalyticsError] = []
    for (site_id, device_id), group in by_station.items():
        async with transaction(desk.pool) as conn:
            site = await sites.get_site(conn, site_id)
        begin = min(_midnight(each.sown_on, site.timezone) for each in group) - BEFORE
        hours = await read_hours(desk, site, device_id, begin)
        for each in group:
            try:
                await _advise(desk, each, hours)
            except AnalyticsError as error:
                failed.append(error)
    if failed:
        raise failed[0]


@dataclass(frozen=True, slots=True)
class _Field:
    """A planting, the dates of its stages by BBCH, and its hours since two weeks before sowing."""

    planting: plantings.Planting
    dates: dict[int, date]
    hours: Hours

    @property
    def begin(self) -> datetime:
        return _midnight(self.planting.sown_on, self.planting.timezone)


async def _advise(desk: Desk, planting: plantings.Planting, hours: Hours) -> None:
    async with transaction(desk.pool) as conn:
        newest = await forecasts.newest_forecast(conn, planting.id)
        recipe = None
        try:
            if planting.recipe_id is not None:
                recipe = await recipes.get_recipe(conn, planting.recipe_id)
            else:
                recipe = await recipes.find_recipe(conn, planting.lab, planting.crop)
        except StoreMissing:
            pass  # no recipe of this crop, neither the lab's nor shipped: risks alone
    dates = {} if newest is None else forecast_dates(newest)
    begin = _midnight(planting.sown_on, planting.timezone) - BEFORE
    field = _Field(planting, dates, hours.since(begin))
    await _store_risks(desk, field)
    if recipe is not None:
        await _store_scores(desk, field, recipe)


def _midnight(day: date, timezone: str) -> datetime:
    return datetime.combine(day, time(), ZoneInfo(timezone))


async def _store_risks(desk: Desk, field: _Field) -> None:
    found = await asyncio.to_thread(_risks, field)
    today = desk.now().astimezone(ZoneInfo(field.planting.timezone)).date()
    rows = [
        row for series in found for row in _risk_rows(series) if field.planting.sown_on <= row.day <= today
    ]
    async with transaction(desk.pool) as conn:
        await risks.replace_risks(conn, field.planting.id, field.planting.sown_on, today, rows)


def _risks(field: _Field) -> list[RiskSeries]:
    hours = field.hours
    return evaluate(
        field.planting.crop,
        hours.at,
        hours.of("air_temperature"),
        hours.of("relative_humidity"),
        hours.of("rainfall"),
        timezone=field.planting.timezone,
        stages=field.dates,
        tables=risk_tables(),
    )


def _risk_rows(series: RiskSeries) -> list[risks.Risk]:
    words, reasons = series.words(), series.reasons()
    return [
        risks.Risk(
            risk=series.risk,
            day=series.first_day + timedelta(days=number),
            value=_known(series.value[number]),
            accumulated=_known(series.accumulated[number]),
            level=words[number],
            coverage=float(np.clip(series.coverage[number], 0.0, 1.0)),
            reason=reasons[number],
        )
        for number in range(series.days)
    ]


def _known(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


async def _store_scores(desk: Desk, field: _Field, recipe: recipes.Recipe) -> None:
    scores = await asyncio.to_thread(_scores, field, recipe.body)
    rows = _score_rows(scores)
    deviations = [_deviation_row(each) for each in find_deviations(scores)]
    planting, now = field.planting, desk.now()
    today = now.astimezone(ZoneInfo(planting.timezone)).date()
    async with transaction(desk.pool) as conn:
        await recipe_scores.replace_scores(
            conn, planting.id, recipe.id, first_day=planting.sown_on, last_day=today, scores=rows
        )
        await recipe_scores.replace_deviations(
            conn, planting.id, recipe.id, begin=field.begin, end=now, deviations=deviations
        )


def _scores(field: _Field, body: str) -> Scores:
    recipe = parse_recipe(body)
    hours = field.hours.since(field.begin)
    dates = {SOWN: field.planting.sown_on} | field.dates
    days = {code: _midnight(day, field.planting.timezone) for code, day in dates.items()}
    stage = stages_of(recipe.stages, hours, days)
    measured = season(hours.values, first=hours.first, timezone=field.planting.timezone, light=hours.light)
    return score(recipe, measured, stage)


def _score_rows(scores: Scores) -> list[recipe_scores.Score]:
    """Put each day into one number, and beside it each quantity's; days without a rule are left out."""
    counts = count_by_day(scores)
    rows = []
    for number in range(counts.shape[1]):
        overall = summarise(counts[:, number])
        if not overall.measured_h + overall.missing_h:
            continue
        body = {
            "least": _known(overall.least),
            "most": _known(overall.most),
            "measured_h": overall.measured_h,
            "missing_h": overall.missing_h,
            "quantities": [
                {
                    "quantity": channel.quantity,
                    "measure": _measure(channel.when, channel.window, channel.days),
                    "score": _known(summarise(counts[place, number]).score),
                }
                for place, channel in enumerate(scores.channels)
                if counts[place, number].sum()
            ],
        }
        rows.append(
            recipe_scores.Score(
                day=_day(int(scores.day[0]) + number),
                score=_known(overall.score),
                coverage=overall.coverage,
                body=body,
            )
        )
    return rows


def _day(number: int) -> date:
    return date(1970, 1, 1) + timedelta(days=number)


def _measure(when: str, window: str, days: int) -> str:
    """Name a time of day and a window.

    Examples
    --------
    >>> _measure("any", "hour", 1), _measure("night", "days_mean", 5)
    ('', 'night days_mean 5')
    """
    parts = ["" if when == "any" else when, "" if window == "hour" else window, str(days) if days > 1 else ""]
    return " ".join(part for part in parts if part)


def _deviation_row(each: Deviation) -> recipe_scores.Deviation:
    channel = each.channel
    harmful = each.verdict in {Verdict.HARMFUL_LOW, Verdict.HARMFUL_HIGH}
    advice = next((part for part in each.stage.ranges if part.channel == channel), None)
    text = None if advice is None else advice.low if each.direction == "low" else advice.high
    return recipe_scores.Deviation(
        begin_at=datetime.fromtimestamp(each.first / US_PER_S, UTC),
        end_at=datetime.fromtimestamp(each.end / US_PER_S, UTC),
        quantity=channel.quantity,
        measure=_measure(channel.when, channel.window, channel.days),
        direction=each.direction,
        grade="harmful" if harmful else "tolerable",
        depth=float(each.worst_depth),
        body={
            "stage": each.stage.name,
            "unit": channel.canonical_unit,
            "outside_h": each.outside_h,
            "harmful_h": each.harmful_h,
            "worst_value": _known(each.worst_value),
            "mean_depth": _known(each.mean_depth),
            "integral": _known(each.integral),
            "advice": None if text is None else {"ja": text.ja, "en": text.en},
        },
    )
