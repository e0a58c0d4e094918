"""Statistics of readings over adjoining spans of time, such as days: count, extremes, mean, sum of amounts.

Spans are given by their edges: span `s` is from ``edges[s]`` up to, without, ``edges[s + 1]``. Readings are
in order of time. Whether a span has enough readings for its values to mean something is told by
`analytics.series.coverage`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from analytics.series.coverage import LONGEST_STEP_S, with_edges
from analytics.series.days import US_PER_S
from devices.quantities import QUANTITIES

if TYPE_CHECKING:
    from numpy.typing import NDArray

DEG_PER_TURN: Final = 360.0


def is_direction(quantity: str) -> bool:
    """Tell whether a quantity is an angle, of which 350 and 10 deg have north between them.

    Examples
    --------
    >>> is_direction("wind_direction"), is_direction("wind_speed")
    (True, False)
    """
    return quantity in QUANTITIES and QUANTITIES[quantity].unit == "deg"


def count(at: NDArray[np.int64], edges: NDArray[np.int64]) -> NDArray[np.int64]:
    """Count the readings of each span.

    Parameters
    ----------
    at : int64[n], µs
    edges : int64[S + 1], µs

    Returns
    -------
    int64[S]

    Examples
    --------
    >>> count(np.array([1, 2, 5]), np.array([0, 2, 4, 6])).tolist()
    [1, 1, 1]
    """
    return np.diff(np.searchsorted(at, edges)).astype(np.int64)


def extremes(
    quantity: str, at: NDArray[np.int64], value: NDArray[np.float64], edges: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Tell the least and the greatest reading of each span.

    Parameters
    ----------
    quantity : str
    at : int64[n], µs
    value : float64[n]
    edges : int64[S + 1], µs

    Returns
    -------
    minimum, maximum : float64[S]
        Not-a-number for a span without readings, and for directions, which have none.

    Examples
    --------
    >>> low, high = extremes(
    ...     "air_temperature", np.array([1, 3, 5]), np.array([4.0, 2.0, 7.0]), np.array([0, 4, 5, 6])
    ... )
    >>> low.tolist(), high.tolist()
    ([2.0, nan, 7.0], [4.0, nan, 7.0])
    """
    bounds = np.searchsorted(at, edges)
    begins, empty = bounds[:-1], np.diff(bounds) == 0
    if is_direction(quantity) or empty.all():
        return np.full(len(begins), np.nan), np.full(len(begins), np.nan)
    # reduceat needs an element behind the last begin, and gives that of the begin for an empty stretch.
    padded = np.append(value[: bounds[-1]], np.nan)
    low, high = (extreme.reduceat(padded, begins) for extreme in (np.fmin, np.fmax))
    return np.where(empty, np.nan, low), np.where(empty, np.nan, high)


def mean_by_time(
    quantity: str, at: NDArray[np.int64], value: NDArray[np.float64], edges: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Tell the mean of each span, every moment weighing the same.

    Straight lines join readings that are at most `coverage.LONGEST_STEP_S` apart; the mean is that of the
    lines over the time they bridge. Of directions it is the direction of the mean unit vector.

    Parameters
    ----------
    quantity : str
    at : int64[n], µs
    value : float64[n]
    edges : int64[S + 1], µs

    Returns
    -------
    float64[S]
        Not-a-number where nothing is bridged.

    Examples
    --------
    >>> at = np.array([0, 1, 2, 6, 8]) * 1_000_000
    >>> edges = np.array([0, 4, 8]) * 1_000_000
    >>> mean_by_time("air_temperature", at, np.array([0.0, 0.0, 0.0, 4.0, 4.0]), edges).tolist()
    [0.5, 3.5]
    >>> mean_by_time("wind_direction", at, np.full(5, 359.0), edges).round(6).tolist()
    [359.0, 359.0]
    """
    if not is_direction(quantity):
        return _polyline_mean(at, value, edges)
    angle = np.radians(value)
    east, north = (_polyline_mean(at, part, edges) for part in (np.sin(angle), np.cos(angle)))
    return np.degrees(np.arctan2(east, north)) % DEG_PER_TURN


def amounts(
    at: NDArray[np.int64], value: NDArray[np.float64], edges: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Add up amounts since the sample before: the one at an edge belongs to the span that ends.

    Parameters
    ----------
    at : int64[n], µs
    value : float64[n]
    edges : int64[S + 1], µs

    Returns
    -------
    float64[S]

    Examples
    --------
    >>> amounts(np.array([1, 4, 5]), np.array([0.5, 0.5, 2.0]), np.array([0, 4, 8])).tolist()
    [1.0, 2.0]
    """
    sums = np.concatenate([[0.0], np.cumsum(value)])
    return np.diff(sums[np.searchsorted(at, edges, side="right")])


def _polyline_mean(
    at: NDArray[np.int64], value: NDArray[np.float64], edges: NDArray[np.int64]
) -> NDArray[np.float64]:
    if len(at) == 0:
        return np.full(len(edges) - 1, np.nan)
    merged, place = with_edges(at, edges)
    before = place - np.arange(len(edges))
    level = np.insert(value, before, np.interp(edges, at, value))
    # Whether the gap that ends at a reading is bridged; those before the first and after the last are not.
    bridged = np.concatenate([[False], np.diff(at) <= LONGEST_STEP_S * US_PER_S, [False]])
    width = np.diff(merged) * np.insert(bridged[:-1], before, bridged[before])[1:] / US_PER_S
    area = _sums(width * (level[:-1] + level[1:]) / 2, place)
    time = _sums(width, place)
    mean: NDArray[np.float64] = np.divide(area, time, out=np.full(len(time), np.nan), where=time > 0)
    return mean


def _sums(part: NDArray[np.float64], place: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.add.reduceat(part[: place[-1]], place[:-1]) if len(place) > 1 else part[:0]
