"""Intervals of shares that rest on an effective number of fish."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtri

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from analytics.fish.events import FloatArray

LEVEL = 0.95


def normal_quantile(level: float) -> float:
    """Give the number of standard deviations that a two-sided interval reaches to.

    Examples
    --------
    >>> round(normal_quantile(0.95), 4)
    1.96
    """
    return float(ndtri((1 + level) / 2))


def wilson(share: ArrayLike, fish: ArrayLike, *, level: float = LEVEL) -> tuple[FloatArray, FloatArray]:
    """Give the score interval of a share [Wilson1927].

    Parameters
    ----------
    share : float[…], 0…1
    fish : float[…]
        Number of fish, or the effective number; where it is 0 the interval is 0…1.
    level : float

    Returns
    -------
    low, high : float64[…]

    Examples
    --------
    >>> low, high = wilson(0.9, 100)
    >>> round(float(low), 4), round(float(high), 4)
    (0.8256, 0.9448)
    """
    p, n = np.asarray(share, np.float64), np.asarray(fish, np.float64)
    square = normal_quantile(level) ** 2
    middle = p * n + square / 2
    reach = np.sqrt(square * (p * (1 - p) * n + square / 4))
    low, high = (middle - reach) / (n + square), (middle + reach) / (n + square)
    return np.clip(low, 0.0, 1.0), np.clip(high, 0.0, 1.0)


def kish(weight: FloatArray) -> float:
    """Give the effective number of weighted fish, ``(Σw)² / Σw²`` [Kish1965].

    Examples
    --------
    >>> kish(np.array([1.0, 1.0, 1.0])), kish(np.zeros(0))
    (3.0, 0.0)
    """
    square = float((weight**2).sum())
    return float(weight.sum()) ** 2 / square if square > 0 else 0.0
