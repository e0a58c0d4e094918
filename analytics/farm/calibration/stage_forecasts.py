"""Forecasts of a stage in field trials: simulated members, pooled residuals, intervals that hold.

Three methods share this machinery, and differ in what simulates: the plausible parameter sets of the crop's
model, degree days, or nothing, which leaves the mean date of the cultivar and the site.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from analytics.farm.calibration.ensemble import spread_members
from analytics.farm.calibration.intervals import member_mean
from analytics.farm.calibration.plausible import fit_length, known_days, known_weather
from analytics.farm.calibration.pooling import learn, make_factor, make_level, take_all
from analytics.farm.calibration.trials import group_sowings
from analytics.farm.calibration.variance_components import Spread, estimate_spread

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from analytics.farm.calibration.plausible import Variant
    from analytics.farm.calibration.pooling import Factor, Pool
    from analytics.farm.calibration.trials import Ground, Sowings, Trials

    Floats = NDArray[np.float64]
    Whole = NDArray[np.int64]
    Marks = NDArray[np.bool_]

VINTAGE_SD_D: Final = 2.0
"""Of the breeders' direction, days per decade: a slope that is pooled like an effect. Assumed."""
YEARS_PER_DECADE: Final = 10.0
CHUNK: Final = 250
"""Sowings whose weather is laid out at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """How a stage is forecast.

    Attributes
    ----------
    variants : tuple[Variant, ...]
        Simulated, their days averaged; none for the mean date.
    candidates : bool
        Whether the variants are alternatives of which the training trials choose one.
    start : function of sowings -> int64[G], day index
        From when on development counts.
    origin : function of sowings -> int64[G], day index
        From which the mean date counts, without variants.
    spread : Spread
        Defaults of the pooled effects; effects that it does not name are not there.
    """

    name: str
    variants: tuple[Variant, ...]
    candidates: bool
    start: Callable[[Sowings], Whole]
    origin: Callable[[Sowings], Whole]
    spread: Spread


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """A method that has learnt from some trials.

    Attributes
    ----------
    known : float64[G], day index
        Simulated under the weather that came, for all sowings.
    """

    method: Method
    variants: tuple[Variant, ...]
    spread: Spread
    known: Floats
    factors: tuple[Factor, ...]
    pool: Pool


def factors_of(trials: Trials, sowings: Sowings, spread: Spread) -> list[Factor]:
    """Lay out which effects trials share."""
    _, site_year = np.unique(np.stack([trials.site, trials.year]), axis=1, return_inverse=True)
    _, year = np.unique(trials.year, return_inverse=True)
    codes = {
        "cultivar": trials.cultivar,
        "site": trials.site,
        "year": year,
        "site_year": site_year.reshape(-1),
        "sowing": sowings.of,
    }
    return [
        make_level(len(trials)),
        make_factor("vintage", np.zeros(len(trials), np.int64), VINTAGE_SD_D).weighted(vintage_of(trials)),
        *(make_factor(name, codes[name], spread.sd_d[name]) for name in codes if name in spread.sd_d),
    ]


def vintage_of(trials: Trials) -> Floats:
    """Tell in which decade each cultivar first appeared, about the middle of all: float64[n].

    Breeders have a direction; a cultivar that is new to the trials is likelier to be like the recent ones.
    """
    first = np.full(int(trials.cultivar.max(initial=0)) + 1, np.iinfo(np.int64).max)
    np.minimum.at(first, trials.cultivar, trials.year)
    years = first[trials.cultivar].astype(np.float64)
    return np.asarray((years - years.mean()) / YEARS_PER_DECADE)


def fit(method: Method, trials: Trials, ground: Ground, training: Marks) -> Fitted:
    """Learn from the training trials: lengths of phases, how much effects vary, and the effects.

    Parameters
    ----------
    trials : Trials
        All of them; only `training` ones are learnt from.
    training : bool[n]
    """
    sowings = group_sowings(trials)
    variants, known = _fit_variants(method, trials, ground, training, sowings)
    factors = factors_of(trials, sowings, method.spread)
    residual = trials.seen - known[sowings.of]
    usable = training & np.isfinite(residual)
    spread = estimate_spread(
        residual[usable],
        take_all(factors, usable),
        method.spread,
        seasons=len(np.unique(trials.year[usable])),
    )
    factors = spread.apply(factors)
    pool = learn(residual[usable], take_all(factors, usable), spread.noise_sd_d)
    return Fitted(
        method=method, variants=variants, spread=spread, known=known, factors=tuple(factors), pool=pool
    )


def relearn(fitted: Fitted, trials: Trials, training: Marks) -> Fitted:
    """Pool the residuals of fewer trials, with all else as it was fitted."""
    residual = trials.seen - fitted.known[group_sowings(trials).of]
    usable = training & np.isfinite(residual)
    pool = learn(residual[usable], take_all(fitted.factors, usable), fitted.spread.noise_sd_d)
    return replace(fitted, pool=pool)


def _fit_variants(
    method: Method, trials: Trials, ground: Ground, training: Marks, sowings: Sowings
) -> tuple[tuple[Variant, ...], Floats]:
    if not method.variants:
        return (), method.origin(sowings).astype(np.float64)
    weather = known_weather(ground, sowings, trials.length_d, method.start(sowings))
    count = np.bincount(sowings.of[training], minlength=len(sowings))
    total = np.bincount(sowings.of[training], trials.seen[training], len(sowings))
    seen = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    variants = tuple(fit_length(variant, weather, seen) for variant in method.variants)
    days = np.stack([known_days(variant, weather) for variant in variants])
    if not method.candidates:
        return variants, days.mean(axis=0)
    best = int(np.argmin([_within(method, trials, sowings, each, training) for each in days]))
    return variants[best : best + 1], days[best]


def _within(method: Method, trials: Trials, sowings: Sowings, days: Floats, training: Marks) -> float:
    """Tell how far dates are from those of the site and the cultivar alone: years must not explain them."""
    residual = trials.seen - days[sowings.of]
    if not np.isfinite(residual[training]).all():
        return np.inf
    lasting = {name: sd for name, sd in method.spread.sd_d.items() if name in {"cultivar", "site"}}
    spread = Spread(sd_d=lasting, noise_sd_d=method.spread.noise_sd_d)
    factors = take_all(factors_of(trials, sowings, spread), training)
    pool = learn(residual[training], factors, method.spread.noise_sd_d)
    return float(np.square(residual[training] - pool.mean(factors)).mean())


def simulate_ahead(
    fitted: Fitted,
    trials: Trials,
    ground: Ground,
    *,
    sowing: Whole,
    known: Whole,
    shifts: Callable[[int], Sequence[int]],
) -> Floats:
    """Simulate sowings of which the weather is known for a while, and other years' from then on.

    Parameters
    ----------
    sowing : int64[q]
        Places of the sowings.
    known : int64[q], day index
        First day not known.
    shifts : function of a year -> years to shift by
        Of which other years the weather may be used; M of them for each.

    Returns
    -------
    float64[q, M], day index
        Mean over the parameter sets; not-a-number where a year's weather does not reach.
    """
    sowings = group_sowings(trials)
    years = {int(year): list(shifts(int(year))) for year in np.unique(sowings.year[sowing])}
    most = max([1, *(len(each) for each in years.values())])
    found = np.full((len(sowing), most), np.nan)
    start = fitted.method.start(sowings)
    order = np.lexsort((sowings.year[sowing], sowings.site[sowing]))
    for first in range(0, len(order), CHUNK):
        rows = order[first : first + CHUNK]
        here = sowing[rows]
        ahead = _lay_out(
            ground, sowings, sowing=here, known=known[rows], years=years, shape=(most, trials.length_d)
        )
        days = [each.days(start[here] - sowings.start[here], *ahead) for each in fitted.variants]
        found[rows] = sowings.start[here][:, None] + np.mean(days, axis=0)
    return found


def _lay_out(
    ground: Ground,
    sowings: Sowings,
    *,
    sowing: Whole,
    known: Whole,
    years: Mapping[int, Sequence[int]],
    shape: tuple[int, int],
) -> tuple[Floats, Floats, Floats]:
    """Lay out minimum, maximum and daylength of every member; those that a year lacks are missing."""
    tmin, tmax = (np.full((len(sowing), *shape), np.nan) for _ in range(2))
    begin, where = sowings.start[sowing], np.stack([sowings.site[sowing], sowings.year[sowing]], axis=1)
    for site, year in np.unique(where, axis=0):
        mine = np.flatnonzero((where == (site, year)).all(axis=1))
        members = spread_members(
            ground.record(int(site)),
            start=begin[mine],
            known=known[mine],
            length=shape[1],
            years=years[int(year)],
            persistence=float(ground.persistence[site]),
        )
        tmin[mine, : len(members.years)], tmax[mine, : len(members.years)] = members.tmin, members.tmax
    day = np.clip(begin[:, None] + np.arange(shape[1]), 0, ground.daylength_h.shape[1] - 1)
    return tmin, tmax, ground.daylength_h[sowings.site[sowing][:, None], day]


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecasts:
    """Forecasts of n trials before their intervals are scaled.

    Attributes
    ----------
    members : float64[n, M], day index
        With the pooled residual.
    sd : float64[n], d
        Of the model's own error, noise included.
    """

    members: Floats
    sd: Floats

    @property
    def mean(self) -> Floats:
        """Mean of the members: float64[n], day index."""
        return member_mean(self.members)

    @property
    def weather_variance(self) -> Floats:
        """Variance of the members: float64[n], d²."""
        away = np.where(np.isfinite(self.members), self.members - self.mean[:, None], 0.0)
        count = np.maximum(np.isfinite(self.members).sum(axis=1), 2)
        return np.asarray(np.square(away).sum(axis=1) / (count - 1))


def forecast(fitted: Fitted, which: Whole, members: Floats) -> Forecasts:
    """Add to simulated days what residuals have told.

    Parameters
    ----------
    which : int64[m]
        Places of the trials.
    members : float64[m, M], day index
    """
    factors = take_all(fitted.factors, which)
    variance = fitted.pool.variance(factors) + fitted.spread.noise_sd_d**2
    shifted = members + fitted.pool.mean(factors)[:, None]
    return Forecasts(members=shifted, sd=np.sqrt(variance))
