"""Indices of wet hours and their warmth, and whether hours without data could change them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np

from analytics.farm.risks.hours import HOURS, from_noon, share_known

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from analytics.farm.risks.hours import HourlyWeather

    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]

WET_HUMIDITY: Final = 90.0
"""%, [Wallin1962], [Fry1983]: the air from which leaves are taken to be wet."""

# With fewer hours known nothing is said, even where the bounds agree.
_LEAST_KNOWN: Final = 0.5
# Means are compared with bounds in tenths of a degree: what lies beyond is rounding error.
_DECIMALS: Final = 6


class WetIndex(Protocol):
    """An index of each day's wet hours and temperatures."""

    def __call__(self, wet: Bools, temperature: Floats) -> Floats:
        """Give float64[D] from bool[D, 24] and float64[D, 24]."""


@dataclass(frozen=True, slots=True)
class SeverityTable:
    """A table of values by temperature band and hours.

    Attributes
    ----------
    least_c : float, deg C
        Below it, and above the last band, the value is 0.
    most_c : float64[B], deg C
        Upper ends of the bands, which belong to them.
    value : float64[B, 25]
        By whole hours, 0 to 24.
    alarm : float
        What accumulated values are compared with.
    """

    least_c: float
    most_c: Floats
    value: Floats
    alarm: float

    def look_up(self, hours: NDArray[np.int64], mean_c: Floats) -> Floats:
        """Look values up; a mean that is not a number gives 0.

        Parameters
        ----------
        hours : int64[...]
        mean_c : float64[...], deg C

        Examples
        --------
        >>> table = SeverityTable(7.0, np.array([12.0]), np.repeat([[0.0, 1.0]], [16, 9], axis=1), 18.0)
        >>> table.look_up(np.array([15, 16, 16]), np.array([10.0, 12.0, 12.1])).tolist()
        [0.0, 1.0, 0.0]
        """
        mean = np.round(mean_c, _DECIMALS)
        band = np.searchsorted(self.most_c, mean, side="left")
        inside = (mean >= self.least_c) & (band < self.most_c.size)
        return np.where(inside, self.value[np.where(inside, band, 0), np.minimum(hours, HOURS)], 0.0)


def wet_index(weather: HourlyWeather, index: WetIndex) -> tuple[Floats, Floats]:
    """Compute an index of the wet hours from noon to noon, unless hours without data could change it.

    The index is computed twice: with these hours dry, and with them wet at the mean temperature of the
    others. Where the two agree, and at least half of the hours are known, the value is known.

    Parameters
    ----------
    weather : HourlyWeather of D days
    index : WetIndex

    Returns
    -------
    value : float64[D]
        Not-a-number where unknown.
    coverage : float64[D], 0…1
    """
    temperature, humidity = from_noon(weather.temperature), from_noon(weather.humidity)
    known = np.isfinite(temperature) & np.isfinite(humidity)
    count = np.maximum(known.sum(axis=1, keepdims=True), 1)
    mean = np.where(known, temperature, 0.0).sum(axis=1, keepdims=True) / count
    filled = np.where(known, temperature, mean)
    wet = known & (humidity >= WET_HUMIDITY)
    low, high = index(wet, filled), index(wet | ~known, filled)
    coverage = share_known(temperature, humidity)
    return np.where((low == high) & (coverage >= _LEAST_KNOWN), low, np.nan), coverage


def all_wet_hours(table: SeverityTable) -> WetIndex:
    """Make an index of all wet hours of a day and their mean temperature."""

    def index(wet: Bools, temperature: Floats) -> Floats:
        hours = wet.sum(axis=1)
        mean = np.where(wet, temperature, 0.0).sum(axis=1) / np.maximum(hours, 1)
        return table.look_up(hours, np.where(hours > 0, mean, np.nan))

    return index


def each_wet_spell(table: SeverityTable) -> WetIndex:
    """Make an index that adds up the values of a day's spells, each by its length and mean temperature."""

    def index(wet: Bools, temperature: Floats) -> Floats:
        days = wet.shape[0]
        begins = wet & ~np.hstack([np.zeros((days, 1), bool), wet[:, :-1]])
        spell = (np.cumsum(begins.ravel()) - 1)[wet.ravel()]
        hours = np.bincount(spell)
        mean = np.bincount(spell, weights=temperature[wet]) / np.maximum(hours, 1)
        value = table.look_up(hours, mean)
        return np.bincount(np.nonzero(begins)[0], weights=value, minlength=days).astype(np.float64)

    return index
