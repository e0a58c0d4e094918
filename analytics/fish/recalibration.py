"""The two maps from a unit's probabilities to better ones, and how they are fitted.

- BCTS: ``softmax(a·log p + c)``, one temperature and a bias a class [Alexandari2020].
- Isotonic: each class's probability through a rising curve [Zadrozny2002], then made to add up to one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import isotonic_regression
from scipy.special import log_softmax, softmax

from analytics.fish.events import LEAST_PROBABILITY

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from analytics.fish.events import FloatArray

STEPS = 100
SMALL_STEP = 1e-10
# Standard deviations of the log of the temperature's inverse and of biases around "as it is": assumed, wide;
# they keep the fit finite where every checked fish was called right.
SLOPE_SD = 2.0
BIAS_SD = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Bcts:
    """``softmax(slope·log p + bias)``.

    Attributes
    ----------
    slope : float
        One over the temperature.
    bias : tuple[float, …]
        One a class, the last 0.
    """

    slope: float
    bias: tuple[float, ...]

    def apply(self, p: FloatArray) -> FloatArray:
        """Map probabilities, float64[n, K]."""
        logs = np.log(np.maximum(p, LEAST_PROBABILITY))
        return np.asarray(softmax(self.slope * logs + np.asarray(self.bias), axis=1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Isotonic:
    """A rising curve a class, by its corners; between them it is straight.

    Attributes
    ----------
    said, found : tuple[tuple[float, …], …]
        One curve a class, or only the second class's where there are two.
    least : float
        No probability is mapped nearer to 0 or 1.
    """

    said: tuple[tuple[float, ...], ...]
    found: tuple[tuple[float, ...], ...]
    least: float

    def apply(self, p: FloatArray) -> FloatArray:
        """Map probabilities, float64[n, K]."""
        curves = list(zip(self.said, self.found, strict=True))
        if len(curves) == 1:
            second = np.clip(np.interp(p[:, 1], *curves[0]), self.least, 1 - self.least)
            return np.stack([1 - second, second], axis=1)
        mapped = np.stack([np.interp(p[:, k], *one) for k, one in enumerate(curves)], axis=1)
        mapped = np.clip(mapped, self.least, 1 - self.least)
        return np.asarray(mapped / mapped.sum(axis=1, keepdims=True))


def fit_bcts(p: FloatArray, true: NDArray[np.int64], weight: FloatArray) -> Bcts:
    """Fit temperature and biases: Newton's steps on the log-loss, which has one minimum.

    Parameters
    ----------
    p : float64[n, K]
    true : int64[n]
    weight : float64[n]
        Adding up to the number of fish that they are worth.

    Examples
    --------
    >>> p = np.array([[0.9, 0.1]] * 50 + [[0.1, 0.9]] * 50)
    >>> fitted = fit_bcts(p, np.array([0] * 40 + [1] * 50 + [0] * 10), np.full(100, 1.0))
    >>> fitted.apply(p)[[0, -1], 0].round(2).tolist()
    [0.8, 0.2]
    """
    n, classes = p.shape
    logs = np.log(np.maximum(p, LEAST_PROBABILITY))
    x = np.zeros((n, classes, classes))
    x[:, np.arange(classes - 1), np.arange(classes - 1)] = 1.0
    x[:, :, -1] = logs
    start = np.zeros(classes)
    start[-1] = 1.0
    hold = np.append(np.full(classes - 1, BIAS_SD**-2), SLOPE_SD**-2)
    at = start
    goal, gradient, curvature = _bcts_goal(x, true, weight, at, start=start, hold=hold)
    for _ in range(STEPS):
        step = np.linalg.solve(curvature, gradient)
        while (found := _bcts_goal(x, true, weight, at - step, start=start, hold=hold))[0] > goal and np.abs(
            step
        ).max() > SMALL_STEP:
            step = step / 2
        at, (goal, gradient, curvature) = at - step, found
        if np.abs(step).max() <= SMALL_STEP:
            break
    return Bcts(slope=float(at[-1]), bias=(*(float(one) for one in at[:-1]), 0.0))


def _bcts_goal(
    x: FloatArray,
    true: NDArray[np.int64],
    weight: FloatArray,
    at: FloatArray,
    *,
    start: FloatArray,
    hold: FloatArray,
) -> tuple[float, FloatArray, FloatArray]:
    """Tell the weighted log-loss with its hold on the parameters, its slope and its curvature."""
    logs = log_softmax(x @ at, axis=1)
    share = np.exp(logs)
    each = np.arange(len(x))
    mean = np.einsum("nk,nkp->np", share, x)
    away = at - start
    goal = -weight @ logs[each, true] + 0.5 * hold @ away**2
    gradient = weight @ (mean - x[each, true]) + hold * away
    second = (
        np.einsum("n,nk,nkp,nkq->pq", weight, share, x, x, optimize=True) - (mean * weight[:, None]).T @ mean
    )
    return float(goal), np.asarray(gradient), np.asarray(second + np.diag(hold))


def fit_isotonic(p: FloatArray, true: NDArray[np.int64], weight: FloatArray) -> Isotonic:
    """Fit rising curves by pooling what falls; one class against all others.

    Parameters
    ----------
    p : float64[n, K]
    true : int64[n]
    weight : float64[n]
        Adding up to the number of fish that they are worth: a curve comes no nearer to 0 than half a fish of
        them.

    Examples
    --------
    >>> p = np.array([[0.9, 0.1], [0.6, 0.4], [0.3, 0.7]])
    >>> fit_isotonic(p, np.array([0, 1, 1]), np.ones(3)).found
    ((0.0, 1.0, 1.0),)
    """
    which = [1] if p.shape[1] == 2 else range(p.shape[1])  # noqa: PLR2004
    curves = [rising(p[:, k], (true == k).astype(np.float64), weight) for k in which]
    return Isotonic(
        said=tuple(tuple(said.tolist()) for said, _ in curves),
        found=tuple(tuple(found.tolist()) for _, found in curves),
        least=float(0.5 / (weight.sum() + 1.0)),
    )


def rising(p: FloatArray, is_so: FloatArray, weight: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Fit one rising curve, given by its corners.

    Examples
    --------
    >>> said, found = rising(np.array([0.1, 0.2, 0.3]), np.array([0.0, 1.0, 0.0]), np.ones(3))
    >>> found.tolist()
    [0.0, 0.5, 0.5]
    """
    said, place = np.unique(p, return_inverse=True)
    total = np.bincount(place, weight)
    mean = np.bincount(place, weight * is_so) / total
    found = np.asarray(isotonic_regression(mean, weights=total).x)
    inner = np.zeros(len(said), bool)
    inner[1:-1] = (found[1:-1] == found[:-2]) & (found[1:-1] == found[2:])
    return said[~inner], found[~inner]
