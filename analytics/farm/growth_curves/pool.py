"""What finished seasons teach about the next one: a prior over a curve's parameters, by empirical Bayes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from analytics.farm.errors import TooFewSeasonsError
from analytics.farm.growth_curves.curves import growth_and_slopes
from analytics.farm.growth_curves.posterior import fit_parameters
from analytics.farm.growth_curves.series import Batch, GrowthSeries

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

# A spread between seasons cannot be told from fewer.
FEWEST_ENVIRONMENTS: Final = 3
_ROUNDS: Final = 20
_ROUNDS_AGAIN: Final = 6
# Least spread between series (of ln A, ln k and, relatively, t_m) and least noise relative to A: they keep
# the prior invertible where seasons are alike, and are far below what is measured.
_LEAST_SPREAD: Final = 0.01
_LEAST_NOISE: Final = 0.001
_NORMAL_80: Final = 1.2815515655446004


@dataclass(frozen=True, slots=True, kw_only=True)
class GrowthPool:
    """A prior for the parameters of the next series, pooled over those of finished seasons.

    Attributes
    ----------
    curve : str
    mean : float64[3], covariance : float64[3, 3]
        Of ln A, ln k, t_m between series.
    noise_sd : float, t/ha
        Of a sample about its curve.
    spread : float, 1
        What the Laplace intervals are widened by, so that they hold across environments.
    last_time, lead : float, d or deg C d
        The latest sample, and how far ahead the intervals were tried: there is no experience beyond their
        sum.
    n_series, n_environments : int
    """

    curve: str
    mean: Floats
    covariance: Floats
    noise_sd: float
    spread: float
    last_time: float
    lead: float
    n_series: int
    n_environments: int


def fit_pool(series: Sequence[GrowthSeries], *, curve: str = "logistic", lead: float = 30.0) -> GrowthPool:
    r"""Learn a prior from finished seasons, and how wide its intervals have to be.

    Empirical Bayes by EM with a Laplace approximation [PinheiroBates2000]_: in turn the maximum a posteriori
    parameters θ_s of each series with their covariances C_s, and

    .. math::

        \mu = \sum_s w_s \theta_s, \quad
        \Sigma = \sum_s w_s \left[(\theta_s - \mu)(\theta_s - \mu)^T + C_s\right], \quad
        \sigma^2 = \overline{r^2 + J C J^T}

    with each environment of the same weight. The Laplace intervals are then widened by the 80 % quantile of
    the errors when each environment is forecast from the others, `lead` ahead of its last sample
    (split conformal, clusters weighted equally [DunnWasserman2023]_).

    Parameters
    ----------
    series : GrowthSeries of finished seasons
        Samples that are not-a-number are left out.
    curve : str
        One of `CURVES`.
    lead : float, d or deg C d
        How far ahead the intervals are tried.

    Raises
    ------
    TooFewSeasonsError
        Fewer than three environments.

    Examples
    --------
    >>> days = np.arange(50.0, 131.0, 10.0)
    >>> def season(most, middle):
    ...     mass = most / (1.0 + np.exp(-0.1 * (days - middle)))
    ...     return GrowthSeries(time=days, mass=mass, environment=f"{most}")
    >>> pool = fit_pool([season(14.0, 88.0), season(16.0, 92.0), season(18.0, 90.0)])
    >>> np.exp(pool.mean[:2]).round(1).tolist(), float(pool.mean[2].round(0)), pool.n_environments
    ([15.9, 0.1], 90.0, 3)
    """
    series = [each for each in map(GrowthSeries.without_gaps, series) if each.time.size]
    environments = sorted({each.environment for each in series})
    if len(environments) < FEWEST_ENVIRONMENTS:
        raise TooFewSeasonsError(len(environments), FEWEST_ENVIRONMENTS)
    pool = _learn(series, _first_guess(series, curve, lead), _ROUNDS)
    errors = [_errors_elsewhere(series, left_out, pool) for left_out in environments]
    return replace(pool, spread=_widening([each for each in errors if each.size]))


def _first_guess(series: Sequence[GrowthSeries], curve: str, lead: float) -> GrowthPool:
    """Start from the samples alone: the highest, when half of it was reached, a rise over a sixth of that."""
    highest = max(float(np.nanmax(each.mass)) for each in series)
    half = np.array([each.time[np.argmax(each.mass >= np.nanmax(each.mass) / 2)] for each in series])
    middle = float(half.mean())
    # Wide: a doubling of A and k either way, and a fifth of the time to the middle.
    spread = np.array([0.7, 0.7, middle / 5])
    return GrowthPool(
        curve=curve,
        mean=np.array([np.log(highest), np.log(6.0 / middle), middle]),
        covariance=np.diag(spread**2),
        noise_sd=highest / 10,
        spread=1.0,
        last_time=max(float(each.time.max()) for each in series),
        lead=lead,
        n_series=len(series),
        n_environments=len({each.environment for each in series}),
    )


def _learn(series: Sequence[GrowthSeries], pool: GrowthPool, rounds: int) -> GrowthPool:
    batch, weight = Batch.of(series), _weights(series)
    parameters: Floats | None = None
    for _ in range(rounds):
        parameters, covariance = fit_parameters(batch, pool, parameters)
        mean = weight @ parameters
        apart = parameters - mean
        between = np.einsum("s,si,sj->ij", weight, apart, apart) + np.einsum("s,sij->ij", weight, covariance)
        least = np.diag((_LEAST_SPREAD * np.array([1.0, 1.0, mean[2]])) ** 2)
        noise = max(_noise(batch, pool.curve, parameters, covariance), _LEAST_NOISE * float(np.exp(mean[0])))
        pool = replace(pool, mean=mean, covariance=between + least, noise_sd=noise)
    return replace(pool, n_series=len(series), n_environments=len({each.environment for each in series}))


def _weights(series: Sequence[GrowthSeries]) -> Floats:
    _, which, count = np.unique(
        [each.environment for each in series], return_inverse=True, return_counts=True
    )
    return np.asarray(1.0 / count[which] / count.size)


def _noise(batch: Batch, curve: str, parameters: Floats, covariance: Floats) -> float:
    mass, slopes = growth_and_slopes(curve, parameters, batch.time)
    uncertain = np.einsum("sni,sij,snj->sn", slopes, covariance, slopes)
    total = (((batch.mass - mass) ** 2 + uncertain) * batch.measured).sum()
    return float(np.sqrt(total / batch.measured.sum()))


def _errors_elsewhere(series: Sequence[GrowthSeries], left_out: str, pool: GrowthPool) -> Floats:
    """Forecast the last samples of an environment from the others, in standard deviations."""
    others = [each for each in series if each.environment != left_out]
    own = [
        each for each in series if each.environment == left_out and each.time[0] <= each.time[-1] - pool.lead
    ]
    if not own:
        return np.empty(0)
    elsewhere = _learn(others, pool, _ROUNDS_AGAIN)
    early = Batch.of([each.until(each.time[-1] - pool.lead) for each in own])
    parameters, covariance = fit_parameters(early, elsewhere)
    last = np.array([[each.time[-1]] for each in own])
    mass, slopes = growth_and_slopes(pool.curve, parameters, last)
    variance = np.einsum("sni,sij,snj->s", slopes, covariance, slopes) + elsewhere.noise_sd**2
    return np.asarray((np.array([each.mass[-1] for each in own]) - mass[:, 0]) / np.sqrt(variance))


def _widening(errors: list[Floats]) -> float:
    """Find the factor by which 80 % intervals hold 80 % of the errors; never below 1."""
    if not errors:
        return 1.0
    size = np.abs(np.concatenate(errors))
    weight = np.concatenate([np.full(each.size, 1.0 / each.size / len(errors)) for each in errors])
    order = np.argsort(size)
    reached = int(np.searchsorted(np.cumsum(weight[order]), 0.8))
    return max(1.0, float(size[order][min(reached, size.size - 1)]) / _NORMAL_80)
