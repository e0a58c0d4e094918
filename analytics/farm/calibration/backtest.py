"""Back-tests: forecasts of past seasons, made from the other ones, against what came.

Whatever learns sees the training trials only. How much wider intervals must be is learnt among these too:
each of their years is forecast from the rest.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from analytics.farm.calibration.intervals import conformal_scale, mixture_quantiles, widen
from analytics.farm.calibration.neighbours import Pairs, Updated, all_pairs, draw_pairs, nearest_pairs, update
from analytics.farm.calibration.scores import bias, coverage, crps_gaussian, crps_mixture, mae, rmse
from analytics.farm.calibration.stage_forecasts import Forecasts, fit, forecast, relearn, simulate_ahead
from analytics.farm.calibration.trials import group_sowings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from analytics.farm.calibration.stage_forecasts import Fitted, Method
    from analytics.farm.calibration.trials import Ground, Trials

    Floats = NDArray[np.float64]
    Whole = NDArray[np.int64]
    Marks = NDArray[np.bool_]

LEVEL: Final = 0.8
HALF_WIDTH: Final = 1.2815515655446004
"""Of the interval that holds `LEVEL` of a normal, in standard deviations."""
WIDTHS: Final = np.geomspace(0.5, 3.0, 60)
"""Tried for the weather's part of the spread, 3 % apart."""
EARLIER_D: Final = 3.0
"""By how much earlier a neighbour is in the harder case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """What is learnt from, what is forecast, and which years' weather may stand for the weather to come."""

    training: Marks
    tested: Marks
    weather_years: frozenset[int]


def leave_one_out(trials: Trials, weather_years: Sequence[int]) -> list[Split]:
    """Leave each year out in turn, with its weather."""
    return [
        Split(
            training=trials.year != year,
            tested=trials.year == year,
            weather_years=frozenset(weather_years) - {int(year)},
        )
        for year in np.unique(trials.year)
    ]


def train_until(trials: Trials, weather_years: Sequence[int], last: int) -> list[Split]:
    """Learn from the years up to one, and forecast those after it."""
    return [
        Split(
            training=trials.year <= last,
            tested=trials.year > last,
            weather_years=frozenset(year for year in weather_years if year <= last),
        )
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """Forecasts and what came; n of them.

    Attributes
    ----------
    place : int64[n]
        Of the trial.
    error, lower, upper, crps : float64[n], d
        All but the score relative to the day observed.
    """

    place: Whole
    error: Floats
    lower: Floats
    upper: Floats
    crps: Floats

    def take(self, which: Marks) -> Result:
        """Give some of them."""
        return Result(
            place=self.place[which],
            error=self.error[which],
            lower=self.lower[which],
            upper=self.upper[which],
            crps=self.crps[which],
        )

    def summary(self) -> dict[str, float | int | None]:
        """Give the scores, or None where there is nothing to score."""
        kept = np.isfinite(self.error)
        names = ("rmse_d", "mae_d", "bias_d", "crps_d", "coverage_80", "half_width_d")
        if not kept.any():
            return {**dict.fromkeys(names), "n": 0}
        error, lower, upper = self.error[kept], self.lower[kept], self.upper[kept]
        inside = coverage(np.zeros(len(error)), lower, upper)
        width = float((upper - lower).mean() / 2)
        values = (rmse(error), mae(error), bias(error), float(self.crps[kept].mean()), inside, width)
        return {**dict(zip(names, values, strict=True)), "n": int(kept.sum())}


@dataclass(slots=True, kw_only=True)
class Ledger:
    """Results by case, gathered over splits."""

    parts: dict[str, list[Result]] = field(default_factory=dict)

    def add(self, case: str, result: Result) -> None:
        """Write down results of a case."""
        self.parts.setdefault(case, []).append(result)

    def get(self, case: str) -> Result:
        """Give all results of a case."""
        parts = self.parts[case]
        return Result(
            **{
                name: np.concatenate([getattr(part, name) for part in parts])
                for name in ("place", "error", "lower", "upper", "crps")
            }
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Scales:
    """How much wider the model's and the weather's part of the spread must be, and a forecast beside another.

    `nearest` is for a neighbour that is expected at the nearest time, `neighbour` for any.
    """

    model: float = 1.0
    weather: float = 1.0
    neighbour: float = 1.0
    nearest: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """One method on one split."""

    method: Method
    trials: Trials
    ground_of: Callable[[frozenset[int]], Ground]
    scored: Marks
    leads: tuple[int, ...]
    seed: int = 0

    def run(self, split: Split, ledger: Ledger) -> None:
        """Fit, calibrate the intervals, forecast, and write down what came."""
        ground = self.ground_of(split.weather_years)
        fitted = fit(self.method, self.trials, ground, split.training)
        scales = self._calibrate(fitted, ground, split)
        which = np.flatnonzero(split.tested & self.scored)
        made = {lead: self._ahead(fitted, ground, which, lead, split.weather_years) for lead in self.leads}
        seen = self.trials.seen[which]
        for lead, forecasts in made.items():
            ledger.add(f"lead_{lead}", score(which, seen, forecasts, scales))
        if 0 in made:
            self._neighbours(fitted, which, made[0], scales, ledger)

    def _ahead(
        self, fitted: Fitted, ground: Ground, which: Whole, lead: int, years: frozenset[int]
    ) -> Forecasts:
        """Forecast trials with the weather known up to some days before the stage was seen."""
        sowings = group_sowings(self.trials)
        sowing = sowings.of[which]
        if not fitted.variants:
            return forecast(fitted, which, fitted.known[sowing][:, None])
        known = np.rint(self.trials.seen[which]).astype(np.int64) - lead
        pairs, back = np.unique(np.stack([sowing, known], axis=1), axis=0, return_inverse=True)
        members = self._simulate(fitted, ground, pairs, years)
        return forecast(fitted, which, members[back.reshape(-1)])

    def _simulate(self, fitted: Fitted, ground: Ground, pairs: Whole, years: frozenset[int]) -> Floats:
        return simulate_ahead(
            fitted,
            self.trials,
            ground,
            sowing=pairs[:, 0],
            known=pairs[:, 1],
            shifts=lambda year: [other - year for other in sorted(years - {year})],
        )

    def _calibrate(self, fitted: Fitted, ground: Ground, split: Split) -> Scales:
        """Forecast each training year from the others, and compare what the intervals hold."""
        learnt = split.training & self.scored
        years = np.unique(self.trials.year[split.training])
        if len(years) < 2:  # noqa: PLR2004 - nothing to leave out
            return Scales()
        ahead = {lead: self._group_members(fitted, ground, lead, split) for lead in self.leads}
        missed: dict[int, list[tuple[Floats, Floats, Floats, Whole]]] = {lead: [] for lead in self.leads}
        beside: list[tuple[Floats, Whole]] = []
        nearest: list[tuple[Floats, Whole]] = []
        sowings = group_sowings(self.trials)
        for year in years:
            which = np.flatnonzero(learnt & (self.trials.year == year))
            if not len(which):
                continue
            other = relearn(fitted, self.trials, split.training & (self.trials.year != year))
            for lead in self.leads:
                made = forecast(other, which, ahead[lead][sowings.of[which]])
                error = made.mean - self.trials.seen[which]
                missed[lead].append((error, made.sd, made.weather_variance, self.trials.year[which]))
            if 0 in self.leads:
                made, pairs = (
                    forecast(other, which, ahead[0][sowings.of[which]]),
                    all_pairs(self.trials.take(which)),
                )
                drawn = draw_pairs(pairs, np.random.default_rng(self.seed))
                beside.append(self._deviate_beside(other, which, made, drawn))
                nearest.append(self._deviate_beside(other, which, made, nearest_pairs(pairs, made.mean)))
        return replace(_find_scales(missed), neighbour=_find_scale(beside), nearest=_find_scale(nearest))

    def _group_members(self, fitted: Fitted, ground: Ground, lead: int, split: Split) -> Floats:
        """Simulate each training sowing, its weather known up to some days before the mean of its days."""
        sowings = group_sowings(self.trials)
        if not fitted.variants:
            return fitted.known[:, None]
        mine = np.unique(sowings.of[split.training & self.scored])
        count = np.bincount(sowings.of)
        mean = np.bincount(sowings.of, self.trials.seen) / count
        known = np.rint(mean[mine]).astype(np.int64) - lead
        members = self._simulate(fitted, ground, np.stack([mine, known], axis=1), split.weather_years)
        found = np.full((len(sowings), members.shape[1]), np.nan)
        found[mine] = members
        return found

    def _deviate_beside(
        self, other: Fitted, which: Whole, made: Forecasts, pairs: Pairs
    ) -> tuple[Floats, Whole]:
        trials = self.trials.take(which)
        updated = update(other, which, made, trials.seen, pairs)
        deviation = (updated.mean - trials.seen[pairs.of]) / (HALF_WIDTH * updated.sd)
        return deviation, trials.year[pairs.of]

    def _neighbours(
        self, fitted: Fitted, which: Whole, made: Forecasts, scales: Scales, ledger: Ledger
    ) -> None:
        trials = self.trials.take(which)
        pairs = all_pairs(trials)
        rng = np.random.default_rng(self.seed)
        earlier = trials.seen[pairs.beside] <= trials.seen[pairs.of] - EARLIER_D
        cases = {
            "neighbour": (nearest_pairs(pairs, made.mean), None, scales.nearest),
            "neighbour_random": (draw_pairs(pairs, rng), None, scales.neighbour),
            "neighbour_any": (pairs, None, scales.neighbour),
            "neighbour_earlier": (draw_pairs(pairs.take(earlier), rng), made, scales.neighbour),
        }
        for case, (chosen, day_of, scale) in cases.items():
            updated = update(fitted, which, made, trials.seen, chosen, day_of=day_of)
            ledger.add(case, score_updated(which, trials.seen, updated, chosen, scale))


def _find_scale(parts: list[tuple[Floats, Whole]]) -> float:
    """Scale what deviated by year."""
    deviation, year = (np.concatenate(column) for column in zip(*parts, strict=True)) if parts else ([], [])
    return conformal_scale(np.asarray(deviation), np.asarray(year), level=LEVEL)


def _find_scales(missed: dict[int, list[tuple[Floats, Floats, Floats, Whole]]]) -> Scales:
    """Scale the model's part where least weather is to come, then the weather's part where more is."""
    columns = {
        lead: [np.concatenate(column) for column in zip(*parts, strict=True)]
        for lead, parts in missed.items()
        if parts
    }
    if not columns:
        return Scales()
    nearest = min(columns)
    error, sd, weather, year = columns[nearest]
    model = conformal_scale(error / (HALF_WIDTH * np.sqrt(sd**2 + weather)), year, level=LEVEL)
    farther = [columns[lead] for lead in sorted(columns) if lead != nearest]
    widest = 1.0
    if farther:
        error, sd, weather, year = (np.concatenate(column) for column in zip(*farther, strict=True))
        held = [
            conformal_scale(
                error / (HALF_WIDTH * np.sqrt((model * sd) ** 2 + width**2 * weather)), year, level=LEVEL
            )
            for width in WIDTHS
        ]
        widest = float(WIDTHS[int(np.argmin(np.abs(np.log(np.maximum(held, 1e-9)))))])
    return Scales(model=model, weather=widest)


def score(which: Whole, seen: Floats, made: Forecasts, scales: Scales) -> Result:
    """Compare forecasts with what came."""
    members, sd = widen(made.members, np.full(len(seen), scales.weather)), made.sd * scales.model
    bounds = mixture_quantiles(members, sd, [0.5 - LEVEL / 2, 0.5 + LEVEL / 2])
    whole = np.isfinite(members).all(axis=1)
    filled = np.where(np.isfinite(members), members, made.mean[:, None])
    crps = np.where(np.isfinite(made.mean), crps_mixture(filled, sd, seen), np.nan)
    lower, upper = (np.where(whole | np.isfinite(made.mean), each, np.nan) for each in bounds.T)
    return Result(place=which, error=made.mean - seen, lower=lower - seen, upper=upper - seen, crps=crps)


def score_updated(which: Whole, seen: Floats, updated: Updated, pairs: Pairs, scale: float) -> Result:
    """Compare forecasts after a neighbour was seen with what came."""
    came, sd = seen[pairs.of], updated.sd * scale
    return Result(
        place=which[pairs.of],
        error=updated.mean - came,
        lower=updated.mean - HALF_WIDTH * sd - came,
        upper=updated.mean + HALF_WIDTH * sd - came,
        crps=crps_gaussian(updated.mean, sd, came),
    )
