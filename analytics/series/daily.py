"""Daily values from irregular readings: minimum, mean, maximum and total, and whether they count.

A value counts only where the readings cover the day: at least `LEAST_COVERAGE` of it, and no stretch longer
than `LONGEST_GAP_H` without a reading. The first is the rule of the Japan Meteorological Agency for values of
almost normal standing (準正常値, 80 %) [JMA2020]; the second keeps a day from having a minimum when the hours
around dawn are missing, and is the three-hour step of synoptic observations, from eight of which the WMO
lets a daily mean be formed [WMO8]. Elsewhere the value is not-a-number; coverage and gap say why.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from analytics.series.coverage import LONGEST_STEP_S, day_coverage, usual_step_s
from analytics.series.days import US_PER_S, day_edges_us
from analytics.series.readings import UsableReadings
from analytics.series.spans import amounts, count, extremes, mean_by_time
from analytics.series.totals import TOTALS

if TYPE_CHECKING:
    from datetime import date

    from numpy.typing import ArrayLike, NDArray

    from analytics.series.totals import Total

LEAST_COVERAGE: Final = 0.8
"""Share of a day, [JMA2020]."""

LONGEST_GAP_H: Final = LONGEST_STEP_S / 3_600.0
"""Hours, [WMO8]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DailyValues:
    """One quantity, a value for each of D local days.

    Attributes
    ----------
    quantity : str
    timezone : str
    first_day : date
    minimum, mean, maximum : float64[D], the quantity's unit
        Not-a-number where the day is not covered. Of a direction: the mean of its unit vectors, no extremes.
    total : float64[D], `total_unit`
        Not-a-number also where the quantity has no total (`totals.TOTALS`).
    total_unit : str | None
    coverage : float64[D], 0…1
        Share of the day that has a reading within one usual step.
    longest_gap_h : float64[D], h
        The longest stretch of the day without a reading.
    n : int64[D]
        Readings used.
    n_left_out : int64[D]
        Readings not used for their quality.
    step_s : float
        The usual time between two readings.
    """

    quantity: str
    timezone: str
    first_day: date
    minimum: NDArray[np.float64]
    mean: NDArray[np.float64]
    maximum: NDArray[np.float64]
    total: NDArray[np.float64]
    total_unit: str | None
    coverage: NDArray[np.float64]
    longest_gap_h: NDArray[np.float64]
    n: NDArray[np.int64]
    n_left_out: NDArray[np.int64]
    step_s: float

    @property
    def covered(self) -> NDArray[np.bool_]:
        """Whether each day's values count."""
        return _counts(self.coverage, self.longest_gap_h)


def summarise_days(
    quantity: str,
    at: NDArray[np.int64] | NDArray[np.datetime64],
    value: ArrayLike,
    quality: ArrayLike | None = None,
    *,
    timezone: str,
    first_day: date,
    days: int,
    step_s: float | None = None,
    with_suspect: bool = False,
) -> DailyValues:
    """Summarise irregular readings by local calendar day.

    The mean is weighted by time: straight lines join the readings, across at most `LONGEST_GAP_H`, so that a
    burst of readings weighs no more than its time. Totals: a rate (W/m2) is its mean times the day's
    length; amounts per sample (mm of rain since the sample before) are added up, the sample at midnight
    belonging to the day that ends. Nothing is scaled up for what is missing: a total of a day covered by 90 %
    is a lower bound.

    Parameters
    ----------
    quantity : str
        A name of `devices.quantities.QUANTITIES`; decides whether there is a total.
    at : int64[n], Unix time in µs, or datetime64[n] in UTC
        In any order. Readings from some hours before and after the days make midnight exact.
    value : float64[n]
        In the quantity's canonical unit. Not-a-numbers are left out.
    quality : int16[n] | None
        `devices.model.Quality`. Good and not evaluated are used; fail and missing are not.
    timezone : str
        The site's, IANA.
    first_day : date
    days : int
        D.
    step_s : float | None
        Usual time between two readings, e.g. the kind's `period_s`; None: estimated from `at`.
    with_suspect : bool
        Use suspect readings too. They lie outside of what is usual, as a record frost does: look at
        `n_left_out` before trusting a minimum without them.

    Returns
    -------
    DailyValues

    Raises
    ------
    LengthError
        `at`, `value` and `quality` differ in length.
    TimeZoneError
        There is no such zone.

    Examples
    --------
    >>> from datetime import date
    >>> hours = np.datetime64("2024-06-01T00:00", "us") + np.arange(24) * np.timedelta64(1, "h")
    >>> got = summarise_days(
    ...     "air_temperature", hours, np.arange(24.0), timezone="UTC", first_day=date(2024, 6, 1), days=2
    ... )
    >>> got.minimum.tolist(), got.mean.tolist(), got.coverage.tolist(), got.n.tolist()
    ([0.0, nan], [11.5, nan], [1.0, 0.0], [24, 0])
    """
    readings = UsableReadings.of(at, value, quality, with_suspect=with_suspect)
    edges = day_edges_us(timezone, first_day, days)
    step = usual_step_s(readings.at) if step_s is None else step_s
    coverage, longest_gap_h = day_coverage(readings.at, edges, step)
    covered = _counts(coverage, longest_gap_h)
    minimum, maximum = extremes(quantity, readings.at, readings.value, edges)
    mean = mean_by_time(quantity, readings.at, readings.value, edges)
    total = TOTALS.get(quantity)
    return DailyValues(
        quantity=quantity,
        timezone=timezone,
        first_day=first_day,
        minimum=np.where(covered, minimum, np.nan),
        mean=np.where(covered, mean, np.nan),
        maximum=np.where(covered, maximum, np.nan),
        total=np.where(covered, _totals(total, readings, mean, edges), np.nan),
        total_unit=total.unit if total else None,
        coverage=coverage,
        longest_gap_h=longest_gap_h,
        n=count(readings.at, edges),
        n_left_out=count(readings.left_out_at, edges),
        step_s=step,
    )


def _counts(coverage: NDArray[np.float64], longest_gap_h: NDArray[np.float64]) -> NDArray[np.bool_]:
    return (coverage >= LEAST_COVERAGE) & (longest_gap_h <= LONGEST_GAP_H)


def _totals(
    total: Total | None, readings: UsableReadings, mean: NDArray[np.float64], edges: NDArray[np.int64]
) -> NDArray[np.float64]:
    if total is None:
        return np.full(len(mean), np.nan)
    if not total.per_sample:
        return mean * total.factor * np.diff(edges) / US_PER_S
    return amounts(readings.at, readings.value, edges) * total.factor
