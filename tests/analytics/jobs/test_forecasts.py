"""Forecasts end to end: readings in the table, forecasts in the table."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

from analytics.jobs.forecasts import forecast_crop
from store.dues import list_due, next_mornings
from tests.analytics.jobs.farm import CROP, LAB, MEASURED_DAYS, NOW, TODAY

if TYPE_CHECKING:
    from store.forecasts import Forecast
    from tests.analytics.jobs.farm import Farm


def stage(forecast: Forecast, name: str) -> dict:
    (found,) = [each for each in forecast.body["stages"] if each["stage"] == name]
    return found


def width(forecast: Forecast, name: str) -> int:
    (interval,) = [each for each in stage(forecast, name)["intervals"] if each["level"] == 80]
    return (date.fromisoformat(interval["last"]) - date.fromisoformat(interval["first"])).days


async def test_from_readings_to_a_forecast(farm: Farm) -> None:
    assert await forecast_crop(farm.desk(), LAB, CROP) == farm.plantings
    (made,) = await farm.forecasts(farm.plantings[0])
    heading = stage(made, "heading")
    assert TODAY < date.fromisoformat(heading["median"]) < TODAY + timedelta(days=80)
    assert heading["skill"]["verdict"] == "skill"
    assert not heading["skill"]["measured_here"]
    basis = made.body["basis"]
    assert basis["data_end"] == "2025-05-09"
    assert basis["weather_to_come"] == "past_years"
    assert basis["members"] == len(basis["years"]) >= 10
    assert made.data_end.isoformat() == "2025-05-09T15:00:00+00:00"
    async with farm.pool.connection() as conn:
        assert await list_due(conn) == []
        assert await next_mornings(conn, now=NOW) == []


async def test_the_same_inputs_add_nothing(farm: Farm) -> None:
    desk = farm.desk()
    await forecast_crop(desk, LAB, CROP)
    assert await forecast_crop(desk, LAB, CROP) == []
    assert await forecast_crop(farm.desk(NOW + timedelta(days=1)), LAB, CROP) == farm.plantings


async def test_a_stage_seen_in_one_field_moves_and_narrows_the_neighbour(farm: Farm) -> None:
    seen_in, neighbour = farm.plantings
    desk = farm.desk()
    await forecast_crop(desk, LAB, CROP)
    (before,) = await farm.forecasts(neighbour)
    await farm.see(seen_in, 31, TODAY - timedelta(days=1))
    async with farm.pool.connection() as conn:
        assert {each.planting_id for each in await list_due(conn)} == set(farm.plantings)
    assert await forecast_crop(desk, LAB, CROP) == farm.plantings
    after = (await farm.forecasts(neighbour))[0]
    assert stage(after, "stem_elongation")["median"] < stage(before, "stem_elongation")["median"]
    assert width(after, "stem_elongation") < width(before, "stem_elongation")
    assert stage(after, "stem_elongation")["change_d"] < 0
    assert "neighbours" in {each["cause"] for each in stage(after, "stem_elongation")["drivers"]}
    own = (await farm.forecasts(seen_in))[0]
    assert stage(own, "stem_elongation")["seen_on"] == "2025-05-09"
    assert width(own, "heading") < width(before, "heading")


async def test_late_data_revises(farm: Farm) -> None:
    desk = farm.desk()
    late = TODAY - timedelta(days=MEASURED_DAYS + 10)
    await forecast_crop(desk, LAB, CROP)
    async with farm.pool.connection() as conn:
        await conn.execute("INSERT INTO stale_days (series_id, day) VALUES (%s, %s)", [farm.series_id, late])
    await farm.measure(late - timedelta(days=1), 3, warmer=5.0)
    assert await forecast_crop(desk, LAB, CROP) == farm.plantings
    new, old = await farm.forecasts(farm.plantings[0])
    assert (old.revised_reason, new.revised_at, new.supersedes) == ("late_data", None, old.id)
    assert stage(new, "heading")["median"] <= stage(old, "heading")["median"]
    async with farm.pool.connection() as conn:
        cursor = await conn.execute("SELECT count(*) FROM stale_days")
        assert await cursor.fetchone() == (0,)


async def test_a_crop_without_a_model_is_told(farm: Farm) -> None:
    from store.plantings import add_planting

    async with farm.pool.connection() as conn:
        planting = await add_planting(
            conn, lab=LAB, site="north", field="field-0", crop="rice", sown_on=date(2025, 4, 20)
        )
    assert await forecast_crop(farm.desk(), LAB, "rice") == [planting.id]
    (made,) = await farm.forecasts(planting.id)
    assert made.body["warnings"][0]["doubt"] == "crop_unknown"
    async with farm.pool.connection() as conn:
        assert "rice" not in {each.crop for each in await next_mornings(conn, now=NOW)}
