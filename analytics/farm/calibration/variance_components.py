"""How much cultivars, sites, years and fields differ: standard deviations from a lab's own seasons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.optimize import minimize

from analytics.farm.calibration.pooling import Factor, Places, take_apart

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

PRIOR_LOG_SD: Final = 0.7
"""How far they are believed to lie from their defaults: a factor of two either way. Assumed."""
LEAST_SEASONS: Final = 4
"""Seasons below which they stay what they were: three years do not tell how years differ. Assumed."""
STEPS: Final = 100
TOLERANCE: Final = 0.05
"""Of the logarithm of a standard deviation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Standard deviations of factors, by name, and of the noise, d."""

    sd_d: dict[str, float]
    noise_sd_d: float

    def apply(self, factors: Sequence[Factor]) -> list[Factor]:
        """Give factors with these standard deviations; those not named keep theirs.

        Examples
        --------
        >>> wide = Factor(name="site", code=np.array([0, 1]), sd=np.array([9.0, 9.0]))
        >>> Spread(sd_d={"site": 2.0}, noise_sd_d=1.0).apply([wide])[0].sd.tolist()
        [2.0, 2.0]
        """
        return [self._applied(factor) for factor in factors]

    def _applied(self, factor: Factor) -> Factor:
        if factor.name not in self.sd_d:
            return factor
        sd = np.full(len(factor.code), self.sd_d[factor.name])
        return Factor(name=factor.name, code=factor.code, sd=sd, correlation=factor.correlation)


def estimate_spread(residual: Floats, factors: Sequence[Factor], default: Spread, *, seasons: int) -> Spread:
    """Estimate standard deviations by restricted maximum likelihood, held near their defaults.

    The density of the residuals, with all effects and the mean summed out [Patterson1971], times a log-normal
    prior about each default (`PRIOR_LOG_SD`), is greatest.

    Parameters
    ----------
    residual : float64[n], d
    factors : Sequence[Factor]
        Those that `default` names are estimated; one with a single effect keeps its default.
    seasons : int
        In which the residuals were seen; below `LEAST_SEASONS` the default comes back.

    Examples
    --------
    >>> rng, site = np.random.default_rng(1), np.repeat(np.arange(40), 10)
    >>> residual = rng.normal(0.0, 4.0, 40)[site] + rng.normal(0.0, 1.0, 400)
    >>> sites = [Factor(name="site", code=site, sd=np.ones(400))]
    >>> found = estimate_spread(residual, sites, Spread(sd_d={"site": 2.0}, noise_sd_d=2.0), seasons=9)
    >>> round(found.sd_d["site"]), round(found.noise_sd_d, 1)
    (4, 0.9)
    """
    names = [
        factor.name for factor in factors if factor.name in default.sd_d and len(np.unique(factor.code)) > 1
    ]
    if seasons < LEAST_SEASONS or not names:
        return default
    evidence = _Evidence(residual, factors, names)
    start = np.log([*(default.sd_d[name] for name in names), default.noise_sd_d])

    def loss(log_sd: Floats) -> float:
        strayed = np.square((log_sd - start) / PRIOR_LOG_SD).sum() / 2.0
        return float(strayed) - evidence.log_likelihood(np.exp(log_sd[:-1]), float(np.exp(log_sd[-1])))

    best = minimize(
        loss, start, method="Nelder-Mead", options={"xatol": TOLERANCE, "fatol": TOLERANCE, "maxfev": STEPS}
    )
    found = np.exp(best.x)
    named = dict(zip(names, map(float, found[:-1]), strict=True))
    return Spread(sd_d=default.sd_d | named, noise_sd_d=float(found[-1]))


class _Evidence:
    """The likelihood of residuals under given standard deviations."""

    def __init__(self, residual: Floats, factors: Sequence[Factor], names: Sequence[str]) -> None:
        bare = Spread(sd_d=dict.fromkeys(names, 1.0), noise_sd_d=1.0).apply(factors)
        places = Places(bare)
        design = places.design(bare)
        self._blocks, self._with = take_apart(design, places.alone), design.T @ residual
        self._power, self._n = float(residual @ residual), len(residual)
        self._prior = places.prior(bare)
        order = [_place(factors[place].name, names) for place in places.order]
        self._which = np.repeat(order, places.sizes)

    def log_likelihood(self, sd: Floats, noise: float) -> float:
        wide = np.append(sd, 1.0)[self._which] / noise
        solved = self._blocks.factorise(wide, self._prior)
        right = self._with * wide
        missed = (self._power - float(right @ solved.solve(right))) / noise**2
        return -0.5 * (missed + solved.log_determinant + 2.0 * self._n * float(np.log(noise)))


def _place(name: str, names: Sequence[str]) -> int:
    return names.index(name) if name in names else len(names)
