"""What a growing crop will weigh, with an interval; or a plain refusal."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Final

import numpy as np

from analytics.farm.growth_curves.curves import growth_and_slopes
from analytics.farm.growth_curves.posterior import fit_parameters
from analytics.farm.growth_curves.series import Batch, GrowthSeries

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from analytics.farm.growth_curves.pool import GrowthPool

    Floats = NDArray[np.float64]

_LABELS: Final = {
    "no_pool": (
        "過去のシーズンの測定がないため、生育曲線の先は予測しません（3シーズン・地点以上が必要です）。",
        "No forecast: a young crop's curve is not extrapolated without three finished seasons or sites.",
    ),
    "beyond_pool": (
        "これまでに測定されたどのシーズンよりもはるかに先の日なので、予測しません。",
        "No forecast: this is much later than anything that was measured in the finished seasons.",
    ),
    "no_samples": (
        "まだ測定がありません。",
        "No forecast: nothing has been measured yet.",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Why there is no forecast: a word for machines, and a sentence for people in both languages."""

    reason: str
    label_ja: str
    label_en: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GrowthForecast:
    """The mass to come.

    Attributes
    ----------
    at : float64[m], d or deg C d
    median, sd : float64[m], t/ha
        Of a sample taken then: the curve's uncertainty and the noise of sampling, widened by the pool's
        spread.
    parameters : float64[3], covariance : float64[3, 3]
        Of ln A, ln k, t_m.
    n_samples : int
    basis : str
        The curve, and what it was pooled over.
    """

    at: Floats
    median: Floats
    sd: Floats
    parameters: Floats
    covariance: Floats
    n_samples: int
    basis: str

    def interval(self, level: float) -> tuple[Floats, Floats]:
        """Give the central interval of a level between 0 and 1, cut off at 0 t/ha."""
        half = NormalDist().inv_cdf(0.5 + level / 2) * self.sd
        return np.maximum(self.median - half, 0.0), self.median + half


def forecast_growth(
    time: Floats, mass: Floats, at: Floats, *, pool: GrowthPool | None
) -> GrowthForecast | Refused:
    """Forecast the mass of a growing crop from its samples so far and what finished seasons taught.

    Parameters
    ----------
    time : float64[n], d or deg C d
        Of the samples, on the pool's clock.
    mass : float64[n], t/ha
    at : float64[m], d or deg C d
        When the forecast is wanted.
    pool : GrowthPool or None
        Without one a curve through a lone young series is not extrapolated: unpooled, such forecasts miss by
        more than the plain mean of past seasons does.

    Returns
    -------
    GrowthForecast or Refused

    Examples
    --------
    >>> forecast_growth(np.array([60.0]), np.array([2.0]), np.array([120.0]), pool=None).reason
    'no_pool'
    """
    if pool is None:
        return _refuse("no_pool")
    if not np.isfinite(mass).any():
        return _refuse("no_samples")
    if float(np.max(at)) > pool.last_time + pool.lead:
        return _refuse("beyond_pool")
    batch = Batch.of([GrowthSeries(time=time, mass=mass, environment="")])
    parameters, covariance = fit_parameters(batch, pool)
    median, slopes = growth_and_slopes(pool.curve, parameters[0], at)
    variance = np.einsum("ni,ij,nj->n", slopes, covariance[0], slopes) + pool.noise_sd**2
    return GrowthForecast(
        at=at,
        median=median,
        sd=pool.spread * np.sqrt(variance),
        parameters=parameters[0],
        covariance=covariance[0],
        n_samples=int(batch.measured.sum()),
        basis=f"{pool.curve} over {pool.n_series} series of {pool.n_environments} environments",
    )


def _refuse(reason: str) -> Refused:
    label_ja, label_en = _LABELS[reason]
    return Refused(reason=reason, label_ja=label_ja, label_en=label_en)
