"""How well readings cover time: the usual step of a series, the covered share of a day, its longest gap."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from analytics.series.days import US_PER_S

if TYPE_CHECKING:
    from numpy.typing import NDArray

LONGEST_STEP_S: Final = 3 * 3_600.0
"""The step of synoptic observations [WMO8]; more seldom, a series does not show a day's course."""

_FAR_US: Final = 400 * 365 * 86_400 * US_PER_S
_US_PER_H: Final = 3_600 * US_PER_S


def usual_step_s(at: NDArray[np.int64]) -> float:
    """Estimate the usual time between two readings.

    Half of the time lies between readings that are no further apart: the median of the gaps weighted by their
    length, so that bursts do not count for more than their time; gaps beyond `LONGEST_STEP_S` are outages and
    not counted.

    Parameters
    ----------
    at : int64[n], µs
        In order.

    Returns
    -------
    float, s
        `LONGEST_STEP_S` where there are no two readings close enough to tell.

    Examples
    --------
    >>> usual_step_s(np.array([0, 600, 1200, 1201, 1202, 1800, 90_000]) * 1_000_000)
    600.0
    """
    gaps = np.sort(np.diff(at))
    gaps = gaps[(gaps > 0) & (gaps <= LONGEST_STEP_S * US_PER_S)]
    if len(gaps) == 0:
        return LONGEST_STEP_S
    time = np.cumsum(gaps)
    return float(gaps[np.searchsorted(time, time[-1] / 2)]) / US_PER_S


def day_coverage(
    at: NDArray[np.int64], edges: NDArray[np.int64], step_s: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Tell which share of each day is covered, and its longest stretch without a reading.

    A moment is covered that has a reading within one step: one lost reading leaves no hole, two do.

    Parameters
    ----------
    at : int64[n], µs
        In order.
    edges : int64[D + 1], µs
        Where days begin, `days.day_edges_us`.
    step_s : float, s

    Returns
    -------
    coverage : float64[D], 0…1
    longest_gap_h : float64[D], h

    Examples
    --------
    >>> hours = np.arange(0, 19) * 3_600_000_000
    >>> coverage, gap = day_coverage(hours, np.array([0, 24]) * 3_600_000_000, 3600.0)
    >>> round(float(coverage[0]), 3), float(gap[0])
    (0.792, 6.0)
    """
    length = np.diff(edges)
    step = round(step_s * US_PER_S)
    points = np.concatenate([[edges[0] - _FAR_US], at, [edges[-1] + _FAR_US]])
    hole = np.diff(points) - 2 * step
    begin, hole = points[:-1][hole > 0] + step, hole[hole > 0]
    # Time in holes up to any moment is a straight line between these knots; a day's share is a difference.
    knots = np.stack([begin, begin + hole], axis=1).ravel()
    upto = np.stack([np.cumsum(hole) - hole, np.cumsum(hole)], axis=1).ravel()
    uncovered = np.diff(np.interp(edges, knots, upto))
    coverage = 1.0 - np.divide(uncovered, length, out=np.ones(len(length)), where=length > 0)
    return np.clip(coverage, 0.0, 1.0), _longest_gaps(at, edges) / _US_PER_H


def _longest_gaps(at: NDArray[np.int64], edges: NDArray[np.int64]) -> NDArray[np.float64]:
    """Measure the longest gap within each day, cut at midnight."""
    cut, place = with_edges(at, edges)
    gaps = np.diff(cut)[: place[-1]].astype(np.float64)
    return np.maximum.reduceat(gaps, place[:-1]) if len(place) > 1 else gaps[:0]


def with_edges(
    at: NDArray[np.int64], edges: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Put the edges of days among the instants of readings.

    Parameters
    ----------
    at : int64[n], µs
        In order.
    edges : int64[D + 1], µs

    Returns
    -------
    merged : int64[n + D + 1], µs
        In order; an edge comes before a reading of the same instant.
    place : int64[D + 1]
        Where the edges are; the gaps of day `d` are ``np.diff(merged)[place[d]:place[d + 1]]``.

    Examples
    --------
    >>> [part.tolist() for part in with_edges(np.array([1, 5, 8]), np.array([0, 5, 10]))]
    [[0, 1, 5, 5, 8, 10], [0, 2, 5]]
    """
    before = np.searchsorted(at, edges)
    return np.insert(at, before, edges), before + np.arange(len(edges))
