"""The crop's model over a lab's plantings: when stages come under each course of the weather.

What a forecast starts from is called its *footing*: a stage that was seen in the field, or sowing. Errors of
forecasts are compared with errors of forecasts from the same footing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from analytics.farm.forecast.season import daylengths, seen_days
from analytics.farm.forecast.variants import name_cultivar
from analytics.farm.phenology.simulation import simulate

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from analytics.farm.forecast.season import Planting, Station
    from analytics.farm.forecast.variants import Variants
    from analytics.farm.phenology.crop import Crop
    from analytics.farm.phenology.simulation import Simulation

    Floats = NDArray[np.float64]
    Pair = tuple[Floats, Floats]

SOWING: Final = -1
"""The footing of a field in which nothing was seen yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grown:
    """A planting with its weather and what was seen in it.

    Attributes
    ----------
    weather : tuple of two float64[M, SEASON_DAYS], deg C
        Minimum and maximum from sowing on.
    daylength_h : float64[SEASON_DAYS], h
    seen : float64[S], d
        Days from sowing on which stages were seen, not-a-number where not.
    entry : str
        Of the crop's file, by which the cultivar develops; empty: the crop's own.
    lengths : {stage: float64[K]}
        Of phases in each set of parameters, where they are not the cultivar's.
    """

    planting: Planting
    weather: Pair
    daylength_h: Floats
    seen: Floats
    entry: str
    lengths: Mapping[str, Floats]


def last_seen(seen: Floats) -> int:
    """Give the index of the last stage seen, or `SOWING`.

    Examples
    --------
    >>> last_seen(np.array([5.0, np.nan, 60.0, np.nan])), last_seen(np.array([np.nan]))
    (2, -1)
    """
    places = np.flatnonzero(np.isfinite(seen))
    return int(places[-1]) if len(places) else SOWING


def grow(crop: Crop, planting: Planting, weather: Pair, station: Station, variants: Variants) -> Grown:
    """Put together what a simulation of a planting needs, at a station whose place is known."""
    assert station.latitude is not None
    return Grown(
        planting=planting,
        weather=weather,
        daylength_h=daylengths(crop, planting, station.latitude),
        seen=seen_days(crop, planting),
        entry=name_cultivar(crop, planting.cultivar, station.latitude, station.longitude),
        lengths=variants.of(planting),
    )


def simulate_stages(
    sets: Sequence[Crop], grown: Sequence[Grown], weather: Sequence[Pair], footing: int
) -> list[Floats]:
    """Simulate each planting under its weather, from a footing; stages seen after it are not made use of.

    Parameters
    ----------
    sets : Sequence[Crop]
        The crop with each set of parameters; a member's days are the mean over those that reach the stage.
    weather : Sequence of two float64[M, SEASON_DAYS], deg C
        Minimum and maximum for each planting; numbers of members may differ.

    Returns
    -------
    list of float64[M, S], d
        Days from sowing; not-a-number where a stage is not reached by more than half of the sets.
    """
    found: list[Floats] = [np.empty((0, 0))] * len(grown)
    for members in sorted({len(pair[0]) for pair in weather}):
        group = [place for place, pair in enumerate(weather) if len(pair[0]) == members]
        pairs = [weather[place] for place in group]
        runs = run_sets(sets, [grown[place] for place in group], pairs, footing)
        for place, days in zip(group, _average(run.stage_day for run in runs), strict=True):
            found[place] = days
    return found


def run_sets(
    sets: Sequence[Crop], grown: Sequence[Grown], weather: Sequence[Pair], footing: int
) -> Iterator[Simulation]:
    """Run the model with one set of parameters after the other; all plantings have as many members."""
    tmin, tmax = (np.stack([pair[which] for pair in weather]) for which in (0, 1))
    daylength_h = np.stack([each.daylength_h for each in grown])
    reached = np.stack([_upto(each.seen, footing) for each in grown])
    changed = set.intersection(*(set(each.lengths) for each in grown))
    for place, crop in enumerate(sets):
        yield simulate(
            crop,
            start=np.zeros(len(grown), np.int64),
            tmin=tmin,
            tmax=tmax,
            daylength_h=daylength_h,
            cultivar=[each.entry or None for each in grown],
            reached=reached,
            lengths={stage: np.array([each.lengths[stage][place] for each in grown]) for stage in changed},
        )


def _average(runs: Iterable[Floats]) -> Floats:
    """Average over the sets that reach a stage, if most do."""
    days = np.stack(list(runs))
    reached = np.isfinite(days)
    count = reached.sum(axis=0)
    mean = np.where(reached, days, 0.0).sum(axis=0) / np.maximum(count, 1)
    return np.where(2 * count > len(days), mean, np.nan)


def _upto(seen: Floats, footing: int) -> Floats:
    return np.where(np.arange(len(seen)) <= footing, seen, np.nan)


def medians(days: Floats) -> Floats:
    """Median over members, of which those that do not reach a stage are late beyond any day.

    Parameters
    ----------
    days : float64[M, S], d

    Returns
    -------
    float64[S], d
        Not-a-number where at most half of the members reach the stage.

    Examples
    --------
    >>> medians(np.array([[10.0, np.nan], [12.0, np.nan], [14.0, 90.0]])).tolist()
    [12.0, nan]
    """
    late = np.where(np.isfinite(days), days, np.inf)
    middle = np.median(late, axis=0) if len(late) else np.full(days.shape[1], np.inf)
    return np.where(np.isfinite(middle), middle, np.nan)


def reach(days: Floats) -> Floats:
    """Share of the members that reach each stage: float64[S]."""
    return np.isfinite(days).mean(axis=0) if len(days) else np.zeros(days.shape[1])


def left_to_go(seen: Floats, footing: int, expected: Floats) -> Floats:
    """Which part of its whole error a forecast from a footing still has, by stage.

    An error gathers on the way like a random walk: from a footing on day f, that of a stage on day t is
    ``√((t - f) / t)`` of the error from sowing. That is assumed, not measured.

    Parameters
    ----------
    seen, expected : float64[S], d
        Days from sowing.

    Returns
    -------
    float64[S], 0…1

    Examples
    --------
    >>> left_to_go(np.array([75.0, np.nan]), 0, np.array([75.0, 100.0])).tolist()
    [0.0, 0.5]
    """
    if footing == SOWING:
        return np.ones(len(expected))
    whole = np.where(expected > 0, expected, np.nan)
    left: Floats = np.sqrt(np.clip((whole - seen[footing]) / whole, 0.0, 1.0))
    return left
