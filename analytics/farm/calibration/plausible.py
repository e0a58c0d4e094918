"""A stage model under all the parameters that are plausible, instead of the single best ones.

Fitting several parameters of a stage model to fifteen years made forecasts of other years worse; averaging
dates over parameters spread evenly through what the literature leaves open made them better, and learns
nothing but the phase's length. The sets are points of a Sobol sequence in the box of ranges [Sobol1967].
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.stats import qmc

from analytics.farm.phenology.simulation import simulate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from analytics.farm.calibration.trials import Ground, Sowings
    from analytics.farm.phenology.crop import Crop

    Floats = NDArray[np.float64]
    Whole = NDArray[np.int64]

SETS: Final = 16
"""A power of two, for which Sobol points are balanced; twice as many forecast no better."""
SEED: Final = 0
SOURCE: Final = "within the range that the literature leaves open"
STEPS: Final = 6
"""Of the search for a length; each gains about one digit."""
NEAR_D: Final = 0.02
LEAST_FACTOR, MOST_FACTOR = 0.3, 3.0
"""Of the crop file's length, between which the fitted one is held."""
ROWS: Final = 4000
"""Courses simulated at once: bounds the memory to about 100 MB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """A parameter of the phases that end with some stages, and between which values it is plausible."""

    stages: tuple[str, ...]
    parameter: str
    low: float
    high: float


RANGES: Final[Mapping[str, tuple[Range, ...]]] = {
    # Base: WOFOST's 0 deg C; terminal spikelet 1.5 ± 1.5 deg C [PorterGawith1999]. Of the others, WOFOST's
    # values for wheat [deWit2019], [vanBussel2011] lie inside; widths are assumed. From which day length on
    # wheat no longer hastens, models disagree most: 15.3 h here, 20 h in CERES [Ritchie1991].
    "wheat": (
        Range(stages=("emergence",), parameter="length", low=90.0, high=150.0),
        Range(stages=("emergence", "heading"), parameter="base", low=0.0, high=3.0),
        Range(stages=("heading",), parameter="daylength_critical", low=7.0, high=9.0),
        Range(stages=("heading",), parameter="daylength_optimum", low=14.0, high=17.0),
        Range(stages=("heading",), parameter="vernalisation_base", low=0.0, high=7.0),
        Range(stages=("heading",), parameter="vernalisation_saturated", low=15.0, high=50.0),
    ),
    # WOFOST's base of 2 to 3 deg C and its cap of 18 deg C for sprouting [deWit2019]; widths assumed.
    "potato": (
        Range(stages=("emergence",), parameter="base", low=1.0, high=4.0),
        Range(stages=("emergence",), parameter="cap", low=16.0, high=24.0),
    ),
}


def plausible_crops(crop: Crop, sets: int = SETS) -> tuple[Crop, ...]:
    """Give the crop with each of some sets of parameters; itself alone where no ranges are known.

    Examples
    --------
    >>> from analytics.library import crop
    >>> bases = [each.phases[1].values()["base"] for each in plausible_crops(crop("wheat"))]
    >>> len(bases), round(sum(bases) / len(bases), 1)
    (16, 1.5)
    """
    ranges = RANGES.get(crop.name, ())
    if not ranges:
        return (crop,)
    points = qmc.Sobol(len(ranges), rng=np.random.default_rng(SEED)).random(sets)
    return tuple(_adjusted(crop, ranges, point) for point in points)


def _adjusted(crop: Crop, ranges: Sequence[Range], point: Floats) -> Crop:
    for each, share in zip(ranges, point, strict=True):
        value = each.low + float(share) * (each.high - each.low)
        for stage in each.stages:
            crop = crop.adjust(stage, SOURCE, **{each.parameter: value})
    return crop


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """A crop with one set of parameters and the length of the phase that ends with a stage."""

    crop: Crop
    stage: str
    length: float

    def days(self, start: Whole, tmin: Floats, tmax: Floats, daylength_h: Floats) -> Floats:
        """Simulate: float64[n, M], days from the first day of the weather given.

        Parameters
        ----------
        start : int64[n]
        tmin, tmax : float64[n, M, N], deg C
        daylength_h : float64[n, N], h
        """
        place = self.crop.place(self.stage)
        found = np.empty(tmin.shape[:2])
        step = max(ROWS // tmin.shape[1], 1)
        for first in range(0, len(start), step):
            part = slice(first, first + step)
            result = simulate(
                self.crop,
                start=start[part],
                tmin=tmin[part],
                tmax=tmax[part],
                daylength_h=daylength_h[part],
                lengths={self.stage: np.full(len(start[part]), self.length)},
            )
            found[part] = result.stage_day[:, :, place]
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Weather:
    """Known weather of G sowings over their N days, from `begin`.

    Attributes
    ----------
    begin : int64[G], day index
    start : int64[G], d
        From when on development counts, after `begin`.
    tmin, tmax : float64[G, 1, N], deg C
    daylength_h : float64[G, N], h
    """

    begin: Whole
    start: Whole
    tmin: Floats
    tmax: Floats
    daylength_h: Floats


def known_weather(ground: Ground, sowings: Sowings, length: int, start: Whole) -> Weather:
    """Cut the weather of sowings out of the record."""
    day = sowings.start[:, None] + np.arange(length)
    inside = (day >= 0) & (day < ground.tmin.shape[1])
    at, site = np.clip(day, 0, ground.tmin.shape[1] - 1), sowings.site[:, None]
    tmin, tmax = (np.where(inside, each[site, at], np.nan)[:, None] for each in (ground.tmin, ground.tmax))
    light = ground.daylength_h[site, at]
    return Weather(begin=sowings.start, start=start - sowings.start, tmin=tmin, tmax=tmax, daylength_h=light)


def known_days(variant: Variant, weather: Weather) -> Floats:
    """Simulate under known weather: float64[G], day index."""
    days = variant.days(weather.start, weather.tmin, weather.tmax, weather.daylength_h)[:, 0]
    return np.asarray(weather.begin + days)


def fit_length(variant: Variant, weather: Weather, seen: Floats) -> Variant:
    """Choose the phase's length so that the simulated days are right in the mean.

    Parameters
    ----------
    seen : float64[G], day index
        Mean of each sowing.
    """
    low, high = variant.length * LEAST_FACTOR, variant.length * MOST_FACTOR
    tried: list[tuple[float, float]] = []
    length = variant.length
    for _ in range(STEPS):
        variant = Variant(crop=variant.crop, stage=variant.stage, length=length)
        late = known_days(variant, weather) - seen
        missed = float(np.nanmean(late)) if np.isfinite(late).any() else np.inf
        if abs(missed) < NEAR_D:
            break
        low, high = (low, length) if missed > 0 else (length, high)
        tried.append((length, missed))
        length = _next_length(tried, low, high)
    return variant


def _next_length(tried: Sequence[tuple[float, float]], low: float, high: float) -> float:
    """Follow the last two tries to zero, halve where that leads out of what is still possible."""
    length, missed = tried[-1]
    if np.isfinite(missed):
        slope = 0.06 if len(tried) == 1 else (missed - tried[-2][1]) / (length - tried[-2][0])
        if np.isfinite(slope) and slope > 0 and low < length - missed / slope < high:
            return length - missed / slope
    return (low + high) / 2
