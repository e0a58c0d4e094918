"""The prevalences that fit a lot best, for many calibration curves at once.

Maximises ``Σ_b N_b log Σ_k λ_k r_k(b) + Σ_k a_k log λ_k`` over the simplex, as EMQ does [Saerens2002], by
Newton steps in ``log λ_k − log λ_K`` that fall back to a step of expectation–maximisation where they do not
rise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from analytics.fish.events import FloatArray

# A Newton step changes no log-ratio by more.
LONGEST_STEP = 3.0
CLOSE = 1e-5
# What rounding makes of a log-likelihood.
NOISE = 1e-8
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


def best(
    ratio: FloatArray,
    fish: FloatArray,
    pseudo: FloatArray,
    start: FloatArray,
    steps: int,
    *,
    close: float = CLOSE,
) -> Fit:
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
    close : float
        A shorter step ends it.

    Examples
    --------
    >>> ratio = np.array([[[9.0, 1.0], [1.0, 9.0]]])
    >>> fit = best(ratio, np.array([30.0, 10.0]), np.full(2, 1e-9), np.zeros((1, 1)), 20)
    >>> softmax(fit.at).round(4).tolist()  # (0.75 - 0.1) / (0.9 - 0.1)
    [[0.8125, 0.1875]]
    """
    at, active = start.copy(), np.arange(len(start))
    safe, reached = start, np.full(len(start), -np.inf)
    information, value = np.empty((*start.shape, start.shape[1])), np.empty(len(start))
    for left in range(steps, -1, -1):
        here = ratio if len(active) == len(ratio) else ratio[active]
        now, risen = _rise(here, fish, pseudo, at[active], (safe, reached))
        gradient, curvature, safe = _slopes(now, fish, pseudo)
        at[active], information[active], value[active] = risen, curvature, now.value
        step = np.linalg.solve(curvature, gradient[:, :, None])[:, :, 0]
        longest = np.abs(step).max(axis=1, keepdims=True)
        going = longest[:, 0] >= close
        if not left or not going.any():
            break
        step *= np.minimum(1.0, LONGEST_STEP / np.maximum(longest, LEAST))
        active, safe, reached = active[going], safe[going], now.goal[going]
        at[active] += step[going]
    return Fit(at=at, information=information, value=value)


class _State(NamedTuple):
    """Prevalences, each cell's shares by class, the likelihood, and that with pseudo-counts."""

    prevalence: FloatArray
    share: FloatArray
    value: FloatArray
    goal: FloatArray


def _rise(
    ratio: FloatArray,
    fish: FloatArray,
    pseudo: FloatArray,
    at: FloatArray,
    last: tuple[FloatArray, FloatArray],
) -> tuple[_State, FloatArray]:
    """Evaluate where a step led, or where the last safe one leads if it did not rise."""
    safe, reached = last
    now = _evaluate(ratio, fish, pseudo, at)
    lower = np.flatnonzero(now.goal < reached - NOISE)
    if not len(lower):
        return now, at
    at = at.copy()
    at[lower] = safe[lower]
    again = _evaluate(ratio[lower], fish, pseudo, at[lower])
    for old, new in zip(now, again, strict=True):
        old[lower] = new
    return now, at


def _evaluate(ratio: FloatArray, fish: FloatArray, pseudo: FloatArray, at: FloatArray) -> _State:
    prevalence = softmax(at)
    mixed = np.maximum((prevalence[:, None, :] @ ratio)[:, 0, :], LEAST)
    share = ratio * prevalence[:, :, None]
    share /= mixed[:, None, :]
    value = np.log(mixed) @ fish
    return _State(prevalence, share, value, value + np.log(np.maximum(prevalence, LEAST)) @ pseudo)


def _slopes(now: _State, fish: FloatArray, pseudo: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Tell the gradient, the information and where a step of expectation–maximisation would lead."""
    expected = now.share @ fish + pseudo
    level = now.prevalence[:, :-1]
    gradient = expected[:, :-1] - expected.sum(axis=1, keepdims=True) * level
    apart = now.share[:, :-1] - level[:, :, None]
    own = level[:, :, None] * (np.eye(level.shape[1]) - level[:, None, :])
    information = (apart * fish) @ apart.transpose(0, 2, 1) + pseudo.sum() * own
    information += RIDGE * np.eye(level.shape[1])
    logs = np.log(np.maximum(expected, LEAST))
    return gradient, information, logs[:, :-1] - logs[:, -1:]
