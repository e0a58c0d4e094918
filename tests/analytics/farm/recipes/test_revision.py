"""What a change does to the version."""

from __future__ import annotations

from dataclasses import replace

import pytest

from analytics.farm.recipes.model import Channel, Recipe, Text, Work
from analytics.farm.recipes.revision import judge_change, next_version
from tests.analytics.farm.recipes.kitchen import AIR, WORDS, limits, recipe, stage

SOIL = Channel(quantity="soil_temperature")
BASE = replace(recipe(stage("a", 0, 10, limits(AIR, 0, 10, 20, 30)), stage("b", 10, 20)), version="2.3.4")


def first(*ranges: object, **changed: object) -> Recipe:
    one = replace(BASE.stages[0], **({"ranges": ranges} if ranges else {}), **changed)  # type: ignore[arg-type]
    return replace(BASE, stages=(one, BASE.stages[1]))


@pytest.mark.parametrize(
    ("new", "change", "version"),
    [
        (BASE, "none", "2.3.4"),
        (replace(BASE, version="9.9.9"), "none", "2.3.4"),
        (replace(BASE, title=Text(ja="別", en="other")), "patch", "2.3.5"),
        (first(replace(limits(AIR, 0, 10, 20, 30), source="a book")), "patch", "2.3.5"),
        (first(limits(AIR, 0, 11, 20, 30)), "minor", "2.4.0"),
        (first(limits(AIR, 0, 10, 20, 30), limits(SOIL, 0, 1, 2, 3)), "minor", "2.4.0"),
        (first(work=(Work(name="hoe", text=WORDS),)), "minor", "2.4.0"),
        (first(limits(SOIL, 0, 1, 2, 3)), "major", "3.0.0"),
        (first(bbch_to=9.0), "major", "3.0.0"),
        (replace(BASE, crop="rye"), "major", "3.0.0"),
    ],
)
def test_a_change_and_the_version_after_it(new: Recipe, change: str, version: str) -> None:
    assert judge_change(BASE, new) == change
    assert next_version(BASE, new) == version
