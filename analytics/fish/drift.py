"""Whether a unit is as sure of its fish as it was, whatever their sexes or species.

A unit's mean confidence changes when the mixture of classes does, and nothing is wrong. What stays is
confidence *given the true class*. With confidence s of the called class and probabilities p, the residual ::

    g = s − α·p,   α such that the mean of g is 0 within every true class

has mean 0 under any mixture of the classes. α solves ``Wᵀ(s − Pα) = 0``: W tells the fish's true classes
where they were checked, or is P itself where probabilities are calibrated (then g is the residual of least
squares). That the classes' own scores stay as they are when their mixture changes is what [Saerens2002] and
[Lipton2018] assume. There is one such residual for fish called each class and one for all; means of a few
fish each run on CUSUMs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import brentq

from analytics.fish import charts
from analytics.fish.charts import SLACK, State
from analytics.fish.confusion import class_indices
from analytics.fish.errors import ScoresError
from analytics.fish.events import log_odds
from analytics.fish.run_lengths import two_sided_run_length

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

    from analytics.fish.events import FloatArray

# Fish a point of the charts is the mean of.
GROUP = 50
# Fish from one false alarm to the next, over all of a unit's charts, if nothing changes.
FISH_PER_FALSE_ALARM = 20_000
# Confidence in log-odds beyond which it is all the same (0.9933).
SUREST = 5.0
# Fewer fish make no start period: the charts' run lengths would be those of its errors.
LEAST_FISH = 1000
# No group's variance is taken for less than this part of the start period's.
LEAST_VARIANCE = 0.25
# Points at which the error of a start period is looked at, and between which limits are sought.
NODES = 11
LIMITS = (0.5, 60.0)


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
    """

    names: tuple[str, ...]
    middle: FloatArray
    level: FloatArray
    spread: FloatArray
    variance: FloatArray
    fish: int
    group: int
    limit: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """Where a unit's charts stand.

    Attributes
    ----------
    charts : State
        Of the F statistics.
    waiting : float64[w, K]
        Probabilities of fish that do not fill a group yet.
    """

    charts: State
    waiting: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """A unit's confidence that is not what it was.

    Attributes
    ----------
    called : str
        Fish called this class, or empty for all.
    side : int
        -1: less sure than before; 1: surer.
    at_fish, began_fish : int
        Fish, counted from the start of the watch, at which the chart alarmed and since which it seems to be
        so.
    size : float
        Mean change of confidence since then, in log-odds over all fish.
    in_sd : float
        The same in standard deviations of a group's mean.
    """

    called: str
    side: int
    at_fish: int
    began_fish: int
    size: float
    in_sd: float


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
        Where all these fish were checked; else the probabilities are believed.
    weight : float[n], optional
        One over each fish's chance of having been chosen.
    group : int
        Fish a point.
    fish_per_false_alarm : float
        Stated run length of all of the unit's charts together.

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
    w = np.ones(n) if weight is None else np.asarray(weight, np.float64)
    believed = p if true is None else np.eye(classes)[class_indices(true, classes, "true")]
    instrument = believed * w[:, None]
    called = np.eye(classes)[p.argmax(axis=1)] * w[:, None]
    if (called.sum(axis=0) <= 0).any() or (instrument.sum(axis=0) <= 0).any():
        raise ScoresError("probabilities", "a start period needs fish of every class, called and true")
    middle = called.T @ sure / called.sum(axis=0)
    raw = _statistics(p, middle)
    cross = instrument.T @ p
    level = np.linalg.solve(cross, instrument.T @ raw)
    residual = raw - p @ level
    spread = np.linalg.solve(cross, instrument.T @ residual**2)
    return Baseline(
        names=tuple(names),
        middle=middle,
        level=np.asarray(level, np.float64),
        spread=np.asarray(spread, np.float64),
        variance=np.asarray(w @ residual**2 / w.sum()),
        fish=n,
        group=group,
        limit=limit_for(fish_per_false_alarm / group * (classes + 1), start_groups=n / group),
    )


def limit_for(run_length: float, *, start_groups: float = np.inf) -> float:
    """Find the limit of a two-sided CUSUM of that run length, ``1/E[1/L]`` over what the start period may be off.

    A start period of m groups is off by ``N(0, 1/m)`` of a group's standard deviations [Jones2004]; with a limit for
    a known mean, charts would alarm far more often than stated.

    Parameters
    ----------
    run_length : float
        In groups.
    start_groups : float
        m.

    Examples
    --------
    >>> round(limit_for(465.4), 2), round(limit_for(465.4, start_groups=40), 2)
    (5.0, 6.12)
    """
    at, weight = np.polynomial.hermite_e.hermegauss(NODES)
    off, weight = at / np.sqrt(start_groups), weight / weight.sum()

    def away(limit: float) -> float:
        alarms = [1 / two_sided_run_length(SLACK, limit, shift=float(one)) for one in off[at >= 0]]
        halves = np.where(at > 0, 2.0, 1.0)[at >= 0] * weight[at >= 0]
        return float(np.log(halves @ np.array(alarms) * run_length))

    return float(brentq(away, *LIMITS, xtol=1e-4))


def _sureness(p: FloatArray) -> FloatArray:
    """Tell the log-odds of each fish's called class."""
    return np.asarray(np.clip(log_odds(p).max(axis=1), -SUREST, SUREST))


def _statistics(p: FloatArray, middle: FloatArray) -> FloatArray:
    called = p.argmax(axis=1)
    away = np.zeros((len(p), p.shape[1] + 1))
    away[:, -1] = away[np.arange(len(p)), called] = _sureness(p) - middle[called]
    return away


def begin(start: Baseline) -> Watch:
    """Begin to watch a unit.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> p = rng.beta(0.3, 0.3, 2000)
    >>> begin(baseline(np.stack([p, 1 - p], axis=1), ["milt", "roe"])).waiting.shape
    (0, 2)
    """
    return Watch(charts=charts.new(len(start.names) + 1), waiting=np.zeros((0, len(start.names))))


def points(start: Baseline, probabilities: FloatArray) -> FloatArray:
    """Tell groups' statistics, in standard deviations from the start period's.

    Parameters
    ----------
    start : Baseline
    probabilities : float64[G · group, K]

    Returns
    -------
    float64[G, F]
    """
    residual = _statistics(probabilities, start.middle) - probabilities @ start.level
    shape = (-1, start.group, residual.shape[1])
    mean = residual.reshape(shape).mean(axis=1)
    variance = (probabilities @ start.spread).reshape(shape).mean(axis=1)
    variance = np.maximum(variance, LEAST_VARIANCE * start.variance)
    return np.asarray(mean / np.sqrt(variance / start.group))


def watch(state: Watch, start: Baseline, probabilities: ArrayLike) -> tuple[Watch, list[Drift]]:
    """Go on with a unit's next fish.

    Parameters
    ----------
    state : Watch
    start : Baseline
    probabilities : float[n, K]
        Calibrated as those of the start period, in the order of the fish.

    Raises
    ------
    ScoresError
        As `events.log_odds`.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> two = lambda p: np.stack([p, 1 - p], axis=1)
    >>> start = baseline(two(rng.beta(0.3, 0.3, 20000)), ["milt", "roe"])
    >>> _, found = watch(begin(start), start, two(rng.beta(2.0, 2.0, 1000)))
    >>> sorted((one.called, one.side) for one in found)
    [('', -1), ('milt', -1), ('roe', -1)]
    """
    fish = np.concatenate(
        [state.waiting, np.asarray(probabilities, np.float64).reshape(-1, len(start.names))]
    )
    whole = len(fish) // start.group * start.group
    moved, alarms = charts.cusum(state.charts, points(start, fish[:whole]), limit=start.limit)
    found = [_drift(start, alarm) for alarm in alarms]
    return replace(state, charts=moved, waiting=fish[whole:]), found


def _drift(start: Baseline, alarm: charts.Alarm) -> Drift:
    of_group = float(np.sqrt(start.variance[alarm.chart] / start.group))
    return Drift(
        called=(*start.names, "")[alarm.chart],
        side=alarm.side,
        at_fish=(alarm.at + 1) * start.group - 1,
        began_fish=alarm.began * start.group,
        size=alarm.size * of_group,
        in_sd=alarm.size,
    )
