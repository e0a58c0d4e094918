"""Measured growth: one series a plot and season, and many of them side by side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class GrowthSeries:
    """The mass of one plot through one season.

    Attributes
    ----------
    time : float64[n], d or deg C d
        Since planting (or emergence), rising; the same clock for all series of a pool.
    mass : float64[n], t/ha
        Of the yield or the organ.
    environment : str
        Site and season: what its series share, and what is left out together when skill is measured.
    """

    time: Floats
    mass: Floats
    environment: str

    def until(self, last: float) -> GrowthSeries:
        """Give what was measured up to and at a time.

        Examples
        --------
        >>> days = np.array([60.0, 80.0, 100.0])
        >>> GrowthSeries(time=days, mass=days / 10, environment="a 2001").until(80.0).mass.tolist()
        [6.0, 8.0]
        """
        early = self.time <= last
        return GrowthSeries(time=self.time[early], mass=self.mass[early], environment=self.environment)

    def without_gaps(self) -> GrowthSeries:
        """Leave out samples whose time or mass is not a number.

        Examples
        --------
        >>> days, mass = np.array([60.0, 80.0]), np.array([1.0, np.nan])
        >>> GrowthSeries(time=days, mass=mass, environment="a 2001").without_gaps().time.tolist()
        [60.0]
        """
        good = np.isfinite(self.time) & np.isfinite(self.mass)
        return GrowthSeries(time=self.time[good], mass=self.mass[good], environment=self.environment)


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Series side by side, filled up to the longest.

    Attributes
    ----------
    time, mass : float64[s, n]
    measured : float64[s, n], 1
        1 where a sample is, 0 where the row is filled up.
    """

    time: Floats
    mass: Floats
    measured: Floats

    @classmethod
    def of(cls, series: Sequence[GrowthSeries]) -> Batch:
        """Lay series side by side; samples that are NaN are left out."""
        shape = (len(series), max((each.time.size for each in series), default=0))
        time, mass, measured = np.zeros(shape), np.zeros(shape), np.zeros(shape)
        for row, each in enumerate(map(GrowthSeries.without_gaps, series)):
            count = each.time.size
            time[row, :count], mass[row, :count], measured[row, :count] = each.time, each.mass, 1.0
        return cls(time=time, mass=mass, measured=measured)
