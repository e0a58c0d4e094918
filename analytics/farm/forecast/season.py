"""What a forecast is made from: the plantings of a crop in one lab, and the weather where they stand."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np

from analytics.farm.weather.sun import daylength_h
from analytics.series.days import day_axis

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from analytics.farm.phenology.crop import Crop

SEASON_DAYS: Final = 365
"""For how long a planting is followed from its sowing: no crop here stands for longer."""
AUTUMN_MONTH: Final = 8
"""A crop sown in August or later is of next year's season, as farmers count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """A stage that somebody saw in a field."""

    bbch: int
    day: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Planting:
    """One crop in one field in one season.

    Attributes
    ----------
    id : int
    field, site : str
        Where it grows; plantings of a site share the site's departures from the model.
    station : str
        Key of its weather among the stations.
    cultivar : str
        Empty: not known.
    sown_on : date
        Or planted.
    sightings : tuple[Sighting, ...]
    current : bool
        Whether a forecast is wanted.
    """

    id: int
    field: str
    site: str
    station: str
    cultivar: str
    sown_on: date
    sightings: tuple[Sighting, ...] = ()
    current: bool = True

    @property
    def season(self) -> int:
        """The year by which farmers call the season.

        Examples
        --------
        >>> winter = Planting(id=1, field="a", site="a", station="a", cultivar="", sown_on=date(2025, 9, 20))
        >>> winter.season
        2026
        """
        return self.sown_on.year + (self.sown_on.month >= AUTUMN_MONTH)

    @property
    def days(self) -> NDArray[np.datetime64]:
        """The days of the season, from sowing: datetime64[`SEASON_DAYS`]."""
        return day_axis(self.sown_on, SEASON_DAYS)

    def index(self, day: date) -> int:
        """Count the days from sowing."""
        return (day - self.sown_on).days

    def until(self, day: date) -> Planting:
        """Give the planting as it was known at the end of a day."""
        return Planting(
            id=self.id,
            field=self.field,
            site=self.site,
            station=self.station,
            cultivar=self.cultivar,
            sown_on=self.sown_on,
            sightings=tuple(seen for seen in self.sightings if seen.day <= day),
            current=self.current,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Station:
    """Measured daily air temperature at one place.

    Attributes
    ----------
    latitude, longitude : float | None, deg
    first_day : date
    tmin, tmax : float64[D], deg C
        Not-a-number where not measured.
    brought : bool[D] | None
        Days that were not measured here but brought by the lab from elsewhere; None: no such day.
    """

    key: str
    name: str
    latitude: float | None
    longitude: float | None
    first_day: date
    tmin: NDArray[np.float64]
    tmax: NDArray[np.float64]
    brought: NDArray[np.bool_] | None = None

    @property
    def days(self) -> NDArray[np.datetime64]:
        """The days of the arrays: datetime64[D]."""
        return day_axis(self.first_day, len(self.tmin))

    @property
    def last_measured(self) -> date | None:
        """The last day with both temperatures."""
        places = np.flatnonzero(np.isfinite(self.tmin) & np.isfinite(self.tmax))
        return self.first_day + timedelta(days=int(places[-1])) if len(places) else None

    def until(self, day: date) -> Station:
        """Give the station as it was known at the end of a day."""
        n = max((day - self.first_day).days + 1, 0)
        return Station(
            key=self.key,
            name=self.name,
            latitude=self.latitude,
            longitude=self.longitude,
            first_day=self.first_day,
            tmin=self.tmin[:n],
            tmax=self.tmax[:n],
            brought=None if self.brought is None else self.brought[:n],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """A weather forecast from elsewhere.

    Attributes
    ----------
    first_day : date
    tmin, tmax : float64[D], deg C
    """

    source: str
    issued_on: date
    first_day: date
    tmin: NDArray[np.float64]
    tmax: NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """All that one forecast rests on.

    Attributes
    ----------
    crop : Crop
    today : date
        By the farm's clock; days before it may have been measured.
    plantings : Sequence[Planting]
        Of this and of earlier seasons.
    stations, outlooks : Mapping
        By the station's key.
    """

    crop: Crop
    today: date
    plantings: Sequence[Planting]
    stations: Mapping[str, Station]
    outlooks: Mapping[str, Outlook] = field(default_factory=dict)


def daylengths(crop: Crop, planting: Planting, latitude: float) -> NDArray[np.float64]:
    """Give the crop's day length on each day of a season: float64[SEASON_DAYS], h; 0 if it is not read."""
    altitude = crop.sun_altitude_deg
    return np.zeros(SEASON_DAYS) if altitude is None else _daylengths(latitude, planting.sown_on, altitude)


@lru_cache(maxsize=1024)
def _daylengths(latitude: float, sown_on: date, altitude: float) -> NDArray[np.float64]:
    """Compute once for all fields of a site that were sown on a day; a back-test asks again and again."""
    return daylength_h(latitude, day_axis(sown_on, SEASON_DAYS), altitude)


def trusted(planting: Planting, today: date) -> tuple[Sighting, ...]:
    """Give the sightings that can be true together, by stage: a later stage is not seen on an earlier day.

    Of those that contradict each other, as few as possible are left out; what was seen before sowing or after
    today is left out too.

    Examples
    --------
    >>> seen = [Sighting(bbch=b, day=date(2026, 6, d)) for b, d in ((31, 20), (55, 5), (65, 12))]
    >>> field = Planting(id=1, field="a", site="a", station="a", cultivar="", sown_on=date(2025, 9, 20),
    ...     sightings=tuple(seen))
    >>> [each.bbch for each in trusted(field, date(2026, 7, 1))]
    [55, 65]
    """
    possible = sorted(
        (seen for seen in planting.sightings if planting.sown_on <= seen.day <= today),
        key=lambda seen: seen.bbch,
    )
    chains: list[tuple[Sighting, ...]] = []
    for seen in possible:
        before = [chain for chain in chains if chain[-1].day <= seen.day and chain[-1].bbch < seen.bbch]
        chains.append((*max(before, key=len, default=()), seen))
    return max(chains, key=len, default=())


def seen_days(crop: Crop, planting: Planting) -> NDArray[np.float64]:
    """Tell on which day from sowing each of the crop's stages was seen.

    Returns
    -------
    float64[S], d
        Not-a-number where a stage was not seen. Stages that people see and the crop's file does not name are
        left out; see `unknown_sightings`.
    """
    by_bbch = {seen.bbch: planting.index(seen.day) for seen in planting.sightings}
    return np.array([by_bbch.get(stage.bbch, np.nan) for stage in crop.stages], np.float64)


def unknown_sightings(crop: Crop, planting: Planting) -> list[Sighting]:
    """List what was seen and is no stage of the crop's file: it is shown, and moves nothing."""
    known = {stage.bbch for stage in crop.stages}
    return [seen for seen in planting.sightings if seen.bbch not in known]
