"""Which fish to check by hand: at random, with a chance that is known and above 0 for each.

Fish are put into strata by called class and confidence, and a number is drawn from each: some of every
stratum, so that each class can be told of, and the rest where a check tells most, ``n_h ∝ N_h·√(p_h(1 −
p_h))`` with p_h the mean confidence [Neyman1934]. The chance n_h/N_h is to be stored with each check.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analytics.fish.confusion import class_indices
from analytics.fish.errors import ScoresError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from analytics.fish.confusion import WholeArray
    from analytics.fish.events import FloatArray

# Confidence that parts the strata of a class, doubtful, middling and sure: assumed.
EDGES = (0.7, 0.95)
# Of each stratum, so many as long as it has them.
LEAST = 2
# A stratum's mean confidence is taken for no more than this: even a sure unit errs.
SUREST = 0.99


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """Fish to be checked.

    Attributes
    ----------
    index : int64[m]
        Their places, in the order of the fish.
    chance : float64[m]
        By which each was chosen.
    stratum : int64[m]
    stratum_fish : int64[K · 3]
        Fish in each stratum: class by class, doubtful to sure.
    reason : str
        What is to be stored with each check.
    """

    index: WholeArray
    chance: FloatArray
    stratum: WholeArray
    stratum_fish: WholeArray
    reason: str = "stratified random"


def strata(called: ArrayLike, confidence: ArrayLike, classes: int) -> WholeArray:
    """Give each fish the number of its stratum, int64[n] of 0…3K − 1.

    Raises
    ------
    ScoresError
        Lengths that differ, classes that do not exist, confidences outside 0…1.

    Examples
    --------
    >>> strata([0, 0, 1], [0.6, 0.99, 0.8], 2).tolist()
    [0, 2, 4]
    """
    which, sure = class_indices(called, classes, "called"), np.asarray(confidence, np.float64)
    if sure.shape != which.shape or not ((sure >= 0) & (sure <= 1)).all():
        raise ScoresError("confidence", f"need {len(which)} numbers 0…1")
    return which.astype(np.int64) * (len(EDGES) + 1) + np.searchsorted(EDGES, sure, side="right")


def choose(
    called: ArrayLike, confidence: ArrayLike, count: int, *, classes: int, seed: int | np.random.Generator
) -> Chosen:
    """Choose fish to check.

    Parameters
    ----------
    called : int[n]
        Class each fish was called, of those that can be checked.
    confidence : float[n], 0…1
        Probability of that class.
    count : int
        How many to check; more are chosen where the strata need it, fewer where there are fewer fish.
    classes : int
    seed : int or numpy.random.Generator

    Raises
    ------
    ScoresError
        As `strata`; a negative count.

    Examples
    --------
    >>> chosen = choose([0] * 90 + [1] * 10, [0.99] * 100, 10, classes=2, seed=1)
    >>> np.unique(chosen.chance).round(3).tolist(), chosen.index.size
    ([0.078, 0.3], 10)
    """
    if count < 0:
        raise ScoresError("count", f"{count} fish")
    stratum = strata(called, confidence, classes)
    size = (len(EDGES) + 1) * classes
    held = np.bincount(stratum, minlength=size)
    mean = np.bincount(stratum, np.asarray(confidence, np.float64), size) / np.maximum(held, 1)
    wanted = _allotted(held, mean, count) if count else np.zeros_like(held)
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(stratum))
    picked = np.sort(order[_places(stratum[order]) < wanted[stratum[order]]])
    chance = wanted[stratum[picked]] / held[stratum[picked]]
    return Chosen(index=picked, chance=chance, stratum=stratum[picked], stratum_fish=held)


def _allotted(held: WholeArray, confidence: FloatArray, count: int) -> WholeArray:
    """Share out a number of checks: the least to each stratum, the rest by largest remainders."""
    taken = np.minimum(held, LEAST)
    sure = np.clip(confidence, 1 - SUREST, SUREST)
    pull = held * np.sqrt(sure * (1 - sure))
    while (left := min(count, int(held.sum())) - int(taken.sum())) > 0:
        open_ = np.where(taken < held, pull, 0.0)
        part = left * open_ / open_.sum()
        more = np.floor(part).astype(np.int64)
        spare = left - int(more.sum())
        more[np.argsort(-(part - more), kind="stable")[:spare]] += 1
        taken = np.minimum(taken + more, held)
    return taken


def _places(group: NDArray[np.int64]) -> WholeArray:
    """Count up the members of each group from 0, in the order they stand in."""
    order = np.argsort(group, kind="stable")
    in_order = group[order]
    first = np.searchsorted(in_order, in_order, side="left")
    place = np.empty_like(order)
    place[order] = np.arange(len(group)) - first
    return place
