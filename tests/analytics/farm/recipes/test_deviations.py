"""Deviations: what belongs together, how long, how deep."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.farm.recipes.deviations import Deviation, find_deviations
from analytics.farm.recipes.model import Channel
from analytics.farm.recipes.score import Verdict, score
from tests.analytics.farm.recipes.kitchen import AIR, H_US, hours_of, limits, one_stage, recipe, stage

NAN = float("nan")
RULE = one_stage(limits(AIR, 0, 10, 20, 30))


def found(values: list[float], **how: int) -> list[Deviation]:
    return find_deviations(
        score(RULE, hours_of(air_temperature=values), np.zeros(len(values), np.int16)), **how
    )


def test_one_cold_night() -> None:
    (cold,) = found([12, 9, 6, -1, 8, 12])
    assert (cold.direction, cold.verdict, cold.stage.name) == ("low", Verdict.HARMFUL_LOW, "only")
    assert (cold.first, cold.end, cold.length_h, cold.outside_h, cold.harmful_h) == (H_US, 5 * H_US, 4, 4, 1)
    assert (cold.worst_value, cold.worst_depth, cold.mean_depth, cold.integral) == (-1.0, 11.0, 4.5, 18.0)
    assert cold.relative_integral == pytest.approx(1.8)


def test_a_short_interruption_does_not_end_it_and_a_long_one_does() -> None:
    (bridged,) = found([5, NAN, 15, 5])
    assert (bridged.length_h, bridged.outside_h, bridged.integral) == (4, 2, 10.0)
    assert [d.length_h for d in found([5, 15, NAN, 15, 5])] == [1, 1]
    assert [d.length_h for d in found([5, 15, 5], bridge_h=0)] == [1, 1]


def test_the_other_side_ends_it() -> None:
    assert [(d.direction, d.length_h) for d in found([5, 25, 5])] == [("low", 1), ("high", 1), ("low", 1)]


def test_the_next_stage_ends_it() -> None:
    two = recipe(
        stage("a", 0, 10, limits(AIR, 0, 10, 20, 30)), stage("b", 10, 20, limits(AIR, 0, 10, 20, 30))
    )
    scores = score(two, hours_of(air_temperature=[5.0] * 4), np.array([0, 0, 0, 1], np.int16))
    assert [(d.stage.name, d.length_h) for d in find_deviations(scores)] == [("a", 3), ("b", 1)]


def test_harm_comes_first_then_what_is_longer_and_deeper_for_its_range() -> None:
    soil = Channel(quantity="soil_temperature")
    both = one_stage(limits(AIR, 0, 10, 20, 30), limits(soil, None, 10, 12, None))
    hours = hours_of(
        air_temperature=[31.0, 15, 15, 15, 5, 5, 15, 15, 15], soil_temperature=[11.0] * 6 + [9.0, 9, 9]
    )
    scores = score(both, hours, np.zeros(9, np.int16))
    got = find_deviations(scores)
    assert [(d.channel.name, d.direction) for d in got] == [
        ("air_temperature", "high"),
        ("soil_temperature", "low"),
        ("air_temperature", "low"),
    ]
    assert [d.channel.name for d in find_deviations(scores, minimum_h=3)] == ["soil_temperature"]


def test_a_limit_without_a_width_counts_its_hours() -> None:
    frost = one_stage(limits(AIR, -2, None, None, None))
    (cold,) = find_deviations(score(frost, hours_of(air_temperature=[-5, -3.0]), np.zeros(2, np.int16)))
    assert (cold.harmful_h, cold.integral, cold.relative_integral) == (2, 4.0, 2.0)


def test_nothing_outside_is_nothing_found() -> None:
    assert found([15.0] * 5) == []
    assert found([NAN] * 5) == []


@given(st.lists(st.sampled_from([-5.0, 5.0, 15.0, 25.0, 35.0, NAN]), max_size=60), st.integers(0, 4))
def test_every_hour_outside_is_in_one_deviation(values: list[float], bridge_h: int) -> None:
    got = found(values, bridge_h=bridge_h)
    outside = [value for value in values if value in {-5.0, 5.0, 25.0, 35.0}]
    assert sum(d.outside_h for d in got) == len(outside)
    assert sum(d.harmful_h for d in got) == sum(value in {-5.0, 35.0} for value in outside)
    assert sum(d.integral for d in got) == pytest.approx(sum(max(10 - v, v - 20) for v in outside))
    for one in got:
        inside = values[one.first // H_US : one.end // H_US]
        assert len(inside) == one.length_h >= one.outside_h
        assert one.worst_value in inside
        assert one.worst_depth >= one.mean_depth > 0
