"""Compare a field with its recipe, hour by hour."""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from analytics.farm.errors import RecipeError
from analytics.farm.recipes.season import applies, observe
from devices.units import convert

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from analytics.farm.recipes.model import Channel, Range, Recipe
    from analytics.farm.recipes.season import Season


class Verdict(enum.IntEnum):
    """What an hour is for the crop."""

    HARMFUL_LOW = -2
    TOLERABLE_LOW = -1
    FAVOURABLE = 0
    TOLERABLE_HIGH = 1
    HARMFUL_HIGH = 2
    MISSING = 9
    NO_RULE = 10


COUNTED: Final = (
    Verdict.HARMFUL_LOW,
    Verdict.TOLERABLE_LOW,
    Verdict.FAVOURABLE,
    Verdict.TOLERABLE_HIGH,
    Verdict.HARMFUL_HIGH,
    Verdict.MISSING,
)
"""Order of the last axis of counts."""

CREDIT: Final = np.array([0.0, 0.5, 1.0, 0.5, 0.0])
"""Assumed: what an hour is worth; tolerable is half way between harmful and favourable."""

LEAST_MEASURED: Final = 0.5
"""Assumed: with less than half of the hours measured no score is told."""

_PLACE: Final = np.full(Verdict.NO_RULE - Verdict.HARMFUL_LOW + 1, -1)
_PLACE[np.array(COUNTED) - Verdict.HARMFUL_LOW] = np.arange(len(COUNTED))


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """H hours of a planting against R channels of a recipe.

    Attributes
    ----------
    channels : tuple[Channel, ...]
        R, in the order in which the recipe first names them.
    stage : int16[H]
        Index into ``recipe.stages``, -1 for none.
    value : float64[R, H], each channel's canonical unit
        What was compared; not-a-number where missing or out of the channel's time of day.
    verdict : int8[R, H]
        `Verdict`.
    depth : float64[R, H], each channel's canonical unit
        How far outside of the favourable range, 0 within; not-a-number where missing or without a rule.
    relative : float64[R, H]
        `depth` over the width of the favourable range; where that has one end only, over the distance from
        its end to the harmful limit; not-a-number where there is neither.
    """

    recipe: Recipe
    first: int
    day: NDArray[np.int64]
    stage: NDArray[np.int16]
    channels: tuple[Channel, ...]
    value: NDArray[np.float64]
    verdict: NDArray[np.int8]
    depth: NDArray[np.float64]
    relative: NDArray[np.float64]

    @property
    def unmeasured(self) -> tuple[Channel, ...]:
        """Channels with rules at these hours and not one value: there may be no sensor."""
        ruled = self.verdict != Verdict.NO_RULE
        missing = (ruled & (self.verdict != Verdict.MISSING)).sum(axis=1) == 0
        return tuple(
            channel for channel, gone in zip(self.channels, missing & ruled.any(axis=1), strict=True) if gone
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Overall:
    """One number for many hours, and how far it can be trusted.

    Attributes
    ----------
    score : float, 0…100
        Not-a-number where less than half of the hours were measured.
    least, most : float, 0…100
        What it would be if all missing hours had been harmful, or favourable.
    coverage : float, 0…1
        Measured share of the hours that have a rule; not-a-number where none has.
    measured_h, missing_h : int
        Hours, counted once for each channel.
    """

    score: float
    least: float
    most: float
    coverage: float
    measured_h: int
    missing_h: int


def score(recipe: Recipe, hours: Season, stage: NDArray[np.int16]) -> Scores:
    """Compare hours with what the recipe asks for at their stages.

    Parameters
    ----------
    recipe : Recipe
    hours : Season
        H hours. A quantity that the recipe names and the season lacks is missing all the time.
    stage : int16[H]
        Index into ``recipe.stages``, -1 for none: `season.stage_of_hours`.

    Returns
    -------
    Scores

    Raises
    ------
    RecipeError
        `stage` does not fit, or a rule for day or night meets hours of which nobody knows.
    """
    if len(stage) != hours.hours or (
        len(stage) and not -1 <= stage.min() <= stage.max() < len(recipe.stages)
    ):
        raise RecipeError("stages", f"give one index from -1 to {len(recipe.stages) - 1} for each hour")
    channels = tuple(dict.fromkeys(part.channel for step in recipe.stages for part in step.ranges))
    shape = (len(channels), hours.hours)
    value, depth, relative = np.full((3, *shape), np.nan)
    verdict = np.full(shape, Verdict.NO_RULE, np.int8)
    for row, channel in enumerate(channels):
        limits = _limits(recipe, channel)[stage]
        ruled = np.isfinite(limits).any(axis=1) & applies(hours, channel)
        value[row] = observe(hours, channel)
        verdict[row], depth[row], relative[row] = _judge(value[row], limits, ruled)
    return Scores(
        recipe=recipe,
        first=hours.first,
        day=hours.day,
        stage=stage,
        channels=channels,
        value=value,
        verdict=verdict,
        depth=depth,
        relative=relative,
    )


def _limits(recipe: Recipe, channel: Channel) -> NDArray[np.float64]:
    """Limits by stage, float64[S + 1, 4]; infinite without a range, and in the last row, for no stage."""
    none = (-math.inf, -math.inf, math.inf, math.inf)
    rows = [
        next((canonical_limits(part) for part in stage.ranges if part.channel == channel), none)
        for stage in recipe.stages
    ]
    return np.array([*rows, none])


def canonical_limits(part: Range) -> tuple[float, float, float, float]:
    """Tell a range's limits in the canonical unit of its quantity, infinite where there is none."""
    below, low, high, above = (
        None if limit is None else convert(limit, part.unit, part.channel.canonical_unit)
        for limit in part.limits
    )
    harmful_below = -math.inf if below is None else below
    harmful_above = math.inf if above is None else above
    return (
        harmful_below,
        harmful_below if low is None else low,
        harmful_above if high is None else high,
        harmful_above,
    )


def _judge(
    value: NDArray[np.float64], limits: NDArray[np.float64], ruled: NDArray[np.bool_]
) -> tuple[NDArray[np.int8], NDArray[np.float64], NDArray[np.float64]]:
    """Verdict, depth and relative depth of one channel, each [H]; ``limits`` is float64[H, 4]."""
    below, low, high, above = limits.T
    missing = np.isnan(value)
    side = (value > high).astype(np.int8) + (value > above) - (value < low) - (value < below)
    verdict = np.where(missing, np.int8(Verdict.MISSING), side)
    verdict[~ruled] = Verdict.NO_RULE
    depth = np.where(ruled, np.maximum(np.maximum(low - value, value - high), 0.0), np.nan)
    # Infinite minus infinite is not-a-number, which is what an open side without a harmful limit has.
    with np.errstate(invalid="ignore"):
        width, margin = high - low, np.where(side < 0, low - below, above - high)
    scale = np.where(np.isfinite(width) & (width > 0), width, margin)
    usable = np.isfinite(scale) & (scale > 0)
    relative = np.divide(depth, scale, out=np.full(len(value), np.nan), where=usable)
    return verdict.astype(np.int8), depth, np.where(depth == 0.0, 0.0, relative)


def count_by_stage(scores: Scores) -> NDArray[np.int64]:
    """Count hours by channel, stage and verdict.

    Returns
    -------
    int64[R, S, 6]
        Last axis: `COUNTED`. Hours without a rule are not counted.
    """
    return _count(scores, scores.stage.astype(np.int64), len(scores.recipe.stages))


def count_by_day(scores: Scores) -> NDArray[np.int64]:
    """Count hours by channel, local day and verdict.

    Returns
    -------
    int64[R, D, 6]
        D days from ``scores.day[0]`` on; last axis: `COUNTED`.
    """
    if not len(scores.day):
        return np.zeros((len(scores.channels), 0, len(COUNTED)), np.int64)
    number = scores.day - scores.day[0]
    return _count(scores, number, int(number[-1]) + 1)


def _count(scores: Scores, group: NDArray[np.int64], groups: int) -> NDArray[np.int64]:
    place = _PLACE[scores.verdict - int(Verdict.HARMFUL_LOW)]
    row = np.arange(len(scores.channels))[:, None]
    flat = (row * groups + group) * len(COUNTED) + place
    counts = np.bincount(flat[place >= 0], minlength=len(scores.channels) * groups * len(COUNTED))
    return counts.reshape(len(scores.channels), groups, len(COUNTED)).astype(np.int64)


def summarise(counts: NDArray[np.int64]) -> Overall:
    """Put many hours into one number from 0 to 100.

    The score is 100 times the mean credit of the measured hours: 1 for a favourable hour, 0.5 for a tolerable
    one, 0 for a harmful one; each hour counts once for each channel that has a rule at its stage and time of
    day. Missing hours count neither as good nor as bad: they lower `coverage` and move `least` and `most`
    apart, and below a coverage of one half there is no score.

    Parameters
    ----------
    counts : int64[..., 6]
        All, or any part, of `count_by_stage` or `count_by_day`.

    Examples
    --------
    >>> summarise(np.array([0, 20, 70, 0, 10, 25])).score
    80.0
    """
    total = counts.reshape(-1, len(COUNTED)).sum(axis=0)
    measured, missing = int(total[:-1].sum()), int(total[-1])
    ruled = measured + missing
    if not ruled:
        return Overall(
            score=math.nan, least=math.nan, most=math.nan, coverage=math.nan, measured_h=0, missing_h=0
        )
    earned = float(total[:-1] @ CREDIT)
    told = measured >= LEAST_MEASURED * ruled
    return Overall(
        score=100.0 * earned / measured if told else math.nan,
        least=100.0 * earned / ruled,
        most=100.0 * (earned + missing) / ruled,
        coverage=measured / ruled,
        measured_h=measured,
        missing_h=missing,
    )
