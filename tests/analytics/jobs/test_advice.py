"""Recipes and risks end to end."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from analytics.jobs.advice import advise_crop
from analytics.jobs.forecasts import forecast_crop
from store.recipe_scores import list_deviations, list_scores
from store.recipes import find_recipe
from store.risks import list_risks
from tests.analytics.jobs.farm import CROP, LAB, MEASURED_DAYS, TODAY

if TYPE_CHECKING:
    from tests.analytics.jobs.farm import Farm


async def test_scores_deviations_and_risks(farm: Farm) -> None:
    desk = farm.desk()
    await farm.see(farm.plantings[0], 31, TODAY - timedelta(days=8))
    await forecast_crop(desk, LAB, CROP)
    await advise_crop(desk, LAB, CROP)
    await advise_crop(desk, LAB, CROP)
    planting = farm.plantings[0]
    async with farm.pool.connection() as conn:
        recipe = await find_recipe(conn, LAB, CROP)
        scores = await list_scores(conn, planting, recipe.id)
        deviations = await list_deviations(conn, planting, recipe.id)
        found = await list_risks(conn, planting)
    measured = [each for each in scores if each.score is not None]
    assert measured
    assert {each.day for each in measured} <= {TODAY - timedelta(days=n) for n in range(MEASURED_DAYS + 1)}
    assert all(0 <= each.score <= 100 for each in measured)
    assert all(each.begin_at < each.end_at and each.depth > 0 for each in deviations)
    frost = [each for each in found if each.risk == "frost"]
    assert {each.level for each in frost if each.day >= TODAY - timedelta(days=10)} - {"unknown"}
    assert len({(each.risk, each.day) for each in found}) == len(found)
