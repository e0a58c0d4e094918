"""The crop's model over a lab's plantings: when stages come under each course of the weather.

What a forecast starts from is called its *footing*: a stage that was seen in the field, or sowing. Errors of
forecasts are compared with errors of forecasts from the same footing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from analytics.farm.forecast.season import daylengths, seen_days
from analytics.farm.phenology.simulation import simulate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from analytics.farm.forecast.season import Planting
    from analytics.farm.phenology.crop import Crop

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
    """

    planting: Planting
    weather: Pair
    daylength_h: Floats
    seen: Floats


def last_seen(seen: Floats) -> int:
    """Give the index of the last stage seen, or `SOWING`.

    Examples
    --------
    >>> last_seen(np.array([5.0, np.nan, 60.0, np.nan])), last_seen(np.array([np.nan]))
    (2, -1)
    """
    places = np.flatnonzero(np.isfinite(seen))
    return int(places[-1]) if len(places) else SOWING


def grow(crop: Crop, planting: Planting, weather: Pair, latitude: float) -> Grown:
    """Put together what a simulation of a planting needs."""
    return Grown(
        planting=planting,
        weather=weather,
        daylength_h=daylengths(crop, planting, latitude),
        seen=seen_days(crop, planting),
    )


def simulate_stages(
    crop: Crop, grown: Sequence[Grown], weather: Sequence[Pair], footing: int
) -> list[Floats]:
    """Simulate each planting under its weather, from a footing; stages seen after it are not made use of.

    Parameters
    ----------
    weather : Sequence of two float64[M, SEASON_DAYS], deg C
        Minimum and maximum for each planting; numbers of members may differ.

    Returns
    -------
    list of float64[M, S], d
        Days from sowing; not-a-number where a stage is not reached.
    """
    found: list[Floats] = [np.empty((0, 0))] * len(grown)
    for members in sorted({len(pair[0]) for pair in weather}):
        group = [place for place, pair in enumerate(weather) if len(pair[0]) == members]
        result = simulate(
            crop,
            start=np.zeros(len(group), np.int64),
            tmin=np.stack([weather[place][0] for place in group]),
            tmax=np.stack([weather[place][1] for place in group]),
            daylength_h=np.stack([grown[place].daylength_h for place in group]),
            cultivar=[grown[place].planting.cultivar or None for place in group],
            reached=np.stack([_upto(grown[place].seen, footing) for place in group]),
        )
        for place, days in zip(group, result.stage_day, strict=True):
            found[place] = days
    return found


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
