"""What lots are told by today, beside which `composition` is shown: counts, Rogan–Gladen and EMQ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analytics.fish.errors import ScoresError
from analytics.fish.proportions import LEVEL, normal_quantile, wilson

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from analytics.fish.events import FloatArray

Z = normal_quantile(LEVEL)
EMQ_STEPS = 1000
EMQ_CLOSE = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """Shares and their 95 % interval, float64[K] each; NaN where a method has none."""

    share: FloatArray
    low: FloatArray
    high: FloatArray


def plain(predicted: ArrayLike) -> Estimate:
    """Count the unit's own verdicts.

    Parameters
    ----------
    predicted : float[K]
        Fish by the unit's class.

    Examples
    --------
    >>> plain([3, 1]).share.tolist()
    [0.75, 0.25]
    """
    counts = _counts(predicted)
    share = counts / counts.sum()
    low, high = wilson(share, counts.sum())
    return Estimate(share=share, low=low, high=high)


def rogan_gladen(predicted: ArrayLike, confusion: ArrayLike) -> Estimate:
    """Undo the mean confusion, ``π = Θ⁻ᵀq`` [Rogan1978], with intervals by the delta method.

    Var π = A (Var q + Σ_k π_k² Var Θ_k) Aᵀ with A = Θ⁻ᵀ; shares below zero are cut off and the rest scaled.

    Parameters
    ----------
    predicted : float[K]
    confusion : float[K, K]
        Verified fish by true class (rows) and the unit's class.

    Examples
    --------
    >>> rogan_gladen([60, 40], [[90, 10], [20, 80]]).share.round(2).tolist()
    [0.57, 0.43]
    """
    counts = _counts(predicted)
    seen = np.asarray(confusion, np.float64)
    rows = np.maximum(seen.sum(axis=1), 1.0)
    theta = np.where(seen.sum(axis=1)[:, None] > 0, seen / rows[:, None], 1.0 / len(seen))
    inverse = np.linalg.pinv(theta.T)
    q = counts / counts.sum()
    share = inverse @ q
    variance = (np.diag(q) - np.outer(q, q)) / counts.sum()
    for level, row, fish in zip(share, theta, rows, strict=True):
        variance = variance + level**2 * (np.diag(row) - np.outer(row, row)) / fish
    half = Z * np.sqrt(np.maximum(np.diag(inverse @ variance @ inverse.T), 0.0))
    low, high = np.clip(share - half, 0, 1), np.clip(share + half, 0, 1)
    share = np.maximum(share, 0.0)
    return Estimate(share=share / share.sum(), low=low, high=high)


def emq(probabilities: FloatArray, prior: FloatArray, fish: FloatArray | None = None) -> Estimate:
    """Fit prevalences by expectation–maximisation, ``π ← mean(p·π/π₀)`` [Saerens2002].

    The interval is that of the likelihood's curvature and of drawing the lot's fish; it knows nothing of
    errors of the probabilities themselves.

    Parameters
    ----------
    probabilities : float64[n, K]
        Calibrated under the prevalences `prior`.
    prior : float64[K]
    fish : float64[n], optional
        How many fish each row stands for.

    Examples
    --------
    >>> emq(np.array([[0.9, 0.1], [0.9, 0.1], [0.1, 0.9]]), np.full(2, 0.5)).share.round(3).tolist()
    [0.708, 0.292]
    """
    weight = np.ones(len(probabilities)) if fish is None else fish
    ratio = probabilities / prior
    share = np.asarray(prior, np.float64)
    for _ in range(EMQ_STEPS):
        member = ratio * share
        member /= member.sum(axis=1, keepdims=True)
        new = weight @ member / weight.sum()
        moved = np.abs(new - share).max()
        share = new
        if moved < EMQ_CLOSE:
            break
    half = Z * np.sqrt(np.maximum(_emq_variance(member, share, weight), 0.0))
    return Estimate(share=share, low=np.clip(share - half, 0, 1), high=np.clip(share + half, 0, 1))


def _emq_variance(member: FloatArray, share: FloatArray, weight: FloatArray) -> FloatArray:
    """Tell the variance of realised shares: of the prevalences, by the information of the contrasts."""
    ratio = member / np.maximum(share, 1e-9)
    contrast = ratio[:, :-1] - ratio[:, -1:]
    covariance = np.linalg.pinv((contrast * weight[:, None]).T @ contrast)
    full = np.concatenate([np.eye(len(share) - 1), -np.ones((1, len(share) - 1))])
    return np.asarray(np.diag(full @ covariance @ full.T))


def _counts(predicted: ArrayLike) -> FloatArray:
    counts = np.asarray(predicted, np.float64)
    if counts.ndim != 1 or not (counts >= 0).all() or not counts.sum() > 0:
        raise ScoresError("predicted", "must be counts of at least one fish")
    return counts
