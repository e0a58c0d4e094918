"""Whether a lot's scores look like those of the unit's verified fish, whatever the lot's composition."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import gammaincc, xlogy

from analytics.fish.events import grid

if TYPE_CHECKING:
    from analytics.fish.events import Checks, FloatArray, Tally

# Bins of scores; each holds at least so many of all fish, as chi-square tests want [Cochran1954].
LEAST_IN_BIN = 8
MOST_BINS = 12
STEPS = 300


def misfit(lot: Tally, history: Checks | None) -> float:
    """Test whether some mixture of the verified classes' scores gives the lot's.

    The fish of lot and history are put into bins of like scores. The likelihood-ratio statistic compares free
    bin probabilities of the lot with the best mixture of the classes', both history and lot being samples
    [Wilks1938]. An honest change of composition does not show; nor does a fault that looks like one.

    Parameters
    ----------
    lot : Tally
        All of its fish.
    history : Checks or None

    Returns
    -------
    float
        Probability of so large a misfit, were lot and history of one unit; NaN where there is too little to
        tell.

    Examples
    --------
    >>> from analytics.fish.events import checked, tally
    >>> p = np.linspace(0.55, 0.95, 40)
    >>> scores = np.concatenate([np.stack([p, 1 - p], 1), np.stack([1 - p, p], 1)])
    >>> past = checked(scores, [0] * 40 + [1] * 40)
    >>> misfit(tally(scores[:50]), past) > 0.2
    True
    """
    if history is None:
        return float("nan")
    here, seen = _bins(lot, history)
    free = len(here) - 1 - (seen.shape[1] - 1)
    if free < 1 or not (seen.sum(axis=0) > 0).all():
        return float("nan")
    apart = _log_likelihood(here) + sum(_log_likelihood(column) for column in seen.T)
    statistic = 2 * (apart - _together(here, seen))
    return float(gammaincc(free / 2, max(statistic, 0.0) / 2))


def _bins(lot: Tally, history: Checks) -> tuple[FloatArray, FloatArray]:
    """Count the lot's fish, and the history's by class, in bins of called class and confidence."""
    scores = np.concatenate([lot.scores, history.scores])
    fish = np.concatenate([lot.fish, history.true.sum(axis=1)])
    where = grid(scores, max(lot.level, history.level))
    keys = np.stack([where.argmax(axis=1), where.max(axis=1)], axis=1)
    found, place = np.unique(keys, axis=0, return_inverse=True)
    held = np.bincount(place.ravel(), fish, minlength=len(found))
    target = max(fish.sum() / MOST_BINS, LEAST_IN_BIN)
    label = ((np.cumsum(held) - held / 2) // target).astype(np.int64)
    place = np.unique(label, return_inverse=True)[1][place.ravel()]
    bins = int(place.max()) + 1
    here = np.bincount(place[: len(lot.fish)], lot.fish, minlength=bins)
    past = place[len(lot.fish) :]
    seen = np.stack([np.bincount(past, column, minlength=bins) for column in history.true.T], axis=1)
    return here.astype(np.float64), seen.astype(np.float64)


def _log_likelihood(counts: FloatArray) -> float:
    return float(xlogy(counts, counts / max(counts.sum(), 1.0)).sum())


def _together(here: FloatArray, seen: FloatArray) -> float:
    """Maximise the likelihood with the classes' bins in common, by expectation–maximisation."""
    theta = (seen + 0.5) / (seen + 0.5).sum(axis=0)
    share = np.full(seen.shape[1], 1.0 / seen.shape[1])
    for _ in range(STEPS):
        joint = theta * share
        member = joint / joint.sum(axis=1, keepdims=True) * here[:, None]
        share = member.sum(axis=0) / here.sum()
        theta = np.maximum((seen + member) / (seen + member).sum(axis=0), 1e-12)
    return float(xlogy(seen, theta).sum() + xlogy(here, theta @ share).sum())
