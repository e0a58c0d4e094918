"""Hybrids of two species, from the ratio in which these differ: a share with its interval, never a count.

A mackerel's spine ratio is the base of its first dorsal fin, spines 1 to 9, over its fork length. Parents'
ratios are two normal distributions; hybrids lie halfway between, with the mean of the parents' variances
[McLachlanPeel2000]. At one hybrid in a thousand, nearly every fish that looks like one is not: single fish
are therefore never named. For each share on a grid the parents are fitted anew, by expectation and
maximisation [Dempster1977], and the likelihoods are weighed as they are. The tails of the parents are held to
be normal: where they are heavier, what is told here is too much.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analytics.fish.errors import ScoresError
from analytics.fish.proportions import LEVEL

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from analytics.fish.events import FloatArray

# From here on masaba; the units' own rule, an older one is .1125. To be set with the unit.
MASABA_RATIO = 0.12
LEAST_FISH = 100
# Parents whose means are nearer than so many of their standard deviations leave no room between them:
# assumed.
LEAST_DISTANCE = 3.0
BINS = 256
STEPS = 400
CLOSE = 1e-9
MOST = 0.5
GRID = np.concatenate([[0.0], np.geomspace(1e-5, MOST, 120)])
# Twice the log-likelihood's rise that 5 % of lots without hybrids exceed, as the share cannot fall below 0:
# half of these have no rise at all [SelfLiang1987].
TOLD_APART = 2.7055


@dataclass(frozen=True, slots=True, kw_only=True)
class Hybrids:
    """What part of the fish are hybrids.

    Attributes
    ----------
    share, low, high : float
        Posterior mean and interval; `low` is 0 where the share cannot be told from zero. Not-a-number where
        there is none.
    told_from_zero : bool
    fish : int
        That were measured.
    mean, sd : float64[2]
        Of the parents' ratios, gomasaba first.
    told : str
        The same in words.
    """

    share: float
    low: float
    high: float
    told_from_zero: bool
    fish: int
    mean: FloatArray
    sd: FloatArray
    told: str


def is_masaba(ratio: ArrayLike, *, threshold: float = MASABA_RATIO) -> NDArray[np.bool_]:
    """Apply the spine rule, bool[n]; it knows no hybrids.

    Examples
    --------
    >>> is_masaba([0.10, 0.12]).tolist()
    [False, True]
    """
    return np.asarray(ratio, np.float64) >= threshold


def hybrids(ratio: ArrayLike, *, threshold: float = MASABA_RATIO, level: float = LEVEL) -> Hybrids:
    """Tell what part of some fish are hybrids.

    Parameters
    ----------
    ratio : float[n], 0…1
        Spine ratios; not-a-number where they were not measured.
    threshold : float
        Between the parents, to begin the fit with.
    level : float

    Raises
    ------
    ScoresError
        Ratios outside 0…1.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> told = hybrids(np.concatenate([rng.normal(0.1, 0.003, 500), rng.normal(0.14, 0.003, 500)]))
    >>> told.told_from_zero, told.low, told.high < 0.01
    (False, 0.0, True)
    """
    x = np.asarray(ratio, np.float64)
    x = x[np.isfinite(x)]
    if ((x < 0) | (x > 1)).any():
        raise ScoresError("ratio", "must be 0…1")
    above = is_masaba(x, threshold=threshold)
    if min(above.sum(), (~above).sum()) < LEAST_FISH:
        return _nothing(len(x), f"fewer than {LEAST_FISH} fish of one of the species were measured")
    fish, edges = np.histogram(x, BINS)
    fit = _Parents((edges[1:] + edges[:-1]) / 2, fish.astype(np.float64), threshold)
    fit.improve()
    found = fit.log_likelihood()
    best = int(found.argmax())
    mean, sd = fit.mean[best], np.sqrt(fit.variance[best])
    if abs(mean[1] - mean[0]) < LEAST_DISTANCE * sd.mean():
        return _nothing(len(x), "the two species' ratios overlap too much to tell hybrids from them")
    told_apart = bool(2 * (found[best] - found[0]) > TOLD_APART)
    share, low, high = _summary(found, level, told_apart)
    words = (
        f"{share:.2%} hybrids ({low:.2%} to {high:.2%})"
        if told_apart
        else f"cannot be told from zero, at most {high:.2%}"
    )
    return Hybrids(
        share=share, low=low, high=high, told_from_zero=told_apart, fish=len(x), mean=mean, sd=sd, told=words
    )


def _nothing(fish: int, reason: str) -> Hybrids:
    none = np.full(2, np.nan)
    return Hybrids(
        share=np.nan,
        low=np.nan,
        high=np.nan,
        told_from_zero=False,
        fish=fish,
        mean=none,
        sd=none,
        told=reason,
    )


def _summary(log_likelihood: FloatArray, level: float, told_apart: bool) -> tuple[float, float, float]:
    """Tell mean and interval of a posterior that was flat beforehand."""
    height = np.exp(log_likelihood - log_likelihood.max())
    pieces = np.diff(GRID) * (height[1:] + height[:-1]) / 2
    middle = (GRID[1:] + GRID[:-1]) / 2
    up_to = np.concatenate([[0.0], np.cumsum(pieces)]) / pieces.sum()
    outside = (1 - level) / 2 if told_apart else 1 - level
    low, high = np.interp([outside, 1 - outside], up_to, GRID)
    return float(middle @ pieces / pieces.sum()), float(low) if told_apart else 0.0, float(high)


class _Parents:
    """Two parents, fitted for each share of hybrids on the grid at once; arrays are [share, parent]."""

    def __init__(self, at: FloatArray, fish: FloatArray, threshold: float) -> None:
        self.at, self.fish = at, fish
        width = at[1] - at[0]
        # Within a bin fish are spread evenly: that much of the variance is the bins' own.
        self.least = width**2 / 12
        sides = [(at < threshold) * fish, (at >= threshold) * fish]
        mean = [float(side @ at / side.sum()) for side in sides]
        variance = [float(side @ (at - m) ** 2 / side.sum()) for side, m in zip(sides, mean, strict=True)]
        self.mean = np.tile(mean, (len(GRID), 1))
        self.variance = np.tile(variance, (len(GRID), 1)) + self.least
        self.first = np.full(len(GRID), float(sides[0].sum() / fish.sum()))

    def _densities(self) -> FloatArray:
        """Tell each kind's part of the density in each bin, float64[share, 3, bin]; hybrids last."""
        mean = np.column_stack([self.mean, self.mean.mean(axis=1)])
        variance = np.column_stack([self.variance, self.variance.mean(axis=1)])
        part = np.column_stack([(1 - GRID) * self.first, (1 - GRID) * (1 - self.first), GRID])
        away = (self.at - mean[:, :, None]) ** 2 / variance[:, :, None]
        return np.asarray((part / np.sqrt(variance))[:, :, None] * np.exp(-0.5 * away))

    def log_likelihood(self) -> FloatArray:
        return np.asarray(np.log(np.maximum(self._densities().sum(axis=1), 1e-300)) @ self.fish)

    def improve(self) -> None:
        """Fit by expectation and maximisation; the hybrids' fish help to place their parents."""
        for _ in range(STEPS):
            before = self.mean
            density = self._densities()
            held = density / np.maximum(density.sum(axis=1, keepdims=True), 1e-300) * self.fish
            count, total = held.sum(axis=2), held @ self.at
            self.first = count[:, 0] / (count[:, 0] + count[:, 1])
            self.mean = self._means(count, total)
            square = (held[:, :2] * (self.at - self.mean[:, :, None]) ** 2).sum(axis=2)
            self.variance = np.maximum(square / count[:, :2], self.least)
            if np.abs(self.mean - before).max() < CLOSE:
                break

    def _means(self, count: FloatArray, total: FloatArray) -> FloatArray:
        own = 1 / self.variance
        both = 1 / self.variance.mean(axis=1)
        left = np.empty((len(GRID), 2, 2))
        left[:] = (count[:, 2] * both / 4)[:, None, None]
        left[:, [0, 1], [0, 1]] += count[:, :2] * own
        right = total[:, :2] * own + (total[:, 2] * both / 2)[:, None]
        return np.linalg.solve(left, right[:, :, None])[:, :, 0]
