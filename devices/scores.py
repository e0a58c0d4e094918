"""A classifier's probabilities as log-odds, and the cells in which fish with like scores are counted.

A cell is the log-odds of each class in steps. `analytics.fish.events` doubles its own until the cells are few
enough: what was counted here can be coarsened there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEAST_PROBABILITY: Final = 1e-6
"""Below it a float32 softmax is rounding; it also bounds what one fish can say."""
WIDTH_OF_TWO: Final = 0.25
WIDTH_OF_MORE: Final = 1.0
"""Width of a cell in log-odds, for two classes and for more: so that 500 fish take some fifty cells with two
classes and some two hundred with three."""


def log_odds(probabilities: NDArray[Any]) -> NDArray[np.float64]:
    """Give each class's log-odds against all others; vectors are scaled to add up to one.

    Parameters
    ----------
    probabilities : float[n, K]

    Returns
    -------
    float64[n, K]

    Examples
    --------
    >>> log_odds(np.array([[0.5, 0.25, 0.25]])).round(2).tolist()
    [[0.0, -1.1, -1.1]]
    """
    p = np.asarray(probabilities, np.float64)
    p = np.clip(p / p.sum(axis=1, keepdims=True), LEAST_PROBABILITY, 1 - LEAST_PROBABILITY)
    return np.asarray(np.log(p) - np.log1p(-p))


def cells(scores: NDArray[np.float64]) -> NDArray[np.int16]:
    """Give the cell of each fish.

    Parameters
    ----------
    scores : float64[n, K], log-odds

    Returns
    -------
    int16[n, K]

    Examples
    --------
    >>> cells(np.array([[0.0, -1.1, 0.7]])).tolist()
    [[0, -2, 0]]
    """
    width = WIDTH_OF_TWO if scores.shape[1] == 2 else WIDTH_OF_MORE  # noqa: PLR2004
    return np.floor(scores / width).astype(np.int16)
