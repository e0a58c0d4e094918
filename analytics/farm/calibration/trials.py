"""Field trials: when a stage was seen where, in which year and cultivar, and the weather there."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Final

import numpy as np

from analytics.farm.calibration.ensemble import Record

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Whole = NDArray[np.int64]

MARGIN_D: Final = 60
"""Days beyond the longest season seen, for which a stage is waited."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trials:
    """Observations of one stage; n of them.

    Attributes
    ----------
    site, year, cultivar : int64[n]
        Numbers from 0 for site and cultivar; the harvest year, or whatever else is left out together.
    start : int64[n], day index
        Sowing or planting, on the weather's axis.
    seen : float64[n], day index
    """

    site: Whole
    year: Whole
    cultivar: Whole
    start: Whole
    seen: Floats

    def __len__(self) -> int:
        return len(self.seen)

    def take(self, which: NDArray[np.bool_] | Whole) -> Trials:
        """Give some of them."""
        return Trials(**{field.name: getattr(self, field.name)[which] for field in fields(self)})

    @property
    def length_d(self) -> int:
        """For how many days a season is followed."""
        return int((self.seen - self.start).max()) + MARGIN_D


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """Weather and light at the sites, all on one axis of days.

    Attributes
    ----------
    first_day : datetime64[D]
    tmin, tmax : float64[S, D], deg C
        Not-a-number where a site has no days.
    daylength_h : float64[S, D], h
    persistence : float64[S], 0…1
        `ensemble.fit_persistence`, of days that may be learnt from.
    """

    first_day: np.datetime64
    tmin: Floats
    tmax: Floats
    daylength_h: Floats
    persistence: Floats

    def record(self, site: int) -> Record:
        """Give one site's days."""
        return Record(first_day=self.first_day, tmin=self.tmin[site], tmax=self.tmax[site])


@dataclass(frozen=True, slots=True, kw_only=True)
class Sowings:
    """What trials have in common: one sowing on one site, and who of n trials belongs to which of G.

    Attributes
    ----------
    site, year, start : int64[G]
    of : int64[n]
    """

    site: Whole
    year: Whole
    start: Whole
    of: Whole

    def __len__(self) -> int:
        return len(self.site)


def group_sowings(trials: Trials) -> Sowings:
    """Find the sowings.

    Examples
    --------
    >>> three = Trials(site=np.array([0, 0, 1]), year=np.full(3, 2001), cultivar=np.array([0, 1, 0]),
    ...     start=np.array([5, 5, 9]), seen=np.array([200.0, 202.0, 204.0]))
    >>> group_sowings(three).of.tolist()
    [0, 0, 1]
    """
    keys = np.stack([trials.site, trials.year, trials.start], axis=1)
    unique, of = np.unique(keys, axis=0, return_inverse=True)
    return Sowings(site=unique[:, 0], year=unique[:, 1], start=unique[:, 2], of=of.reshape(-1))
