"""A recipe learned from a good season gives its ranges back, and says what it could not learn."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.farm.errors import RecipeError
from analytics.farm.recipes.learn import PastSeason, learn
from analytics.farm.recipes.model import Channel, Recipe, Text
from analytics.farm.recipes.parse import parse_recipe
from analytics.farm.recipes.render import digest, render_recipe
from analytics.farm.recipes.sample import Sample, fit_range
from analytics.farm.recipes.score import count_by_stage, score, summarise
from analytics.farm.recipes.season import season
from tests.analytics.farm.recipes.kitchen import AIR, limits, recipe, stage

DAY, NIGHT = replace(AIR, when="day"), replace(AIR, when="night")
HOW = {"name": "west", "title": Text(ja="西の畑", en="west field"), "author": "us", "licence": "CC0-1.0"}
BARE = recipe(stage("a", 0, 10), stage("b", 10, 20))


def past(
    days: int = 30, *, name: str = "2025", outcome: float = 8.0, shift: float = 0.0, simulated: bool = False
) -> PastSeason:
    """Days of 20 to 30 °C and nights of 10 to 15, evenly; the first half at stage a, the other at b."""
    clock = np.arange(days * 24)
    light = clock % 24 >= 12
    spread = np.random.default_rng(days).permutation(np.linspace(0, 1, days * 24))
    air = np.where(light, 20 + 10 * spread, 10 + 5 * spread) + shift
    hours = season({"air_temperature": air, "rainfall": clock * 0.0}, first=0, timezone="UTC", light=light)
    of_stage = (clock >= days * 12).astype(np.int16)
    return PastSeason(name=name, hours=hours, stage=of_stage, outcome=outcome, simulated=simulated)


def ranges(of: Recipe, number: int = 0) -> dict[Channel, tuple[float | None, ...]]:
    return {part.channel: part.limits for part in of.stages[number].ranges}


def test_the_middle_half_is_favourable_by_day_and_by_night() -> None:
    learned = learn([past(120)], **HOW, farm="Shihoro", crop="wheat", stages=BARE.stages)
    got = ranges(learned.recipe)
    assert set(got) == {DAY, NIGHT}
    assert got[DAY] == (None, pytest.approx(22.5, abs=0.6), pytest.approx(27.5, abs=0.6), None)
    assert got[NIGHT] == (None, pytest.approx(11.25, abs=0.4), pytest.approx(13.75, abs=0.4), None)
    (day, _) = learned.recipe.stages[0].ranges
    assert (day.certainty, day.n_hours, day.coverage) == ("measured", 720, 1.0)
    assert "720 h on 60 days" in day.source
    assert (learned.recipe.version, learned.recipe.origin.how) == ("1.0.0", "learned")
    assert learned.recipe.origin.seasons == learned.good == ("2025",)


def test_the_season_it_was_learned_from_is_half_favourable_and_never_harmful() -> None:
    one = past(40)
    learned = learn([one], **HOW, farm="", crop="wheat", stages=BARE.stages).recipe
    counts = count_by_stage(score(learned, one.hours, one.stage)).sum(axis=(0, 1))
    assert counts[0] == counts[4] == counts[5] == 0
    assert counts[2] / counts.sum() == pytest.approx(0.5, abs=0.06)
    assert summarise(counts).score == pytest.approx(75, abs=3)


def test_only_the_better_half_teaches() -> None:
    seasons = [past(40, name="bad", outcome=2.0, shift=15.0), past(40, name="good", outcome=9.0)]
    seasons.append(past(40, name="lost", outcome=float("nan"), shift=-30.0))
    learned = learn(seasons, **HOW, farm="", crop="wheat", stages=BARE.stages)
    assert learned.good == ("good",)
    assert ranges(learned.recipe) == ranges(
        learn(seasons[1:2], **HOW, farm="", crop="wheat", stages=BARE.stages).recipe
    )


def parent(day: tuple[float | None, ...] = (0, 10, 12, 26)) -> Recipe:
    frost = Channel(quantity="air_temperature", window="day_minimum")
    return recipe(stage("a", 0, 10, limits(DAY, *day), limits(frost, -2, 0, None, None)), stage("b", 10, 20))


def test_few_days_change_the_parent_little_and_many_much() -> None:
    favourable = {}
    for days in (8, 28, 400):
        learned = learn([past(days)], **HOW, farm="", parent=parent()).recipe
        favourable[days] = ranges(learned)[DAY][1:3]
    assert 10 < favourable[8][0] < favourable[28][0] < favourable[400][0] < 22.6
    # Fourteen days at stage a weigh as much as the parent: half way from 10 to 22.5.
    assert favourable[28][0] == pytest.approx(16.25, abs=0.7)


def test_harmful_limits_move_outwards_only_and_frost_limits_stay() -> None:
    learned = learn([past(400)], **HOW, farm="", parent=parent()).recipe
    below, _, _, above = ranges(learned)[DAY]
    assert below == 0
    assert above is not None
    assert 26 < above <= 29.5
    assert learned.stages[0].ranges[1] == parent().stages[0].ranges[1]
    assert learned.origin.parent == f"test 1.0.0 {digest(parent())}"
    assert learned.version == "1.1.0"


def test_rounding_carries_no_limit_past_its_neighbour() -> None:
    sample = Sample(value=np.linspace(5.3, 15.0, 100), days=1, coverage=1.0)
    got = fit_range(sample, DAY, limits(DAY, 4.6, 4.6, 40, 40), simulated=False)
    # Drawn to 4.8 and rounded to 4, it would lie below what is harmful.
    assert got.limits == (4.6, 4.6, 38.0, 40.0)


def test_a_simulated_season_marks_the_recipe() -> None:
    learned = learn([past(simulated=True)], **HOW, farm="", crop="wheat", stages=BARE.stages).recipe
    assert learned.origin.simulated
    assert "模擬" in learned.title.ja
    assert "simulated" in learned.title.en
    assert {part.certainty for step in learned.stages for part in step.ranges} == {"assumed"}
    assert learned.note is not None
    assert "simulated" in learned.note.en


def test_what_cannot_be_learned_is_told() -> None:
    short, still, gappy = past(4), past(30), past(30)
    reasons = [
        learn([one], **HOW, farm="", crop="wheat", stages=BARE.stages).left_out[0].reason.en
        for one in (
            short,
            replace(still, hours=replace(still.hours, values={"air_temperature": np.full(720, 15.0)})),
            replace(
                gappy,
                hours=replace(
                    gappy.hours,
                    values={
                        "air_temperature": np.where(
                            np.arange(720) % 3, np.nan, gappy.hours.values["air_temperature"]
                        )
                    },
                ),
            ),
        )
    ]
    assert reasons == [
        "only 2 days with values, 3 are needed",
        "the values hardly vary",
        "too much is missing: values for 33% of the hours only",
    ]
    soil = Channel(quantity="soil_temperature")
    base = recipe(stage("a", 0, 10, limits(soil, None, 10, 20, None)), stage("b", 10, 20))
    learned = learn([past()], **HOW, farm="", parent=base)
    assert [(entry.stage, entry.channel) for entry in learned.left_out] == [("a", soil)]
    assert learned.recipe.stages[0].ranges[0] == base.stages[0].ranges[0]


def test_without_light_the_whole_day_is_learned() -> None:
    one = past()
    dark = replace(one, hours=replace(one.hours, light=None))
    assert set(ranges(learn([dark], **HOW, farm="", crop="wheat", stages=BARE.stages).recipe)) == {AIR}


def test_there_must_be_something_to_learn_from() -> None:
    with pytest.raises(RecipeError, match="known outcome"):
        learn([past(outcome=float("nan"))], **HOW, farm="", parent=parent())
    with pytest.raises(RecipeError, match="parent recipe, or the crop"):
        learn([past()], **HOW, farm="")


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.floats(-20, 45), min_size=4, max_size=4).map(sorted),
    st.integers(6, 60),
    st.floats(-20, 20),
    st.sampled_from(["degC", "degF", "K"]),
)
def test_a_learned_recipe_can_be_handed_on(four: list[float], days: int, shift: float, unit: str) -> None:
    base = recipe(stage("a", 0, 10, limits(DAY, *four, unit=unit)), stage("b", 10, 20))
    learned = learn([past(days, shift=shift)], **HOW, farm="Shihoro", parent=base).recipe
    assert parse_recipe(render_recipe(learned)) == learned
