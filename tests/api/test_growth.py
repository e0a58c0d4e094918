"""Forecasts, environment, advice, recipes and a lab's own weather, as the API shows them."""

from __future__ import annotations

import tomllib
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from analytics.farm.forecast.result import no_model
from analytics.library import recipes
from store.daily_values import Daily, DailyKey, read_daily, upsert_daily
from store.forecasts import add_forecast, mark_revised
from store.recipe_scores import Deviation, Score, replace_deviations, replace_scores
from store.recipes import find_recipe
from store.risks import Risk, replace_risks
from store.sites import find_site
from tests.api.conftest import add_readings

if TYPE_CHECKING:
    from psycopg_pool import AsyncConnectionPool

    from tests.api.conftest import Asker

FIRST = date(2025, 10, 1)


async def test_a_forecast_as_it_was_and_the_mark_that_data_changed(
    ask: Asker, pool: AsyncConnectionPool
) -> None:
    planting = ask.world.grown["shihoro planting"]
    between = datetime.now(UTC)
    async with pool.connection() as conn:
        body = no_model(planting, "wheat", "kitahonami", "farm", FIRST).as_body()
        await add_forecast(
            conn,
            planting,
            issued_on=FIRST,
            model="later",
            model_version="1",
            data_end=None,
            inputs_digest=b"1",
            body=body,
        )
    url = f"/api/v1/plantings/{planting}/forecast"
    now = (await ask("GET", url, role="viewer")).data
    assert (now["state"], now["newest"]["model"]) == ("current", "later")
    before = (await ask("GET", url, role="viewer", params={"as_of": between.isoformat()})).data
    assert before["newest"]["model"] == "none"
    async with pool.connection() as conn:
        await mark_revised(conn, [planting], "late_data")
    assert (await ask("GET", url, role="viewer")).data["state"] == "revised"
    history = (await ask("GET", f"/api/v1/plantings/{planting}/history", role="viewer")).data["items"]
    assert [item["model"] for item in history] == ["later", "none"]
    assert history[0]["revised_reason"] == "late_data"
    again = await ask("GET", f"/api/v1/forecasts/{history[1]['id']}", role="viewer")
    assert again.data["forecast"]["warnings"][0]["doubt"] == "crop_unknown"


async def fill(pool: AsyncConnectionPool, days: int) -> None:
    """Temperature and humidity at shihoro's farm from `FIRST` on; the fourth day is unknown."""
    low = np.full(days, 8.0)
    low[3:4] = np.nan

    def daily(minimum: Any, mean: Any, maximum: Any) -> Daily:
        known = np.isfinite(minimum)
        return Daily(
            minimum=minimum,
            mean=np.where(known, mean, np.nan),
            maximum=np.where(known, maximum, np.nan),
            total=np.full(days, np.nan),
            n=np.full(days, 144, np.int32),
            coverage=np.where(known, 1.0, 0.2),
            method=np.zeros(days, np.int16),
        )

    async with pool.connection() as conn:
        site = await find_site(conn, "shihoro", "farm")
        values = {
            DailyKey("air_temperature"): daily(low, 13.0, 18.0),
            DailyKey("relative_humidity"): daily(low * 0 + 55, 70.0, 85.0),
        }
        await upsert_daily(conn, site.id, FIRST, values)


async def test_the_environment_is_measured_and_derived_and_says_what_is_missing(
    ask: Asker, pool: AsyncConnectionPool
) -> None:
    await fill(pool, 10)
    url = f"/api/v1/plantings/{ask.world.grown['shihoro planting']}/environment"
    answer = (await ask("GET", url, role="viewer", params={"from": "2025-10-01", "to": "2025-10-06"})).data
    assert answer["days"] == [f"2025-10-0{day}" for day in range(1, 6)]
    air = next(each for each in answer["measured"] if each["quantity"] == "air_temperature")
    assert (air["unit"], air["minimum"]) == ("degC", [8.0, 8.0, 8.0, None, 8.0])
    derived = {each["name"]: each["value"] for each in answer["derived"]}
    assert derived["degree_days"] == [13.0, 13.0, 13.0, None, 13.0]
    assert derived["accumulated_degree_days"][-1] == 52.0
    assert 0.5 < derived["vapour_pressure_deficit"][0] < 0.7
    assert "daylength" not in derived  # the site has no position
    five = await ask(
        "GET", url, role="viewer", params={"from": "2025-10-01", "to": "2025-10-02", "base_c": "5"}
    )
    assert five.data["derived"][0]["value"] == [8.0]


async def test_an_environment_without_data_is_empty_and_one_that_is_too_long_is_refused(ask: Asker) -> None:
    url = f"/api/v1/plantings/{ask.world.grown['shihoro planting']}/environment"
    empty = (await ask("GET", url, role="viewer")).data
    assert (empty["measured"], empty["derived"]) == ([], [])
    assert empty["days"][0] == "2025-09-24"
    wrong = await ask("GET", url, role="viewer", params={"from": "2000-01-01"})
    assert wrong.status == 400


async def test_advice_shows_departures_work_and_risks(ask: Asker, pool: AsyncConnectionPool) -> None:
    planting = ask.world.grown["shihoro planting"]
    now = datetime.now(UTC)
    today = (now + timedelta(hours=9)).date()
    async with pool.connection() as conn:
        recipe = await find_recipe(conn, "shihoro", "wheat")
        scores = [Score(day=today, score=72.0, coverage=0.9, body={})]
        await replace_scores(conn, planting, recipe.id, first_day=today, last_day=today, scores=scores)
        deviation = Deviation(
            begin_at=now - timedelta(hours=9),
            end_at=now,
            quantity="air_temperature",
            measure="any",
            direction="low",
            grade="harmful",
            depth=3.5,
            body={"length_h": 9},
        )
        begin = now - timedelta(days=2)
        await replace_deviations(conn, planting, recipe.id, begin=begin, end=now, deviations=[deviation])
        risk = Risk(
            risk="frost", day=today, value=-2.0, accumulated=None, level="high", coverage=1.0, reason="x"
        )
        await replace_risks(conn, planting, today, today, [risk])
    advice = (await ask("GET", f"/api/v1/plantings/{planting}/advice", role="viewer")).data
    assert advice["recipe"]["lab"] is None
    assert advice["scores"] == [{"day": str(today), "score": 72.0, "coverage": 0.9}]
    assert (advice["deviations"][0]["grade"], advice["deviations"][0]["depth"]) == ("harmful", 3.5)
    assert advice["risks"][0]["level"] == "high"
    assert {task["status"] for task in advice["work"]} <= {"overdue", "due", "upcoming", "unknown"}
    assert advice["work"]
    assert all(task["text"]["ja"] and task["text"]["en"] for task in advice["work"])


async def test_a_recipe_goes_from_one_lab_to_another_and_a_changed_one_is_told(ask: Asker) -> None:
    theirs = ask.world.grown["sendai recipe"]
    exported = await ask("GET", f"/api/v1/recipes/{theirs}/export", role="sendai-staff")
    assert 'filename="wheat-1.0.0.toml"' in exported.headers["Content-Disposition"]
    assert tomllib.loads(exported.text)["digest"].startswith("sha256:")
    url = "/api/v1/labs/shihoro/recipes"
    taken = await ask("POST", url, role="team", json={"body": exported.text})
    assert taken.status == 201
    again = await ask("POST", url, role="team", json={"body": exported.text})
    assert again.data["id"] == taken.data["id"]
    shown = (await ask("GET", taken.headers["Location"], role="viewer")).data
    assert shown["unchanged"] is True
    assert shown["recipe"]["title"]["ja"] == recipes()["wheat"].title.ja
    other = exported.text.replace('version = "1.0.0"', 'version = "1.0.1"')
    changed = await ask("POST", url, role="team", json={"body": other})
    told = await ask("GET", changed.headers["Location"], role="viewer")
    assert told.data["unchanged"] is False
    listed = (await ask("GET", f"{url}?crop=wheat", role="viewer")).data["items"]
    assert {item["version"] for item in listed if item["lab"] == "shihoro"} == {"1.0.0", "1.0.1"}
    back = await ask("POST", f"{changed.headers['Location']}/withdraw", role="team")
    assert back.data["withdrawn_at"] is not None


async def test_a_recipe_is_learned_from_a_season_and_says_what_it_could_not(
    ask: Asker, pool: AsyncConnectionPool
) -> None:
    planting, hours = ask.world.grown["shihoro planting"], 24 * 60
    begin = datetime(2025, 9, 24, tzinfo=UTC)
    rows = [(begin + timedelta(hours=hour), 12.0 + 4 * np.sin(hour / 3.8), 1) for hour in range(hours)]
    await add_readings(pool, ask.world.series["shihoro-1"], rows)
    async with pool.connection() as conn:
        await conn.execute("UPDATE sites SET latitude = 43.2, longitude = 143.2")
    url = f"/api/v1/plantings/{planting}"
    wish = {"name": "our-wheat", "title_ja": "うちの小麦", "title_en": "Our wheat", "author": "2年A組"}
    await ask("POST", f"{url}/observations", role="team", json={"bbch": 21, "observed_on": "2025-11-10"})
    await ask("POST", f"{url}/end", role="team", json={"ended_on": "2026-07-25", "yield_t_ha": 7.0})
    learned = await ask("POST", f"{url}/learn-recipe", role="team", json=wish)
    assert learned.status == 201, learned.text
    assert learned.data["about"]["origin"]["how"] == "learned"
    assert learned.data["about"]["origin"]["farm"] == "shihoro/farm"
    recipe = (await ask("GET", learned.headers["Location"], role="viewer")).data["recipe"]
    ranges = [part for stage in recipe["stages"] for part in stage["ranges"]]
    measured = [part for part in ranges if part["certainty"] == "measured"]
    assert {part["channel"]["quantity"] for part in measured} == {"air_temperature"}
    assert all(8 <= part["favourable_from"] <= part["favourable_to"] <= 20 for part in measured)
    assert all(entry["reason"]["ja"] for entry in learned.data["left_out"])
    refused = await ask("POST", f"{url}/learn-recipe", role="viewer", json=wish)
    assert refused.status == 403


@pytest.mark.parametrize("body", ["not = [toml", 'format = 1\nname = "x"', ""])
async def test_a_file_that_is_no_recipe_says_what_is_wrong(ask: Asker, body: str) -> None:
    answer = await ask("POST", "/api/v1/labs/shihoro/recipes", role="team", json={"body": body})
    assert answer.status == 422
    assert answer.data["errors"][0]["field"] == "body"


OUTLOOK = {
    "source": "気象庁",
    "issued_at": "2026-04-01T00:00:00Z",
    "days": [{"day": "2026-04-02", "tmin_c": -2, "tmax_c": 8}],
}


async def test_a_weather_forecast_is_fed_in_once_and_shown(ask: Asker) -> None:
    url = "/api/v1/labs/shihoro/sites/farm/weather-forecast"
    assert (await ask("GET", url, role="viewer")).data == {"newest": None}
    for _ in range(2):
        assert (await ask("POST", f"{url}s", role="team", json=OUTLOOK)).status == 201
    assert (await ask("GET", url, role="viewer")).data["newest"]["days"][0]["tmax_c"] == 8
    other = OUTLOOK | {"days": [{"day": "2026-04-02", "tmin_c": -3, "tmax_c": 8}]}
    assert (await ask("POST", f"{url}s", role="team", json=other)).status == 409
    upside_down = OUTLOOK | {"days": [{"day": "2026-04-02", "tmin_c": 9, "tmax_c": 8}]}
    wrong = await ask("POST", f"{url}s", role="team", json=upside_down)
    assert (wrong.status, wrong.data["errors"][0]["field"]) == (422, "days[0].tmin_c")


async def test_past_weather_fills_what_was_not_measured(ask: Asker, pool: AsyncConnectionPool) -> None:
    await fill(pool, 2)
    url = "/api/v1/labs/shihoro/sites/farm/past-weather"
    past = {"first_day": "2025-09-29", "tmin_c": [1, None, 3, 4], "tmax_c": [11, 12, 13, 14]}
    assert (await ask("POST", url, role="team", json=past)).status == 403
    taken = (await ask("POST", url, role="staff", json=past)).data
    assert taken == {"days": 4, "kept": 2, "changed": 1}
    async with pool.connection() as conn:
        site = await find_site(conn, "shihoro", "farm")
        air = DailyKey("air_temperature")
        known = (await read_daily(conn, site.id, date(2025, 9, 29), 4, keys=[air]))[air]
    assert known.minimum.tolist()[:1] == [1.0]
    assert np.isnan(known.minimum[1])
    assert known.minimum.tolist()[2:] == [8.0, 8.0]
    late = past | {"first_day": "2999-01-01"}
    assert (await ask("POST", url, role="staff", json=late)).status == 422


async def test_crops_tell_their_stages_and_their_skill(ask: Asker) -> None:
    wheat = (await ask("GET", "/api/v1/crops/wheat", role="viewer")).data
    assert [stage["bbch"] for stage in wheat["stages"]] == [10, 21, 31, 39, 55, 65, 89]
    assert {each["stage"]: each["verdict"] for each in wheat["skill"]}["heading"] == "skill"
    assert (await ask("GET", "/api/v1/crops/rye", role="viewer")).status == 404
    names = {crop["name"] for crop in (await ask("GET", "/api/v1/crops", role="viewer")).data["items"]}
    assert {"wheat", "potato", "garlic", "carrot"} <= names
