"""Weights and lengths by class, when nobody knows for sure of which class a fish is.

If size has, within a class, nothing to do with how sure the unit is, a fish's expected size is ``Σ_k
p_k·m_k``: the classes' means are the least squares of sizes on probabilities, ``m = (PᵀP)⁻¹Pᵀw``, with
standard errors that take variances as they are [MacKinnon1985]. Counting fish to the class they were called,
or by their probabilities, would mix the classes' sizes. Quantiles are those of distribution functions made in
the same way.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analytics.fish.errors import ScoresError
from analytics.fish.proportions import LEVEL, normal_quantile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

    from analytics.fish.events import FloatArray

# Fewer expected fish of a class tell nothing of its sizes.
LEAST_FISH = 1.0
# No fish's error is divided by less: one that stands alone for its class tells nothing of the class's spread.
LEAST_FREE = 1e-6
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """Sizes of each class, in the unit they came in; not-a-number where no fish is likely to be of it.

    Attributes
    ----------
    mean, se, low, high : float64[K]
        With the interval of `LEVEL`.
    quantiles : float64[K, Q]
    fish : float64[K]
        Expected number of measured fish.
    effective_fish : float64[K]
        What they are worth for the mean: as many whose class is known.
    """

    mean: FloatArray
    se: FloatArray
    low: FloatArray
    high: FloatArray
    quantiles: FloatArray
    fish: FloatArray
    effective_fish: FloatArray


def belonging(probabilities: ArrayLike, prior: ArrayLike, share: ArrayLike) -> FloatArray:
    """Turn calibrated probabilities into those in a lot of another composition, ``∝ p·π/π₀`` [Saerens2002].

    Parameters
    ----------
    probabilities : float[n, K]
    prior : float[K]
        Shares under which they are calibrated.
    share : float[K]
        The lot's.

    Examples
    --------
    >>> belonging([[0.5, 0.5]], [0.5, 0.5], [0.8, 0.2]).tolist()
    [[0.8, 0.2]]
    """
    raised = np.asarray(probabilities, np.float64) * (
        np.asarray(share, np.float64) / np.asarray(prior, np.float64)
    )
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))


def sizes(
    measured: ArrayLike, belongs: ArrayLike, *, quantiles: Sequence[float] = QUANTILES, level: float = LEVEL
) -> Sizes:
    """Describe the sizes of each class.

    Parameters
    ----------
    measured : float[n]
        Weight or length; not-a-number where it was not measured.
    belongs : float[n, K]
        Probability of each class; 0 and 1 for a checked fish.
    quantiles : Q of them, 0…1
        At a fish's own value half of it is below.
    level : float

    Raises
    ------
    ScoresError
        Shapes that do not fit.

    Examples
    --------
    >>> told = sizes([1.0, 3.0, 9.0], [[1, 0], [1, 0], [0, 1]], quantiles=[0.5])
    >>> told.mean.tolist(), told.quantiles.tolist()
    ([2.0, 9.0], [[2.0], [9.0]])
    """
    size, share = np.asarray(measured, np.float64), np.asarray(belongs, np.float64)
    if share.ndim != 2 or size.shape != share.shape[:1]:  # noqa: PLR2004
        raise ScoresError("measured", f"{list(size.shape)} for probabilities {list(share.shape)}")
    there = np.isfinite(size)
    size, share = size[there], share[there]
    order = np.argsort(size, kind="stable")
    size, share = size[order], share[order]
    weight = _weights(share)
    fish = share.sum(axis=0)
    mean = np.where(fish >= LEAST_FISH, size @ weight, np.nan)
    se, worth = _errors(size - share @ np.nan_to_num(mean), share, weight)
    reach = normal_quantile(level) * se
    return Sizes(
        mean=mean,
        se=se,
        low=mean - reach,
        high=mean + reach,
        quantiles=np.stack([_quantiles(size, column, quantiles) for column in weight.T]),
        fish=fish,
        effective_fish=worth,
    )


def _weights(share: FloatArray) -> FloatArray:
    """Tell what each fish counts for each class's mean: adding up to 1, some below 0; NaN for absent ones."""
    there = share.sum(axis=0) >= LEAST_FISH
    weight = np.full(share.shape, np.nan)
    some = share[:, there]
    if some.size:
        weight[:, there] = some @ np.linalg.pinv(some.T @ some)
    return weight


def _errors(away: FloatArray, share: FloatArray, weight: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Tell each mean's standard error, and as how many fish of a known class it counts."""
    own = 1 - np.minimum((share * np.nan_to_num(weight)).sum(axis=1), 1 - LEAST_FREE)
    se = np.sqrt((weight**2 * (away**2 / own)[:, None]).sum(axis=0))
    worth = 1 / np.maximum((np.nan_to_num(weight) ** 2).sum(axis=0), np.finfo(float).tiny)
    worth = np.where(np.nan_to_num(weight).any(axis=0), worth, 0.0)
    return np.where(worth > 1 + LEAST_FREE, se, np.nan), worth


def _quantiles(size: FloatArray, weight: FloatArray, wanted: Sequence[float]) -> FloatArray:
    if not len(size) or not np.isfinite(weight).all():
        return np.full(len(wanted), np.nan)
    some = weight != 0
    below = np.maximum.accumulate(np.cumsum(weight[some]) - weight[some] / 2)
    return np.asarray(np.interp(wanted, below, size[some]), np.float64)
