"""Draws of a lot's prevalences and the unit's parameters of today, by adaptive importance sampling.

For unchecked fish N_b, checked fish h_kb (all of the lot), prevalences π and parameters θ (`density_ratio`)::

    log p(π, θ | lot) = Σ_b N_b log Σ_k π_k r_kb + Σ_kb h_kb log(π_k r_kb)
                        − log ∫ Π_b (Σ_k λ_k r_kb)^(N_b + Σ_k h_kb) dp(λ)  +  log p(π) + log p(θ)

By the last but two the scores alone teach θ nothing, as their density is not known: given θ they tell π, and
checks tell both [Plummer2015]. As checks are weighed given the scores, fish to be checked may be chosen by
them. p(π) is uniform. θ is proposed from the history, and where checks say otherwise from a t distribution
around its mean so far; for each θ a few π from a t around the best ones, by which the integral is taken too
[Cappe2004].
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import logsumexp

from analytics.fish.density_ratio import design
from analytics.fish.prevalence import LEAST, best, softmax

if TYPE_CHECKING:
    from analytics.fish.events import FloatArray
    from analytics.fish.history import Case, Unit

# Degrees of freedom of the proposals: tails heavier than the target's.
TAIL = 5.0
ROUGH = 200
FINE = 400
# Draws where checks have moved the parameters.
AROUND = 500
# Prevalences for each.
EACH = 8
# Fewer effective draws call for a last, longer round.
ENOUGH_DRAWS = 100.0
MORE = 1000
ROUNDS = 4
# A round's weights are flattened until so large a part of its draws counts.
KEPT = 0.2
NEWTON_STEPS = 12
# Prevalences are proposed around a point so near the best, in log-ratios.
NEAR = 0.1
WIDENED = 1.2
# So good a first round needs no second kind of proposal.
GOOD = 0.3
HEARD = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Draws:
    """Weighted draws.

    Attributes
    ----------
    prevalence : float64[M, K]
    ratio : float64[M, K, B]
        r_kb of the cells given, each cell's largest 1.
    weight : float64[M]
        Adds up to 1.
    case : float64[J]
        Posterior probability of each explanation of the unit's history.
    ess : float
        Effective sample size.
    """

    prevalence: FloatArray
    ratio: FloatArray
    weight: FloatArray
    case: FloatArray
    ess: float


class _Lot:
    """What stays the same from round to round."""

    def __init__(self, scores: FloatArray, fish: FloatArray, true: FloatArray, unit: Unit) -> None:
        self.x, self.fish, self.true = design(scores), fish, true
        self.cells, self.classes, self.size = self.x.shape
        self.known = true.sum(axis=0) + 1.0
        self.checked = bool(true.any())
        self.all = fish + true.sum(axis=1)
        self.cases = [_Normal(case) for case in unit.cases]
        self.log_weight = np.log(np.array([case.weight for case in unit.cases]) + 1e-300)
        middle = np.tensordot(
            [case.weight for case in unit.cases], [c.curve.mean for c in unit.cases], axes=1
        )
        ratio = self.ratios(np.asarray(middle)[None])[1]
        start = np.zeros((1, self.classes - 1))
        self.start = best(ratio, self.all, np.ones(self.classes), start, 30).at

    def ratios(self, theta: FloatArray) -> tuple[FloatArray, FloatArray]:
        eta = (theta @ self.x.reshape(-1, self.size).T).reshape(len(theta), self.cells, self.classes)
        eta = np.ascontiguousarray(eta.transpose(0, 2, 1))
        eta -= eta.max(axis=1, keepdims=True)
        return eta, np.exp(eta)

    def log_prior(self, theta: FloatArray) -> FloatArray:
        """Tell each case's part of the log prior density, float64[J, M]."""
        return np.stack(
            [w + case.log_density(theta) for w, case in zip(self.log_weight, self.cases, strict=True)]
        )


class _Normal:
    def __init__(self, case: Case) -> None:
        self.mean = case.curve.mean
        self.root = np.linalg.cholesky(case.curve.covariance)
        self.inverse = np.linalg.inv(self.root)
        self.log_root = np.log(np.diag(self.root)).sum()

    def log_density(self, theta: FloatArray) -> FloatArray:
        """Up to the constant that all cases share."""
        away = (theta - self.mean) @ self.inverse.T
        return np.asarray(-0.5 * (away**2).sum(axis=1) - self.log_root)


def draw(
    scores: FloatArray, fish: FloatArray, true: FloatArray, unit: Unit, rng: np.random.Generator
) -> Draws:
    """Draw prevalences and parameters.

    Parameters
    ----------
    scores : float64[B, K]
        Log-odds of the cells of unchecked and checked fish.
    fish : float64[B]
        Unchecked fish.
    true : float64[B, K]
        Checked fish by true class.
    unit : Unit
    rng : numpy.random.Generator
    """
    lot = _Lot(scores, fish, true, unit)
    if not lot.checked:
        return _first(lot, unit, FINE, rng)[0]
    draws, log_weight, theta = _first(lot, unit, ROUGH, rng)
    if draws.ess > GOOD * ROUGH:
        return _first(lot, unit, FINE, rng)[0]
    for round_ in range(ROUNDS):
        flat = _flattening(log_weight)
        last = flat == 1.0 or round_ == ROUNDS - 1
        weight = np.exp(flat * (log_weight - log_weight.max()))
        theta, log_proposal = _around(theta, weight / weight.sum(), AROUND if last else ROUGH, rng)
        draws, log_weight = _weigh(lot, theta, log_proposal, rng)
        if last:
            break
    if draws.ess < ENOUGH_DRAWS:
        theta, log_proposal = _around(theta, draws.weight, MORE, rng)
        draws = max(draws, _weigh(lot, theta, log_proposal, rng)[0], key=lambda each: each.ess)
    return draws


def _first(
    lot: _Lot, unit: Unit, count: int, rng: np.random.Generator
) -> tuple[Draws, FloatArray, FloatArray]:
    """Propose from the history's own explanations, each often enough to be heard."""
    weight = np.array([case.weight for case in unit.cases])
    share = (1 - HEARD) * weight + HEARD / len(weight)
    places = (rng.random() + np.arange(count)) / count
    which = np.searchsorted(np.cumsum(share), places).clip(0, len(weight) - 1)
    normal = rng.standard_normal((count, lot.size))
    roots = np.stack([case.root for case in lot.cases])
    means = np.stack([case.mean for case in lot.cases])
    theta = means[which] + (roots[which] @ normal[:, :, None])[:, :, 0]
    parts = lot.log_prior(theta) - lot.log_weight[:, None] + np.log(share)[:, None]
    draws, log_weight = _weigh(lot, theta, np.asarray(logsumexp(parts, axis=0)), rng)
    return draws, log_weight, theta


def _around(
    theta: FloatArray, weight: FloatArray, count: int, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """Propose around the weighted draws so far."""
    mean = weight @ theta
    away = theta - mean
    covariance = WIDENED * (away * weight[:, None]).T @ away
    covariance += 1e-6 * np.diag(np.diag(covariance) + 1e-9)
    root = np.linalg.cholesky(covariance)
    deviate, log_density = _t(count, len(mean), rng)
    return mean + deviate @ root.T, log_density


def _t(count: int, size: int, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    normal = rng.standard_normal((count, size))
    scale = rng.chisquare(TAIL, count) / TAIL
    distance = (normal**2).sum(axis=1) / scale
    return normal / np.sqrt(scale)[:, None], -(TAIL + size) / 2 * np.log1p(distance / TAIL)


def _weigh(
    lot: _Lot, theta: FloatArray, log_proposal: FloatArray, rng: np.random.Generator
) -> tuple[Draws, FloatArray]:
    """Weigh parameters, and draw one prevalence for each."""
    eta, ratio = lot.ratios(theta)
    at, log_density = _propose(lot, ratio, rng)
    prevalence = softmax(at)
    log_prevalence = np.log(np.maximum(prevalence, LEAST))
    mixed = np.log(np.maximum(prevalence @ ratio, LEAST))
    # The uniform prior's density in log-ratios is the product of the prevalences.
    by_scores = mixed @ lot.all + log_prevalence.sum(axis=2) - log_density
    by_checks = by_scores
    if lot.checked:
        named = eta.reshape(len(theta), -1) @ lot.true.T.ravel()
        by_checks = by_scores + log_prevalence @ lot.true.sum(axis=0) - mixed @ lot.true.sum(axis=1)
        by_checks = by_checks + named[:, None]
    cases = lot.log_prior(theta)
    prior = logsumexp(cases, axis=0)
    log_weight = logsumexp(by_checks, axis=1) - logsumexp(by_scores, axis=1) + prior - log_proposal
    weight = np.exp(log_weight - log_weight.max())
    weight /= weight.sum()
    # The largest of log-probability and Gumbel noise is a draw by those probabilities.
    picked = (by_checks + rng.gumbel(size=by_checks.shape)).argmax(axis=1)
    return Draws(
        prevalence=prevalence[np.arange(len(theta)), picked],
        ratio=ratio,
        weight=weight,
        case=np.exp(cases - prior) @ weight,
        ess=float(1.0 / (weight**2).sum()),
    ), log_weight


def _propose(lot: _Lot, ratio: FloatArray, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """Draw prevalences around the best ones given scores, and around those given checks too.

    Returns
    -------
    at : float64[M, J, K - 1]
    log_density : float64[M, J]
    """
    count, size = len(ratio), lot.classes - 1
    start = np.repeat(lot.start, count, 0)
    fits = [best(ratio, lot.all, np.ones(lot.classes), start, NEWTON_STEPS, close=NEAR)]
    if lot.checked:
        fits.append(best(ratio, lot.fish, lot.known, fits[0].at, NEWTON_STEPS, close=NEAR))
    roots = [np.linalg.cholesky(fit.information) for fit in fits]
    drawn = []
    for fit, root in zip(fits, roots, strict=True):
        deviate = _t(count * EACH // len(fits), size, rng)[0].reshape(count, -1, size)
        away = np.linalg.solve(root.transpose(0, 2, 1), deviate.transpose(0, 2, 1))
        drawn.append(fit.at[:, None] + away.transpose(0, 2, 1))
    at = np.concatenate(drawn, axis=1)
    logs = []
    for fit, root in zip(fits, roots, strict=True):
        distance = (((at - fit.at[:, None]) @ root) ** 2).sum(axis=2)
        log_root = np.log(np.diagonal(root, axis1=1, axis2=2)).sum(axis=1)
        logs.append(log_root[:, None] - (TAIL + size) / 2 * np.log1p(distance / TAIL))
    return at, np.asarray(logsumexp(logs, axis=0))


def _flattening(log_weight: FloatArray) -> float:
    """Tell the largest power of the weights, at most 1, at which enough draws count."""
    centred = log_weight - log_weight.max()
    for power in (1.0, 0.7, 0.5, 0.3, 0.2, 0.1, 0.05, 0.02, 0.01):
        weight = np.exp(power * centred)
        if weight.sum() ** 2 >= KEPT * len(weight) * (weight**2).sum():
            return power
    return power
