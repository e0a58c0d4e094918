"""What the stages seen in some fields tell of all others: partial pooling of the model's residuals.

A residual, observed less simulated day, is a sum of effects that fields share (of the cultivar, the site, the
year, the site in that year) and of noise that a field has for itself. All are normal, so that what is seen
gives every other residual a mean and a covariance: the best linear unbiased prediction [Henderson1975],
[Robinson1991]. It is computed over the effects, of which there are far fewer than pairs of observations.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.linalg import cho_factor, cho_solve, solve_triangular
from scipy.sparse import csr_array

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Whole = NDArray[np.int64]

LEVEL_SD_D: Final = 3000.0
"""Of the mean of all residuals, about which nothing is known beforehand; dates themselves may be pooled, and
with a narrower one sites that were never seen are drawn towards day 0."""


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

    def weighted(self, weight: Floats) -> Factor:
        """Give the same with the effect times a weight of each field, which makes it a slope."""
        return Factor(name=self.name, code=self.code, sd=self.sd * weight, correlation=self.correlation)


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


class Places:
    """Where each factor's effects stand in the vector of all effects.

    The largest factor whose effects are independent stands first: no observation has two of them, so that
    they can be solved for one by one, and only the others as a system.
    """

    def __init__(self, factors: Sequence[Factor]) -> None:
        sizes = [_size(factor) for factor in factors]
        free = [
            size if factor.correlation is None else -1 for size, factor in zip(sizes, factors, strict=True)
        ]
        self.order = sorted(range(len(factors)), key=lambda place: (place != int(np.argmax(free)), place))
        self.sizes = [sizes[place] for place in self.order]
        self.first = np.concatenate([[0], np.cumsum(self.sizes)]).astype(np.int64)
        self.total = int(self.first[-1])
        self.alone = self.sizes[0] if max(free) >= 0 else 0

    def design(self, factors: Sequence[Factor]) -> csr_array:
        """Lay out who has which effect, times its standard deviation: float64[n, q], sparse."""
        rows, columns, values = [], [], []
        for first, size, place in zip(self.first[:-1], self.sizes, self.order, strict=True):
            factor = factors[place]
            known = np.flatnonzero((factor.code >= 0) & (factor.code < size))
            rows.append(known)
            columns.append(first + factor.code[known])
            values.append(factor.sd[known])
        where = (np.concatenate(rows), np.concatenate(columns))
        return csr_array((np.concatenate(values), where), shape=(len(factors[0].code), self.total))

    def prior(self, factors: Sequence[Factor]) -> Floats:
        """Give the precision of the effects that are solved for together, before anything is seen."""
        found = np.eye(self.total)
        for first, end, place in zip(self.first[:-1], self.first[1:], self.order, strict=True):
            correlation = factors[place].correlation
            if correlation is not None:
                found[first:end, first:end] = np.linalg.inv(correlation)
        return found[self.alone :, self.alone :]


def _size(factor: Factor) -> int:
    if factor.correlation is not None:
        return len(factor.correlation)
    return int(factor.code.max(initial=-1)) + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Solved:
    """A system of effects, the first of which are tied to the others only: ``[[D, B], [Bᵀ, C]]``.

    Attributes
    ----------
    diagonal : float64[a]
    across : float64[a, q - a]
    lower : float64[q - a, q - a]
        Cholesky factor of ``C - Bᵀ D⁻¹ B``.
    """

    diagonal: Floats
    across: Floats
    lower: Floats

    def solve(self, right: Floats) -> Floats:
        """Solve for one right side: float64[q]."""
        alone = len(self.diagonal)
        rest = right[alone:] - self.across.T @ (right[:alone] / self.diagonal)
        others = cho_solve((self.lower, True), rest, check_finite=False)
        return np.concatenate([(right[:alone] - self.across @ others) / self.diagonal, others])

    def half(self, design: csr_array) -> Floats:
        """Give the part of designs' covariance that goes over the others: float64[q - a, m]."""
        alone = len(self.diagonal)
        own = design[:, :alone].multiply(1.0 / self.diagonal[None, :]).tocsr()
        rest = design[:, alone:].toarray() - own @ self.across
        return np.asarray(solve_triangular(self.lower, rest.T, lower=True, check_finite=False))

    @property
    def log_determinant(self) -> float:
        """Logarithm of the system's determinant."""
        return float(np.log(self.diagonal).sum() + 2.0 * np.log(np.diag(self.lower)).sum())


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocks:
    """``ZᵀZ`` of effects, taken apart: diagonal of those that are alone, across, and of the others."""

    diagonal: Floats
    across: Floats
    inner: Floats

    def factorise(self, wide: Floats, prior: Floats) -> Solved:
        """Scale the effects, add the prior precision, and factorise."""
        alone = len(self.diagonal)
        own, others = wide[:alone], wide[alone:]
        diagonal = self.diagonal * own**2 + 1.0
        across = self.across * own[:, None] * others
        inner = self.inner * others * others[:, None] + prior - across.T @ (across / diagonal[:, None])
        lower, _ = cho_factor(inner, lower=True, check_finite=False, overwrite_a=True)
        return Solved(diagonal=diagonal, across=across, lower=lower)


def take_apart(design: csr_array, alone: int) -> Blocks:
    """Multiply a design with itself, in blocks."""
    own, others = design[:, :alone], design[:, alone:]
    return Blocks(
        diagonal=np.asarray(own.power(2).sum(axis=0)).reshape(-1),
        across=(own.T @ others).toarray(),
        inner=(others.T @ others).toarray(),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """What residuals have told about the effects.

    Attributes
    ----------
    effect : float64[q]
        Means, in standard deviations.
    """

    factors: tuple[Factor, ...]
    places: Places
    effect: Floats
    solved: Solved

    def mean(self, factors: Sequence[Factor]) -> Floats:
        """Predict residuals of fields: float64[m], d."""
        return np.asarray(self.places.design(factors) @ self.effect)

    def covariance(self, factors: Sequence[Factor]) -> Floats:
        """Tell how unsure predicted residuals still are, without the fields' own noise: float64[m, m], d²."""
        design = self.places.design(factors)
        half, own = self.solved.half(design), self._own(design)
        found = half.T @ half + (own @ own.T).toarray()
        for factor, unseen in zip(factors, self._unseen(factors), strict=True):
            if unseen.any():
                same = (factor.code[:, None] == factor.code) & unseen[:, None] & unseen
                found += same * factor.sd[:, None] * factor.sd
        return np.asarray(found)

    def between(self, factors: Sequence[Factor], one: Whole, other: Whole) -> Floats:
        """Give the covariance of pairs of fields, by their places: float64[p], d²."""
        design = self.places.design(factors)
        half, own = self.solved.half(design).T, self._own(design)
        found = np.einsum("pq,pq->p", half[one], half[other])
        found += np.asarray(own[one].multiply(own[other]).sum(axis=1)).reshape(-1)
        for factor, unseen in zip(factors, self._unseen(factors), strict=True):
            same = (factor.code[one] == factor.code[other]) & unseen[one]
            found += same * factor.sd[one] * factor.sd[other]
        return np.asarray(found)

    def variance(self, factors: Sequence[Factor]) -> Floats:
        """Give the covariance's diagonal: float64[m], d²."""
        design = self.places.design(factors)
        found = np.square(self.solved.half(design)).sum(axis=0) + self._own(design).power(2).sum(axis=1)
        for factor, unseen in zip(factors, self._unseen(factors), strict=True):
            found += unseen * factor.sd**2
        return np.asarray(found)

    def _own(self, design: csr_array) -> csr_array:
        diagonal = self.solved.diagonal
        return design[:, : len(diagonal)].multiply(1.0 / np.sqrt(diagonal)[None, :]).tocsr()

    def _unseen(self, factors: Sequence[Factor]) -> list[NDArray[np.bool_]]:
        return [new.code >= _size(old) for new, old in zip(factors, self.factors, strict=True)]


def learn(residual: Floats, factors: Sequence[Factor], noise_sd: Floats | float) -> Pool:
    r"""Pool residuals.

    .. math:: r = Z u + e, \quad u \sim N(0, K), \quad e \sim N(0, \sigma^2):
        \quad (Z^T Z / \sigma^2 + K^{-1}) \hat u = Z^T r / \sigma^2

    with the standard deviations in Z [Henderson1975]. The time grows with the cube of the number of
    effects, those of the largest factor not counted.

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
    places = Places(factors)
    weight = 1.0 / np.broadcast_to(np.asarray(noise_sd, np.float64), residual.shape)
    design = places.design(factors).multiply(weight[:, None]).tocsr()
    solved = take_apart(design, places.alone).factorise(np.ones(places.total), places.prior(factors))
    effect = solved.solve(design.T @ (residual * weight))
    return Pool(factors=tuple(factors), places=places, effect=effect, solved=solved)
