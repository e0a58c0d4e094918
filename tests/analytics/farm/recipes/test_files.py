"""The shipped recipes are complete, in both languages, and every number has a source."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from analytics import library
from analytics.farm.recipes.parse import parse_recipe
from analytics.farm.recipes.render import render_recipe

if TYPE_CHECKING:
    from analytics.farm.recipes.model import Recipe, Text

REFERENCES = (Path(__file__).parents[4] / "analytics/REFERENCES.md").read_text(encoding="utf-8")
KANA_OR_KANJI = re.compile(r"[ぁ-んァ-ヶ一-龠]")


def texts_of(recipe: Recipe) -> list[Text]:
    found = [recipe.title, recipe.note]
    for stage in recipe.stages:
        found += [stage.label, *stage.warnings]
        found += [text for part in stage.ranges for text in (part.low, part.high)]
        found += [text for work in stage.work for text in (work.text, *work.checklist)]
    return [text for text in found if text is not None]


def test_there_is_one_for_each_crop() -> None:
    assert set(library.recipes()) == {"wheat", "potato", "garlic", "carrot"}
    assert set(library.recipes()) == set(library.crops())
    assert all(recipe.name == name == recipe.crop for name, recipe in library.recipes().items())


@pytest.mark.parametrize("name", ["wheat", "potato", "garlic", "carrot"])
def test_a_recipe_holds_what_a_team_needs(name: str) -> None:
    recipe = library.recipe(name)
    assert recipe.origin.how == "written"
    assert not recipe.origin.simulated
    assert sum(len(stage.ranges) for stage in recipe.stages) >= 4
    assert all(stage.work for stage in recipe.stages)
    for text in texts_of(recipe):
        assert KANA_OR_KANJI.search(text.ja), text
        assert not KANA_OR_KANJI.search(text.en), text
    assert parse_recipe(render_recipe(recipe)) == recipe


@pytest.mark.parametrize("name", ["wheat", "potato", "garlic", "carrot"])
def test_every_limit_has_a_source_that_is_listed_and_words_for_each_side(name: str) -> None:
    for stage in library.recipe(name).stages:
        for part in stage.ranges:
            keys = re.findall(r"\[(\w+)\]", part.source)
            assert keys or part.certainty == "assumed", part
            assert [key for key in keys if f"**[{key}]**" not in REFERENCES] == []
            below, low, high, above = (limit is not None for limit in part.limits)
            assert bool(part.low) == (below or low), part
            assert bool(part.high) == (high or above), part
        for work in stage.work:
            assert [
                key for key in re.findall(r"\[(\w+)\]", work.source) if f"**[{key}]**" not in REFERENCES
            ] == []


@pytest.mark.parametrize("name", ["wheat", "potato", "garlic", "carrot"])
def test_stages_begin_where_the_crop_has_a_stage_to_date_them_by(name: str) -> None:
    stages = library.recipe(name).stages
    dated = {0.0} | {float(stage.bbch) for stage in library.crop(name).stages}
    begins = [stage.bbch_from for stage in stages]
    # Wheat's grain filling begins between flowering and maturity.
    assert set(begins) - dated <= ({71.0} if name == "wheat" else set())
    assert begins[-1] == max(dated)
    assert all(a.bbch_to == b.bbch_from for a, b in itertools.pairwise(stages))
