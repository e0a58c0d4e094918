"""Penalised least squares: the most probable parameters of each series, and how certain they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from analytics.farm.growth_curves.curves import growth_and_slopes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from analytics.farm.growth_curves.pool import GrowthPool
    from analytics.farm.growth_curves.series import Batch

    Floats = NDArray[np.float64]

_STEPS: Final = 60
_DAMPING: Final = (1e-9, 1e-2, 1e9)
_SETTLED: Final = 1e-7


def fit_parameters(batch: Batch, pool: GrowthPool, start: Floats | None = None) -> tuple[Floats, Floats]:
    r"""Find the maximum a posteriori parameters of each series, and their Laplace covariances.

    .. math::

        \hat\theta = \arg\min_\theta \sum_i \frac{(m_i - m(t_i; \theta))^2}{\sigma^2}
        + (\theta - \mu)^T \Sigma^{-1} (\theta - \mu), \quad
        C = \left(J^T J / \sigma^2 + \Sigma^{-1}\right)^{-1}

    by Levenberg-Marquardt steps [Marquardt1963]_, all series at once.

    Parameters
    ----------
    batch : Batch of s series
    pool : GrowthPool
        With the prior's mean µ and covariance Σ and the noise σ.
    start : float64[s, 3], optional
        Where to begin; the prior's mean if not given.

    Returns
    -------
    parameters : float64[s, 3]
    covariance : float64[s, 3, 3]
    """
    precision: Floats = np.linalg.inv(pool.covariance).astype(np.float64)
    parameters: Floats = np.tile(pool.mean, (batch.time.shape[0], 1)) if start is None else start
    damping = np.full(parameters.shape[0], _DAMPING[1])
    misfit, gradient, curvature = _objective(batch, pool, precision, parameters)
    for _ in range(_STEPS):
        diagonal = np.einsum("sii->si", curvature)[:, :, None] * np.eye(3)
        step = np.linalg.solve(curvature + damping[:, None, None] * diagonal, gradient[:, :, None])[:, :, 0]
        tried = _objective(batch, pool, precision, parameters + step)
        better = tried[0] <= misfit
        settled = bool(np.all(np.abs(misfit - tried[0]) <= _SETTLED * (1.0 + misfit)))
        parameters = np.where(better[:, None], parameters + step, parameters)
        misfit = np.where(better, tried[0], misfit)
        gradient = np.where(better[:, None], tried[1], gradient)
        curvature = np.where(better[:, None, None], tried[2], curvature)
        damping = np.clip(np.where(better, damping / 5, damping * 5), _DAMPING[0], _DAMPING[2])
        if settled:
            break
    return parameters, np.linalg.inv(curvature).astype(np.float64)


def _objective(
    batch: Batch, pool: GrowthPool, precision: Floats, parameters: Floats
) -> tuple[Floats, Floats, Floats]:
    """Give the misfit [s], its downhill gradient [s, 3] and its Gauss-Newton curvature [s, 3, 3]."""
    mass, slopes = growth_and_slopes(pool.curve, parameters, batch.time)
    weight = batch.measured / pool.noise_sd
    rest, slopes = (batch.mass - mass) * weight, slopes * weight[:, :, None]
    apart = parameters - pool.mean
    misfit = (rest**2).sum(axis=1) + np.einsum("si,ij,sj->s", apart, precision, apart)
    gradient = np.einsum("sni,sn->si", slopes, rest) - apart @ precision
    return misfit, gradient, np.einsum("sni,snj->sij", slopes, slopes) + precision
