"""The hours of a fish market in Sendai.

They are those of a wholesale market as a type, not of a given one: from half past three to ten in the morning
(Japan time), closed on Sundays and Wednesdays.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np

from devices.simulator.weather import DAY_S, JST_S

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from devices.simulator.feed import Instants

OPEN_S, CLOSE_S = 12_600, 36_000
CLOSED_DAYS = (2, 6)
"""Wednesday and Sunday, with Monday as 0."""

EPOCH_WEEKDAY = 3
"""1 January 1970 was a Thursday."""


def working(at_s: Instants) -> NDArray[np.bool_]:
    """Tell at which instants the market works."""
    local_s = at_s + JST_S
    weekday = (local_s // DAY_S + EPOCH_WEEKDAY) % 7
    second = local_s % DAY_S
    return (second >= OPEN_S) & (second < CLOSE_S) & ~np.isin(weekday, CLOSED_DAYS)


def day_of(at_s: float) -> int:
    """Give the day in Japan of an instant, counted from 1 January 1970."""
    return int(at_s + JST_S) // DAY_S


def is_market_day(day: int) -> bool:
    """Tell whether the market opens on a day."""
    return (day + EPOCH_WEEKDAY) % 7 not in CLOSED_DAYS


def opening_s(day: int) -> int:
    """Give the instant at which the market opens on a day, Unix seconds."""
    return day * DAY_S - JST_S + OPEN_S


def date_of(day: int) -> date:
    """Give a day as a date.

    Examples
    --------
    >>> str(date_of(day_of(1_763_856_000)))
    '2025-11-23'
    """
    return date(1970, 1, 1) + timedelta(days=day)


def day_number(day: date) -> int:
    """Count a date from 1 January 1970."""
    return (day - date(1970, 1, 1)).days
