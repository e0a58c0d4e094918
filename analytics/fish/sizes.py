"""Weights and lengths by class, when nobody knows for sure of which class a fish is.

Each fish belongs to each class by its posterior probability; counting it whole to the class it was called
would mix the classes' sizes. Correct where, within a class, size has nothing to do with how sure the unit is.
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
        What they are worth for the mean.
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
    fish = share.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = size @ share / fish
        worth = fish**2 / (share**2).sum(axis=0)
        away = share * (size[:, None] - mean)
        # As a plain mean's, with one degree of freedom less than there are fish.
        se = np.sqrt((away**2).sum(axis=0) / fish**2 * worth / np.maximum(worth - 1, 0.0))
    reach = normal_quantile(level) * se
    found = np.stack([_quantiles(size, column, quantiles) for column in share.T])
    return Sizes(
        mean=mean,
        se=se,
        low=mean - reach,
        high=mean + reach,
        quantiles=found,
        fish=fish,
        effective_fish=np.nan_to_num(worth),
    )


def _quantiles(size: FloatArray, weight: FloatArray, wanted: Sequence[float]) -> FloatArray:
    some = weight > 0
    if not some.any():
        return np.full(len(wanted), np.nan)
    held = weight[some]
    below = np.cumsum(held) - held / 2
    return np.asarray(np.interp(np.asarray(wanted) * held.sum(), below, size[some]), np.float64)
