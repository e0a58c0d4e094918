"""What the stages seen in some fields tell of all others: partial pooling of the model's residuals.

A residual, observed less simulated day, is a sum of effects that fields share (of the cultivar, the site, the
year, the site in that year) and of noise that a field has for itself. All are normal, so that what is seen
gives every other residual a mean and a covariance: the best linear unbiased prediction [Henderson1975],
[Robinson1991]. It is computed over the effects, of which there are far fewer than pairs of observations.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.linalg import cho_factor, cho_solve, solve_triangular
from scipy.optimize import minimize

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Whole = NDArray[np.int64]

LEVEL_SD_D: Final = 100.0
"""Of the mean of all residuals, about which nothing is known beforehand."""
PRIOR_LOG_SD: Final = 0.7
"""How far standard deviations are believed to lie from their defaults: a factor of two either way."""
LEAST_SEASONS: Final = 4
"""Seasons below which standard deviations stay what they were: three years do not tell how years differ."""
_NEGLIGIBLE: Final = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class Factor:
    """A kind of effect, and who shares which.

    Attributes
    ----------
    name : str
    code : int64[n]
        Fields with the same number share the effect; -1 for none.
    sd : float64[n], d
        Standard deviation of the effect. It may differ, between stages say: the effect is then shared, larger
        or smaller. Two factors, by cultivar and by cultivar and stage, make stages correlate.
    correlation : float64[K, K], optional
        Of the effects 0…K-1, e.g. by the distance between sites; without it they are independent.
    """

    name: str
    code: Whole
    sd: Floats
    correlation: Floats | None = None

    def take(self, which: NDArray[np.bool_] | Whole) -> Factor:
        """Give some of the fields."""
        return Factor(name=self.name, code=self.code[which], sd=self.sd[which], correlation=self.correlation)

    def scaled(self, scale: float) -> Factor:
        """Give the same with other standard deviations."""
        return Factor(name=self.name, code=self.code, sd=self.sd * scale, correlation=self.correlation)


def make_factor(name: str, code: Whole, sd_d: float, correlation: Floats | None = None) -> Factor:
    """Make a factor with one standard deviation.

    Examples
    --------
    >>> make_factor("site", np.array([0, 0, 1]), 2.4).sd.tolist()
    [2.4, 2.4, 2.4]
    """
    return Factor(name=name, code=code, sd=np.full(len(code), sd_d), correlation=correlation)


def make_level(n: int) -> Factor:
    """Make the effect that all n fields share: the mean."""
    return make_factor("level", np.zeros(n, np.int64), LEVEL_SD_D)


def take_all(factors: Sequence[Factor], which: NDArray[np.bool_] | Whole) -> list[Factor]:
    """Give some of the fields of each factor."""
    return [factor.take(which) for factor in factors]


class _Places:
    """Where each factor's effects stand in the vector of all effects."""

    def __init__(self, factors: Sequence[Factor]) -> None:
        sizes = [_size(factor) for factor in factors]
        self.first = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        self.total = int(self.first[-1])
        self.precision = [
            np.linalg.inv(factor.correlation) if factor.correlation is not None else None for factor in factors
        ]

    def design(self, factors: Sequence[Factor]) -> Floats:
        """Lay out who has which effect, times its standard deviation: float64[n, q]."""
        found = np.zeros((len(factors[0].code), self.total))
        rows = np.arange(len(found))
        for first, end, factor in zip(self.first[:-1], self.first[1:], factors, strict=True):
            known = (factor.code >= 0) & (factor.code < end - first)
            found[rows[known], first + factor.code[known]] = factor.sd[known]
        return found

    def prior(self) -> Floats:
        """Give the precision of the effects before anything is seen: float64[q, q]."""
        found = np.eye(self.total)
        for first, end, precision in zip(self.first[:-1], self.first[1:], self.precision, strict=True):
            if precision is not None:
                found[first:end, first:end] = precision
        return found


def _size(factor: Factor) -> int:
    if factor.correlation is not None:
        return len(factor.correlation)
    return int(factor.code.max(initial=-1)) + 1


@dataclass(frozen=True, kw_only=True)
class Pool:
    """What residuals have told about the effects.

    Attributes
    ----------
    effect : float64[q]
        Means, in standard deviations.
    """

    factors: tuple[Factor, ...]
    effect: Floats
    _places: _Places
    _factor: tuple[Floats, bool]

    def mean(self, factors: Sequence[Factor]) -> Floats:
        """Predict residuals of fields: float64[m], d."""
        return np.asarray(self._places.design(factors) @ self.effect)

    def covariance(self, factors: Sequence[Factor]) -> Floats:
        """Tell how unsure predicted residuals still are, without the fields' own noise: float64[m, m], d²."""
        half = self._half(factors)
        found = half.T @ half
        for factor, unseen in zip(factors, self._unseen(factors), strict=True):
            same = (factor.code[:, None] == factor.code) & unseen[:, None] & unseen
            found += same * factor.sd[:, None] * factor.sd
        return np.asarray(found)

    def variance(self, factors: Sequence[Factor]) -> Floats:
        """Give the covariance's diagonal: float64[m], d²."""
        found = np.square(self._half(factors)).sum(axis=0)
        for factor, unseen in zip(factors, self._unseen(factors), strict=True):
            found += unseen * factor.sd**2
        return np.asarray(found)

    def _half(self, factors: Sequence[Factor]) -> Floats:
        lower, _ = self._factor
        return np.asarray(solve_triangular(lower, self._places.design(factors).T, lower=True, check_finite=False))

    def _unseen(self, factors: Sequence[Factor]) -> list[NDArray[np.bool_]]:
        return [new.code >= _size(old) for new, old in zip(factors, self.factors, strict=True)]


def learn(residual: Floats, factors: Sequence[Factor], noise_sd: Floats | float) -> Pool:
    """Pool residuals.

    .. math:: r = Z u + e, \\quad u \\sim N(0, K), \\quad e \\sim N(0, \\sigma^2):
        \\quad (Z^T Z / \\sigma^2 + K^{-1}) \\hat u = Z^T r / \\sigma^2

    with the standard deviations in Z [Henderson1975]. The time grows with the cube of the number of effects.

    Parameters
    ----------
    residual : float64[n], d
        Observed less simulated.
    factors : Sequence[Factor]
    noise_sd : float64[n] or float, d
        Above 0.

    Returns
    -------
    Pool
        An effect that no residual had any part in keeps mean 0 and its standard deviation.

    Examples
    --------
    Two fields of one site and year: the one seen 3 d late moves the other, and narrows it.

    >>> both = [make_factor("site-year", np.array([0, 0]), 2.4)]
    >>> pool = learn(np.array([3.0]), take_all(both, np.array([0])), 1.12)
    >>> pool.mean(both).round(2).tolist(), np.sqrt(pool.variance(both)).round(2).tolist()
    ([2.46, 2.46], [1.01, 1.01])
    """
    places = _Places(factors)
    weight = 1.0 / np.broadcast_to(np.asarray(noise_sd, np.float64), residual.shape)
    design = places.design(factors) * weight[:, None]
    solved = cho_factor(design.T @ design + places.prior(), lower=True, check_finite=False)
    effect = cho_solve(solved, design.T @ (residual * weight), check_finite=False)
    return Pool(factors=tuple(factors), effect=np.asarray(effect), _places=places, _factor=solved)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Standard deviations of factors, by name, and of the noise, d."""

    sd_d: dict[str, float]
    noise_sd_d: float

    def apply(self, factors: Sequence[Factor]) -> list[Factor]:
        """Give factors with these standard deviations; those not named keep theirs."""
        return [
            Factor(
                name=factor.name,
                code=factor.code,
                sd=np.full(len(factor.code), self.sd_d[factor.name]),
                correlation=factor.correlation,
            )
            if factor.name in self.sd_d
            else factor
            for factor in factors
        ]


class _Evidence:
    """The likelihood of residuals, given how much each factor and the noise vary."""

    def __init__(self, residual: Floats, factors: Sequence[Factor]) -> None:
        self._places = _Places(factors)
        design = self._places.design(factors)
        self._cross, self._with, self._power = design.T @ design, design.T @ residual, float(residual @ residual)
        self._n = len(residual)

    @cached_property
    def _prior(self) -> Floats:
        return self._places.prior()

    def log_likelihood(self, scales: Floats, noise: float) -> float:
        """Give the log of the residuals' density: effects summed out, so that few seasons do not mislead."""
        wide = np.repeat(scales, np.diff(self._places.first)) / noise
        lower, _ = cho_factor(
            self._cross * wide * wide[:, None] + self._prior, lower=True, check_finite=False, overwrite_a=True
        )
        half = solve_triangular(lower, self._with * wide, lower=True, check_finite=False)
        missed = (self._power - noise**2 * float(half @ half) / 1.0) / noise**2 if False else 0.0
        missed = self._power / noise**2 - float(half @ half) / noise**0
        determinant = 2.0 * float(np.log(np.diag(lower)).sum()) + 2.0 * self._n * np.log(noise)
        return -0.5 * (missed + determinant)
