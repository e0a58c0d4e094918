"""How far a unit's probabilities mean what they say.

Scores are means over checked fish, each of which stands for as many as its weight says (one over its chance
of having been chosen).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analytics.fish.confusion import class_indices
from analytics.fish.errors import ScoresError
from analytics.fish.events import LEAST_PROBABILITY
from analytics.fish.proportions import LEVEL, kish, wilson

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from analytics.fish.events import FloatArray

BINS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Brier:
    """Brier's score and its parts, ``score = reliability − resolution + uncertainty + within`` [Murphy1973].

    Attributes
    ----------
    score : float
        Mean over fish of ``Σ_k (p_k − 1[true = k])²`` [Brier1950]: 0 is best.
    reliability, resolution, uncertainty : float
        Summed over classes, from as many bins a class as `BINS`.
    within : float
        What the spread of probabilities inside the bins adds [Stephenson2008].
    """

    score: float
    reliability: float
    resolution: float
    uncertainty: float
    within: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """How often a class was true at each probability it was given.

    Attributes
    ----------
    said, found, low, high : float64[B]
        Mean probability in each bin, the share of its fish truly of the class, and that share's interval.
    fish : float64[B]
        Effective number of checked fish in each bin.
    share : float64[B]
        Of all fish.
    """

    said: FloatArray
    found: FloatArray
    low: FloatArray
    high: FloatArray
    fish: FloatArray
    share: FloatArray


def log_loss(probabilities: ArrayLike, true: ArrayLike, *, weight: ArrayLike | None = None) -> float:
    """Tell the mean of ``−log p`` of the true class.

    Parameters
    ----------
    probabilities : float[n, K]
    true : int[n]
    weight : float[n], optional

    Raises
    ------
    ScoresError
        Shapes that do not fit, classes that do not exist, weights below 0.

    Examples
    --------
    >>> round(log_loss([[0.9, 0.1], [0.2, 0.8]], [0, 1]), 4)
    0.1643
    """
    p, k, w = fish_of(probabilities, true, weight)
    return float(w @ losses(p, k))


def losses(p: FloatArray, true: NDArray[np.int64]) -> FloatArray:
    """Tell each fish's ``−log p`` of its true class, float64[n].

    Examples
    --------
    >>> losses(np.array([[0.5, 0.5]]), np.array([0])).round(4).tolist()
    [0.6931]
    """
    return -np.log(np.maximum(p[np.arange(len(p)), true], LEAST_PROBABILITY))


def fish_of(
    probabilities: ArrayLike, true: ArrayLike, weight: ArrayLike | None
) -> tuple[FloatArray, NDArray[np.int64], FloatArray]:
    """Check what is told of the checked fish, and make their weights shares.

    Raises
    ------
    ScoresError
        As `log_loss`.

    Examples
    --------
    >>> fish_of([[0.9, 0.1], [0.2, 0.8]], [0, 1], None)[2].tolist()
    [0.5, 0.5]
    """
    p = np.asarray(probabilities, np.float64)
    if p.ndim != 2 or not len(p) or not (np.isfinite(p).all() and (p >= 0).all()):  # noqa: PLR2004
        raise ScoresError(
            "probabilities", f"need numbers from 0 to 1 of [fish ≥ 1, classes], not {list(p.shape)}"
        )
    k = class_indices(true, p.shape[1], "true").astype(np.int64)
    w = np.ones(len(p)) if weight is None else np.asarray(weight, np.float64)
    if k.shape != (len(p),) or w.shape != (len(p),):
        raise ScoresError("true", f"{len(k)} classes and {len(w)} weights for {len(p)} fish")
    if not (w >= 0).all() or not w.sum() > 0:
        raise ScoresError("weight", "must not be below 0, nor all be 0")
    return p, k, w / w.sum()


def brier(
    probabilities: ArrayLike, true: ArrayLike, *, weight: ArrayLike | None = None, bins: int = BINS
) -> Brier:
    """Score probabilities by their squared distance from what was true.

    Raises
    ------
    ScoresError
        As `log_loss`.

    Examples
    --------
    >>> round(brier([[0.9, 0.1], [0.2, 0.8]], [0, 1]).score, 4)
    0.05
    """
    p, k, w = fish_of(probabilities, true, weight)
    parts = np.zeros(4)
    for each in range(p.shape[1]):
        parts += _brier_of(p[:, each], (k == each).astype(np.float64), w, bins)
    score, reliability, resolution, uncertainty = (float(part) for part in parts)
    within = score - (reliability - resolution + uncertainty)
    return Brier(
        score=score, reliability=reliability, resolution=resolution, uncertainty=uncertainty, within=within
    )


def _brier_of(p: FloatArray, is_so: FloatArray, w: FloatArray, bins: int) -> FloatArray:
    share, said, found, _ = _binned(p, is_so, w, bins)
    base = float(w @ is_so)
    return np.array(
        [w @ (p - is_so) ** 2, share @ (said - found) ** 2, share @ (found - base) ** 2, base * (1 - base)]
    )


def _binned(
    p: FloatArray, is_so: FloatArray, w: FloatArray, bins: int
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Tell the share, mean probability, share found and effective fish of each bin that holds any."""
    which = np.minimum((p * bins).astype(np.int64), bins - 1)
    share = np.bincount(which, w, bins)
    used = share > 0
    share = share[used]
    said, found = (
        np.bincount(which, w * p, bins)[used] / share,
        np.bincount(which, w * is_so, bins)[used] / share,
    )
    return np.asarray(share, np.float64), said, found, share**2 / np.bincount(which, w**2, bins)[used]


def curve(
    probabilities: ArrayLike,
    true: ArrayLike,
    of: int,
    *,
    weight: ArrayLike | None = None,
    bins: int = BINS,
    level: float = LEVEL,
) -> Curve:
    """Draw a class's reliability curve.

    Parameters
    ----------
    probabilities : float[n, K]
    true : int[n]
    of : int
        The class.
    weight : float[n], optional
    bins : int
        Of equal width; empty ones are left out.
    level : float
        Of the intervals, Wilson's at each bin's effective number of fish.

    Raises
    ------
    ScoresError
        As `log_loss`.

    Examples
    --------
    >>> drawn = curve([[0.9, 0.1], [0.2, 0.8]], [0, 1], 0)
    >>> drawn.said.tolist(), drawn.found.tolist()
    ([0.2, 0.9], [0.0, 1.0])
    """
    p, k, w = fish_of(probabilities, true, weight)
    share, said, found, fish = _binned(p[:, of], (k == of).astype(np.float64), w, bins)
    low, high = wilson(found, fish, level=level)
    return Curve(said=said, found=found, low=low, high=high, fish=fish, share=share)


def calibration_error(
    probabilities: ArrayLike, true: ArrayLike, *, weight: ArrayLike | None = None, bins: int = BINS
) -> tuple[float, float]:
    """Tell how far the called class's probability is from how often it was right, on average over fish.

    Returns
    -------
    plain : float
        The expected calibration error of [Guo2017], ``Σ_b share_b |found_b − said_b|``: above 0 even for a
        perfect unit, the more so the fewer fish were checked.
    debiased : float
        The root of ``Σ_b share_b ((found_b − said_b)² − found_b(1 − found_b)/(n_b − 1))``, or 0 where this is
        below 0 [Kumar2019]: near 0 for a perfect unit whatever their number. Bins with one fish are left out.

    Raises
    ------
    ScoresError
        As `log_loss`.

    Examples
    --------
    >>> plain, debiased = calibration_error([[0.8, 0.2]] * 10, [0] * 8 + [1] * 2)
    >>> round(plain, 9), debiased
    (0.0, 0.0)
    """
    p, k, w = fish_of(probabilities, true, weight)
    called = p.argmax(axis=1)
    share, said, found, fish = _binned(p.max(axis=1), (called == k).astype(np.float64), w, bins)
    away = found - said
    several = fish > 1 + 1e-9
    noise = found[several] * (1 - found[several]) / (fish[several] - 1)
    total = share[several].sum()
    square = share[several] @ (away[several] ** 2 - noise) / total if total > 0 else 0.0
    return float(share @ np.abs(away)), float(np.sqrt(max(square, 0.0)))


def effective(weight: ArrayLike) -> float:
    """Tell on how many fish weighted scores rest.

    Examples
    --------
    >>> effective([1.0, 1.0])
    2.0
    """
    return kish(np.asarray(weight, np.float64))
