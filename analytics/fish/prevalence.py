"""The prevalences that fit a lot best, for many calibration curves at once.

Maximises ``Σ_b N_b log Σ_k λ_k r_k(b) + Σ_k a_k log λ_k`` over the simplex, as EMQ does [Saerens2002], by Newton steps in
``log λ_k − log λ_K`` that fall back to a step of expectation–maximisation where they do not rise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from analytics.fish.events import FloatArray

# A Newton step changes no log-ratio by more.
LONGEST_STEP = 3.0
RIDGE = 1e-6
LEAST = 1e-300


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """Best prevalences of each curve.

    Attributes
    ----------
    at : float64[M, K - 1]
        ``log λ_k − log λ_K``.
    information : float64[M, K - 1, K - 1]
        Curvature of the maximum in `at`.
    value : float64[M]
        ``Σ_b N_b log Σ_k λ_k r_k(b)`` there, without the pseudo-counts' part.
    """

    at: FloatArray
    information: FloatArray
    value: FloatArray


def softmax(at: FloatArray) -> FloatArray:
    """Turn ``log λ_k − log λ_K`` into λ.

    Examples
    --------
    >>> softmax(np.zeros((1, 1))).tolist()
    [[0.5, 0.5]]
    """
    full = np.concatenate([at, np.zeros((*at.shape[:-1], 1))], axis=-1)
    full -= full.max(axis=-1, keepdims=True)
    weight = np.exp(full)
    return np.asarray(weight / weight.sum(axis=-1, keepdims=True))


def log_mixture(ratio: FloatArray, fish: FloatArray, prevalence: FloatArray) -> FloatArray:
    """Compute ``Σ_b N_b log Σ_k λ_k r_k(b)``.

    Parameters
    ----------
    ratio : float64[M, K, B]
    fish : float64[B]
    prevalence : float64[M, K]

    Returns
    -------
    float64[M]
    """
    mixed = (prevalence[:, None, :] @ ratio)[:, 0, :]
    return np.asarray(np.log(np.maximum(mixed, LEAST)) @ fish)


def best(ratio: FloatArray, fish: FloatArray, pseudo: FloatArray, start: FloatArray, steps: int) -> Fit:
    """Find the best prevalences.

    Parameters
    ----------
    ratio : float64[M, K, B]
        r_k(b), up to a factor common to all classes of a cell.
    fish : float64[B]
    pseudo : float64[K], positive
        Fish known to be of each class, beside those counted.
    start : float64[M, K - 1]
    steps : int

    Examples
    --------
    >>> ratio = np.array([[[9.0, 1.0], [1.0, 9.0]]])
    >>> fit = best(ratio, np.array([30.0, 10.0]), np.full(2, 1e-9), np.zeros((1, 1)), 20)
    >>> softmax(fit.at).round(4).tolist()  # (0.75 - 0.1) / (0.9 - 0.1)
    [[0.8125, 0.1875]]
    """
    at, reached = start, np.full(len(start), -np.inf)
    safe = start
    for _ in range(steps):
        share, value, goal = _evaluate(ratio, fish, pseudo, at)
        lower = goal < reached
        if lower.any():
            at = np.where(lower[:, None], safe, at)
            share, value, goal = _evaluate(ratio, fish, pseudo, at)
        reached = goal
        gradient, information, safe = _slopes(share, fish, pseudo, softmax(at))
        step = np.linalg.solve(information, gradient[:, :, None])[:, :, 0]
        longest = np.abs(step).max(axis=1, keepdims=True)
        at = at + step * np.minimum(1.0, LONGEST_STEP / np.maximum(longest, LEAST))
    at = np.where((_evaluate(ratio, fish, pseudo, at)[2] < reached)[:, None], safe, at)
    share, value, _ = _evaluate(ratio, fish, pseudo, at)
    return Fit(at=at, information=_slopes(share, fish, pseudo, softmax(at))[1], value=value)


def _evaluate(
    ratio: FloatArray, fish: FloatArray, pseudo: FloatArray, at: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Tell each cell's shares by class, the likelihood, and that with pseudo-counts."""
    prevalence = softmax(at)
    share = ratio * prevalence[:, :, None]
    mixed = np.maximum(share.sum(axis=1), LEAST)
    share /= mixed[:, None, :]
    value = np.log(mixed) @ fish
    return share, value, value + np.log(np.maximum(prevalence, LEAST)) @ pseudo


def _slopes(
    share: FloatArray, fish: FloatArray, pseudo: FloatArray, prevalence: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Tell the gradient, the information and where a step of expectation–maximisation would lead."""
    expected = share @ fish + pseudo
    gradient = (expected - expected.sum(axis=1, keepdims=True) * prevalence)[:, :-1]
    apart = share[:, :-1] - prevalence[:, :-1, None]
    level = prevalence[:, :-1]
    own = level[:, :, None] * (np.eye(level.shape[1]) - level[:, None, :])
    information = (apart * fish) @ apart.transpose(0, 2, 1) + pseudo.sum() * own
    information += RIDGE * np.eye(level.shape[1])
    logs = np.log(np.maximum(expected, LEAST))
    return gradient, information, logs[:, :-1] - logs[:, -1:]
