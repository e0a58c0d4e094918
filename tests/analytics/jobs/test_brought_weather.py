"""Temperatures that a lab brought from elsewhere, beside what its stations measure."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest

from analytics.jobs import forecasts
from store.daily_values import read_daily
from store.fields import add_field
from store.past_weather import AIR, keep_past_weather
from store.plantings import add_planting
from store.sites import add_site
from tests.analytics.farm.forecast.lab_of_wheat import FIRST_DAY, temperatures
from tests.analytics.jobs.farm import CROP, LAB, MEASURED_DAYS, NOW, TODAY

if TYPE_CHECKING:
    from tests.analytics.jobs.farm import Farm

KNOWN = (TODAY - FIRST_DAY).days
SOWN = TODAY - timedelta(days=230)
SOWN_HERE = date(2024, 9, 20)


@pytest.fixture
async def far(farm: Farm) -> tuple[int, int]:
    """Another site, which has only what was brought; its number and that of its planting."""
    tmin, tmax = (values[:KNOWN] for values in temperatures(14, 1))
    async with farm.pool.connection() as conn:
        site = await add_site(
            conn, lab=LAB, slug="far", name_ja="遠", name_en="Far", latitude=43.0, longitude=143.0
        )
        await add_field(conn, lab=LAB, site="far", slug="field", name_ja="畑", name_en="Field")
        planting = await add_planting(conn, lab=LAB, site="far", field="field", crop=CROP, sown_on=SOWN)
        await keep_past_weather(conn, site.id, FIRST_DAY, tmin, tmax)
    return site.id, planting.id


async def test_a_site_without_a_station_is_forecast_from_what_was_brought(
    farm: Farm, far: tuple[int, int]
) -> None:
    await forecasts.forecast_crop(farm.desk(), LAB, CROP)
    (made,) = await farm.forecasts(far[1])
    assert made.body["basis"]["weather_station"] == "far"
    assert made.body["basis"]["data_end"] == str(TODAY - timedelta(days=1))


async def test_where_a_sensor_has_a_position_past_years_are_brought_all_the_same(farm: Farm) -> None:
    async with farm.pool.connection() as conn:
        await conn.execute("UPDATE series SET position = '2m'")
        await conn.execute("UPDATE daily_values SET position = '2m'")
        await conn.execute("DELETE FROM daily_values WHERE day < %s", [TODAY - timedelta(days=300)])
        past = KNOWN - 300
        await keep_past_weather(
            conn, farm.site_id, FIRST_DAY, *(values[:past] for values in temperatures(14, 1))
        )
    await forecasts.forecast_crop(farm.desk(), LAB, CROP)
    (made,) = await farm.forecasts(farm.plantings[0])
    assert made.body["basis"]["weather_to_come"] == "past_years"
    assert made.body["basis"]["days_filled"] == {"measured": (TODAY - SOWN_HERE).days}


async def test_days_that_were_brought_hide_no_reading(farm: Farm) -> None:
    """Past weather that reaches to yesterday is brought before any day of the station was computed."""
    async with farm.pool.connection() as conn:
        await conn.execute("DELETE FROM daily_values")
        cold = np.full(KNOWN, -9.0)
        await keep_past_weather(conn, farm.site_id, FIRST_DAY, cold, cold + 1)
    await forecasts.forecast_crop(farm.desk(NOW), LAB, CROP)
    async with farm.pool.connection() as conn:
        first = TODAY - timedelta(days=MEASURED_DAYS)
        air = (await read_daily(conn, farm.site_id, first, MEASURED_DAYS, keys=[AIR]))[AIR]
    assert set(air.method[1:].tolist()) == {0}
    assert (air.maximum[1:] > -8).all()
