"""The hours of good seasons at one stage, and the range that they make."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from analytics.farm.recipes.model import Range
from analytics.farm.recipes.season import applies, observe
from devices.units import convert

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from analytics.farm.recipes.model import Channel
    from analytics.farm.recipes.season import Season

QUANTILES: Final = (0.10, 0.25, 0.75, 0.90)
"""Tolerable from the first to the last, favourable between the two in the middle."""

HALF_WEIGHT_D: Final = 14
"""Assumed: two weeks of values weigh as much as the parent recipe."""

LEAST_DAYS: Final = 3
"""Assumed: fewer days show the weather of a moment."""

LEAST_COVERAGE: Final = 0.5
"""Assumed: with less than half of a stage's hours, the missing ones could be of another kind."""

STEPS: Final = (5.0, 2.0, 1.0)
"""Limits are rounded to one of these times a power of ten."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What was observed of one channel at one stage.

    Attributes
    ----------
    value : float64[n], the channel's canonical unit
    days : int
        Days with values, over all seasons.
    coverage : float, 0…1
        Share of the stage's hours (of the channel's time of day) that have a value.
    """

    value: NDArray[np.float64]
    days: int
    coverage: float


def draw(seasons: Sequence[tuple[Season, NDArray[np.bool_]]], channel: Channel) -> Sample:
    """Collect the hours of some seasons.

    Parameters
    ----------
    seasons : Sequence[tuple[Season, bool[H]]]
        Each with the hours that are of the stage.
    channel : Channel
    """
    values: list[NDArray[np.float64]] = [np.empty(0)]
    days = wanted = 0
    for hours, of_stage in seasons:
        mask = of_stage & applies(hours, channel)
        value = observe(hours, channel)[mask]
        got = np.isfinite(value)
        values.append(value[got])
        days += len(np.unique(hours.day[mask][got]))
        wanted += len(value)
    pooled = np.concatenate(values)
    return Sample(value=pooled, days=days, coverage=len(pooled) / wanted if wanted else 0.0)


def fit_range(sample: Sample, channel: Channel, parent: Range | None, *, simulated: bool) -> Range:
    """Turn what was observed into a range, drawn towards the parent's where there is one.

    Parameters
    ----------
    sample : Sample
        At least one value.
    parent : Range | None
        Of the same channel, with both ends of the favourable range.

    Returns
    -------
    Range
        In the parent's unit, or the canonical one. Limits are rounded to a tenth or less of the width.
    """
    unit = channel.canonical_unit if parent is None else parent.unit
    seen = convert(np.quantile(sample.value, QUANTILES), channel.canonical_unit, unit)
    weight = 1.0 if parent is None else sample.days / (sample.days + HALF_WEIGHT_D)
    low, high = float(seen[1]), float(seen[2])
    if parent is not None and parent.favourable_from is not None and parent.favourable_to is not None:
        low = weight * low + (1 - weight) * parent.favourable_from
        high = weight * high + (1 - weight) * parent.favourable_to
    step = _step(high - low)
    base = parent or Range(channel=channel, unit=unit, source="-", certainty="assumed")
    below = _outwards(base.harmful_below, float(seen[0]), weight, step, -1)
    above = _outwards(base.harmful_above, float(seen[3]), weight, step, 1)
    # Rounding may not carry a limit past its neighbour.
    low, high = _rounded(round(low / step), step), _rounded(round(high / step), step)
    return replace(
        base,
        harmful_below=below,
        favourable_from=low if below is None else max(low, below),
        favourable_to=high if above is None else min(high, above),
        harmful_above=above,
        source=_source(sample, weight, simulated=simulated),
        certainty="assumed" if simulated else "measured",
        n_hours=len(sample.value),
        coverage=round(sample.coverage, 3),
    )


def _outwards(limit: float | None, seen: float, weight: float, step: float, sign: int) -> float | None:
    """Move a harmful limit outwards where the good seasons went beyond it."""
    if limit is None or (seen - limit) * sign <= 0:
        return limit
    moved = limit + weight * (seen - limit)
    return _rounded(math.ceil(moved / step) if sign > 0 else math.floor(moved / step), step)


def _step(width: float) -> float:
    """Find the greatest step of 1, 2 or 5 times a power of ten that is no more than a tenth of the width."""
    power = 10.0 ** math.floor(math.log10(width / 10))
    return next((step * power for step in STEPS if step * power <= width / 10), power)


def _rounded(count: int, step: float) -> float:
    # Rounds away what 3 * 0.1 leaves behind.
    return round(count * step, max(0, 1 - math.floor(math.log10(step))))


def _source(sample: Sample, weight: float, *, simulated: bool) -> str:
    ja = "模擬データ" if simulated else "実測"
    en = "simulated" if simulated else "measured"
    shrunk_ja, shrunk_en = (
        (f"、元のレシピの重み{1 - weight:.0%}", f", the parent recipe weighing {1 - weight:.0%}")
        if weight < 1
        else ("", "")
    )
    hours, days, coverage = len(sample.value), sample.days, sample.coverage
    return (
        f"{ja}: {days}日・{hours}時間の中央50%（データ率{coverage:.0%}{shrunk_ja}） / "
        f"{en}: middle half of {hours} h on {days} days (coverage {coverage:.0%}{shrunk_en})"
    )
