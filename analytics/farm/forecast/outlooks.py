"""The courses that a season's weather may take: what was, what is forecast, what may come."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import numpy as np

from analytics.farm.calibration.ensemble import LEAST_YEARS, YEAR_D, draw_members, spread_members
from analytics.farm.calibration.ensemble import Record as Days
from analytics.farm.forecast.season import SEASON_DAYS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from numpy.typing import NDArray

    from analytics.farm.forecast.records import Record
    from analytics.farm.forecast.season import Case, Outlook, Planting, Station

    Pair = tuple[NDArray[np.float64], NDArray[np.float64]]

LEAST_MEASURED: Final = 0.9
"""Share of a past year's days that are measured; the rest is filled."""
LEAST_COMMON_DAYS: Final = 30
"""Of two stations, to tell by how much one is warmer, [WMO100]."""
SEED: Final = 20_261
DRAWN: Final = 40
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
    station : str | None
        Whose past years, or whose climatology.
    years : tuple[int, ...]
        Seasons that the members are from; empty where they were drawn.
    known : int
        Days from sowing that are measured or filled.
    with_all, without_outlook, normal : tuple of two float64[M, SEASON_DAYS], deg C
        Minimum and maximum; without the weather forecast; and without the season so far either.
    methods : int8[known]
        `FillMethod` of each known day.
    brought : bool[known]
        Which of them the lab brought from elsewhere.
    """

    source: Source
    station: str | None
    years: tuple[int, ...]
    known: int
    with_all: Pair
    without_outlook: Pair
    normal: Pair
    methods: NDArray[np.int8]
    brought: NDArray[np.bool_]
    outlook: Outlook | None

    @property
    def members(self) -> int:
        """How many courses there are; none where nobody knows the weather to come."""
        return 0 if self.source is Source.NONE else len(self.normal[0])


def spread_courses(
    case: Case, records: Mapping[str, Record], planting: Planting, *, barred: frozenset[int] = frozenset()
) -> Courses:
    """Lay out the weather of a planting's season: what was, what is forecast, what may come.

    The weather to come is that of the same calendar days of past years at the planting's station. Where it
    has fewer than `LEAST_YEARS`, it is that of the nearest other station of the lab that has more, shifted
    by how much warmer or colder it is here. Else it is drawn from the climatology of the planting's own
    station. Without a year of days there is none.

    Parameters
    ----------
    barred : frozenset[int]
        Seasons whose weather must not be used, as in a back-test.
    """
    record = records[planting.station]
    low, high, _ = record.window(planting.sown_on, SEASON_DAYS)
    known = min(max(planting.index(case.today), 0), SEASON_DAYS)
    known = int(np.argmax(np.append(np.isnan(low[:known] + high[:known]), True)))
    outlook = case.outlooks.get(planting.station)
    told = None if outlook is None else _place(outlook, planting.index(outlook.first_day))
    source, where, years, backs, ground = _find_years(records, planting, barred)

    def lay(known_days: int, forecast: Pair | None) -> Pair:
        if backs:
            return _join(ground, planting.sown_on, known_days, backs, forecast)
        return _draw(record, planting, known_days, forecast)

    season = (planting.sown_on - record.first_day).days + np.arange(known)
    if source is Source.NONE and record.normals is not None:
        source, where = Source.CLIMATOLOGY, record.station.name
    return Courses(
        source=source,
        station=where,
        years=years,
        known=known,
        with_all=lay(known, told),
        without_outlook=lay(known, None),
        normal=lay(0, None),
        methods=record.method[season],
        brought=record.brought[season],
        outlook=outlook,
    )


def _place(outlook: Outlook, begin: int) -> Pair:
    """Put a weather forecast onto the season's days."""
    place = np.arange(SEASON_DAYS) - begin
    inside = (place >= 0) & (place < len(outlook.tmin))
    at = np.clip(place, 0, len(outlook.tmin) - 1)
    return np.where(inside, outlook.tmin[at], np.nan), np.where(inside, outlook.tmax[at], np.nan)


@dataclass(frozen=True, slots=True)
class _Ground:
    """Days of all years, and how long a departure from normal lasts."""

    days: Days
    persistence: float


def _join(ground: _Ground, sown_on: date, known: int, backs: tuple[int, ...], forecast: Pair | None) -> Pair:
    """Continue the season with past years."""
    start = np.array([np.datetime64(sown_on, "D") - ground.days.first_day]).astype(np.int64)
    members = spread_members(
        ground.days,
        start=start,
        known=start + known,
        length=SEASON_DAYS,
        years=backs,
        persistence=ground.persistence,
        outlook=None if forecast is None else (forecast[0][None], forecast[1][None]),
    )
    return members.tmin[0], members.tmax[0]


def _draw(record: Record, planting: Planting, known: int, forecast: Pair | None) -> Pair:
    """Continue the season with draws about the normals; with nothing where there are none."""
    if record.normals is None:
        low = high = np.full((1, SEASON_DAYS), np.nan)
    else:
        low, high = draw_members(record.normals, planting.days, seed=SEED, count=DRAWN)
    here = np.arange(SEASON_DAYS)
    season = record.window(planting.sown_on, SEASON_DAYS)
    low, high = np.where(here < known, season[0], low), np.where(here < known, season[1], high)
    if forecast is None:
        return low, high
    ahead = (here >= known) & np.isfinite(forecast[0] + forecast[1])
    return np.where(ahead, forecast[0], low), np.where(ahead, forecast[1], high)


Found = tuple[Source, str | None, tuple[int, ...], tuple[int, ...], "_Ground"]


def _find_years(records: Mapping[str, Record], planting: Planting, barred: frozenset[int]) -> Found:
    """Find past seasons here, else next door: their names, by how many years they are off, and the days."""
    own = records[planting.station]
    days = Days(first_day=np.datetime64(own.first_day, "D"), tmin=own.tmin, tmax=own.tmax)
    ground = _Ground(days, own.persistence)
    backs = _backs(own, planting, barred)
    if len(backs) >= LEAST_YEARS:
        return Source.PAST_YEARS, own.station.name, _seasons(planting, backs), backs, ground
    for other in _by_distance(own, records):
        backs = _backs(other, planting, barred)
        if len(backs) >= LEAST_YEARS:
            found = _seasons(planting, backs), backs, _Ground(_graft(own, other), other.persistence)
            return Source.PAST_YEARS_ELSEWHERE, other.station.name, *found
    return Source.NONE, None, (), (), ground


def _backs(record: Record, planting: Planting, barred: frozenset[int]) -> tuple[int, ...]:
    """List by how many years the seasons are off whose days were measured."""
    reach = len(record.tmin) // 365 + 2
    found = []
    for back in range(-reach, reach + 1):
        begin = planting.sown_on + timedelta(days=round(back * YEAR_D))
        tmin, tmax, measured = record.window(begin, SEASON_DAYS)
        usable = back != 0 and planting.season + back not in barred
        if usable and measured.mean() >= LEAST_MEASURED and np.isfinite(tmin + tmax).all():
            found.append(back)
    return tuple(found)


def _seasons(planting: Planting, backs: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(planting.season + back for back in backs)


def _graft(own: Record, other: Record) -> Days:
    """Join another station's days, made as warm as it is here, with what was measured here."""
    first = min(own.first_day, other.first_day)
    ends = [record.first_day + timedelta(days=len(record.tmin)) for record in (own, other)]
    length = (max(ends) - first).days
    mine, theirs = own.window(first, length), other.window(first, length)
    tmin, tmax = (
        np.where(np.isfinite(here), here, there + warmer)
        for here, there, warmer in zip(mine[:2], theirs[:2], _warmer(own, other), strict=True)
    )
    return Days(first_day=np.datetime64(first, "D"), tmin=tmin, tmax=tmax)


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
