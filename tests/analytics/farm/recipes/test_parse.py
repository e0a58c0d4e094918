"""A recipe's file is read strictly, and what is written reads back the same."""

from __future__ import annotations

import inspect
import itertools
import textwrap

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics import library
from analytics.farm.errors import RecipeError
from analytics.farm.recipes import parse
from analytics.farm.recipes.model import RECIPE_QUANTITIES, Channel, Origin, Range, Recipe, Stage, Text, Work
from analytics.farm.recipes.parse import parse_recipe
from analytics.farm.recipes.render import digest, is_as_stamped, render_recipe

GOOD = """
format = 1
name = "tomato"
version = "0.3.0"
crop = "tomato"
title_ja = "トマト"
title_en = "tomato"
author = "us"
licence = "CC0-1.0"
[origin]
how = "written"
[[stages]]
name = "fruit"
bbch = [61, 89]
label_ja = "着果期"
label_en = "fruiting"
[[stages.ranges]]
quantity = "air_temperature@canopy"
unit = "degC"
when = "night"
harmful_below = 5
favourable_from = 13
favourable_to = 18
source = "the teacher"
certainty = "assumed"
[[stages.work]]
name = "pick"
text_ja = "収穫"
text_en = "pick"
at = 81
days = [0, 3]
"""


def test_a_file_says_what_it_says() -> None:
    tomato = parse_recipe(GOOD)
    fruit = tomato.stages[0]
    assert (tomato.name, tomato.version, fruit.label.ja) == ("tomato", "0.3.0", "着果期")
    assert fruit.ranges[0].channel == Channel(quantity="air_temperature@canopy", when="night")
    assert fruit.ranges[0].limits == (5.0, 13.0, 18.0, None)
    assert (fruit.work[0].at, fruit.work[0].to_day, tomato.stamp) == (81.0, 3, "")


@pytest.mark.parametrize(
    ("old", "new", "key", "reason"),
    [
        ("format = 1", "format = 2", "format", "reads format 1"),
        ('version = "0.3.0"', 'version = "0.3"', "version", "three numbers"),
        ('name = "tomato"', 'name = "To mato"', "name", "lower-case"),
        ('title_en = "tomato"', "", "title_en", "missing"),
        ('author = "us"', "author = 3", "author", "text"),
        ('how = "written"', 'how = "copied"', "origin.how", "'written', 'learned'"),
        ("bbch = [61, 89]", "bbch = [89, 61]", "stages[0].bbch", "ascending"),
        ("bbch = [61, 89]", "bbch = [61, 120]", "stages[0].bbch", "between 0 and 99"),
        ('"air_temperature@canopy"', '"temperature"', "stages[0].ranges[0].quantity", "unknown quantity"),
        ('"air_temperature@canopy"', '"Air"', "stages[0].ranges[0].quantity", "lower-case"),
        ('unit = "degC"', 'unit = "kPa"', "stages[0].ranges[0].unit", "cannot convert"),
        ('unit = "degC"', 'unit = "grad"', "stages[0].ranges[0].unit", "unknown unit"),
        ('when = "night"', 'when = "dusk"', "stages[0].ranges[0].when", "'any', 'day', 'night'"),
        ('when = "night"', "days = 3", "stages[0].ranges[0].days", "days_mean"),
        ('when = "night"', 'window = "days_mean"', "stages[0].ranges[0].days", "2 to 366"),
        ("harmful_below = 5", "harmful_below = 15", "stages[0].ranges[0]", "ascend"),
        ("harmful_below = 5", "harmful_below = nan", "stages[0].ranges[0].harmful_below", "finite"),
        ("harmful_below = 5", "harmful_below = true", "stages[0].ranges[0].harmful_below", "finite"),
        ("harmful_below = 5", "lethal_below = 5", "stages[0].ranges[0].lethal_below", "unknown key"),
        ('certainty = "assumed"', 'certainty = "sure"', "stages[0].ranges[0].certainty", "published"),
        (
            'certainty = "assumed"',
            'certainty = "assumed"\nlow_ja = "寒い"',
            "stages[0].ranges[0].low_en",
            "both",
        ),
        ("at = 81", "at = 20", "stages[0].work[0].at", "from 61.0 to 89.0"),
        ("at = 81", 'at = "noon"', "stages[0].work[0].at", '"start"'),
        ("days = [0, 3]", "days = [3, 0]", "stages[0].work[0].days", "ascending"),
        ("days = [0, 3]", "days = [0.5, 3]", "stages[0].work[0].days", "whole"),
        ("days = [0, 3]", 'checklist_ja = ["a"]', "stages[0].work[0].checklist_en", "write both"),
        ("[[stages.work]]", "[stages.worm]", "stages", "TOML"),
        ("[[stages.work]]", "[[stages.worm]]", "stages[0].worm", "unknown key"),
    ],
)
def test_a_mistake_is_named_with_its_key(old: str, new: str, key: str, reason: str) -> None:
    text = GOOD.replace(old, new, 1)
    assert text != GOOD
    with pytest.raises(RecipeError) as caught:
        parse_recipe(text)
    if reason == "TOML":
        assert caught.value.key == "" or caught.value.key.startswith("stages")
    else:
        assert caught.value.key == key
        assert reason in caught.value.reason


def test_no_toml_no_stage_and_two_of_one_are_refused() -> None:
    for text, reason in (
        ("format = ", "no TOML"),
        (GOOD.partition("[[stages]]")[0], "at least one stage"),
        (GOOD + GOOD.partition('[origin]\nhow = "written"')[2], "stands here twice"),
        (
            GOOD + GOOD.partition('[origin]\nhow = "written"')[2].replace('"fruit"', '"late"'),
            "within or before",
        ),
        (GOOD + "[[stages.work]]" + GOOD.partition("[[stages.work]]")[2], "once a stage"),
        ('digest = "sha256:no"\n' + GOOD, "hexadecimal"),
        ("stages = 3\n" + GOOD.partition("[[stages]]")[0], "list of tables"),
        ("origin = 3\nstages = []\n" + GOOD.partition("[origin]")[0], "must be a table"),
    ):
        with pytest.raises(RecipeError, match=reason):
            parse_recipe(text)


def test_a_light_integral_is_of_a_day() -> None:
    text = GOOD.replace("air_temperature@canopy", "daily_light_integral").replace('"degC"', '"mol/m2/d"')
    with pytest.raises(RecipeError, match="day_mean"):
        parse_recipe(text)
    text = text.replace('when = "night"', 'window = "day_mean"')
    assert parse_recipe(text).stages[0].ranges[0].channel.canonical_unit == "mol/m2/d"


words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12).filter(str.strip)
texts = st.builds(Text, ja=words, en=words)
slugs = st.from_regex(r"[a-z0-9][a-z0-9-]{0,9}", fullmatch=True)
numbers = st.floats(-1e6, 1e6, allow_nan=False)


@st.composite
def ranges(draw: st.DrawFn) -> Range:
    name = draw(st.sampled_from(sorted(set(RECIPE_QUANTITIES) - {"daily_light_integral"})))
    four = sorted(draw(st.lists(numbers, min_size=4, max_size=4)))
    kept = draw(st.lists(st.booleans(), min_size=4, max_size=4).filter(any))
    low, ff, ft, high = (limit if keep else None for limit, keep in zip(four, kept, strict=True))
    window = draw(st.sampled_from(("hour", "day_mean", "day_minimum", "day_maximum", "days_mean")))
    channel = Channel(
        quantity=name + draw(st.sampled_from(("", "@10cm"))),
        when=draw(st.sampled_from(("any", "day", "night"))),
        window=window,
        days=draw(st.integers(2, 366)) if window == "days_mean" else 1,
    )
    return Range(
        channel=channel,
        unit=RECIPE_QUANTITIES[name].unit,
        harmful_below=low,
        favourable_from=ff,
        favourable_to=ft,
        harmful_above=high,
        source=draw(words),
        certainty=draw(st.sampled_from(("measured", "published", "secondary", "assumed"))),
        low=draw(st.none() | texts),
        high=draw(st.none() | texts),
        n_hours=draw(st.none() | st.integers(1, 10_000)),
        coverage=draw(st.none() | st.floats(0, 1)),
    )


@st.composite
def stages(draw: st.DrawFn, bbch_from: float, bbch_to: float) -> Stage:
    at = st.sampled_from(("start", "end")) | st.floats(bbch_from, bbch_to)
    work = st.builds(
        Work,
        name=slugs,
        text=texts,
        at=at,
        from_day=st.integers(-366, 0),
        to_day=st.integers(0, 366),
        checklist=st.lists(texts, max_size=2).map(tuple),
        source=words | st.just(""),
    )
    return Stage(
        name=f"stage-{bbch_from:.0f}",
        bbch_from=bbch_from,
        bbch_to=bbch_to,
        label=draw(texts),
        ranges=tuple(draw(st.lists(ranges(), max_size=2, unique_by=lambda part: part.channel))),
        work=tuple(draw(st.lists(work, max_size=2, unique_by=lambda part: part.name))),
        warnings=tuple(draw(st.lists(texts, max_size=2))),
    )


@st.composite
def written(draw: st.DrawFn) -> Recipe:
    edges = sorted(draw(st.lists(st.integers(0, 99), min_size=2, max_size=4, unique=True)))
    return Recipe(
        name=draw(slugs),
        version=draw(st.from_regex(r"[1-9]\.0\.[1-9]", fullmatch=True)),
        crop=draw(slugs),
        cultivars=tuple(draw(st.lists(words, max_size=2))),
        title=draw(texts),
        note=draw(st.none() | texts),
        author=draw(words),
        licence=draw(words),
        origin=Origin(
            how=draw(st.sampled_from(("written", "learned"))),
            simulated=draw(st.booleans()),
            farm=draw(words | st.just("")),
            seasons=tuple(draw(st.lists(words, max_size=2))),
            parent=draw(words | st.just("")),
        ),
        stages=tuple(draw(stages(float(a), float(b))) for a, b in itertools.pairwise(edges)),
    )


@settings(max_examples=60, deadline=None)
@given(written())
def test_what_is_written_reads_back_the_same(recipe: Recipe) -> None:
    text = render_recipe(recipe)
    back = parse_recipe(text)
    assert back == recipe
    assert is_as_stamped(back) is True
    assert render_recipe(back) == text


def test_a_change_shows_in_the_digest_and_a_comment_does_not() -> None:
    tomato = parse_recipe(GOOD)
    assert is_as_stamped(tomato) is None
    handed_on = render_recipe(tomato)
    assert digest(parse_recipe("# from our neighbours\n" + GOOD.replace(" = ", "="))) == digest(tomato)
    changed = parse_recipe(handed_on.replace("favourable_to = 18.0", "favourable_to = 19.0"))
    assert is_as_stamped(changed) is False
    assert digest(changed) != digest(tomato)
    assert is_as_stamped(parse_recipe(render_recipe(changed))) is True


def test_zero_is_written_one_way() -> None:
    plus, minus = (parse_recipe(GOOD.replace("below = 5", f"below = {zero}")) for zero in ("0", "-0.0"))
    assert plus == minus
    assert digest(plus) == digest(minus)


def test_the_file_that_the_module_describes_is_one() -> None:
    sample = (
        inspect.cleandoc(str(parse.__doc__)).partition("A file holds::")[2].partition("\nA file that was")[0]
    )
    told = parse.parse_recipe(textwrap.dedent(sample))
    (flowering,) = told.stages
    assert flowering.ranges[0].limits == (-2, 10, 25, 31)


def test_the_library_names_what_it_has() -> None:
    with pytest.raises(RecipeError, match="one of carrot, garlic, potato, wheat"):
        library.recipe("tomato")
