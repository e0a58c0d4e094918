"""What a forecast rests on, and what it warns of."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

import numpy as np

from analytics.farm.forecast.outlooks import Source
from analytics.farm.forecast.predict import SOWING
from analytics.farm.forecast.result import Basis, Caution, Doubt, no_basis
from analytics.farm.forecast.season import unknown_sightings
from analytics.series.gaps import FillMethod

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from analytics.farm.forecast.lessons import Lesson
    from analytics.farm.forecast.outlooks import Courses
    from analytics.farm.forecast.reckoning import Reckoning
    from analytics.farm.forecast.season import Case, Planting

FEW_YEARS: Final = 10
"""Of past years, below which an ensemble by itself shows no 80 % interval."""
OLD_DAYS: Final = 3
"""Without a temperature, after which a forecast says that its data are old."""


def tell_basis(
    reckoning: Reckoning, planting: Planting, courses: Courses | None, lesson: Lesson | None
) -> Basis:
    """Tell what the forecast of one planting rests on."""
    station = reckoning.case.stations.get(planting.station)
    name = station.name if station else planting.station
    if courses is None or lesson is None:
        return no_basis(name)
    learnt = [reckoning.grown[place].planting for place in lesson.plantings]
    outlook = courses.outlook
    own = any(reckoning.footings[place] != SOWING for place in _place(reckoning, planting))
    return Basis(
        station=name,
        data_end=_data_end(planting, courses),
        days_filled=_count_days(courses),
        weather_to_come=courses.source,
        weather_station=courses.station,
        members=courses.members,
        years=courses.years,
        outlook=None if outlook is None else f"{outlook.source} {outlook.issued_on}",
        observations=lesson.count + own,
        seasons=tuple(sorted({each.season for each in learnt} | ({planting.season} if own else set()))),
        parameter_sets=len(reckoning.variants.sets),
    )


def _count_days(courses: Courses) -> dict[str, int]:
    """Count the known days by how their temperatures came about."""
    measured = courses.methods == FillMethod.MEASURED
    found = {method.name.lower(): int(np.sum(courses.methods == method)) for method in FillMethod}
    found["measured"] = int(np.sum(measured & ~courses.brought))
    found["brought"] = int(np.sum(measured & courses.brought))
    return {name: days for name, days in found.items() if days}


def _place(reckoning: Reckoning, planting: Planting) -> list[int]:
    return [place for place in reckoning.courses if reckoning.grown[place].planting.id == planting.id]


def _data_end(planting: Planting, courses: Courses) -> date | None:
    return planting.sown_on + timedelta(days=courses.known - 1) if courses.known else None


def find_cautions(
    case: Case, planting: Planting, courses: Courses | None, distrusted: int
) -> tuple[Caution, ...]:
    """List what a reader should doubt, and why.

    Parameters
    ----------
    distrusted : int
        How many sightings were left out, since they cannot be true together with others.
    """
    found = [*_of_weather(case, planting, courses), *_of_planting(case, planting)]
    if distrusted:
        found.append((Doubt.SIGHTINGS_CONTRADICT, {"left_out": distrusted}))
    return tuple(Caution(doubt=doubt, facts=facts) for doubt, facts in found)


Told = tuple[Doubt, dict[str, int | float | str]]


def _of_planting(case: Case, planting: Planting) -> Iterator[Told]:
    if case.crop.find_cultivar(planting.cultivar) is None:
        yield Doubt.CULTIVAR_UNKNOWN, {"cultivar": planting.cultivar}
    for seen in unknown_sightings(case.crop, planting):
        yield Doubt.STAGE_NOT_IN_MODEL, {"bbch": seen.bbch}


def _of_weather(case: Case, planting: Planting, courses: Courses | None) -> Iterator[Told]:
    if courses is None:
        station = case.stations.get(planting.station)
        nowhere = station is not None and station.latitude is None
        yield (Doubt.NO_PLACE if nowhere else Doubt.NO_TEMPERATURES), {}
        return
    age = planting.index(case.today) - courses.known
    if courses.known == 0 and age > 0:
        yield Doubt.NO_TEMPERATURES, {}
    elif age > OLD_DAYS:
        yield Doubt.OLD_TEMPERATURES, {"days": age}
    if filled := int(np.sum(courses.methods != FillMethod.MEASURED)):
        yield Doubt.FILLED_DAYS, {"days": filled, "of": courses.known}
    if courses.source is Source.NONE:
        yield Doubt.NO_WEATHER_TO_COME, {}
    elif courses.source is Source.CLIMATOLOGY:
        yield Doubt.DRAWN_WEATHER, {"members": courses.members}
    elif len(courses.years) < FEW_YEARS:
        yield Doubt.FEW_YEARS, {"years": len(courses.years)}
    if courses.source is Source.PAST_YEARS_ELSEWHERE:
        yield Doubt.WEATHER_FROM_ELSEWHERE, {"station": courses.station or ""}
