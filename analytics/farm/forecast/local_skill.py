"""How good forecasts made on this day of the year have been, on the lab's own earlier seasons."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Final

import numpy as np

from analytics.farm.calibration import scores
from analytics.farm.calibration.intervals import conformal_scale, mixture_quantiles
from analytics.farm.forecast.outlooks import Source
from analytics.farm.forecast.predict import medians
from analytics.farm.forecast.reckoning import Reckoning
from analytics.farm.forecast.result import Skill, Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from analytics.farm.forecast.reckoning import Memory
    from analytics.farm.forecast.records import Record
    from analytics.farm.forecast.season import Case, Planting
    from analytics.farm.forecast.variants import Variants
    from analytics.farm.phenology.crop import Crop

WIDENED_FROM: Final = 5
"""Seasons, from which on the back-test tells how much intervals must be widened: of fewer, only the worst."""
EIGHTY: Final = (0.1, 0.9)


@dataclass(frozen=True, slots=True)
class _Trial:
    """One stage of one planting, forecast as if its season were not known yet."""

    season: int
    stage: int
    error_d: float
    naive_error_d: float
    half_widths: float  # how far it missed, in half-widths of its 80 % interval


def measure_skill(
    case: Case, records: Mapping[str, Record], memory: Memory, variants: Variants
) -> dict[str, Skill]:
    """Forecast each earlier season on this day of its year, from all others, and compare with what came.

    The weather of the season after the day, and all stages seen after it, are kept from the model; its other
    seasons, also later ones, are not. The naive forecast is the mean date of the other seasons.

    Returns
    -------
    dict[str, Skill]
        By stage; stages that were seen in fewer than `scores.LEAST_CLUSTERS` seasons are left out.
    """
    seasons = {each.season for each in case.plantings if each.sightings}
    season_now = max((each.season for each in case.plantings if each.current), default=0)
    trials = [
        trial
        for season in sorted(seasons - {season_now})
        if len(seasons - {season_now}) >= scores.LEAST_CLUSTERS
        for trial in _try_season(case, records, memory, variants, seasons=(season, season_now))
    ]
    found = {}
    for place, name in enumerate(case.crop.stage_names):
        mine = [trial for trial in trials if trial.stage == place]
        if len({trial.season for trial in mine}) >= scores.LEAST_CLUSTERS:
            found[name] = _judge(mine, case.today)
    return found


def published_skill(crop: Crop, stage: str) -> Skill:
    """Give what the crop's file says of a stage, measured elsewhere or not at all."""
    said = crop.skill[stage]
    words = {"skill": Verdict.SKILL, "some": Verdict.SOME, "none": Verdict.NONE}
    return Skill(
        verdict=words.get(said.verdict, Verdict.UNKNOWN),
        measured_here=False,
        data=said.data,
        source=said.source,
        n=said.n,
        rmse_d=said.rmse_d,
        naive_rmse_d=said.naive_rmse_d,
    )


def _try_season(
    case: Case,
    records: Mapping[str, Record],
    memory: Memory,
    variants: Variants,
    *,
    seasons: tuple[int, int],
) -> list[_Trial]:
    """Forecast the plantings of one season as on this day of another."""
    season, season_now = seasons
    day = _same_day(case.today, season - season_now)
    then = replace(
        case,
        today=day,
        outlooks={},
        plantings=[_as_of(each, season, season_now, day) for each in case.plantings],
    )
    reckoning = Reckoning(then, records, memory, variants, barred=frozenset({season}))
    truth = {each.id: each for each in case.plantings}
    trials = []
    for place, courses in reckoning.courses.items():
        if courses.source is not Source.NONE:
            trials += _score(case, reckoning, place, truth[reckoning.grown[place].planting.id])
    return trials


def _as_of(each: Planting, season: int, season_now: int, day: date) -> Planting:
    """Know of the season on trial what was known on the day; nothing of the season that is under way."""
    if each.season == season:
        return replace(each.until(day), current=True)
    if each.season == season_now:
        return replace(each, sightings=(), current=False)
    return replace(each, current=False)


def _same_day(day: date, years: int) -> date:
    last = day.month == 2 and day.day == 29  # noqa: PLR2004 - the day that most years lack
    return day.replace(year=day.year + years, day=28 if last else day.day)


def _score(case: Case, reckoning: Reckoning, place: int, truth: Planting) -> list[_Trial]:
    """Compare a planting's stages that came after the day with what was forecast."""
    each = reckoning.grown[place]
    days = reckoning.days(place, reckoning.footings[place])
    lesson = reckoning.lesson(place)
    expected = medians(days) + lesson.shift
    trials = []
    for seen in truth.sightings:
        stages = [at for at, stage in enumerate(case.crop.stages) if stage.bbch == seen.bbch]
        naive = _mean_day(case, truth, seen.bbch)
        if not stages or naive is None or np.isfinite(each.seen[stages[0]]):
            continue
        at, came = stages[0], truth.index(seen.day)
        if np.isnan(expected[at]):
            continue
        spread = lesson.spread[at] * case.crop.errors[case.crop.stage_names[at]].conformal_scale
        ((low, high),) = mixture_quantiles((days[:, at] + lesson.shift[at])[None], np.array([spread]), EIGHTY)
        trials.append(
            _Trial(
                season=truth.season,
                stage=at,
                error_d=float(expected[at] - came),
                naive_error_d=float(naive - came),
                half_widths=float(abs(came - (low + high) / 2) / ((high - low) / 2)),
            )
        )
    return trials


def _mean_day(case: Case, truth: Planting, bbch: int) -> float | None:
    """Give the mean calendar day of a stage in the other seasons, as days from this planting's sowing."""
    by_season: dict[int, list[int]] = {}
    for other in case.plantings:
        for seen in other.sightings:
            if seen.bbch == bbch and other.season != truth.season:
                since = (seen.day - date(other.season, 1, 1)).days
                by_season.setdefault(other.season, []).append(since)
    if not by_season:
        return None
    mean = float(np.mean([np.mean(days) for days in by_season.values()]))
    return mean + (date(truth.season, 1, 1) - truth.sown_on).days


def _judge(trials: list[_Trial], today: date) -> Skill:
    error, naive = (
        np.array([getattr(trial, name) for trial in trials]) for name in ("error_d", "naive_error_d")
    )
    missed, season = (
        np.array([getattr(trial, name) for trial in trials]) for name in ("half_widths", "season")
    )
    judged = scores.judge_skill(error, naive, season)
    widened = conformal_scale(missed, season) if judged.clusters >= WIDENED_FROM else 1.0
    return Skill(
        verdict=Verdict.SKILL if judged.verdict is scores.Verdict.SKILL else Verdict.NONE,
        measured_here=True,
        data=f"this lab's earlier seasons, each forecast on {today:%m-%d} from the others",
        source="back-test",
        n=len(trials),
        seasons=judged.clusters,
        rmse_d=round(scores.rmse(error), 2),
        naive_rmse_d=round(scores.rmse(naive), 2),
        coverage=round(float(np.mean(missed <= 1.0)), 2),
        widened=round(max(widened, 1.0), 2),
    )
