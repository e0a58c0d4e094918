"""Hourly values from irregular readings, for whatever is compared hour by hour.

The hours are those of UTC. In a zone that is off by half an hour they do not begin with its days; Japan's do.
An hour counts where readings cover at least `daily.LEAST_COVERAGE` of it; elsewhere it is not-a-number.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from analytics.series.coverage import day_coverage, usual_step_s
from analytics.series.daily import LEAST_COVERAGE
from analytics.series.days import US_PER_S
from analytics.series.errors import LengthError
from analytics.series.totals import TOTALS
from devices.model import Quality
from devices.quantities import QUANTITIES

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

US_PER_H: Final = 3_600 * US_PER_S
DEG_PER_TURN: Final = 360.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HourlyValues:
    """One quantity, a value for each of H hours of UTC.

    Attributes
    ----------
    first : int, Unix time in µs
        Begin of the first hour.
    value : float64[H], the quantity's unit
        Mean of a state or a rate, sum of amounts (rain since the sample before), mean direction of an angle;
        not-a-number where the hour is not covered.
    minimum, maximum : float64[H]
        Least and greatest reading of the hour, not-a-number where `value` is.
    coverage : float64[H], 0…1
        Share of the hour that has a reading within one usual step.
    n : int64[H]
        Readings used.
    """

    quantity: str
    first: int
    value: NDArray[np.float64]
    minimum: NDArray[np.float64]
    maximum: NDArray[np.float64]
    coverage: NDArray[np.float64]
    n: NDArray[np.int64]


def summarise_hours(
    quantity: str,
    at: NDArray[np.int64],
    value: ArrayLike,
    quality: ArrayLike | None = None,
    *,
    first: int,
    hours: int,
    step_s: float | None = None,
    with_suspect: bool = False,
) -> HourlyValues:
    """Summarise irregular readings by hours of UTC.

    Parameters
    ----------
    quantity : str
        A name of `devices.quantities.QUANTITIES`; decides between mean, sum and mean direction.
    at : int64[n], Unix time in µs
        In any order. Some readings from before and after make the edges exact.
    value : float64[n]
        In the quantity's canonical unit. Not-a-numbers are left out.
    quality : int16[n] | None
        `devices.model.Quality`. Good and not evaluated are used; suspect ones with `with_suspect`.
    first : int, Unix time in µs
        Begin of the first hour; cut to a full hour.
    hours : int
        H.
    step_s : float | None
        Usual time between two readings, e.g. the kind's `period_s`; None: estimated from `at`.

    Returns
    -------
    HourlyValues

    Raises
    ------
    LengthError
        `at`, `value` and `quality` differ in length.

    Examples
    --------
    >>> at = np.arange(0, 7_200, 600) * 1_000_000
    >>> got = summarise_hours("air_temperature", at, np.arange(12.0), first=0, hours=3)
    >>> got.value.round(2).tolist(), got.n.tolist()
    ([3.0, 8.92, nan], [6, 6, 0])
    """
    times, values = _usable(at, value, quality, with_suspect=with_suspect)
    begin = first // US_PER_H * US_PER_H
    edges = begin + np.arange(hours + 1, dtype=np.int64) * US_PER_H
    step = usual_step_s(times) if step_s is None else step_s
    coverage, _ = day_coverage(times, edges, step)
    counted = coverage >= LEAST_COVERAGE
    minimum, maximum = _extremes(times, values, edges)
    return HourlyValues(
        quantity=quantity,
        first=begin,
        value=np.where(counted, _values(quantity, times, values, edges), np.nan),
        minimum=np.where(counted, minimum, np.nan),
        maximum=np.where(counted, maximum, np.nan),
        coverage=coverage,
        n=np.diff(np.searchsorted(times, edges)).astype(np.int64),
    )


def _usable(
    at: NDArray[np.int64], value: ArrayLike, quality: ArrayLike | None, *, with_suspect: bool
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Keep what may be used, in order of time."""
    values = np.asarray(value, np.float64)
    flags = np.full(len(at), Quality.GOOD) if quality is None else np.asarray(quality)
    if not len(at) == len(values) == len(flags):
        raise LengthError({"at": len(at), "value": len(values), "quality": len(flags)})
    worst = Quality.SUSPECT if with_suspect else Quality.NOT_EVALUATED
    used = (flags >= Quality.GOOD) & (flags <= worst) & np.isfinite(values)
    order = np.argsort(at[used], kind="stable")
    return at[used][order].astype(np.int64), values[used][order]


def _values(
    quantity: str, at: NDArray[np.int64], value: NDArray[np.float64], edges: NDArray[np.int64]
) -> NDArray[np.float64]:
    if quantity in TOTALS and TOTALS[quantity].per_sample:
        sums = np.concatenate([[0.0], np.cumsum(value)])
        # The amount of the sample at the full hour fell in the hour that ends.
        return np.diff(sums[np.searchsorted(at, edges, side="right")])
    if quantity in QUANTITIES and QUANTITIES[quantity].unit == "deg":
        radians = np.deg2rad(value)
        east, north = (_polyline_mean(at, part, edges) for part in (np.sin(radians), np.cos(radians)))
        return np.rad2deg(np.arctan2(east, north)) % DEG_PER_TURN
    return _polyline_mean(at, value, edges)


def _polyline_mean(
    at: NDArray[np.int64], value: NDArray[np.float64], edges: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Mean over time of the straight lines between readings, so that a burst weighs no more than its time.

    Before the first reading and behind the last one its value is kept; what is too far is not covered.
    """
    if len(at) == 0:
        return np.full(len(edges) - 1, np.nan)
    knots = np.union1d(at[(at > edges[0]) & (at < edges[-1])], edges)
    level = np.interp(knots, at, value)
    area = np.concatenate([[0.0], np.cumsum(np.diff(knots) * (level[:-1] + level[1:]) / 2)])
    return np.diff(area[np.searchsorted(knots, edges)]) / np.diff(edges)


def _extremes(
    at: NDArray[np.int64], value: NDArray[np.float64], edges: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    bounds = np.searchsorted(at, edges)
    if len(bounds) < 2:  # noqa: PLR2004 - two edges make an hour
        return np.empty(0), np.empty(0)
    padded = np.append(value[: bounds[-1]], np.nan)
    empty = np.diff(bounds) == 0
    low, high = (extreme.reduceat(padded, bounds[:-1]) for extreme in (np.fmin, np.fmax))
    return np.where(empty, np.nan, low), np.where(empty, np.nan, high)
