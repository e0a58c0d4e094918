"""The arrays in which a lot's fish come, and the sufficient statistics they are summed up to.

Fish with like scores share a *cell*. A cell keeps how many fish it holds and their mean score, so that a lot
of a million fish costs no more than one of fifty, and statistics can be added up while events arrive.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analytics.fish.errors import ScoresError
from analytics.fish.proportions import kish

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    FloatArray = NDArray[np.float64]

MAX_CELLS = 64
# Below it a float32 softmax is rounding; it also bounds what one fish can say.
LEAST_PROBABILITY = 1e-6
# A vector that adds up to less or more was not a softmax's.
SUM_TOLERANCE = 0.02
# First width of a cell, in log-odds; doubled, one class after the other, until the cells are few enough.
CELL_WIDTH = 0.25
# Then all log-odds there can be fall on one side of 0 into one cell.
MOST_DOUBLINGS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Fish nobody looked at.

    Attributes
    ----------
    scores : float64[B, K]
        Mean log-odds of each class in each cell.
    fish : float64[B]
        How many fish the cell holds.
    level : int
        How often cells were doubled; 0 also where each fish has its own.
    """

    scores: FloatArray
    fish: FloatArray
    level: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Checks:
    """Fish checked by hand.

    Attributes
    ----------
    scores : float64[C, K]
        Mean log-odds of each class in each cell.
    true : float64[C, K]
        How many of the cell's fish are truly of each class.
    level : int
        As in `Tally`.
    """

    scores: FloatArray
    true: FloatArray
    level: int = 0


def log_odds(probabilities: ArrayLike) -> FloatArray:
    """Turn each class's probability into its log-odds against all others.

    Parameters
    ----------
    probabilities : float[n, K]

    Returns
    -------
    float64[n, K]

    Raises
    ------
    ScoresError
        Not two-dimensional, fewer than two classes, negative, not finite, or rows that do not add up to one.

    Examples
    --------
    >>> log_odds([[0.5, 0.25, 0.25]]).round(2).tolist()
    [[0.0, -1.1, -1.1]]
    """
    p = np.asarray(probabilities, np.float64)
    if p.ndim != 2 or p.shape[1] < 2:  # noqa: PLR2004
        raise ScoresError("probabilities", f"need the shape [fish, classes ≥ 2], not {list(p.shape)}")
    if not (p.size == 0 or (np.isfinite(p.max()) and p.min() >= 0)):
        raise ScoresError("probabilities", "must be finite and not negative")
    total = p @ np.ones(p.shape[1])
    if (np.abs(total - 1) > SUM_TOLERANCE).any():
        raise ScoresError("probabilities", "each fish's must add up to one")
    p = np.clip(p / total[:, None], LEAST_PROBABILITY, 1 - LEAST_PROBABILITY)
    return np.asarray(np.log(p / (1 - p)))


def tally(probabilities: ArrayLike, *, max_cells: int = MAX_CELLS) -> Tally:
    """Sum up fish that nobody looked at.

    Parameters
    ----------
    probabilities : float[n, K]
    max_cells : int
        At most so many cells; fewer fish than that each keep their own.

    Raises
    ------
    ScoresError
        As `log_odds`.

    Examples
    --------
    >>> tally([[0.9, 0.1], [0.2, 0.8]]).fish.tolist()
    [1.0, 1.0]
    """
    scores = log_odds(probabilities)
    return _coarsen(scores, np.ones(len(scores)), max_cells, 0)


def add(*tallies: Tally, max_cells: int = MAX_CELLS) -> Tally:
    """Add tallies up, in at most `max_cells` cells.

    Examples
    --------
    >>> one = tally([[0.9, 0.1], [0.2, 0.8]])
    >>> float(add(one, one).fish.sum())
    4.0
    """
    scores = np.concatenate([each.scores for each in tallies])
    fish = np.concatenate([each.fish for each in tallies])
    return _coarsen(scores, fish, max_cells, max(each.level for each in tallies))


def checked(
    probabilities: ArrayLike,
    true_class: ArrayLike,
    *,
    chance: ArrayLike | None = None,
    max_cells: int = MAX_CELLS,
) -> Checks:
    """Sum up fish whose true class somebody found out.

    Parameters
    ----------
    probabilities : float[n, K]
    true_class : int[n]
    chance : float[n], optional
        Each fish's probability of having been chosen, where it was not the same for all. Weights are its
        inverse, scaled to the sample's effective size (Σw)²/Σw² [Kish1965]. Not to be given for the checks of
        the lot itself: there the model conditions on the scores by which they were chosen.
    max_cells : int
        At most so many cells.

    Raises
    ------
    ScoresError
        As `log_odds`; classes that do not exist; chances outside (0, 1]; lengths that differ.

    Examples
    --------
    >>> checked([[0.9, 0.1], [0.2, 0.8]], [0, 1]).true.tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    scores = log_odds(probabilities)
    n, classes = scores.shape
    true = np.asarray(true_class)
    _check_classes(true, n, classes)
    weight = np.ones(n) if chance is None else _weights(np.asarray(chance, np.float64), n)
    label, cells, level = _cells(scores, max_cells)
    counts = np.zeros((cells, classes))
    np.add.at(counts, (label, true), weight)
    return Checks(scores=_means(scores, np.ones(n), label, cells), true=counts, level=level)


def _check_classes(true: NDArray[np.int64], n: int, classes: int) -> None:
    if true.shape != (n,):
        raise ScoresError("true_class", f"{true.shape} for {n} fish")
    if not np.issubdtype(true.dtype, np.integer):
        raise ScoresError("true_class", f"must be whole numbers, not {true.dtype}")
    if n and (true.min() < 0 or true.max() >= classes):
        raise ScoresError("true_class", f"must be 0 … {classes - 1}")


def _weights(chance: FloatArray, n: int) -> FloatArray:
    if chance.shape != (n,) or not ((chance > 0) & (chance <= 1)).all():
        raise ScoresError("chance", f"need {n} numbers above 0 and at most 1")
    weight = 1 / chance
    return np.asarray(weight * kish(weight) / weight.sum()) if n else weight


def _coarsen(scores: FloatArray, fish: FloatArray, max_cells: int, level: int) -> Tally:
    label, cells, level = _cells(scores, max_cells, level)
    held = np.bincount(label, fish, minlength=cells).astype(np.float64)
    return Tally(scores=_means(scores, fish, label, cells), fish=held, level=level)


def grid(scores: FloatArray, level: int) -> NDArray[np.int64]:
    """Tell which cell of a level scores lie in; a cell's mean lies in it, and in those it is part of.

    Returns
    -------
    int64[n, K]
    """
    classes = scores.shape[1]
    doubled = (level + np.arange(classes)[::-1]) // classes
    return np.asarray(np.floor(scores / CELL_WIDTH).astype(np.int64) >> doubled)


def _cells(scores: FloatArray, max_cells: int, level: int = 0) -> tuple[NDArray[np.int64], int, int]:
    """Give each fish's cell a number; tell how many cells there are and their level."""
    n, classes = scores.shape
    if n <= max_cells:
        return np.arange(n), n, level
    cells, label = _number(grid(scores, level))
    while len(cells) > max_cells:
        if level > MOST_DOUBLINGS * classes:
            return np.minimum(label, max_cells - 1), max_cells, level
        cells, above = _number(cells >> (np.arange(classes) == level % classes))
        label, level = above[label], level + 1
    return label, len(cells), level


def _number(rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Give each distinct row a number."""
    # By one integer a row: far faster than np.unique over an axis.
    low = rows.min(axis=0)
    span = rows.max(axis=0) - low + 1
    if float(np.prod(span.astype(np.float64))) > 2.0**62:
        found, label = np.unique(rows, axis=0, return_inverse=True)
        return found, label.ravel()
    place = np.concatenate([[1], np.cumprod(span[:-1])])
    _, first, label = np.unique((rows - low) @ place, return_index=True, return_inverse=True)
    return rows[first], label


def _means(scores: FloatArray, fish: FloatArray, label: NDArray[np.int64], cells: int) -> FloatArray:
    total = np.bincount(label, fish, minlength=cells)
    sums = [np.bincount(label, fish * column, minlength=cells) for column in scores.T]
    return np.asarray(np.stack(sums, axis=1) / np.maximum(total, np.finfo(float).tiny)[:, None])
