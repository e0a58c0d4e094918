"""The forecast of a crop in one lab: all plantings at once, since what one field shows tells of others.

Of each coming stage it gives the median date, intervals, the chance that it comes at all, what moved the
date, how good such forecasts have been, and what it rests on. Where that is nothing, it says so.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import numpy as np

from analytics.farm.calibration.intervals import mixture_quantiles, widen
from analytics.farm.forecast.basis import find_cautions, tell_basis
from analytics.farm.forecast.drivers import find_drivers
from analytics.farm.forecast.local_skill import measure_skill, published_skill
from analytics.farm.forecast.outlooks import Source
from analytics.farm.forecast.predict import last_seen, medians, reach
from analytics.farm.forecast.progress import tell_progress
from analytics.farm.forecast.reckoning import Reckoning
from analytics.farm.forecast.records import keep_records
from analytics.farm.forecast.result import (
    LEVELS,
    NO_PROGRESS,
    Interval,
    PlantingForecast,
    StageForecast,
    Status,
)
from analytics.farm.forecast.season import seen_days, trusted, unknown_sightings
from analytics.farm.forecast.variants import lay_variants

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from numpy.typing import NDArray

    from analytics.farm.forecast.lessons import Lesson
    from analytics.farm.forecast.reckoning import Memory
    from analytics.farm.forecast.result import Progress, Skill
    from analytics.farm.forecast.season import Case, Planting
    from analytics.farm.phenology.crop import Crop

    Floats = NDArray[np.float64]

MODEL: Final = "stages"
MODEL_VERSION: Final = "2"
"""Raised whenever the same inputs would give another forecast."""
EVEN: Final = 0.5


def forecast(
    case: Case, *, previous: Mapping[int, Mapping[str, date]] | None = None
) -> list[PlantingForecast]:
    """Forecast all current plantings of a crop in one lab.

    Each planting is simulated under its season so far and under every course that the weather may take. A
    stage seen in a field is where its own simulation goes on from; how it departed from the model moves and
    narrows the forecasts of its neighbours, as earlier seasons' departures do. The model's own error is
    added to what the weather leaves open, since intervals from weather alone are far too narrow.

    Parameters
    ----------
    case : Case
        Plantings of this and of earlier seasons with what was seen, temperatures, and today's date.
    previous : {planting: {stage: median}}, optional
        Of the forecast before.

    Returns
    -------
    list[PlantingForecast]
        One for each current planting, in their order, also where nothing can be forecast: then with the
        reason.
    """
    given = case.plantings
    case = replace(case, plantings=[_trust(each, case.today) for each in case.plantings])
    records = keep_records(case)
    memory: Memory = {}
    variants = lay_variants(case, records)
    reckoning = Reckoning(case, records, memory, variants)
    skill = measure_skill(case, records, memory, variants) if reckoning.courses else {}
    assembly = _Assembly(reckoning, skill, previous or {})
    return [
        assembly.tell(each, len(raw.sightings) - len(each.sightings))
        for raw, each in zip(given, case.plantings, strict=True)
        if each.current
    ]


def _trust(planting: Planting, today: date) -> Planting:
    return replace(planting, sightings=trusted(planting, today))


class _Assembly:
    """Puts the parts of the answers together."""

    def __init__(
        self,
        reckoning: Reckoning,
        skill: Mapping[str, Skill],
        previous: Mapping[int, Mapping[str, date]],
    ) -> None:
        self._reckoning = reckoning
        self._case = reckoning.case
        self._skill = skill
        self._previous = previous
        self._drivers = find_drivers(reckoning)
        self._places = {reckoning.grown[place].planting.id: place for place in reckoning.courses}

    def tell(self, planting: Planting, distrusted: int) -> PlantingForecast:
        """Answer for one planting, of which so many sightings were left out."""
        place = self._places.get(planting.id)
        crop = self._case.crop
        courses = None if place is None else self._reckoning.courses[place]
        lesson = None if place is None else self._reckoning.lesson(place)
        return PlantingForecast(
            planting_id=planting.id,
            crop=crop.name,
            cultivar=planting.cultivar,
            model=_name_model(crop, len(self._reckoning.variants.sets)),
            model_version=MODEL_VERSION,
            issued_on=self._case.today,
            stages=self._stages(planting, place, lesson),
            progress=self._progress(place),
            basis=tell_basis(self._reckoning, planting, courses, lesson),
            seen_besides=tuple((seen.bbch, seen.day) for seen in unknown_sightings(crop, planting)),
            warnings=find_cautions(self._case, planting, courses, distrusted),
        )

    def _progress(self, place: int | None) -> Progress:
        if place is None:
            return NO_PROGRESS
        reckoning = self._reckoning
        each, courses = reckoning.grown[place], reckoning.courses[place]
        sets = reckoning.variants.sets
        return tell_progress(self._case.crop, sets, each, courses, reckoning.footings[place])

    def _stages(
        self, planting: Planting, place: int | None, lesson: Lesson | None
    ) -> tuple[StageForecast, ...]:
        crop = self._case.crop
        seen = seen_days(crop, planting)
        told = []
        for at, stage in enumerate(crop.stages):
            blank = StageForecast(
                stage=stage.name,
                bbch=stage.bbch,
                label_ja=stage.label_ja,
                label_en=stage.label_en,
                status=Status.UNKNOWN,
            )
            if np.isfinite(seen[at]):
                day = planting.sown_on + timedelta(days=int(seen[at]))
                told.append(replace(blank, status=Status.SEEN, seen_on=day))
            elif at < last_seen(seen):
                told.append(replace(blank, status=Status.PASSED))
            elif place is None or lesson is None or self._reckoning.courses[place].source is Source.NONE:
                told.append(replace(blank, skill=published_skill(crop, stage.name)))
            else:
                told.append(self._coming(planting, place, lesson, at, blank))
        return tuple(told)

    def _coming(
        self, planting: Planting, place: int, lesson: Lesson, at: int, blank: StageForecast
    ) -> StageForecast:
        reckoning, crop = self._reckoning, self._case.crop
        days = reckoning.days(place, reckoning.footings[place])
        skill = self._skill.get(blank.stage) or published_skill(crop, blank.stage)
        blank = replace(blank, probability=round(float(reach(days)[at]), 3), skill=skill)
        middle = float(medians(days)[at] + lesson.shift[at])
        if np.isnan(middle):
            return replace(blank, status=Status.NOT_EXPECTED)
        spread = float(lesson.spread[at]) * crop.errors[blank.stage].conformal_scale * skill.widened
        (courses,) = widen((days[:, at] + lesson.shift[at])[None], np.array([skill.widened]))
        median = _nearest(planting, middle)
        return replace(
            blank,
            status=Status.OVERDUE if median < self._case.today else Status.COMING,
            median=median,
            intervals=_intervals(planting, courses, spread),
            spread_d=round(spread, 2),
            drivers=self._drivers[place][at],
            change_d=self._change(planting, blank.stage, median),
        )

    def _change(self, planting: Planting, stage: str, median: date) -> float | None:
        before = self._previous.get(planting.id, {}).get(stage)
        return None if before is None else float((median - before).days)


def _name_model(crop: Crop, sets: int) -> str:
    """Say of which crop the model is, and over how many sets of parameters it is averaged."""
    return f"{MODEL} {crop.name}" if sets == 1 else f"{MODEL} {crop.name}, mean of {sets} parameter sets"


def _nearest(planting: Planting, days: float) -> date:
    """Give the day that is nearest; half a day counts as the later one."""
    return planting.sown_on + timedelta(days=int(np.floor(days + EVEN)))


def _intervals(planting: Planting, days: Floats, spread: float) -> tuple[Interval, ...]:
    """Give whole days around the quantiles: never narrower than computed.

    An interval of which the later end lies beyond the season is left out.
    """
    told = []
    tails = np.array([(1 - level / 100) / 2 for level in LEVELS])
    (edges,) = mixture_quantiles(days[None], np.array([spread]), np.concatenate([tails, 1 - tails]))
    for level, first, last in zip(LEVELS, edges[: len(LEVELS)], edges[len(LEVELS) :], strict=True):
        if np.isfinite(first) and np.isfinite(last):
            begin = planting.sown_on + timedelta(days=int(np.floor(first)))
            end = planting.sown_on + timedelta(days=int(np.ceil(last)))
            told.append(Interval(level=level, first=begin, last=end))
    return tuple(told)
