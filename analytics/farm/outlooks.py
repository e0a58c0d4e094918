"""The courses that a season's weather may take: what was, what is forecast, what may come."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import numpy as np

from analytics.farm.season import SEASON_DAYS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from analytics.farm.records import Record
    from analytics.farm.season import Case, Outlook, Planting, Station
    from analytics.series.climatology import Climatology

LEAST_YEARS: Final = 3
"""Of past years, below which the weather to come is drawn from the climatology: two courses do not tell how
different years are."""
LEAST_MEASURED: Final = 0.9
"""Share of a past year's days that are measured; the rest is filled."""
LEAST_COMMON_DAYS: Final = 30
"""Of two stations, to tell by how much one is warmer, [WMO100]."""
DRAWN_MEMBERS: Final = 40
YEAR_D: Final = 365.2425
SEED: Final = 20_261
EARTH_RADIUS_KM: Final = 6371.0
"""Mean radius of the Earth [Moritz2000]."""


class Source(StrEnum):
    """Where the weather to come is taken from."""

    PAST_YEARS = "past_years"
    PAST_YEARS_ELSEWHERE = "past_years_elsewhere"
    CLIMATOLOGY = "climatology"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Courses:
    """Weather of one season under M members, of which the first days are the same.

    Attributes
    ----------
    known : int
        Days from sowing that are measured or filled.
    tmin, tmax : float64[M, SEASON_DAYS], deg C
    without_outlook, normal : tuple of two float64[M, SEASON_DAYS], deg C
        The same without the weather forecast, and without the season so far either.
    """

    source: Source
    station: str | None
    years: tuple[int, ...]
    known: int
    tmin: NDArray[np.float64]
    tmax: NDArray[np.float64]
    without_outlook: tuple[NDArray[np.float64], NDArray[np.float64]]
    normal: tuple[NDArray[np.float64], NDArray[np.float64]]
    methods: NDArray[np.int8]
    outlook: Outlook | None


def spread_courses(
    case: Case, records: Mapping[str, Record], planting: Planting, *, barred: frozenset[int] = frozenset()
) -> Courses:
    """Lay out the weather of a planting's season: what was, what is forecast, what may come.

    The weather to come is that of the same calendar days of past years at the planting's station. Where it
    has fewer than `LEAST_YEARS`, it is that of the nearest other station of the lab that has more, shifted
    by how much warmer or colder it is here. Else it is drawn from the climatology of the planting's own
    station: normals and day-to-day variability [Hasselmann1976], without years that are warm or cold as a
    whole, so that it is too sure of itself. Without a year of days there is none.

    Parameters
    ----------
    barred : frozenset[int]
        Seasons whose weather must not be used, as in a back-test.
    """
    record = records[planting.station]
    source, where, years, tmin, tmax = _past_years(records, planting, barred)
    if source is Source.NONE and record.normals is not None:
        source, where = Source.CLIMATOLOGY, record.station.name
        tmin, tmax = _draw(record.normals, planting.days)
    known = min(max(planting.index(case.today), 0), SEASON_DAYS)
    low, high, _ = record.window(planting.sown_on, SEASON_DAYS)
    known = int(np.argmax(np.append(np.isnan(low[:known] + high[:known]), True)))
    outlook = case.outlooks.get(planting.station)
    so_far = _overlay((tmin, tmax), (low, high), 0, known)
    both = so_far
    if outlook is not None:
        begin = planting.index(outlook.first_day)
        both = _overlay(so_far, _place(outlook, begin), known, begin + len(outlook.tmin))
    place = (planting.sown_on - record.first_day).days + np.arange(known)
    return Courses(
        source=source,
        station=where,
        years=years,
        known=known,
        tmin=both[0],
        tmax=both[1],
        without_outlook=so_far,
        normal=(tmin, tmax),
        methods=record.method[place],
        outlook=outlook,
    )


def _overlay(
    members: tuple[NDArray[np.float64], NDArray[np.float64]],
    over: tuple[NDArray[np.float64], NDArray[np.float64]],
    first: int,
    last: int,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Write the same days into each member; days that `over` lacks stay."""
    here = np.arange(SEASON_DAYS)
    inside = (here >= first) & (here < last) & np.isfinite(over[0] + over[1])
    return np.where(inside, over[0], members[0]), np.where(inside, over[1], members[1])


def _place(outlook: Outlook, begin: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Put a weather forecast onto the season's days."""
    place = np.arange(SEASON_DAYS) - begin
    inside = (place >= 0) & (place < len(outlook.tmin))
    at = np.clip(place, 0, len(outlook.tmin) - 1)
    return np.where(inside, outlook.tmin[at], np.nan), np.where(inside, outlook.tmax[at], np.nan)


Found = tuple[Source, str | None, tuple[int, ...], "NDArray[np.float64]", "NDArray[np.float64]"]


def _past_years(records: Mapping[str, Record], planting: Planting, barred: frozenset[int]) -> Found:
    own = records[planting.station]
    years, tmin, tmax = _years_of(own, planting, barred)
    if len(years) >= LEAST_YEARS:
        return Source.PAST_YEARS, own.station.name, years, tmin, tmax
    for other in _by_distance(own, records):
        years, tmin, tmax = _years_of(other, planting, barred)
        if len(years) >= LEAST_YEARS:
            low, high = _warmer(own, other)
            return Source.PAST_YEARS_ELSEWHERE, other.station.name, years, tmin + low, tmax + high
    nothing = np.full((1, SEASON_DAYS), np.nan)
    return Source.NONE, None, (), nothing, nothing


def _years_of(
    record: Record, planting: Planting, barred: frozenset[int]
) -> tuple[tuple[int, ...], NDArray[np.float64], NDArray[np.float64]]:
    """Find the past seasons whose days were measured, each from the same calendar day on."""
    span_years = len(record.tmin) // 365 + 2
    years, low, high = [], [], []
    for back in range(-span_years, span_years + 1):
        begin = planting.sown_on - timedelta(days=round(back * YEAR_D))
        if back == 0 or planting.season - back in barred:
            continue
        tmin, tmax, measured = record.window(begin, SEASON_DAYS)
        if measured.mean() >= LEAST_MEASURED and np.isfinite(tmin + tmax).all():
            years.append(planting.season - back)
            low.append(tmin)
            high.append(tmax)
    if not years:
        return (), np.empty((0, SEASON_DAYS)), np.empty((0, SEASON_DAYS))
    order = np.argsort(years)
    return tuple(sorted(years)), np.stack(low)[order], np.stack(high)[order]


def _by_distance(own: Record, records: Mapping[str, Record]) -> list[Record]:
    """List the other stations, the nearest first; those whose place is not known come last."""
    others = [record for record in records.values() if record is not own]
    return sorted(others, key=lambda other: (_distance_km(own.station, other.station), other.station.key))


def _distance_km(one: Station, other: Station) -> float:
    if one.latitude is None or one.longitude is None or other.latitude is None or other.longitude is None:
        return np.inf
    return great_circle_km(one.latitude, one.longitude, other.latitude, other.longitude)


def great_circle_km(
    latitude: float, longitude: float, other_latitude: float, other_longitude: float
) -> float:
    """Distance on a sphere of the Earth's mean radius, in km; degrees.

    Examples
    --------
    >>> round(great_circle_km(43.0, 143.0, 44.0, 143.0))
    111
    """
    phi, psi = np.radians([latitude, other_latitude])
    away = np.radians(other_longitude - longitude)
    haversine = np.sin((psi - phi) / 2) ** 2 + np.cos(phi) * np.cos(psi) * np.sin(away / 2) ** 2
    return float(2 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(haversine)))


def _warmer(own: Record, other: Record) -> tuple[float, float]:
    """By how much minimum and maximum are higher here than there, on the days that both measured."""
    low, high, measured = other.window(own.first_day, len(own.tmin))
    both = own.measured & measured
    if both.sum() < LEAST_COMMON_DAYS:
        return 0.0, 0.0
    return float((own.tmin - low)[both].mean()), float((own.tmax - high)[both].mean())


def _draw(
    normals: tuple[Climatology, Climatology], days: NDArray[np.datetime64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Draw courses about the normals; minimum and maximum depart together."""
    persistence = float(np.mean([each.persistence for each in normals]))
    noise = np.random.default_rng(SEED).standard_normal((DRAWN_MEMBERS, len(days)))
    noise[:, 1:] *= np.sqrt(1.0 - persistence**2)
    for day in range(1, len(days)):
        noise[:, day] += persistence * noise[:, day - 1]
    low, high = (each.normal(days) + each.deviation(days) * noise for each in normals)
    return np.minimum(low, high), np.maximum(low, high)
