"""What a unit's past verifications tell of it, and how far that holds today.

Each session (a day with its coupling, gain, water, operator) has parameters of its own around the unit's:
``θ_t ~ N(θ, τ²D)``. τ is not known: it is weighed on a grid by how well it explains the sessions there are,
as in a random-effects meta-analysis [DerSimonian1986]. A session's likelihood is that of its fish given their
classes, with the scores' common density profiled out [Qin1997]; around the best common θ it is close to a
normal one, and all else is algebra.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import softmax

from analytics.fish.density_ratio import Gaussian, before_any_check, between_days, design
from analytics.fish.errors import ScoresError
from analytics.fish.prevalence import best
from analytics.fish.prevalence import softmax as _prevalences

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analytics.fish.events import Checks, FloatArray

# Standard deviation of a day's bias in log-odds, and what is held of it before any session was seen: assumed;
# the middle moves a recall of .90 to between .80 and .95.
SHIFT_SD = (0.0, 0.25, 0.5, 1.0, 2.0)
SHIFT_WEIGHT = (0.05, 0.2, 0.3, 0.3, 0.15)
# Root of a curve's mean squared slope, 1 where the unit is right; not taken to be less.
LEAST_STEEP = 0.25
# After so many days a verification counts half [Ibrahim2000]: assumed.
HALF_LIFE_D = 180.0
# What a verification of another session counts for, since days differ in more than the parameters: assumed.
ELSEWHERE = 0.3
STEPS = 40
# Twice the log-likelihood still to be gained.
ENOUGH = 1e-4
SHORTEST = 1e-3
PSEUDO = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Fish verified under the same circumstances.

    Attributes
    ----------
    checks : Checks
    age_d : float
        How long ago, in days.
    same_day : bool
        Whether the lot was sorted under these very circumstances.
    """

    checks: Checks
    age_d: float = 0.0
    same_day: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One explanation of the history.

    Attributes
    ----------
    weight : float
        Its posterior probability.
    shift_sd : float
        Standard deviation of a day's biases.
    curve : Gaussian
        What it says of the parameters in today's lot.
    doubts : bool
        Whether it takes verifications said to be of the lot's own day for another day's.
    """

    weight: float
    shift_sd: float
    curve: Gaussian
    doubts: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """What is held of a unit before a lot is seen.

    Attributes
    ----------
    classes : int
    cases : tuple[Case, ...]
        Explanations of its history; weights add up to 1.
    checks : Checks or None
        All fish of the history, for tests of fit.
    """

    classes: int
    cases: tuple[Case, ...]
    checks: Checks | None


@dataclass(frozen=True, slots=True)
class _Quadratic:
    """A log-likelihood around a point: slope and information there."""

    slope: FloatArray
    information: FloatArray

    def times(self, weight: float) -> _Quadratic:
        return _Quadratic(self.slope * weight, self.information * weight)


def learn(sessions: Sequence[Session], classes: int) -> Unit:
    """Learn from a unit's history what to hold of it today; once a day and unit, not for each lot.

    Parameters
    ----------
    sessions : sequence of Session
        May be empty: then only what is held of any unit.
    classes : int

    Raises
    ------
    ScoresError
        A session has another number of classes, or a negative age.

    Examples
    --------
    >>> from analytics.fish.events import checked
    >>> day = Session(checks=checked([[0.9, 0.1], [0.2, 0.8]], [0, 1]), age_d=3)
    >>> len(learn([day], 2).cases)
    5
    """
    for session in sessions:
        if session.checks.true.shape[1] != classes:
            raise ScoresError("sessions", f"one has {session.checks.true.shape[1]} classes, not {classes}")
        if not session.age_d >= 0:
            raise ScoresError("sessions", f"an age of {session.age_d} days")
    prior = before_any_check(classes)
    parts = [_Part(session, design(session.checks.scores)) for session in sessions]
    centre = _centre(parts, prior)
    steep, days = _steepness(centre, parts, classes), between_days(classes)
    quadratics = [part.around(centre)[1] for part in parts]
    same = [q for q, s in zip(quadratics, sessions, strict=True) if s.same_day]
    other = [q.times(ELSEWHERE) for q, s in zip(quadratics, sessions, strict=True) if not s.same_day]
    doubting = [q.times(ELSEWHERE) for q in quadratics]
    found = [
        (np.log(weight) + log_evidence, Case(weight=0.0, shift_sd=sd, curve=curve, doubts=doubts))
        for doubts, apart, today in [(False, other, same), *([(True, doubting, [])] if same else [])]
        for sd, weight in zip(SHIFT_SD, SHIFT_WEIGHT, strict=True)
        for log_evidence, curve in [_explain(centre, prior, (sd * steep) ** 2 * days, apart, today)]
    ]
    logs, cases = np.array([log for log, _ in found]), [case for _, case in found]
    weight = np.zeros(len(cases))
    for doubts in (False, True):
        # A past alone does not tell whether it is of the lot's session: each story starts even.
        story = np.array([case.doubts == doubts for case in cases])
        if story.any():
            weight[story] = softmax(logs[story])
    cases = list(_weighted(cases, weight))
    return Unit(classes=classes, cases=tuple(cases), checks=_all_checks(sessions))


def doubted(unit: Unit, doubt: float) -> Unit:
    """Change the prior probability that verifications said to be of the lot's own day are not.

    Parameters
    ----------
    unit : Unit
        As learnt, where it is one half.
    doubt : float, 0…1
    """
    if not any(case.doubts for case in unit.cases):
        return unit
    weight = np.array([case.weight * (doubt if case.doubts else 1 - doubt) for case in unit.cases])
    return replace(unit, cases=_weighted(unit.cases, weight))


def _weighted(cases: Sequence[Case], weight: FloatArray) -> tuple[Case, ...]:
    shares = (weight / weight.sum()).tolist()
    return tuple(replace(case, weight=share) for case, share in zip(cases, shares, strict=True))


class _Part:
    """One session's likelihood."""

    def __init__(self, session: Session, x: FloatArray) -> None:
        self.x = x
        self.true = session.checks.true * 0.5 ** (session.age_d / HALF_LIFE_D)
        self.fish = self.true.sum(axis=1)
        self.start = np.zeros((1, x.shape[1] - 1))

    def around(self, at: FloatArray) -> tuple[float, _Quadratic]:
        """Tell the log-likelihood at a point, its slope and information."""
        eta = self.x @ at
        top = eta.max(axis=1, keepdims=True)
        ratio = np.exp(eta - top).T[None]
        fit = best(ratio, self.fish, np.full(eta.shape[1], PSEUDO), self.start, 30)
        self.start = fit.at
        share = ratio[0] * _prevalences(fit.at)[0][:, None]
        share = (share / share.sum(axis=0)).T
        mean = (share[:, :, None] * self.x).sum(axis=1)
        apart = share[:, :, None] * (self.x - mean[:, None, :])
        slope = (self.true[:, :, None] * (self.x - mean[:, None, :])).sum(axis=(0, 1))
        within = np.tensordot(self.fish[:, None, None] * apart, self.x, axes=([0, 1], [0, 1]))
        across = np.tensordot(self.fish, apart, axes=1)[:-1]
        information = within + across.T @ np.linalg.solve(fit.information[0], across)
        value = float((self.true * (eta - top)).sum() - fit.value[0])
        return value, _Quadratic(slope, (information + information.T) / 2)


def _centre(parts: Sequence[_Part], prior: Gaussian) -> FloatArray:
    """Find the parameters that suit all sessions best if they share them."""
    precision = np.asarray(np.linalg.inv(prior.covariance), np.float64)
    at = prior.mean
    value, slope, information = _total(parts, at, prior.mean, precision)
    for _ in range(STEPS):
        step = np.linalg.solve(information, slope)
        if slope @ step < ENOUGH:
            break
        length = 1.0
        new = _total(parts, at + step, prior.mean, precision)
        while new[0] < value and length > SHORTEST:
            length /= 2
            new = _total(parts, at + length * step, prior.mean, precision)
        if new[0] < value:
            # Nothing higher in sight: what is left is rounding.
            break
        at = at + length * step
        value, slope, information = new
    return at


def _total(
    parts: Sequence[_Part], at: FloatArray, mean: FloatArray, precision: FloatArray
) -> tuple[float, FloatArray, FloatArray]:
    away = at - mean
    value, slope, information = -0.5 * float(away @ precision @ away), -precision @ away, precision.copy()
    for part in parts:
        one, quadratic = part.around(at)
        value += one
        slope = slope + quadratic.slope
        information = information + quadratic.information
    return value, slope, information


def _steepness(centre: FloatArray, parts: Sequence[_Part], classes: int) -> float:
    """Tell by how much more than the unit's own scores, which a day moves, the truth moves with them.

    That is the root of the curve's mean squared slope over the checked fish, 1 where the unit is right; each
    counts by how much it is in doubt.
    """
    if not parts:
        return 1.0
    x = np.concatenate([part.x for part in parts])
    fish = np.concatenate([part.fish for part in parts])
    share = softmax(x @ centre, axis=1)
    doubt = fish[:, None] * share * (1 - share) + np.finfo(float).tiny
    slope = centre[classes - 1] + centre[classes] / np.cosh(x[:, :, classes - 1] / 2) ** 2
    mean = float((doubt * slope**2).sum() / doubt.sum())
    return max(float(np.sqrt(mean)) * classes / (classes - 1), LEAST_STEEP)


def _explain(
    centre: FloatArray,
    prior: Gaussian,
    variance: FloatArray,
    apart: Sequence[_Quadratic],
    today: Sequence[_Quadratic],
) -> tuple[float, Gaussian]:
    """Tell one explanation's log-evidence and what it says of today's parameters.

    For a normal likelihood with slope g and information H around the centre and ``δ ~ N(0, V)``, marginally
    ``H' = (I + HV)⁻¹H``, ``g' = (I + HV)⁻¹g`` and the evidence is ``−½ log|I + HV| + ½ gᵀV(I + HV)⁻¹g``.
    """
    unit = np.eye(len(centre))
    precision = np.asarray(np.linalg.inv(prior.covariance), np.float64)
    linear = precision @ (prior.mean - centre)
    evidence = 0.0
    for one in apart:
        widened = unit + one.information @ variance
        slope = np.linalg.solve(widened, one.slope)
        evidence += 0.5 * float(one.slope @ variance @ slope) - 0.5 * _log_det(widened)
        precision = np.asarray(precision + np.linalg.solve(widened, one.information))
        linear = linear + slope
    away = np.linalg.solve(precision, linear)
    evidence += 0.5 * float(linear @ away) - 0.5 * _log_det(precision)
    covariance = np.linalg.inv(precision) + variance
    for one in today:
        widened = unit + one.information @ covariance
        slope = one.slope - one.information @ away
        gain = covariance @ np.linalg.solve(widened, slope)
        evidence += float(one.slope @ away - 0.5 * away @ one.information @ away)
        evidence += 0.5 * float(slope @ gain) - 0.5 * _log_det(widened)
        away = away + gain
        covariance = covariance @ np.linalg.inv(widened)
    return evidence, Gaussian(mean=centre + away, covariance=(covariance + covariance.T) / 2)


def _log_det(matrix: FloatArray) -> float:
    return float(np.linalg.slogdet(matrix)[1])


def _all_checks(sessions: Sequence[Session]) -> Checks | None:
    if not sessions:
        return None
    parts = [session.checks for session in sessions]
    return type(parts[0])(
        scores=np.concatenate([part.scores for part in parts]),
        true=np.concatenate([part.true for part in parts]),
        level=max(part.level for part in parts),
    )
