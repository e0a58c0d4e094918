"""Small recipes and seasons that the tests of recipes share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analytics.farm.recipes.model import Channel, Origin, Range, Recipe, Stage, Text, Work
from analytics.farm.recipes.season import Season, season

if TYPE_CHECKING:
    import numpy as np

AIR = Channel(quantity="air_temperature")
WORDS = Text(ja="ことば", en="words")
H_US = 3_600_000_000


def limits(channel: Channel, *four: float | None, unit: str | None = None) -> Range:
    return Range(
        channel=channel,
        unit=unit or channel.canonical_unit,
        harmful_below=four[0],
        favourable_from=four[1],
        favourable_to=four[2],
        harmful_above=four[3],
        source="test",
        certainty="assumed",
    )


def stage(name: str, bbch_from: float, bbch_to: float, *ranges: Range, work: tuple[Work, ...] = ()) -> Stage:
    return Stage(name=name, bbch_from=bbch_from, bbch_to=bbch_to, label=WORDS, ranges=ranges, work=work)


def recipe(*stages: Stage) -> Recipe:
    return Recipe(
        name="test",
        version="1.0.0",
        crop="wheat",
        title=WORDS,
        author="tester",
        licence="CC0-1.0",
        origin=Origin(how="written"),
        stages=stages,
    )


def one_stage(*ranges: Range) -> Recipe:
    return recipe(stage("only", 0, 99, *ranges))


def hours_of(**values: list[float] | np.ndarray) -> Season:
    return season(values, first=0, timezone="UTC")
