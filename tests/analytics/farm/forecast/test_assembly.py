"""The forecast of a lab: what moves it, what narrows it, and what it says where it knows little."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest

from analytics.farm.forecast.assembly import forecast
from analytics.farm.forecast.result import Cause, Doubt, PlantingForecast, StageForecast, Status, Verdict
from analytics.farm.forecast.season import Outlook, Sighting
from tests.analytics.farm.forecast.lab_of_wheat import (
    case,
    each_with,
    grown,
    past_plantings,
    planting,
    station,
)

TODAY = date(2025, 5, 10)
MANY = past_plantings(range(2019, 2025), 3.0)
PAST = MANY[-4:]  # two seasons: too few for a back-test, and quick
HERE, THERE = planting(1, 2025, current=True), planting(2, 2025, current=True)


def stage(result: PlantingForecast, name: str = "heading") -> StageForecast:
    (found,) = [each for each in result.stages if each.stage == name]
    return found


def width(of: StageForecast, level: int = 80) -> int:
    (interval,) = [each for each in of.intervals if each.level == level]
    return (interval.last - interval.first).days


def moved_by(of: StageForecast, cause: Cause) -> float:
    return sum(driver.days for driver in of.drivers if driver.cause is cause)


def doubts(result: PlantingForecast) -> set[Doubt]:
    return {each.doubt for each in result.warnings}


def seen_31(late_d: float) -> list[Sighting]:
    return list(grown(THERE, late_d).sightings[:1])


@pytest.fixture(scope="module")
def plain() -> PlantingForecast:
    return forecast(case(TODAY, [*PAST, HERE, THERE]))[0]


def test_intervals_hold_one_another_and_the_median(plain: PlantingForecast) -> None:
    for each in plain.stages:
        assert each.median is not None
        firsts = [interval.first for interval in each.intervals]
        lasts = [interval.last for interval in each.intervals]
        assert [interval.level for interval in each.intervals] == [50, 80, 95]
        assert firsts == sorted(firsts, reverse=True)
        assert lasts == sorted(lasts)
        assert firsts[0] <= each.median <= lasts[0]


def test_what_earlier_seasons_taught(plain: PlantingForecast) -> None:
    """The lab's fields were three days later than the model in two seasons."""
    assert 1.0 < moved_by(stage(plain), Cause.EARLIER_SEASONS) < 3.5
    untaught = forecast(case(TODAY, [HERE]))[0]
    assert stage(untaught).spread_d > stage(plain).spread_d + 0.3
    assert stage(untaught).median < stage(plain).median


def test_skill_is_measured_on_the_labs_own_seasons() -> None:
    taught = forecast(case(TODAY, [*MANY, HERE]))[0]
    skill = stage(taught).skill
    assert (skill.measured_here, skill.seasons, skill.n) == (True, 6, 12)
    assert skill.rmse_d < skill.naive_rmse_d
    assert skill.coverage > 0.7
    assert stage(taught, "maturity").skill.verdict is Verdict.UNKNOWN
    elsewhere = stage(forecast(case(TODAY, [HERE]))[0]).skill
    assert (elsewhere.measured_here, elsewhere.verdict) == (False, Verdict.SKILL)
    assert "Swiss" in elsewhere.data


def test_where_the_model_is_no_better_than_the_mean_date_it_says_so() -> None:
    rng = np.random.default_rng(3)
    erratic = [
        each_with(
            each,
            [replace(s, day=s.day + timedelta(days=int(rng.normal(0, 25)))) for s in each.sightings[1:2]],
        )
        for each in MANY
    ]
    skill = stage(forecast(case(TODAY, [*erratic, HERE]))[0]).skill
    assert skill.measured_here
    assert skill.rmse_d > 0.8 * skill.naive_rmse_d
    assert skill.verdict is Verdict.NONE


def test_a_stage_seen_in_one_field_moves_and_narrows_its_neighbour(plain: PlantingForecast) -> None:
    today = date(2025, 5, 28)
    plantings = [*PAST, HERE, THERE]
    before = forecast(case(today, plantings))[0]
    plantings[-1] = each_with(THERE, seen_31(0.0))
    here, there = forecast(case(today, plantings))
    one, other = stage(before, "stem_elongation"), stage(here, "stem_elongation")
    assert width(other) < width(one)
    assert moved_by(other, Cause.NEIGHBOURS) < -0.5
    assert moved_by(one, Cause.NEIGHBOURS) == 0
    assert stage(there, "stem_elongation").status is Status.SEEN
    assert stage(there, "stem_elongation").seen_on == plantings[-1].sightings[0].day
    assert stage(there).spread_d < stage(here).spread_d < stage(before).spread_d


def test_a_stage_seen_in_the_field_restarts_its_simulation() -> None:
    today = date(2025, 6, 10)
    early, late = (
        forecast(case(today, [each_with(THERE, [Sighting(bbch=31, day=date(2025, 5, day))])]))[0]
        for day in (12, 24)
    )
    assert 5 <= (stage(late).median - stage(early).median).days <= 12
    assert moved_by(stage(late), Cause.OWN_STAGE) > moved_by(stage(early), Cause.OWN_STAGE) + 5


def test_warm_weather_forecast_brings_stages_forward(plain: PlantingForecast) -> None:
    warm = Outlook(
        source="test", issued_on=TODAY, first_day=TODAY, tmin=np.full(14, 15.0), tmax=np.full(14, 27.0)
    )
    result = forecast(case(TODAY, [*PAST, HERE, THERE], outlooks={"north": warm}))[0]
    assert stage(result).median < stage(plain).median
    assert moved_by(stage(result), Cause.WEATHER_FORECAST) < -2
    assert result.basis.outlook == "test 2025-05-10"


def test_drivers_add_up_to_the_difference_from_a_normal_season() -> None:
    """From sowing to sowing with normal temperatures and nothing seen, the median is the climatology's."""
    on_sowing_day = forecast(case(HERE.sown_on, [HERE]))[0]
    now = forecast(case(TODAY, [*PAST, HERE]))[0]
    told = sum(driver.days for driver in stage(now).drivers)
    assert (stage(now).median - stage(on_sowing_day).median).days == pytest.approx(told, abs=1.1)


def test_change_since_the_forecast_before(plain: PlantingForecast) -> None:
    before = {1: {"heading": stage(plain).median - timedelta(days=4)}}
    result = forecast(case(TODAY, [*PAST, HERE, THERE]), previous=before)
    assert stage(result[0]).change_d == 4.0
    assert stage(result[1]).change_d is None


def test_progress(plain: PlantingForecast) -> None:
    progress = plain.progress
    assert (progress.stage, progress.next_stage, progress.computed) == ("tillering", "stem_elongation", True)
    assert 0 < progress.share < 1
    assert progress.normal_years == 12
    assert progress.degree_days == pytest.approx(progress.normal_degree_days, rel=0.5)


def test_few_years_here_and_many_next_door() -> None:
    new = station("new", TODAY, seed=1, since=date(2024, 8, 1))
    old = station("old", TODAY, seed=2)
    result = forecast(case(TODAY, [replace(HERE, station="new")], stations={"new": new, "old": old}))[0]
    assert (result.basis.weather_to_come, result.basis.weather_station) == (
        "past_years_elsewhere",
        "old station",
    )
    assert Doubt.WEATHER_FROM_ELSEWHERE in doubts(result)


def test_a_station_younger_than_the_crop_is_filled_from_next_door() -> None:
    new = station("new", TODAY, seed=1, since=date(2024, 11, 1))
    old = station("old", TODAY, seed=2)
    result = forecast(case(TODAY, [replace(HERE, station="new")], stations={"new": new, "old": old}))[0]
    assert result.basis.days_filled == {"measured": 190, "neighbour": 42}
    assert result.basis.data_end == TODAY - timedelta(days=1)


def test_not_sown_yet() -> None:
    later = replace(HERE, sown_on=TODAY + timedelta(days=20))
    result = forecast(case(TODAY, [later]))[0]
    assert (result.progress.stage, result.progress.next_stage) == (None, "emergence")
    assert stage(result, "emergence").median > later.sown_on
    assert result.basis.data_end is None


def test_winter_wheat_sown_in_spring_is_not_expected_to_ripen() -> None:
    """It waits for cold until the next winter, and a season has no room for both."""
    late = replace(HERE, sown_on=TODAY - timedelta(days=5))
    maturity = stage(forecast(case(TODAY, [late]))[0], "maturity")
    assert (maturity.status, maturity.median, maturity.intervals) == (Status.NOT_EXPECTED, None, ())
    assert maturity.probability < 0.5


def test_one_year_alone_draws_from_its_climatology_and_says_so() -> None:
    alone = station("north", TODAY, since=date(2024, 4, 1))
    result = forecast(case(TODAY, [HERE], stations={"north": alone}))[0]
    assert (result.basis.weather_to_come, result.basis.members) == ("climatology", 40)
    assert Doubt.DRAWN_WEATHER in doubts(result)
    assert stage(result).median is not None


def test_half_a_year_alone_is_no_forecast() -> None:
    alone = station("north", TODAY, since=date(2024, 9, 1))
    result = forecast(case(TODAY, [HERE], stations={"north": alone}))[0]
    assert Doubt.NO_WEATHER_TO_COME in doubts(result)
    assert {each.status for each in result.stages} == {Status.UNKNOWN}
    assert result.progress.stage == "tillering"
    assert result.basis.data_end == TODAY - timedelta(days=1)


@pytest.mark.parametrize(("latitude", "doubt"), [(None, Doubt.NO_PLACE), (43.1, Doubt.NO_TEMPERATURES)])
def test_nothing_to_go_by(latitude: float | None, doubt: Doubt) -> None:
    where = replace(station("north", TODAY, since=TODAY), latitude=latitude)
    result = forecast(case(TODAY, [HERE], stations={"north": where} if latitude is None else {}))[0]
    assert doubt in doubts(result)
    assert {each.status for each in result.stages} == {Status.UNKNOWN}


def test_gaps_and_old_data_are_told() -> None:
    holes = station("north", TODAY)
    holes.tmin[-40:-38] = np.nan
    holes.tmax[-10:] = np.nan
    result = forecast(case(TODAY, [HERE], stations={"north": holes}))[0]
    facts = {each.doubt: each.facts for each in result.warnings}
    assert facts[Doubt.OLD_TEMPERATURES] == {"days": 10}
    assert facts[Doubt.FILLED_DAYS]["days"] == 2
    assert result.basis.days_filled["interpolated"] + result.basis.days_filled.get("climatology", 0) == 2
    assert result.basis.data_end == TODAY - timedelta(days=11)


def test_sightings_that_contradict_each_other_break_nothing() -> None:
    seen = [
        Sighting(bbch=31, day=date(2025, 5, 9)),
        Sighting(bbch=55, day=date(2025, 5, 2)),
        Sighting(bbch=65, day=date(2025, 12, 24)),
        Sighting(bbch=25, day=date(2025, 4, 20)),
    ]
    result = forecast(case(TODAY, [each_with(HERE, seen), THERE]))[0]
    assert {Doubt.SIGHTINGS_CONTRADICT, Doubt.STAGE_NOT_IN_MODEL} <= doubts(result)
    assert result.seen_besides == ((25, date(2025, 4, 20)),)


def test_the_same_inputs_give_the_same_body(plain: PlantingForecast) -> None:
    again = forecast(case(TODAY, [*PAST, HERE, THERE]))[0]
    assert json.dumps(again.as_body()) == json.dumps(plain.as_body())


def test_a_harvested_field_is_learnt_from_and_not_forecast() -> None:
    results = forecast(case(TODAY, [*PAST, HERE]))
    assert [each.planting_id for each in results] == [1]


def test_leap_day_in_a_back_test() -> None:
    today = date(2024, 2, 29)
    results = forecast(case(today, [*past_plantings(range(2019, 2024)), planting(3, 2024, current=True)]))
    assert stage(results[0]).skill.measured_here
