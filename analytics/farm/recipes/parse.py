"""Read a recipe from the text of its TOML file, strictly.

A file holds::

    format = 1
    name = "wheat"                         # lower-case letters, digits and hyphens
    version = "1.0.0"
    crop = "wheat"
    cultivars = ["きたほなみ"]             # optional; none: for any
    title_ja = "秋まき小麦"
    title_en = "winter wheat"
    author = "…"
    licence = "CC0-1.0"

    [origin]
    how = "written"                        # or "learned"
    simulated = false                      # optional, as are farm, seasons and parent

    [[stages]]
    name = "flowering"
    bbch = [55, 71]                        # from 55 up to, not including, 71
    label_ja = "出穂・開花期"
    label_en = "heading and flowering"
    warnings_ja = ["…"]                    # optional, as many as warnings_en
    warnings_en = ["…"]

    [[stages.ranges]]
    quantity = "air_temperature"           # or with its position: soil_temperature@10cm
    unit = "degC"
    when = "day"                           # optional: any (the rule), day or night
    window = "hour"                        # optional: hour, day_mean, day_minimum, day_maximum;
                                           # or days_mean, with days = 3 for the mean of three days
    harmful_below = -2                     # at least one of the four limits
    favourable_from = 10
    favourable_to = 25
    harmful_above = 31
    source = "… [PorterGawith1999]"
    certainty = "published"                # measured, published, secondary or assumed
    low_ja = "…"                           # optional: what it means, what to do
    low_en = "…"

    [[stages.work]]
    name = "fusarium-spray"
    text_ja = "…"
    text_en = "…"
    at = 61                                # "start", "end" or a BBCH code of the stage
    days = [0, 3]                          # first and last day, relative to at
    checklist_ja = ["…"]
    checklist_en = ["…"]

A file that was handed on also carries ``digest``, which `analytics.farm.recipes.render` writes.
"""

from __future__ import annotations

import re
import tomllib
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

from analytics.farm.errors import RecipeError
from analytics.farm.recipes.model import (
    ANCHORS,
    CERTAINTIES,
    FORMAT,
    RECIPE_QUANTITIES,
    TIMES_OF_DAY,
    WINDOWS,
    Anchor,
    Channel,
    Origin,
    Range,
    Recipe,
    Stage,
    Text,
    Work,
)
from analytics.farm.recipes.table import Table, as_number
from devices.errors import DeviceError
from devices.registry import SLUG, split_channel
from devices.units import linear

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

VERSION = re.compile(r"(0|[1-9]\d{0,5})\.(0|[1-9]\d{0,5})\.(0|[1-9]\d{0,5})")
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
BBCH = (0.0, 99.0)
"""First and last code of the BBCH scale [Meier2018]."""
MAX_DAYS = 366


def parse_recipe(text: str) -> Recipe:
    """Read a recipe.

    Parameters
    ----------
    text : str
        TOML, as described above.

    Raises
    ------
    RecipeError
        Names the key and what is allowed there.
    """
    try:
        table = Table(tomllib.loads(text), "")
    except tomllib.TOMLDecodeError as error:
        raise RecipeError("", f"is no TOML: {error}") from None
    if (version := table.whole("format")) != FORMAT:
        raise RecipeError("format", f"is {version}; this program reads format {FORMAT}")
    recipe = Recipe(
        name=_slug(table, "name"),
        version=_pattern(table, "version", VERSION, "three numbers such as 1.0.0"),
        crop=_slug(table, "crop"),
        cultivars=table.texts("cultivars"),
        title=_words(table, "title"),
        note=_optional_words(table, "note"),
        author=table.text("author"),
        licence=table.text("licence"),
        origin=_origin(table.table("origin")),
        stages=tuple(_stage(part) for part in table.tables("stages")),
        stamp=_pattern(table, "digest", DIGEST, "sha256: and 64 hexadecimal digits", ""),
    )
    table.close()
    _check_stages(recipe.stages)
    return recipe


def _slug(table: Table, key: str) -> str:
    return _pattern(table, key, SLUG, "lower-case letters, digits and hyphens")


def _pattern(table: Table, key: str, pattern: re.Pattern[str], allowed: str, default: Any = ...) -> str:
    value = table.text(key, default)
    if value != default and not pattern.fullmatch(value):
        raise RecipeError(table.at(key), f"is {value!r}; write {allowed}")
    return value


def _words(table: Table, key: str) -> Text:
    return Text(ja=table.text(f"{key}_ja"), en=table.text(f"{key}_en"))


def _optional_words(table: Table, key: str) -> Text | None:
    ja, en = table.text(f"{key}_ja", ""), table.text(f"{key}_en", "")
    if bool(ja) != bool(en):
        raise RecipeError(table.at(key + ("_en" if ja else "_ja")), "is missing: write both languages")
    return Text(ja=ja, en=en) if ja else None


def _word_list(table: Table, key: str) -> tuple[Text, ...]:
    ja, en = table.texts(f"{key}_ja"), table.texts(f"{key}_en")
    if len(ja) != len(en):
        raise RecipeError(table.at(f"{key}_en"), f"has {len(en)} texts, {key}_ja has {len(ja)}: write both")
    return tuple(Text(ja=a, en=b) for a, b in zip(ja, en, strict=True))


def _origin(table: Table) -> Origin:
    allowed: tuple[Literal["written", "learned"], ...] = ("written", "learned")
    origin = Origin(
        how=table.choice("how", allowed),
        simulated=table.flag("simulated", default=False),
        farm=table.text("farm", ""),
        seasons=table.texts("seasons"),
        parent=table.text("parent", ""),
    )
    table.close()
    return origin


def _stage(table: Table) -> Stage:
    name = _slug(table, "name")
    bbch_from, bbch_to = _pair(table, "bbch")
    if not BBCH[0] <= bbch_from < bbch_to <= BBCH[1]:
        raise RecipeError(table.at("bbch"), "write [from, to], two ascending codes between 0 and 99")
    stage = Stage(
        name=name,
        bbch_from=bbch_from,
        bbch_to=bbch_to,
        label=_words(table, "label"),
        ranges=tuple(_range(part) for part in table.tables("ranges")),
        work=tuple(_work(part, bbch_from, bbch_to) for part in table.tables("work")),
        warnings=_word_list(table, "warnings"),
    )
    table.close()
    _check_once(
        table.at("ranges"), (part.channel for part in stage.ranges), "a channel has one range a stage"
    )
    _check_once(table.at("work"), (part.name for part in stage.work), "a name stands once a stage")
    return stage


def _pair(table: Table, key: str, default: tuple[float, float] | None = None) -> tuple[float, float]:
    value = table.anything(key, ... if default is None else list(default))
    if not isinstance(value, list) or len(value) != 2:  # noqa: PLR2004 - a pair
        raise RecipeError(table.at(key), "must be two numbers, as [from, to]")
    return as_number(value[0], table.at(key)), as_number(value[1], table.at(key))


def _check_once(path: str, things: Iterable[Hashable], rule: str) -> None:
    seen: set[Hashable] = set()
    for i, thing in enumerate(things):
        if thing in seen:
            raise RecipeError(f"{path}[{i}]", f"stands here twice: {rule}")
        seen.add(thing)


def _range(table: Table) -> Range:
    channel = _channel(table)
    coverage = table.optional_number("coverage")
    part = Range(
        channel=channel,
        unit=_unit(table, channel),
        harmful_below=table.optional_number("harmful_below"),
        favourable_from=table.optional_number("favourable_from"),
        favourable_to=table.optional_number("favourable_to"),
        harmful_above=table.optional_number("harmful_above"),
        source=table.text("source"),
        certainty=table.choice("certainty", CERTAINTIES),
        low=_optional_words(table, "low"),
        high=_optional_words(table, "high"),
        n_hours=table.whole("n_hours", 0) or None,
        coverage=coverage,
    )
    table.close()
    if coverage is not None and not 0 <= coverage <= 1:
        raise RecipeError(table.at("coverage"), "must lie between 0 and 1")
    _check_limits(table.path, part)
    return part


def _channel(table: Table) -> Channel:
    key = table.text("quantity")
    try:
        name, _ = split_channel(key)
    except DeviceError as error:
        raise RecipeError(table.at("quantity"), str(error)) from None
    if name not in RECIPE_QUANTITIES:
        allowed = "use a name from devices/quantities.py or daily_light_integral"
        raise RecipeError(table.at("quantity"), f"unknown quantity {name!r}: {allowed}")
    window = table.choice("window", WINDOWS, "hour")
    days = table.whole("days", 1)
    if (window == "days_mean") != (days > 1) or not 1 <= days <= MAX_DAYS:
        raise RecipeError(table.at("days"), f"is 2 to {MAX_DAYS} with window days_mean, else 1 or not given")
    if name == "daily_light_integral" and window not in {"day_mean", "days_mean"}:
        raise RecipeError(table.at("window"), "a daily light integral needs day_mean or days_mean")
    return Channel(quantity=key, when=table.choice("when", TIMES_OF_DAY, "any"), window=window, days=days)


def _unit(table: Table, channel: Channel) -> str:
    unit = table.text("unit")
    try:
        linear(unit, channel.canonical_unit)
    except DeviceError as error:
        raise RecipeError(table.at("unit"), str(error)) from None
    return unit


def _check_limits(path: str, part: Range) -> None:
    given = [limit for limit in part.limits if limit is not None]
    if not given:
        raise RecipeError(
            path, "give at least one of harmful_below, favourable_from, favourable_to, harmful_above"
        )
    if given != sorted(given):
        raise RecipeError(
            path, "the limits must ascend: harmful_below, favourable_from, favourable_to, harmful_above"
        )


def _work(table: Table, bbch_from: float, bbch_to: float) -> Work:
    first, last = _pair(table, "days", (0.0, 7.0))
    work = Work(
        name=_slug(table, "name"),
        text=_words(table, "text"),
        at=_anchor(table, bbch_from, bbch_to),
        from_day=int(first),
        to_day=int(last),
        checklist=_word_list(table, "checklist"),
        source=table.text("source", ""),
    )
    table.close()
    if not (first == work.from_day and last == work.to_day and -MAX_DAYS <= first <= last <= MAX_DAYS):
        raise RecipeError(table.at("days"), "must be two whole numbers of days in ascending order")
    return work


def _anchor(table: Table, bbch_from: float, bbch_to: float) -> Anchor | float:
    value = table.anything("at", "start")
    for word in ANCHORS:
        if value == word:
            return word
    if isinstance(value, str) or not bbch_from <= (code := as_number(value, table.at("at"))) <= bbch_to:
        raise RecipeError(
            table.at("at"), f'write "start", "end" or a BBCH code from {bbch_from} to {bbch_to}'
        )
    return code


def _check_stages(stages: tuple[Stage, ...]) -> None:
    if not stages:
        raise RecipeError("stages", "name at least one stage, as [[stages]]")
    _check_once("stages", (stage.name for stage in stages), "a name stands once a recipe")
    for i, (before, stage) in enumerate(pairwise(stages)):
        if stage.bbch_from < before.bbch_to:
            raise RecipeError(
                f"stages[{i + 1}].bbch", f"begins at {stage.bbch_from}, within or before the stage above it"
            )
