"""How long a risk-adjusted CUSUM of mistakes runs: a Markov chain over its levels [Steiner2000].

A level between two points of the grid is shared out between these, so that few points suffice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import brentq

from analytics.fish.errors import ScoresError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from analytics.fish.events import FloatArray

# Levels of the chain, and fish that stand for all.
LEVELS = 200
FISH = 64
# Between which limits are sought.
LIMITS = (0.05, 30.0)


def run_length(expected: ArrayLike, *, odds_ratio: float, limit: float, worse: float = 1.0) -> float:
    """Tell how many checked fish a chart runs on average, from 0 until it is above its limit.

    Parameters
    ----------
    expected : float[n], 0…1
        Chances of a mistake of fish as they are checked.
    odds_ratio : float
        R of `charts.unexpected_mistakes`.
    limit : float
    worse : float
        Ratio of the true odds of a mistake to those expected; 1 where all is well.

    Raises
    ------
    ScoresError
        No fish, or chances outside 0…1.

    Examples
    --------
    >>> round(run_length([0.05, 0.2], odds_ratio=3.0, limit=3.0) / 10)
    34
    >>> round(run_length([0.05, 0.2], odds_ratio=3.0, limit=3.0, worse=3.0))
    26
    """
    chance = _representative(expected)
    true = worse * chance / (1 - chance + worse * chance)
    right = -np.log1p(chance * (odds_ratio - 1))
    step = np.concatenate([right, right + np.log(odds_ratio)])
    share = np.concatenate([1 - true, true]) / len(chance)
    grid = np.linspace(0.0, limit, LEVELS)
    place = np.maximum(grid[:, None] + step, 0.0) / grid[1]
    stays = place <= LEVELS - 1
    lower = np.minimum(place.astype(np.int64), LEVELS - 2)
    upper = place - lower
    passed = np.zeros((LEVELS, LEVELS))
    row = np.broadcast_to(np.arange(LEVELS)[:, None], place.shape)
    np.add.at(passed, (row, lower), np.where(stays, share * (1 - upper), 0.0))
    np.add.at(passed, (row, lower + 1), np.where(stays, share * upper, 0.0))
    return float(np.linalg.solve(np.eye(LEVELS) - passed, np.ones(LEVELS))[0])


def limit_for(expected: ArrayLike, *, odds_ratio: float, fish_per_false_alarm: float) -> float:
    """Find the limit at which a chart runs that long while mistakes are as expected.

    Raises
    ------
    ScoresError
        As `run_length`.

    Examples
    --------
    >>> limit = limit_for([0.05, 0.2], odds_ratio=3.0, fish_per_false_alarm=500.0)
    >>> round(run_length([0.05, 0.2], odds_ratio=3.0, limit=limit))
    500
    """
    chance = _representative(expected)

    def away(limit: float) -> float:
        return float(np.log(run_length(chance, odds_ratio=odds_ratio, limit=limit) / fish_per_false_alarm))

    low, high = LIMITS[0], 1.0
    while away(high) < 0 and high < LIMITS[1]:
        low, high = high, 2 * high
    return float(brentq(away, low, high, xtol=1e-6))


def _representative(expected: ArrayLike) -> FloatArray:
    """Let a few fish stand for all, at even steps through their chances."""
    chance = np.sort(np.asarray(expected, np.float64))
    if chance.ndim != 1 or not len(chance) or not ((chance >= 0) & (chance <= 1)).all():
        raise ScoresError("expected", "need chances 0…1 of at least one fish")
    if len(chance) <= FISH:
        return chance
    edges = np.linspace(0, len(chance), FISH + 1).astype(np.int64)
    return np.add.reduceat(chance, edges[:-1]) / np.diff(edges)
