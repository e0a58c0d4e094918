"""How sure a unit is of its fish, whatever their sexes or species.

A unit's mean confidence changes when the mixture of classes does, and nothing is wrong. What stays is
confidence *given the true class*. With confidence s of the called class and probabilities p, the residual ::

    g = s − α·p,   α such that the mean of g is 0 within every true class

has mean 0 under any mixture of the classes, if their own scores stay as they are [Saerens2002] [Lipton2018].
Where probabilities are calibrated, g is the residual of least squares; where fish of the start period were
checked, α is corrected by them. No class's mean is known exactly: as far as the mixture has moved from the
start period's, a group is taken for nearer to what is usual by what that may do. There is one such residual
for fish called each class and one for all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import brentq

from analytics.fish.charts import SLACK
from analytics.fish.confusion import class_indices
from analytics.fish.errors import ScoresError
from analytics.fish.events import log_odds
from analytics.fish.proportions import kish
from analytics.fish.run_lengths import rough_two_sided_run_length

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

    from analytics.fish.events import FloatArray

# Fish a point of the charts is the mean of.
GROUP = 50
# Least number of fish from one false alarm to the next, over all of a unit's charts, if nothing changes.
FISH_PER_FALSE_ALARM = 20_000
# Confidence in log-odds beyond which it is all the same (0.9933).
SUREST = 5.0
# Fewer fish make no start period: the charts' run lengths would be those of its errors.
LEAST_FISH = 1000
# No group's variance is taken for less than this part of the start period's.
LEAST_VARIANCE = 0.25
# Standard deviation of the mean of g within a class where probabilities are believed, in standard deviations
# of g: two real classifiers, calibrated or not, had 0.02 to 0.16.
BELIEVED_SD = 0.1
# Standard deviations of what a moved mixture may do that are allowed for.
ALLOWED = 2.0
# Points at which the error of a start period is looked at, and between which limits are sought.
NODES = 11
LIMITS = (0.5, 40.0)


_ARRAYS = ("middle", "level", "spread", "variance", "mixture", "doubt", "doubt_noise")


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """How sure a unit was in its start period; F = K + 1 statistics, one a called class and one for all.

    Attributes
    ----------
    names : tuple[str, …]
        The classes.
    middle : float64[K]
        Mean confidence of fish called each class, log-odds.
    level, spread : float64[K, F]
        α of each statistic, and the same for its square.
    variance : float64[F]
        Of one fish, in the start period.
    fish, group : int
        Fish it rests on; fish a point.
    limit : float
        Of the CUSUMs, standard deviations.
    mixture : float64[K], optional
        Mean probabilities.
    doubt : float64[F, K, K], optional
        Variance of a statistic's mean as a quadratic form of how far mean probabilities have moved; without
        it the classes' means are held to be known.
    doubt_noise : float64[F], optional
        What one fish's chance adds to that form.
    """

    names: tuple[str, ...]
    middle: FloatArray
    level: FloatArray
    spread: FloatArray
    variance: FloatArray
    fish: int
    group: int
    limit: float
    mixture: FloatArray | None = None
    doubt: FloatArray | None = None
    doubt_noise: FloatArray | None = None

    def stored(self) -> dict[str, Any]:
        """Give it as JSON can hold it."""
        plain = {name: getattr(self, name) for name in self.__slots__}
        return {name: one.tolist() if isinstance(one, np.ndarray) else one for name, one in plain.items()}


def read(stored: Mapping[str, Any]) -> Baseline:
    """Read a baseline from what `Baseline.stored` gave.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> p = rng.beta(0.3, 0.3, 2000)
    >>> read(baseline(np.stack([p, 1 - p], axis=1), ["milt", "roe"]).stored()).fish
    2000
    """
    arrays = {name: None if stored.get(name) is None else np.asarray(stored[name]) for name in _ARRAYS}
    rest = {name: stored[name] for name in ("fish", "group", "limit")}
    return Baseline(names=tuple(stored["names"]), **arrays, **rest)  # type: ignore[arg-type]


def baseline(
    probabilities: ArrayLike,
    names: Sequence[str],
    *,
    true: ArrayLike | None = None,
    weight: ArrayLike | None = None,
    group: int = GROUP,
    fish_per_false_alarm: float = FISH_PER_FALSE_ALARM,
) -> Baseline:
    """Learn from a start period in which the unit was right.

    Parameters
    ----------
    probabilities : float[n, K]
        Calibrated.
    names : K of them
    true : int[n], optional
        True classes of the fish that were checked, -1 for the others; for these the probabilities are
        believed.
    weight : float[n], optional
        One over each checked fish's chance of having been chosen.
    group : int
        Fish a point.
    fish_per_false_alarm : float
        Stated run length of all of the unit's charts together: at least so many, as a moved mixture is
        allowed for.

    Raises
    ------
    ScoresError
        As `events.log_odds`; too few fish, or none of some class.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> p = rng.beta(0.3, 0.3, 2000)
    >>> baseline(np.stack([p, 1 - p], axis=1), ["milt", "roe"]).level.shape
    (2, 3)
    """
    p = np.asarray(probabilities, np.float64)
    sure = _sureness(p)
    n, classes = p.shape
    if n < LEAST_FISH:
        raise ScoresError("probabilities", f"a start period needs at least {LEAST_FISH} fish, not {n}")
    called = np.eye(classes)[p.argmax(axis=1)]
    if (called.sum(axis=0) <= 0).any() or (p.sum(axis=0) <= 0).any():
        raise ScoresError("probabilities", "a start period needs fish of every class")
    middle = called.T @ sure / called.sum(axis=0)
    raw = _statistics(p, middle)
    cross = p.T @ p
    level = np.linalg.solve(cross, p.T @ raw)
    residual = raw - p @ level
    unmix = np.linalg.inv(cross / p.sum(axis=0)[:, None])
    checked = np.full(n, -1) if true is None else np.asarray(true)
    w = np.ones(n) if weight is None else np.asarray(weight, np.float64)
    off, unsure = _class_means(residual, checked, w, classes)
    level += unmix @ off
    level += (raw - p @ level).mean(axis=0)
    residual = raw - p @ level
    doubt = np.einsum("kj,fj,lj->fkl", unmix, unsure, unmix)
    return Baseline(
        names=tuple(names),
        middle=middle,
        level=np.asarray(level, np.float64),
        spread=np.asarray(np.linalg.solve(cross, p.T @ residual**2), np.float64),
        variance=np.asarray((residual**2).mean(axis=0)),
        fish=n,
        group=group,
        limit=limit_for(fish_per_false_alarm / group * (classes + 1), start_groups=n / group),
        mixture=p.mean(axis=0),
        doubt=doubt,
        doubt_noise=np.einsum("fkl,kl->f", doubt, np.cov(p.T)),
    )


def _class_means(
    residual: FloatArray, true: NDArray[np.int64], weight: FloatArray, classes: int
) -> tuple[FloatArray, FloatArray]:
    """Estimate each statistic's mean within each true class, float64[K, F], and its variance, float64[F, K].

    Before a check it is held to be 0 give or take `BELIEVED_SD`.
    """
    if true.shape != (len(residual),) or weight.shape != true.shape:
        raise ScoresError("true", f"{list(true.shape)} for {len(residual)} fish")
    class_indices(true[true >= 0], classes, "true")
    prior = BELIEVED_SD**2 * (residual**2).mean(axis=0)
    off = np.zeros((classes, residual.shape[1]))
    unsure = np.tile(prior[:, None], (1, classes))
    for k in range(classes):
        mine, w = residual[true == k], weight[true == k]
        if len(mine) > 1:
            mean = w @ mine / w.sum()
            variance = (mine.var(axis=0) + prior) / kish(w)
            trust = prior / (prior + variance)
            off[k], unsure[:, k] = trust * mean, trust * variance
    return off, unsure


def limit_for(run_length: float, *, start_groups: float = np.inf) -> float:
    """Find the limit of a CUSUM of that run length, ``1/E[1/L]`` over what the start period may be off.

    A start period of m groups is off by ``N(0, 1/m)`` of a group's standard deviations [Jones2004]; with a
    limit for a known mean, charts would alarm far more often than stated.

    Parameters
    ----------
    run_length : float
        In groups.
    start_groups : float
        m.

    Examples
    --------
    >>> round(limit_for(465.4), 2), round(limit_for(465.4, start_groups=40), 2)
    (4.99, 5.96)
    """
    at, weight = np.polynomial.hermite_e.hermegauss(NODES)
    off, weight = at / np.sqrt(start_groups), weight / weight.sum()

    def away(limit: float) -> float:
        rate = weight @ (1 / rough_two_sided_run_length(SLACK, limit, off))
        return float(np.log(rate * run_length))

    return float(brentq(away, *LIMITS, xtol=1e-4))


def _sureness(p: FloatArray) -> FloatArray:
    """Tell the log-odds of each fish's called class."""
    return np.asarray(np.clip(log_odds(p).max(axis=1), -SUREST, SUREST))


def _statistics(p: FloatArray, middle: FloatArray) -> FloatArray:
    called = p.argmax(axis=1)
    away = np.zeros((len(p), p.shape[1] + 1))
    away[:, -1] = away[np.arange(len(p)), called] = _sureness(p) - middle[called]
    return away


def points(start: Baseline, probabilities: FloatArray) -> FloatArray:
    """Tell groups' statistics, in standard deviations from the start period's.

    Parameters
    ----------
    start : Baseline
    probabilities : float64[G · group, K]

    Returns
    -------
    float64[G, F]

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> p = rng.beta(0.3, 0.3, 2000)
    >>> two = np.stack([p, 1 - p], axis=1)
    >>> points(baseline(two, ["milt", "roe"]), two[:150]).shape
    (3, 3)
    """
    residual = _statistics(probabilities, start.middle) - probabilities @ start.level
    shape = (-1, start.group, residual.shape[1])
    mean = residual.reshape(shape).mean(axis=1)
    variance = (probabilities @ start.spread).reshape(shape).mean(axis=1)
    variance = np.maximum(variance, LEAST_VARIANCE * start.variance) / start.group
    away = np.maximum(np.abs(mean) - ALLOWED * _by_mixture(start, probabilities), 0.0)
    return np.asarray(np.sign(mean) * away / np.sqrt(variance))


def _by_mixture(start: Baseline, probabilities: FloatArray) -> FloatArray:
    """Tell the standard deviation of what a moved mixture may do to groups' means, float64[G, F]."""
    if start.mixture is None or start.doubt is None or start.doubt_noise is None:
        return np.zeros((len(probabilities) // start.group, len(start.variance)))
    moved = probabilities.reshape(-1, start.group, len(start.names)).mean(axis=1) - start.mixture
    square = np.einsum("gk,fkl,gl->gf", moved, start.doubt, moved) - start.doubt_noise / start.group
    return np.asarray(np.sqrt(np.maximum(square, 0.0)))
