"""A recipe learned from a planting's season: store -> hours and stages -> `recipes.learn`."""

from __future__ import annotations

import asyncio
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

import numpy as np

from analytics.farm.recipes.learn import PastSeason, learn
from analytics.farm.recipes.parse import parse_recipe
from analytics.farm.recipes.season import season, stage_of_hours
from analytics.jobs.hours import read_hours
from store import forecasts, observations, sites
from store.batches import transaction
from store.daily_values import OF_SITE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from analytics.farm.recipes.learn import Learned
    from analytics.farm.recipes.model import Stage, Text
    from analytics.jobs.hours import Hours, Records
    from store.plantings import Planting
    from store.recipes import Recipe

US_PER_S: Final = 1_000_000
SOWN: Final = 0
"""BBCH of the dry seed [Meier2018]."""


async def learn_recipe(
    records: Records, planting: Planting, parent: Recipe, *, name: str, title: Text, author: str, licence: str
) -> Learned:
    """Learn a recipe from one planting, starting from the one that it followed.

    The stages' dates are those seen; where nobody saw one, that of its newest forecast.

    Raises
    ------
    RecipeError
        Nothing can be learned.
    """
    zone = ZoneInfo(planting.timezone)
    async with transaction(records.pool) as conn:
        site = await sites.get_site(conn, planting.weather_site_id)
        seen = await observations.list_observations(conn, planting.id)
        newest = await forecasts.newest_forecast(conn, planting.id)
    dates = {} if newest is None else forecast_dates(newest)
    dates |= {each.bbch: each.observed_on for each in seen}
    end = None if planting.ended_on is None else _midnight(planting.ended_on + timedelta(days=1), zone)
    hours = await read_hours(
        records, site, planting.station_id or OF_SITE, _midnight(planting.sown_on, zone), end=end
    )
    recipe = parse_recipe(parent.body)
    days = {code: _midnight(day, zone) for code, day in ({SOWN: planting.sown_on} | dates).items()}

    def work() -> Learned:
        past = PastSeason(
            name=f"{planting.sown_on} {planting.field} {planting.cultivar}".strip(),
            hours=season(hours.values, first=hours.first, timezone=planting.timezone, light=hours.light),
            stage=stages_of(recipe.stages, hours, days),
            outcome=0.0 if planting.yield_t_ha is None else planting.yield_t_ha,
            simulated=planting.simulated,
        )
        farm = f"{planting.lab}/{planting.site}"
        return learn([past], name=name, title=title, author=author, licence=licence, farm=farm, parent=recipe)

    return await asyncio.to_thread(work)


def forecast_dates(forecast: forecasts.Forecast) -> dict[int, date]:
    """Take the dates of stages, seen or forecast, out of a stored forecast, by BBCH."""
    return {
        stage["bbch"]: date.fromisoformat(stage["seen_on"] or stage["median"])
        for stage in forecast.body["stages"]
        if stage["seen_on"] or stage["median"]
    }


def stages_of(stages: tuple[Stage, ...], hours: Hours, days: dict[int, datetime]) -> NDArray[np.int16]:
    """Tell the recipe's stage in each hour: int16[H]; the days on which BBCH codes came rise with them."""
    codes = sorted(days)
    reached = [days[code].timestamp() * US_PER_S for code in codes]
    return stage_of_hours(
        stages,
        first=hours.first,
        hours=len(hours.at),
        codes=codes,
        reached=np.maximum.accumulate(reached),
    )


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone)
