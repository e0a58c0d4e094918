"""Hourly weather laid out by local days, from midnight and from noon."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Final

import numpy as np

from analytics.series.daily import LEAST_COVERAGE, LONGEST_GAP_H
from analytics.series.days import US_PER_S, day_edges_us

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

HOURS: Final = 24
NOON: Final = 12
_US_PER_H: Final = 3_600 * US_PER_S


@dataclass(frozen=True, slots=True, kw_only=True)
class HourlyWeather:
    """Temperature, humidity and rain of the hours of D local days.

    Attributes
    ----------
    first_day : date
    temperature : float64[D, 24], deg C
    humidity : float64[D, 24], %
    rainfall : float64[D, 24], mm
        Of the hour. Not-a-number where there is no value. A day of 23 hours ends with one; of a day of 25
        hours the last is left out.
    """

    first_day: date
    temperature: Floats
    humidity: Floats
    rainfall: Floats

    @property
    def days(self) -> int:
        """D."""
        return len(self.temperature)

    def index(self, day: date | None) -> int | None:
        """Tell the index of a day, which may lie outside of 0…D - 1."""
        return None if day is None else (day - self.first_day).days


def lay_out(
    at: NDArray[np.int64], temperature: Floats, humidity: Floats, rainfall: Floats, timezone: str
) -> HourlyWeather:
    """Lay hourly values out by local days.

    Parameters
    ----------
    at : int64[n], Unix time in µs
        Begin of each hour, in any order. A service that stamps the end of an hour (the Japan Meteorological
        Agency's 1 to 24) is an hour later.
    temperature : float64[n], deg C
    humidity : float64[n], %
    rainfall : float64[n], mm
    timezone : str
        IANA name.

    Raises
    ------
    TimeZoneError
        There is no such zone.

    Examples
    --------
    >>> at = np.arange(30) * 3_600_000_000
    >>> weather = lay_out(at, np.arange(30.0), np.full(30, 90.0), np.zeros(30), "Asia/Tokyo")
    >>> weather.first_day, weather.days, weather.temperature[0, 8:11].tolist()
    (datetime.date(1970, 1, 1), 2, [nan, 0.0, 1.0])
    """
    if at.size == 0:
        empty = np.empty((0, HOURS))
        return HourlyWeather(first_day=date(1970, 1, 1), temperature=empty, humidity=empty, rainfall=empty)
    # One day more on either side than UTC's: zones are up to 14 hours apart from it.
    first = _utc_day(int(at.min())) - timedelta(days=1)
    edges = day_edges_us(timezone, first, (_utc_day(int(at.max())) - first).days + 2)
    middle = at + _US_PER_H // 2
    day = np.searchsorted(edges, middle, side="right") - 1
    hour = (middle - edges[day]) // _US_PER_H
    begin, kept = int(day.min()), hour < HOURS
    shape = (int(day.max()) - begin + 1, HOURS)
    return HourlyWeather(
        first_day=first + timedelta(days=begin),
        temperature=_fill(shape, day[kept] - begin, hour[kept], temperature[kept]),
        humidity=_fill(shape, day[kept] - begin, hour[kept], humidity[kept]),
        rainfall=_fill(shape, day[kept] - begin, hour[kept], rainfall[kept]),
    )


def from_noon(hourly: Floats) -> Floats:
    """Give the 24 hours from noon of each day to the next noon, so that a night is not cut in two.

    Parameters
    ----------
    hourly : float64[D, 24]
        From midnight.

    Returns
    -------
    float64[D, 24]
        The last day's second half has no data yet.

    Examples
    --------
    >>> from_noon(np.arange(48.0).reshape(2, 24))[0, [0, 11, 12, 23]].tolist()
    [12.0, 23.0, 24.0, 35.0]
    """
    following = np.vstack([hourly[1:], np.full((1, HOURS), np.nan)]) if len(hourly) else hourly
    return np.hstack([hourly[:, NOON:], following[:, :NOON]])


def share_known(*hourly: Floats) -> Floats:
    """Tell the share of each day's hours for which all of some quantities have a value.

    Examples
    --------
    >>> share_known(np.array([[1.0, np.nan, 3.0, 4.0]]), np.array([[1.0, 2.0, 3.0, np.nan]])).tolist()
    [0.5]
    """
    known = np.logical_and.reduce([np.isfinite(each) for each in hourly])
    return np.asarray(known.mean(axis=1))


def mean_of_known(hourly: Floats) -> Floats:
    """Average each day's hours; not-a-number where fewer than `LEAST_COVERAGE` of them are known.

    Examples
    --------
    >>> mean_of_known(np.array([[1.0, 3.0, 3.0, 3.0, np.nan], [1.0, 2.0, 3.0, np.nan, np.nan]])).tolist()
    [2.5, nan]
    """
    known = np.isfinite(hourly)
    total = np.where(known, hourly, 0.0).sum(axis=1)
    return np.where(_enough(hourly), total / np.maximum(known.sum(axis=1), 1), np.nan)


def minimum_of_known(hourly: Floats) -> Floats:
    """Give each day's least hour; not-a-number with too few hours, or too long a gap for it to be among them.

    Fewer than `LEAST_COVERAGE` are too few; longer than `LONGEST_GAP_H` is too long.

    Examples
    --------
    >>> day = np.arange(24.0)
    >>> three, four = np.where(day < 3, np.nan, day), np.where(day < 4, np.nan, day)
    >>> minimum_of_known(np.array([day, three, four])).tolist()
    [0.0, 3.0, nan]
    """
    hours = int(LONGEST_GAP_H) + 1
    missing = np.lib.stride_tricks.sliding_window_view(np.isnan(hourly), hours, axis=1)
    gap = (missing.sum(axis=2) == hours).sum(axis=1) > 0
    return np.where(_enough(hourly) & ~gap, least_known(hourly), np.nan)


def least_known(hourly: Floats) -> Floats:
    """Give the least of each day's known hours, which its minimum does not exceed; not-a-number without any.

    Examples
    --------
    >>> least_known(np.array([[1.0, np.nan], [np.nan, np.nan]])).tolist()
    [1.0, nan]
    """
    least = np.where(np.isfinite(hourly), hourly, np.inf).min(axis=1, initial=np.inf)
    return np.where(np.isfinite(least), least, np.nan)


def _enough(hourly: Floats) -> NDArray[np.bool_]:
    return np.asarray(np.isfinite(hourly).mean(axis=1) >= LEAST_COVERAGE)


def _utc_day(at: int) -> date:
    return datetime.fromtimestamp(at // US_PER_S, UTC).date()


def _fill(shape: tuple[int, int], day: NDArray[np.int64], hour: NDArray[np.int64], value: Floats) -> Floats:
    grid = np.full(shape, np.nan)
    grid[day, hour] = value
    return grid
