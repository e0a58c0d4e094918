"""Local calendar days: where they begin, and their number within the year."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from analytics.series.errors import TimeZoneError

if TYPE_CHECKING:
    from numpy.typing import NDArray

US_PER_S: Final = 1_000_000
EPOCH: Final = date(1970, 1, 1)


def day_axis(first_day: date, days: int) -> NDArray[np.datetime64]:
    """List consecutive days.

    Parameters
    ----------
    first_day : date
    days : int
        D, how many.

    Returns
    -------
    datetime64[D], in days

    Examples
    --------
    >>> day_axis(date(2024, 2, 28), 3).tolist()
    [datetime.date(2024, 2, 28), datetime.date(2024, 2, 29), datetime.date(2024, 3, 1)]
    """
    first = np.datetime64((first_day - EPOCH).days, "D")
    return first + np.arange(days)


def day_of_year(days: NDArray[np.datetime64]) -> NDArray[np.int64]:
    """Tell the numbers of days within their years, 1 January being 1.

    Parameters
    ----------
    days : datetime64[...]

    Returns
    -------
    int64[...], 1…366

    Examples
    --------
    >>> day_of_year(day_axis(date(2023, 12, 31), 2)).tolist()
    [365, 1]
    """
    whole = days.astype("datetime64[D]")
    number: NDArray[np.int64] = (whole - whole.astype("datetime64[Y]")).astype(np.int64) + 1
    return number


def day_edges_us(timezone: str, first_day: date, days: int) -> NDArray[np.int64]:
    """Tell where local days begin and end; a day has 23 or 25 hours where the clocks are changed.

    Parameters
    ----------
    timezone : str
        IANA name.
    first_day : date
    days : int
        D.

    Returns
    -------
    int64[D + 1], Unix time in µs
        Day `d` is from ``edges[d]`` to ``edges[d + 1]``. Equal where a zone skipped a whole day.

    Raises
    ------
    TimeZoneError
        There is no such zone.

    Examples
    --------
    >>> (np.diff(day_edges_us("Europe/Berlin", date(2024, 3, 30), 3)) / 3_600_000_000).tolist()
    [24.0, 23.0, 24.0]
    """
    try:
        zone = ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise TimeZoneError(timezone) from error
    starts = (first_day + timedelta(days=number) for number in range(days + 1))
    seconds = [datetime(d.year, d.month, d.day, tzinfo=zone).timestamp() for d in starts]
    edges: NDArray[np.int64] = np.rint(np.array(seconds) * US_PER_S).astype(np.int64)
    return edges
