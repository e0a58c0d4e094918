"""Whether two lots differ, and by how much."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import kstwo

from analytics.fish.errors import ScoresError
from analytics.fish.proportions import LEVEL, kish, normal_quantile

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from analytics.fish.events import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class CompositionDifference:
    """By how much the second lot's shares are above the first's.

    Attributes
    ----------
    mean, low, high : float64[K]
    more : float64[K]
        Probability that the second lot's share is the larger.
    """

    mean: FloatArray
    low: FloatArray
    high: FloatArray
    more: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeDifference:
    """How two lots' sizes differ.

    Attributes
    ----------
    distance : float
        Largest difference of their distribution functions (Kolmogorov and Smirnov's).
    chance : float
        Of one so large if they were alike; nearly so in small lots.
    dominance, low, high : float
        Cliff's delta: the chance that a fish of the second lot is larger than one of the first, less that it
        is smaller; -1…1, with an interval. It tells what matters: with many fish any difference has a small
        chance.
    median_difference : float
        Second less first, in the sizes' unit.
    """

    distance: float
    chance: float
    dominance: float
    low: float
    high: float
    median_difference: float


def compare_compositions(
    first: ArrayLike, second: ArrayLike, *, level: float = LEVEL, seed: int = 0
) -> CompositionDifference:
    """Compare the compositions of two lots that were estimated apart from each other.

    Parameters
    ----------
    first, second : float[G, K]
        Equally likely shares of each.
    level : float
    seed : int
        Of the pairing.

    Raises
    ------
    ScoresError
        Other classes, or no draws.

    Examples
    --------
    >>> told = compare_compositions([[0.5, 0.5]], [[0.7, 0.3]])
    >>> told.mean.round(3).tolist(), told.more.tolist()
    ([0.2, -0.2], [1.0, 0.0])
    """
    a, b = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1] or not len(a) or not len(b):  # noqa: PLR2004
        raise ScoresError("second", f"shares {list(b.shape)} beside {list(a.shape)}")
    rng, count = np.random.default_rng(seed), max(len(a), len(b))
    away = rng.permutation(np.resize(b, (count, b.shape[1]))) - np.resize(a, (count, a.shape[1]))
    low, high = np.quantile(away, [(1 - level) / 2, (1 + level) / 2], axis=0)
    more = (away > 0).mean(axis=0) + (away == 0).mean(axis=0) / 2
    return CompositionDifference(mean=away.mean(axis=0), low=low, high=high, more=more)


def compare_sizes(
    first: ArrayLike,
    second: ArrayLike,
    *,
    first_weight: ArrayLike | None = None,
    second_weight: ArrayLike | None = None,
    level: float = LEVEL,
) -> SizeDifference:
    """Compare the sizes of two lots' fish, or of one class's in two lots.

    Parameters
    ----------
    first, second : float[n], float[m]
        Weights or lengths.
    first_weight, second_weight : float[n], float[m], optional
        How far each fish counts, as its probability of being of the class; where classes are doubtful that
        mixes them, and lots look more alike than they are.
    level : float
        Of the interval, from the variances of each fish's place in the other lot [DeLong1988].

    Raises
    ------
    ScoresError
        No fish, sizes that are not finite, weights that are below 0 or of another length.

    Examples
    --------
    >>> told = compare_sizes([1.0, 2.0, 3.0], [2.5, 3.5, 4.5])
    >>> round(told.distance, 3), round(told.dominance, 3), told.median_difference
    (0.667, 0.778, 1.5)
    """
    a, wa = _sorted(first, first_weight, "first")
    b, wb = _sorted(second, second_weight, "second")
    both = np.concatenate([a, b])
    distance = float(np.abs(_below(a, wa, both, "right") - _below(b, wb, both, "right")).max())
    places = [
        _below(a, wa, b, "left") + _below(a, wa, b, "right") - 1,
        1 - _below(b, wb, a, "left") - _below(b, wb, a, "right"),
    ]
    delta = float(wb @ places[0])
    variance = sum(
        float(w @ (place - delta) ** 2) / kish(w) for w, place in zip((wb, wa), places, strict=True)
    )
    reach = normal_quantile(level) * np.sqrt(variance)
    number = kish(wa) * kish(wb) / (kish(wa) + kish(wb))
    return SizeDifference(
        distance=distance,
        chance=float(kstwo.sf(distance, max(round(number), 1))),
        dominance=delta,
        low=max(delta - reach, -1.0),
        high=min(delta + reach, 1.0),
        median_difference=_median(b, wb) - _median(a, wa),
    )


def _sorted(given: ArrayLike, weight: ArrayLike | None, name: str) -> tuple[FloatArray, FloatArray]:
    size = np.asarray(given, np.float64)
    w = np.ones(size.shape) if weight is None else np.asarray(weight, np.float64)
    if size.ndim != 1 or not len(size) or not np.isfinite(size).all():
        raise ScoresError(name, "need finite sizes of at least one fish")
    if w.shape != size.shape or not (w >= 0).all() or not w.sum() > 0:
        raise ScoresError(f"{name}_weight", "need one a fish, not below 0, nor all 0")
    order = np.argsort(size, kind="stable")
    return size[order], w[order] / w.sum()


def _below(size: FloatArray, weight: FloatArray, at: FloatArray, side: str) -> FloatArray:
    """Tell the share below (left) or not above (right) given sizes."""
    so_far = np.concatenate([[0.0], np.cumsum(weight)])
    return np.asarray(so_far[np.searchsorted(size, at, side="left" if side == "left" else "right")])


def _median(size: FloatArray, weight: FloatArray) -> float:
    return float(np.interp(0.5, np.cumsum(weight) - weight / 2, size))
