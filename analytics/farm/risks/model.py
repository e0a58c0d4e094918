"""What every risk gives: a value and a level a day, what has accumulated, and a reason people can read."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from datetime import date

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Levels = NDArray[np.int8]


class Level(IntEnum):
    """How high a day's risk is. Unknown is not none."""

    UNKNOWN = -1
    NONE = 0
    LOW = 1
    MODERATE = 2
    HIGH = 3

    @property
    def word(self) -> str:
        """The level in lower case, as it is stored and sent."""
        return self.name.lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskSeries:
    """One risk of one planting over D consecutive local days.

    Attributes
    ----------
    risk : str
        Its name, e.g. ``late_blight_wallin``.
    first_day : date
    value : float64[D], `unit`
        The day's index; not-a-number where the data do not suffice.
    unit : str
    coverage : float64[D], 0…1
        Share of the hours the day's index rests on that have data.
    level : int8[D]
        `Level`.
    accumulated : float64[D], `unit`
        Sum so far, a lower bound if days are unknown; not-a-number where nothing is accumulated.
    threshold : float | None
        What `accumulated` (or, for frost and heat, the day's temperature) is compared with, as of the last
        day.
    reached : bool[D]
        Whether `accumulated` has come to the threshold.
    note : str
        A reason that holds for all days, e.g. that a table is missing; empty otherwise.
    """

    risk: str
    first_day: date
    value: Floats
    unit: str
    coverage: Floats
    level: Levels
    accumulated: Floats
    threshold: float | None
    reached: NDArray[np.bool_]
    note: str = ""

    @property
    def days(self) -> int:
        """D."""
        return self.value.size

    @property
    def unknown_days(self) -> int:
        """On how many days the data do not suffice."""
        return int((self.level == Level.UNKNOWN).sum())

    @property
    def since(self) -> date | None:
        """The day the threshold was reached; None if it was not."""
        if not self.reached.any():
            return None
        first = np.datetime64(self.first_day, "D") + int(np.argmax(self.reached))
        day: date = first.item()
        return day

    def words(self) -> list[str]:
        """Give the level of each day as a word."""
        return [Level(int(level)).word for level in self.level]

    def reasons(self) -> list[str]:
        """Give a key of `reasons.toml` for each day.

        The series' note comes first, then missing data, then a threshold that has been reached, then the
        level.
        """
        if self.note:
            return [self.note] * self.days
        return [
            "data_missing" if word == Level.UNKNOWN.word else f"{self.risk}.{'reached' if reached else word}"
            for word, reached in zip(self.words(), self.reached.tolist(), strict=True)
        ]


def grade(value: Floats, least: tuple[float, float, float]) -> Levels:
    """Grade values by the least one of low, moderate and high; not-a-number is unknown.

    Examples
    --------
    >>> grade(np.array([np.nan, 0.0, 1.0, 3.5, 9.0]), (1.0, 3.0, 4.0)).tolist()
    [-1, 0, 1, 2, 3]
    """
    levels = np.searchsorted(np.array(least), value, side="right").astype(np.int8)
    return np.where(np.isnan(value), np.int8(Level.UNKNOWN), levels)


def accumulate(value: Floats, start: int, resets: tuple[int, ...] = ()) -> Floats:
    """Add up from a day on, anew after each reset; an unknown day adds nothing.

    Parameters
    ----------
    value : float64[D]
    start : int
        Index of the first day that counts; earlier ones are not-a-number.
    resets : tuple of int
        Indices of days after which the sum begins again at 0.

    Examples
    --------
    >>> accumulate(np.array([1.0, 2.0, np.nan, 4.0, 5.0]), 1, (3,)).tolist()
    [nan, 2.0, 2.0, 6.0, 5.0]
    """
    index = np.arange(value.size)
    total = np.cumsum(np.where(np.isnan(value) | (index < start), 0.0, value))
    begun = np.array(sorted(day for day in resets if 0 <= day < value.size), dtype=np.int64)
    before = np.concatenate([[0.0], total[begun]])[np.searchsorted(begun, index, side="left")]
    return np.where(index >= start, total - before, np.nan)
