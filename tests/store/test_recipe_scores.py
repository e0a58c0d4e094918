from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from store.recipe_scores import (
    Deviation,
    Score,
    list_deviations,
    list_scores,
    replace_deviations,
    replace_scores,
)
from store.recipes import add_recipe

if TYPE_CHECKING:
    from tests.store.farm import Farm

FIRST = date(2026, 6, 1)
BEGIN = datetime(2026, 6, 1, tzinfo=UTC)


def score(day: int, value: float | None = 80.0) -> Score:
    body = {"air_temperature": {"harmful_h": 2}}
    return Score(day=FIRST + timedelta(day), score=value, coverage=0.9, body=body)


def deviation(hour: int, hours: int = 3, quantity: str = "air_temperature") -> Deviation:
    begin = BEGIN + timedelta(hours=hour)
    return Deviation(
        begin_at=begin,
        end_at=begin + timedelta(hours=hours),
        quantity=quantity,
        measure="night",
        direction="low",
        grade="harmful",
        depth=2.5,
        body={"stage": "flowering"},
    )


@pytest.fixture
async def pair(farm: Farm) -> tuple[int, int]:
    """Numbers of a planting and of a recipe."""
    recipe = await farm.do(
        add_recipe,
        lab="shihoro",
        slug="r",
        version="1.0.0",
        crop="wheat",
        title_ja="",
        title_en="",
        body="",
        origin={},
    )
    return (await farm.plant()).id, recipe.id


async def test_scores_take_the_place_of_those_of_their_span(farm: Farm, pair: tuple[int, int]):
    first = [score(n, None if n == 2 else float(n)) for n in range(6)]
    last = FIRST + timedelta(5)
    await farm.do(replace_scores, *pair, first_day=FIRST, last_day=last, scores=first)
    assert await farm.do(list_scores, *pair, lab="shihoro") == first
    span = {"first_day": FIRST + timedelta(1), "last_day": FIRST + timedelta(3)}
    for _ in range(2):
        await farm.do(replace_scores, *pair, **span, scores=[score(2, 99.0)])
    assert [(s.day.day, s.score) for s in await farm.do(list_scores, *pair)] == [
        (1, 0.0),
        (3, 99.0),
        (5, 4.0),
        (6, 5.0),
    ]
    assert [s.day.day for s in await farm.do(list_scores, *pair, **span)] == [3]
    assert await farm.do(list_scores, *pair, lab="kaga") == []


async def test_deviations_take_the_place_of_those_that_begin_in_their_span(farm: Farm, pair: tuple[int, int]):
    first = [deviation(n) for n in (0, 10, 20, 30)]
    span = {"begin": BEGIN, "end": BEGIN + timedelta(hours=48)}
    await farm.do(replace_deviations, *pair, **span, deviations=first)
    assert await farm.do(list_deviations, *pair, lab="shihoro") == first[::-1]
    inner = {"begin": BEGIN + timedelta(hours=10), "end": BEGIN + timedelta(hours=30)}
    for _ in range(2):
        await farm.do(replace_deviations, *pair, **inner, deviations=[deviation(12, 9)])
    found = await farm.do(list_deviations, *pair)
    assert found == [first[3], deviation(12, 9), first[0]]
    late = {"begin": BEGIN + timedelta(hours=20), "end": BEGIN + timedelta(hours=25)}
    assert await farm.do(list_deviations, *pair, **late) == [deviation(12, 9)]
    assert await farm.do(list_deviations, *pair, limit=1) == [first[3]]
    assert await farm.do(list_deviations, *pair, lab="kaga") == []


async def test_two_who_replace_the_same_take_turns(farm: Farm, pair: tuple[int, int]):
    async def replace(value: float) -> None:
        days = [score(n, value) for n in range(5)]
        last = FIRST + timedelta(4)
        await farm.do(replace_scores, *pair, first_day=FIRST, last_day=last, scores=days)

    await asyncio.gather(*(replace(float(n)) for n in range(8)))
    assert len({s.score for s in await farm.do(list_scores, *pair)}) == 1
