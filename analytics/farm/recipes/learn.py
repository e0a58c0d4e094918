"""Learn a recipe from good seasons, to be handed on to another class or another farm.

What can be learned is what a good season was like, not what made it good, and least of all what harms: a good
season shows no harm. Therefore, for each stage, channel and (where the light is known) day and night:

- favourable is the middle half of the good seasons' hours, from their 25 % to their 75 % quantile;
- where there is a parent recipe, both limits are drawn towards its own with the weight ``K / (days + K)``,
  `days` being the days with values and K `HALF_WEIGHT_D`: few days change little;
- harmful limits are the parent's, moved outwards (with the same weights) where the middle 80 % of the good
  seasons' hours reaches beyond them; without a parent there are none;
- a parent's range with one end only (a frost limit) is kept: a good season tells nothing about it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from analytics.farm.errors import RecipeError
from analytics.farm.recipes.model import Channel, Origin, Recipe, Stage, Text
from analytics.farm.recipes.render import digest
from analytics.farm.recipes.revision import next_version
from analytics.farm.recipes.sample import LEAST_COVERAGE, LEAST_DAYS, Sample, draw, fit_range

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from analytics.farm.recipes.season import Season

LEARNED_QUANTITIES: Final = frozenset(
    {
        *("air_temperature", "relative_humidity", "vapour_pressure_deficit", "humidity_deficit"),
        *("co2_concentration", "global_radiation", "photosynthetic_photon_flux", "leaf_temperature"),
        *("soil_temperature", "soil_water_content", "soil_water_potential", "soil_electrical_conductivity"),
        *("substrate_temperature", "substrate_water_content", "substrate_electrical_conductivity"),
        *("solution_electrical_conductivity", "solution_acidity", "water_temperature", "water_level"),
    }
)
"""What a crop feels and a range can describe; not amounts, directions, nor the state of a device."""

NOTE: Final = Text(
    ja="よくできた作の記録から作成しました。適正範囲は、その作で各時期に観測された値の中央50%です。"
    "「よい作のときはこうだった」ことを示すもので、原因や限界を示すものではありません。",
    en="Made from the records of good seasons. A favourable range is the middle half of what was observed at "
    "that stage. It tells what the good seasons were like, neither what made them good nor what harms.",
)
NOTE_SIMULATED: Final = Text(
    ja="シミュレーションのデータから作成したもので、実際のほ場の実績ではありません。",
    en="Made from simulated data: it tells nothing about a real field.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PastSeason:
    """A season that is over.

    Attributes
    ----------
    name : str
        As people call it, e.g. ``2025 west field``.
    hours : Season
        H hours.
    stage : int16[H]
        Index into the stages that are learned, -1 for none.
    outcome : float
        What made it good or not, e.g. yield; more is better. Not-a-number where nobody knows.
    """

    name: str
    hours: Season
    stage: NDArray[np.int16]
    outcome: float
    simulated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """A channel that could not be learned at a stage, and why."""

    stage: str
    channel: Channel
    reason: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """A recipe, from which seasons it was learned, and what could not be."""

    recipe: Recipe
    good: tuple[str, ...]
    left_out: tuple[LeftOut, ...]


def learn(
    seasons: Sequence[PastSeason],
    *,
    name: str,
    title: Text,
    author: str,
    licence: str,
    farm: str,
    crop: str = "",
    stages: Sequence[Stage] = (),
    parent: Recipe | None = None,
) -> Learned:
    """Learn a recipe from the better half of some seasons.

    Good are the seasons whose outcome is at least the median of those known; a single one is taken as good.

    Parameters
    ----------
    seasons : Sequence[PastSeason]
        Their `stage` counts in `stages`, or in the parent's.
    crop, stages : str, Sequence[Stage]
        Needed without a parent; taken from it otherwise. Work and warnings of the stages are handed on.
    parent : Recipe | None
        What to start from.

    Returns
    -------
    Learned
        The version follows the parent's (`revision.next_version`), or is 1.0.0. Certainty is measured, and
        assumed where a season was simulated, which the origin and the title say too.

    Raises
    ------
    RecipeError
        There is no season with an outcome, or neither a parent nor crop and stages.
    """
    good = _good(seasons)
    base = tuple(stages) if parent is None else parent.stages
    crop = crop if parent is None else parent.crop
    if not (base and crop):
        raise RecipeError("stages", "give a parent recipe, or the crop and its stages")
    simulated = any(season.simulated for season in good)
    learned = [_learn_stage(good, number, stage, simulated=simulated) for number, stage in enumerate(base)]
    recipe = Recipe(
        name=name,
        version="1.0.0",
        crop=crop,
        cultivars=parent.cultivars if parent else (),
        title=_mark(title) if simulated else title,
        note=_add(NOTE, NOTE_SIMULATED) if simulated else NOTE,
        author=author,
        licence=licence,
        origin=_origin(good, parent, farm, simulated=simulated),
        stages=tuple(stage for stage, _ in learned),
    )
    if parent is not None:
        recipe = replace(recipe, version=next_version(parent, recipe))
    return Learned(
        recipe=recipe,
        good=tuple(season.name for season in good),
        left_out=tuple(entry for _, entries in learned for entry in entries),
    )


def _good(seasons: Sequence[PastSeason]) -> list[PastSeason]:
    known = [season for season in seasons if np.isfinite(season.outcome)]
    if not known:
        raise RecipeError("seasons", "give at least one season with a known outcome, such as its yield")
    median = float(np.median([season.outcome for season in known]))
    return [season for season in known if season.outcome >= median]


def _origin(good: Sequence[PastSeason], parent: Recipe | None, farm: str, *, simulated: bool) -> Origin:
    return Origin(
        how="learned",
        simulated=simulated,
        farm=farm,
        seasons=tuple(season.name for season in good),
        parent=f"{parent.name} {parent.version} {digest(parent)}" if parent else "",
    )


def _learn_stage(
    good: Sequence[PastSeason], number: int, stage: Stage, *, simulated: bool
) -> tuple[Stage, list[LeftOut]]:
    before = {part.channel: part for part in stage.ranges}
    ranges = dict(before)
    left_out = []
    for channel in _candidates(good, stage):
        sample = draw([(season.hours, season.stage == number) for season in good], channel)
        reason = _why_not(sample)
        if reason is None:
            ranges[channel] = fit_range(sample, channel, before.get(channel), simulated=simulated)
        else:
            left_out.append(LeftOut(stage=stage.name, channel=channel, reason=reason))
    return replace(stage, ranges=tuple(ranges.values())), left_out


def _candidates(good: Sequence[PastSeason], stage: Stage) -> Iterator[Channel]:
    """List the parent's channels of two ends, and day and night of what it does not speak of."""
    two_ended = [part.channel for part in stage.ranges if None not in part.limits[1:3]]
    yield from two_ended
    told = {channel.quantity for channel in two_ended}
    lit = all(season.hours.light is not None for season in good)
    for quantity in sorted({key for season in good for key in season.hours.values} - told):
        if quantity.partition("@")[0] in LEARNED_QUANTITIES:
            yield from _by_light(quantity, {part.channel for part in stage.ranges}, lit=lit)


def _by_light(quantity: str, taken: set[Channel], *, lit: bool) -> Iterator[Channel]:
    day, night = Channel(quantity=quantity, when="day"), Channel(quantity=quantity, when="night")
    whole = Channel(quantity=quantity)
    yield from (channel for channel in ((day, night) if lit else (whole,)) if channel not in taken)


def _why_not(sample: Sample) -> Text | None:
    """Say why nothing can be learned, or None where something can."""
    if sample.days < LEAST_DAYS:
        return Text(
            ja=f"値のある日が{sample.days}日しかありません（{LEAST_DAYS}日以上必要）。",
            en=f"only {sample.days} days with values, {LEAST_DAYS} are needed",
        )
    if sample.coverage < LEAST_COVERAGE:
        return Text(
            ja=f"欠測が多く、値があるのは時間の{sample.coverage:.0%}だけです。",
            en=f"too much is missing: values for {sample.coverage:.0%} of the hours only",
        )
    low, high = np.quantile(sample.value, (0.25, 0.75))
    if low == high:
        return Text(ja="値がほとんど変化していません。", en="the values hardly vary")
    return None


def _mark(title: Text) -> Text:
    return Text(ja=f"{title.ja}（模擬データ）", en=f"{title.en} (simulated)")


def _add(first: Text, second: Text) -> Text:
    return Text(ja=first.ja + second.ja, en=f"{first.en} {second.en}")
