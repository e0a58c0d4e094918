"""A station's daily temperatures without silent holes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from analytics.series.climatology import fit_climatology
from analytics.series.errors import ClimatologyError
from analytics.series.gaps import FillMethod, fill_days, order_extremes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import date

    from numpy.typing import NDArray

    from analytics.farm.forecast.season import Case, Station
    from analytics.series.climatology import Climatology
    from analytics.series.gaps import FilledDays


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A station's temperatures without silent holes.

    Attributes
    ----------
    first_day : date
    tmin, tmax : float64[D], deg C
    measured : bool[D]
        Here, or elsewhere and brought here.
    brought : bool[D]
    method : int8[D]
        `FillMethod`, the worse of the two.
    normals : tuple[Climatology, Climatology] | None
        Of minimum and maximum; None where there are too few days.
    """

    station: Station
    first_day: date
    tmin: NDArray[np.float64]
    tmax: NDArray[np.float64]
    measured: NDArray[np.bool_]
    brought: NDArray[np.bool_]
    method: NDArray[np.int8]
    normals: tuple[Climatology, Climatology] | None

    @property
    def persistence(self) -> float:
        """Correlation of a day's departure from normal with the next day's; 0 where it is not known."""
        return 0.0 if self.normals is None else float(np.mean([each.persistence for each in self.normals]))

    def window(
        self, begin: date, days: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
        """Cut out days; not-a-number and unmeasured outside of the record."""
        place = (begin - self.first_day).days + np.arange(days)
        inside = (place >= 0) & (place < len(self.tmin))
        at = np.clip(place, 0, max(len(self.tmin) - 1, 0))
        if not len(self.tmin):
            return np.full(days, np.nan), np.full(days, np.nan), inside
        tmin, tmax = (np.where(inside, values[at], np.nan) for values in (self.tmin, self.tmax))
        return tmin, tmax, inside & self.measured[at]


def keep_records(case: Case) -> dict[str, Record]:
    """Fill each station's gaps, from its normals and the lab's other stations.

    A record begins where a current season does, though the station may be younger, and ends with the last day
    that it, or another in its stead, has measured.
    """
    measured = [station.last_measured for station in case.stations.values()]
    last = max((day for day in measured if day is not None), default=None)
    found = {}
    for key, station in case.stations.items():
        sown = [each.sown_on for each in case.plantings if each.current and each.station == key]
        found[key] = _fill(_lengthen(station, min([*sown, station.first_day]), last), case.stations)
    return found


def _lengthen(station: Station, first: date, last: date | None) -> Station:
    """Give a station the days from one to another, both included; not-a-number where it has none."""
    length = 0 if last is None or station.last_measured is None else max((last - first).days + 1, 0)
    skip = (station.first_day - first).days
    tmin, tmax = np.full((2, length), np.nan)
    here = min(max(length - skip, 0), len(station.tmin))
    tmin[skip : skip + here], tmax[skip : skip + here] = station.tmin[:here], station.tmax[:here]
    brought = np.zeros(length, np.bool_)
    if station.brought is not None:
        brought[skip : skip + here] = station.brought[:here]
    return replace(station, first_day=first, tmin=tmin, tmax=tmax, brought=brought)


def _fill(station: Station, stations: Mapping[str, Station]) -> Record:
    raw = (station.tmin, station.tmax)
    normals = _normals(station.days, raw)
    others = [other for key, other in sorted(stations.items()) if key != station.key]
    low, high = (
        _fill_one(station.days, values, None if normals is None else normals[which], others, which)
        for which, values in enumerate(raw)
    )
    low, high = order_extremes(low, high)
    method = np.maximum(low.method, high.method)
    somewhere = np.flatnonzero((method == FillMethod.MEASURED) | (method == FillMethod.NEIGHBOUR))
    n = int(somewhere[-1]) + 1 if len(somewhere) else 0
    return Record(
        station=station,
        first_day=station.first_day,
        tmin=low.value[:n],
        tmax=high.value[:n],
        measured=method[:n] == FillMethod.MEASURED,
        brought=np.zeros(n, np.bool_) if station.brought is None else station.brought[:n],
        method=method[:n],
        normals=normals,
    )


def _normals(
    days: NDArray[np.datetime64], raw: tuple[NDArray[np.float64], NDArray[np.float64]]
) -> tuple[Climatology, Climatology] | None:
    try:
        return fit_climatology(days, raw[0]), fit_climatology(days, raw[1])
    except ClimatologyError:
        return None


def _fill_one(
    days: NDArray[np.datetime64],
    values: NDArray[np.float64],
    normals: Climatology | None,
    others: Iterable[Station],
    which: int,
) -> FilledDays:
    neighbours = []
    for other in others:
        place = (days - np.datetime64(other.first_day, "D")).astype(np.int64)
        inside = (place >= 0) & (place < len(other.tmin))
        theirs = (other.tmin, other.tmax)[which]
        if len(theirs):
            neighbours.append(np.where(inside, theirs[np.clip(place, 0, len(theirs) - 1)], np.nan))
    return fill_days(days, values, climatology=normals, neighbours=neighbours)
