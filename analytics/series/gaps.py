"""Fill holes in daily values, and say of each day how it was filled and how wrong that may be.

Three ways are weighed day by day, and the one with the least standard error is taken: interpolation of the
anomaly (good for a day or two), regression on a neighbouring station, and the climatology. What none of them
reaches stays missing.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from analytics.series.errors import LengthError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from analytics.series.climatology import Climatology

SHORT_GAP_D: Final = 3
"""Without a climatology, a gap of at most so many days is interpolated."""

LEAST_EXPLAINED: Final = 0.1
"""An interpolation that explains less of the anomaly's variance is called what it is: the climatology."""

LEAST_COMMON_DAYS: Final = 30
"""From here on the uncertainty of the regression line adds less than 2 % to the error of one day."""

LEAST_TRIALS: Final = 10
"""From so many trials a standard deviation is known to about a fifth, ``1 / √(2 n)``."""


class FillMethod(enum.IntEnum):
    """How the value of a day came about."""

    MEASURED = 0
    INTERPOLATED = 1
    NEIGHBOUR = 2
    CLIMATOLOGY = 3
    MISSING = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class FilledDays:
    """Daily values without silent holes.

    Attributes
    ----------
    value : float64[D]
        In the unit of the input; not-a-number where missing.
    method : int8[D]
        `FillMethod`.
    error : float64[D]
        Standard deviation of the error of filling, in the same unit: 0 where measured, not-a-number where
        missing.
    neighbour : int64[D]
        Which of the neighbours, or -1.
    """

    value: NDArray[np.float64]
    method: NDArray[np.int8]
    error: NDArray[np.float64]
    neighbour: NDArray[np.int64]

    def counts(self) -> dict[str, int]:
        """Count the days of each method, by its name in small letters."""
        return {method.name.lower(): int(np.sum(self.method == method)) for method in FillMethod}


def fill_days(
    days: NDArray[np.datetime64],
    values: NDArray[np.float64],
    *,
    climatology: Climatology | None = None,
    neighbours: Sequence[NDArray[np.float64]] = (),
) -> FilledDays:
    """Fill the holes of a daily series.

    Parameters
    ----------
    days : datetime64[D]
        Consecutive.
    values : float64[D]
        Any unit; not-a-number where missing.
    climatology : Climatology | None
        Of this station. Without it, gaps of at most `SHORT_GAP_D` days are interpolated on straight lines and
        nothing is filled with what is normal.
    neighbours : Sequence[float64[D]]
        The same quantity at other stations on the same days.

    Returns
    -------
    FilledDays

    Raises
    ------
    LengthError
        Arrays differ in length.

    Notes
    -----
    Between anomalies a days before and b days after, red noise of persistence r has the mean
    ``[r^a (1 - r^2b) z₁ + r^b (1 - r^2a) z₂] / (1 - r^2(a+b))`` and the variance
    ``(1 - r^2a)(1 - r^2b) / (1 - r^2(a+b))`` of the climatological one [Rasmussen2006]. The error of the
    regression is that of a prediction, ``s √(1 + 1/n + (x - x̄)²/Sxx)`` [Draper1998].

    Examples
    --------
    >>> days = np.datetime64("2024-06-01") + np.arange(40)
    >>> there = 15.0 + 3.0 * np.sin(np.arange(40.0))
    >>> here = np.where(np.arange(40) == 20, np.nan, there + 1.0)
    >>> got = fill_days(days, here, neighbours=[there])
    >>> FillMethod(got.method[20]).name, bool(np.isclose(got.value[20], there[20] + 1.0))
    ('NEIGHBOUR', True)
    """
    if any(len(other) != len(values) for other in (days, *neighbours)):
        lengths = {f"neighbour {number}": len(other) for number, other in enumerate(neighbours)}
        raise LengthError({"days": len(days), "values": len(values), **lengths})
    filled = _measured(values)
    if climatology is None:
        filled = _better(filled, *_straight_line(values), FillMethod.INTERPOLATED)
    else:
        value, error, explained = _bridged(days, values, climatology)
        near = explained >= LEAST_EXPLAINED
        filled = _better(filled, value, np.where(near, error, np.nan), FillMethod.INTERPOLATED)
        filled = _better(
            filled, climatology.normal(days), climatology.deviation(days), FillMethod.CLIMATOLOGY
        )
    for number, other in enumerate(neighbours):
        filled = _better(filled, *_regressed(values, other), FillMethod.NEIGHBOUR, number)
    return filled


def order_extremes(low: FilledDays, high: FilledDays) -> tuple[FilledDays, FilledDays]:
    """Keep filled minima from exceeding filled maxima.

    Where they cross, the one with the greater error gives way to the other; both measured stay as they are.

    Parameters
    ----------
    low, high : FilledDays
        Minima and maxima of the same days.

    Returns
    -------
    tuple[FilledDays, FilledDays]

    Examples
    --------
    >>> days = np.datetime64("2024-06-01") + np.arange(3)
    >>> low = fill_days(days, np.array([5.0, 9.0, 7.0]))
    >>> high = replace(low, value=np.array([9.0, 8.0, 9.0]), error=np.array([0.0, 2.0, 0.0]))
    >>> order_extremes(low, high)[1].value.tolist()
    [9.0, 9.0, 9.0]
    """
    crossed = low.value > high.value
    low_yields = crossed & (low.error > high.error)
    high_yields = crossed & (high.error >= low.error) & (high.error > 0.0)
    return (
        replace(low, value=np.where(low_yields, high.value, low.value)),
        replace(high, value=np.where(high_yields, low.value, high.value)),
    )


def _measured(values: NDArray[np.float64]) -> FilledDays:
    there = np.isfinite(values)
    return FilledDays(
        value=np.where(there, values, np.nan),
        method=np.where(there, FillMethod.MEASURED, FillMethod.MISSING).astype(np.int8),
        error=np.where(there, 0.0, np.nan),
        neighbour=np.full(len(values), -1, np.int64),
    )


def _better(
    filled: FilledDays,
    value: NDArray[np.float64],
    error: NDArray[np.float64],
    method: FillMethod,
    neighbour: int = -1,
) -> FilledDays:
    """Take another way's values where its error is less than what there is."""
    less = np.isfinite(value) & (error < np.where(np.isnan(filled.error), np.inf, filled.error))
    return FilledDays(
        value=np.where(less, value, filled.value),
        method=np.where(less, method, filled.method).astype(np.int8),
        error=np.where(less, error, filled.error),
        neighbour=np.where(less, neighbour, filled.neighbour),
    )


def _distances(there: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Place of the last measured day up to each day (-1: none) and of the first from it on (D: none)."""
    place = np.arange(len(there))
    before = np.maximum.accumulate(np.where(there, place, -1))
    after = np.minimum.accumulate(np.where(there, place, len(there))[::-1])[::-1]
    return before, after


def _bridged(
    days: NDArray[np.datetime64], values: NDArray[np.float64], climatology: Climatology
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Interpolate anomalies as red noise: value, error, and the share of the variance that is explained."""
    normal, deviation = climatology.normal(days), climatology.deviation(days)
    anomaly = (values - normal) / deviation
    before, after = _distances(np.isfinite(values))
    place, known = np.arange(len(values)), np.concatenate([anomaly, [0.0]])
    # An end that is not there is infinitely far away: its weight r^∞ is nothing.
    until = np.where(before >= 0, place - before, np.inf)
    from_ = np.where(after < len(values), after - place, np.inf)
    r = climatology.persistence
    one, two = r**until, r**from_
    whole = np.maximum(1 - (one * two) ** 2, np.finfo(np.float64).tiny)
    share = (one * (1 - two**2) * known[before] + two * (1 - one**2) * known[after]) / whole
    left = (1 - one**2) * (1 - two**2) / whole
    return normal + deviation * share, deviation * np.sqrt(left), 1 - left


def _straight_line(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Interpolate short gaps; the error is that of the same interpolation on measured days."""
    before, after = _distances(np.isfinite(values))
    value, error = np.full(len(values), np.nan), np.full(len(values), np.nan)
    place = np.arange(len(values))
    inner = (before >= 0) & (after < len(values))
    for length in range(1, SHORT_GAP_D + 1):
        for step in range(1, length + 1):
            here = place[inner & (place - before == step) & (after - before == length + 1)]
            part = step / (length + 1)
            value[here] = (1 - part) * values[before[here]] + part * values[after[here]]
            error[here] = _trial_error(values, step, length + 1)
    return value, error


def _trial_error(values: NDArray[np.float64], step: int, span: int) -> float:
    """Root mean square error of interpolating measured days `step` days into a span."""
    left, middle, right = values[:-span], values[step : len(values) - span + step], values[span:]
    missed = middle - ((span - step) * left + step * right) / span
    missed = missed[np.isfinite(missed)]
    return float(np.sqrt(np.mean(missed**2))) if len(missed) >= LEAST_TRIALS else np.nan


def _regressed(
    values: NDArray[np.float64], other: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Predict from a neighbour by a straight line through the common days."""
    common = np.isfinite(values) & np.isfinite(other)
    n = int(common.sum())
    if n < LEAST_COMMON_DAYS:
        return np.full(len(values), np.nan), np.full(len(values), np.nan)
    x, y = other[common], values[common]
    spread = float(np.sum((x - x.mean()) ** 2))
    slope = float(np.sum((x - x.mean()) * (y - y.mean()))) / spread if spread > 0 else 0.0
    predicted = y.mean() + slope * (other - x.mean())
    s = np.sqrt(np.sum((y - predicted[common]) ** 2) / (n - 2))
    far = (other - x.mean()) ** 2 / spread if spread > 0 else np.zeros(len(other))
    return predicted, s * np.sqrt(1 + 1 / n + far)
