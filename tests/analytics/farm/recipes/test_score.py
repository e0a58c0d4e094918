"""Each hour gets its verdict; the score says how much was missing."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics import library
from analytics.farm.errors import RecipeError
from analytics.farm.recipes.model import Channel, Recipe
from analytics.farm.recipes.score import Scores, Verdict, count_by_day, count_by_stage, score, summarise
from analytics.farm.recipes.season import season, stage_of_hours
from tests.analytics.farm.recipes.kitchen import AIR, hours_of, limits, one_stage, recipe, stage

NAN = float("nan")


def scored(recipe: Recipe, values: list[float], of_stage: int = 0) -> Scores:
    return score(recipe, hours_of(air_temperature=values), np.full(len(values), of_stage, np.int16))


def test_the_verdicts_at_and_around_each_limit() -> None:
    got = scored(one_stage(limits(AIR, 0, 10, 20, 30)), [-1, 0, 9, 10, 15, 20, 21, 30, 31, NAN])
    assert got.verdict[0].tolist() == [-2, -1, -1, 0, 0, 0, 1, 1, 2, 9]
    assert got.depth[0].tolist() == pytest.approx([11, 10, 1, 0, 0, 0, 1, 10, 11, NAN], nan_ok=True)
    assert got.relative[0, :2].tolist() == [1.1, 1.0]


@pytest.mark.parametrize(
    ("four", "value", "verdict", "relative"),
    [
        ((None, 10, None, None), 5, Verdict.TOLERABLE_LOW, NAN),
        ((None, 10, None, None), 99, Verdict.FAVOURABLE, 0.0),
        ((0, 10, None, None), 5, Verdict.TOLERABLE_LOW, 0.5),
        ((0, None, None, None), -1, Verdict.HARMFUL_LOW, NAN),
        ((0, None, None, None), 0, Verdict.FAVOURABLE, 0.0),
        ((None, None, 20, None), 25, Verdict.TOLERABLE_HIGH, NAN),
        ((None, None, 20, 30), 35, Verdict.HARMFUL_HIGH, 1.5),
        ((None, None, None, 30), 31, Verdict.HARMFUL_HIGH, NAN),
        ((0, 10, 10, 30), 5, Verdict.TOLERABLE_LOW, 0.5),
    ],
)
def test_limits_that_are_not_given(
    four: tuple[float | None, ...], value: float, verdict: Verdict, relative: float
) -> None:
    got = scored(one_stage(limits(AIR, *four)), [value])
    assert got.verdict[0, 0] == verdict
    assert got.relative[0, 0] == pytest.approx(relative, nan_ok=True)


def test_limits_in_another_unit_are_compared_in_the_canonical_one() -> None:
    got = scored(one_stage(limits(AIR, 32, 50, 68, 86, unit="degF")), [9, 10, 21])
    assert got.verdict[0].tolist() == [-1, 0, 1]
    assert got.depth[0].tolist() == pytest.approx([1, 0, 1])


def test_each_stage_has_its_own_limits_and_a_channel_without_them_no_rule() -> None:
    soil = Channel(quantity="soil_temperature")
    two = recipe(
        stage("a", 0, 10, limits(AIR, None, 10, 20, None)), stage("b", 10, 20, limits(soil, 5, 8, 9, 10))
    )
    got = score(two, hours_of(air_temperature=[15.0] * 3), np.array([0, 1, -1], np.int16))
    assert got.channels == (AIR, soil)
    assert got.verdict.tolist() == [[0, 10, 10], [10, 9, 10]]
    assert np.isnan(got.depth[0, 1:]).all()


def test_a_night_is_not_judged_by_the_days_rule() -> None:
    day = replace(AIR, when="day")
    lit = season({"air_temperature": [0.0, 0.0]}, first=0, timezone="UTC", light=[True, False])
    got = score(one_stage(limits(day, None, 10, 20, None)), lit, np.zeros(2, np.int16))
    assert got.verdict.tolist() == [[-1, 10]]


def test_counts_add_up_and_the_score_is_their_credit() -> None:
    got = scored(one_stage(limits(AIR, 0, 10, 20, 30)), [15.0] * 20 + [5.0] * 4 + [-5.0] * 4 + [NAN] * 4)
    by_stage, by_day = count_by_stage(got), count_by_day(got)
    assert by_stage.tolist() == [[[4, 4, 20, 0, 0, 4]]]
    assert by_day.tolist() == [[[0, 4, 20, 0, 0, 0], [4, 0, 0, 0, 0, 4]]]
    overall = summarise(by_stage)
    assert overall.score == pytest.approx(100 * 22 / 28)
    assert (overall.least, overall.most) == (pytest.approx(100 * 22 / 32), pytest.approx(100 * 26 / 32))
    assert (overall.coverage, overall.measured_h, overall.missing_h) == (28 / 32, 28, 4)


def test_missing_hours_are_not_good_and_too_many_leave_no_score() -> None:
    rule = one_stage(limits(AIR, None, 10, 20, None))
    half = summarise(count_by_stage(scored(rule, [15.0] * 5 + [NAN] * 5)))
    assert (half.score, half.coverage, half.least, half.most) == (100.0, 0.5, 50.0, 100.0)
    less = summarise(count_by_stage(scored(rule, [15.0] * 4 + [NAN] * 6)))
    assert np.isnan(less.score)
    assert less.least == 40.0
    nothing = summarise(count_by_stage(scored(rule, [15.0], of_stage=-1)))
    assert np.isnan(nothing.score)
    assert np.isnan(nothing.coverage)


@given(st.lists(st.one_of(st.floats(-50, 60), st.just(NAN)), min_size=1, max_size=80))
def test_the_score_lies_between_its_bounds(values: list[float]) -> None:
    overall = summarise(count_by_day(scored(one_stage(limits(AIR, 0, 10, 20, 30)), values)))
    assert overall.measured_h + overall.missing_h == len(values)
    assert 0 <= overall.least <= overall.most <= 100
    if overall.coverage >= 0.5:
        assert overall.least - 1e-9 <= overall.score <= overall.most + 1e-9


def test_a_sensor_that_is_not_there_is_named() -> None:
    soil = Channel(quantity="soil_temperature")
    both = recipe(
        stage("a", 0, 10, limits(AIR, 0, 10, 20, 30)), stage("b", 10, 20, limits(soil, 0, 10, 20, 30))
    )
    hours = hours_of(air_temperature=[15.0, NAN])
    assert score(both, hours, np.array([0, 0], np.int16)).unmeasured == ()
    assert score(both, hours, np.array([0, 1], np.int16)).unmeasured == (soil,)


def test_a_stage_that_does_not_exist_is_refused() -> None:
    for wrong in (np.array([1], np.int16), np.array([-2], np.int16), np.zeros(2, np.int16)):
        with pytest.raises(RecipeError, match="one index from -1 to 0"):
            score(one_stage(limits(AIR, 0, 10, 20, 30)), hours_of(air_temperature=[1.0]), wrong)


def test_no_hours_make_no_counts() -> None:
    got = scored(one_stage(limits(AIR, 0, 10, 20, 30)), [])
    assert count_by_day(got).shape == (1, 0, 6)
    assert count_by_stage(got).sum() == 0


def test_a_season_is_scored_at_once() -> None:
    hours = 5_000
    clock = np.arange(hours)
    day = np.sin(2 * np.pi * clock / 24)
    names = ("air_temperature", "soil_temperature@10cm", "soil_temperature@5cm", "leaf_temperature")
    values = dict.fromkeys(names, 15 + 10 * day + 0.001 * clock)
    values |= {"relative_humidity": 80 + 20 * day, "global_radiation": np.maximum(0, 800 * day)}
    potato = library.recipe("potato")
    planting = season(values, first=0, timezone="Asia/Tokyo")
    of_stage = stage_of_hours(
        potato.stages,
        first=0,
        hours=hours,
        codes=[0, 9, 40, 91],
        reached=np.array([0, 700, 1500, 4500]) * 3.6e9,
    )
    spent = []
    for _ in range(5):
        begun = time.perf_counter()
        count_by_day(score(potato, planting, of_stage))
        spent.append(time.perf_counter() - begun)
    # The aim is 20 ms on a quiet machine; a busy one may take longer.
    assert min(spent) < 0.1
