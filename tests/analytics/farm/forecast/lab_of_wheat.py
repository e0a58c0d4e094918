"""A lab with two sites and wheat in some fields, over years of made-up weather; the same at each call."""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache

import numpy as np

from analytics.farm.forecast.season import Case, Planting, Sighting, Station, daylengths
from analytics.farm.phenology.simulation import simulate
from analytics.library import crop
from analytics.series.days import day_axis

WHEAT = crop("wheat")
FIRST_DAY = date(2012, 1, 1)
STAGES = (31, 55, 65)


@cache
def temperatures(years: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Daily minimum and maximum like Tokachi's, with years that are warm or cold as a whole."""
    rng = np.random.default_rng(seed)
    days = day_axis(FIRST_DAY, round(years * 365.25))
    phase = 2 * np.pi * (days - days[0]).astype(float) / 365.2425
    warmth = np.repeat(rng.normal(0, 1.2, years + 1), 366)[: len(days)]
    noise = rng.normal(0, 2.5, len(days))
    noise = np.convolve(noise, [0.5, 0.3, 0.2], "same")
    mean = 6.5 - 14.0 * np.cos(phase - 0.35) + warmth + noise
    return mean - 5.0, mean + 5.5


def station(key: str, today: date, *, years: int = 14, seed: int = 1, since: date = FIRST_DAY) -> Station:
    tmin, tmax = temperatures(years, seed)
    cut, known = (since - FIRST_DAY).days, (today - FIRST_DAY).days
    return Station(
        key=key,
        name=f"{key} station",
        latitude=43.1,
        longitude=143.2 + 0.1 * seed,
        first_day=since,
        tmin=tmin[cut:known].copy(),
        tmax=tmax[cut:known].copy(),
    )


def planting(number: int, season: int, **changes: object) -> Planting:
    row = {
        "id": number,
        "field": f"field-{number % 10}",
        "site": "north",
        "station": "north",
        "cultivar": "",
        "sown_on": date(season - 1, 9, 20),
        "current": False,
    }
    return Planting(**(row | changes))


def grown(each: Planting, late_d: float, *, seed: int = 1) -> Planting:
    """Give the planting with its stages seen `late_d` later than the model has them in Hokkaido."""
    tmin, tmax = temperatures(14, seed)
    at = (each.sown_on - FIRST_DAY).days
    run = simulate(
        WHEAT,
        start=np.zeros(1, np.int64),
        tmin=tmin[None, None, at : at + 365],
        tmax=tmax[None, None, at : at + 365],
        daylength_h=daylengths(WHEAT, each, 43.1)[None],
        cultivar="hokkaido",
    )
    days = dict(zip((stage.bbch for stage in WHEAT.stages), run.stage_day[0, 0], strict=True))
    seen = [Sighting(bbch=b, day=each.sown_on + timedelta(days=round(days[b] + late_d))) for b in STAGES]
    return each_with(each, seen)


def each_with(each: Planting, seen: list[Sighting]) -> Planting:
    from dataclasses import replace

    return replace(each, sightings=tuple(seen))


def past_plantings(seasons: range, late_d: float = 0.0) -> list[Planting]:
    rng = np.random.default_rng(7)
    return [
        grown(planting(10 * season + field, season), late_d + rng.normal(0, 1.0))
        for season in seasons
        for field in (1, 2)
    ]


def case(today: date, plantings: list[Planting], **changes: object) -> Case:
    row = {
        "crop": WHEAT,
        "today": today,
        "plantings": plantings,
        "stations": {"north": station("north", today)},
    }
    return Case(**(row | changes))
