"""What grows on the demonstration's farm: plantings of all seasons up to a day, and what was seen of them.

The truth that the forecasts do not know: the crop's own model under the simulated sky, with lengths that
depart from the crop's file by site, season and field, and eyes that are a day or so early or late. A pure
function of the day asked for, so that each start tells the same story, continued.
"""

from __future__ import annotations

import functools
import zlib
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Final

import numpy as np

from analytics.farm.forecast.season import SEASON_DAYS, Planting, daylengths
from analytics.farm.phenology.simulation import simulate
from analytics.library import crop as find_crop
from deploy.demo import FARM, LATITUDE
from devices.simulator.weather import daily_extremes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

PAST_SEASONS: Final = 6
SEED: Final = 20_261
SITE_FACTOR: Final = 1.03
"""Of the lengths of phases: crops are later here than their files say."""
SEASON_SD, FIELD_SD, EYES_SD_D = 0.03, 0.01, 0.8
SOWING_SPREAD_D: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A crop that comes back each year in a part of a field.

    Attributes
    ----------
    sown : tuple[int, int]
        Month and first day on which it may be sown; up to `SOWING_SPREAD_D` days later.
    past : int
        Earlier seasons that are told.
    lag_d : int
        From the last stage to the harvest, d.
    longest_d : int
        It is harvested then, ripe or not.
    yield_t_ha : tuple[float, float]
        Mean and standard deviation.
    """

    crop: str
    cultivar: str
    field: str
    label: str
    sown: tuple[int, int]
    past: int
    lag_d: int
    longest_d: int
    yield_t_ha: tuple[float, float]


WHEAT: Final = Plan(
    crop="wheat", cultivar="kitahonami", field="north", label="小麦区", sown=(9, 22), past=PAST_SEASONS,
    lag_d=4, longest_d=330, yield_t_ha=(6.6, 0.7),
)  # fmt: skip
POTATO: Final = Plan(
    crop="potato", cultivar="toyoshiro", field="north", label="いも区", sown=(4, 27), past=PAST_SEASONS,
    lag_d=10, longest_d=145, yield_t_ha=(38.0, 4.0),
)  # fmt: skip
GARLIC: Final = Plan(
    crop="garlic", cultivar="fukuchi_white", field="south", label="菜園", sown=(9, 28), past=0,
    lag_d=3, longest_d=300, yield_t_ha=(9.0, 1.0),
)  # fmt: skip
CARROT: Final = Plan(
    crop="carrot", cultivar="koyo_2", field="north", label="菜園", sown=(6, 15), past=0,
    lag_d=14, longest_d=130, yield_t_ha=(36.0, 4.0),
)  # fmt: skip
PLANS: Final = (
    WHEAT,
    replace(WHEAT, cultivar="yumechikara", field="south"),
    POTATO,
    replace(POTATO, cultivar="may_queen", field="south"),
    GARLIC,
    CARROT,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grown:
    """A planting of a plan as it stands on a day.

    Attributes
    ----------
    seen : Mapping[int, date]
        Stages seen, by BBCH.
    ended_on, yield_t_ha : date | None, float | None
        None while it grows.
    """

    plan: Plan
    sown_on: date
    seen: Mapping[int, date]
    ended_on: date | None
    yield_t_ha: float | None


def sowings(today: date) -> list[tuple[Plan, date]]:
    """List what was sown up to a day: of each plan the season that runs or was last, and those before it."""
    return [(plan, day) for plan in PLANS for day in _days_of_sowing(plan, today)]


def _days_of_sowing(plan: Plan, today: date) -> list[date]:
    days = [_sown_on(plan, year) for year in range(today.year - plan.past - 1, today.year + 1)]
    return [day for day in days if day <= today][-plan.past - 1 :]


def _sown_on(plan: Plan, year: int) -> date:
    later = int(_draw(plan, year, "sowing").integers(SOWING_SPREAD_D))
    return date(year, *plan.sown) + timedelta(days=later)


def grow(plan: Plan, sown_on: date, today: date) -> Grown:
    """Let it grow up to a day, that day included."""
    ripe, seen = None, {}
    for bbch, day, is_last in _stages(plan, sown_on, today):
        if day <= today:
            seen[bbch] = day
            ripe = day if is_last else None
    latest = sown_on + timedelta(days=plan.longest_d)
    ended_on = latest if ripe is None else min(ripe + timedelta(days=plan.lag_d), latest)
    if ended_on > today:
        return Grown(plan=plan, sown_on=sown_on, seen=seen, ended_on=None, yield_t_ha=None)
    mean, spread = plan.yield_t_ha
    weighed = mean + spread * _draw(plan, sown_on.year, "yield").standard_normal()
    return Grown(plan=plan, sown_on=sown_on, seen=seen, ended_on=ended_on, yield_t_ha=round(weighed, 1))


def _stages(plan: Plan, sown_on: date, today: date) -> Iterator[tuple[int, date, bool]]:
    """Tell each stage that is reached, the day on which it is noted, and whether it is the last one."""
    crop = find_crop(plan.crop)
    tmin, tmax = sky(sown_on, SEASON_DAYS, until=today)
    planting = Planting(
        id=0, field=plan.field, site=FARM, station=FARM, cultivar=plan.cultivar, sown_on=sown_on
    )
    factor = SITE_FACTOR + SEASON_SD * _draw_season(plan, sown_on) + FIELD_SD * _normal(plan, sown_on)
    truth = simulate(
        crop,
        start=np.zeros(1, np.int64),
        tmin=tmin[None, None],
        tmax=tmax[None, None],
        daylength_h=None if crop.sun_altitude_deg is None else daylengths(crop, planting, LATITUDE)[None],
        cultivar=plan.cultivar,
        lengths={
            phase.end: np.array([factor * crop.length(phase, plan.cultivar).value]) for phase in crop.phases
        },
    ).stage_day[0, 0]
    late = EYES_SD_D * _draw(plan, sown_on.year, "eyes").standard_normal(len(truth))
    noted = np.maximum.accumulate(np.maximum(np.floor(truth + late), 1))
    for stage, day in zip(crop.stages, noted.tolist(), strict=True):
        if np.isfinite(day):
            yield stage.bbch, sown_on + timedelta(days=int(day)), stage is crop.stages[-1]


def sky(first_day: date, days: int, *, until: date) -> tuple[Floats, Floats]:
    """Lowest and highest temperatures of the simulated sky; not-a-number after `until`.

    Returns
    -------
    tuple of two float64[days], deg C
    """
    last = min(first_day + timedelta(days=days - 1), until)
    years = [_extremes(year) for year in range(first_day.year, max(last.year, first_day.year) + 1)]
    begin = (first_day - date(first_day.year, 1, 1)).days
    known = max((last - first_day).days + 1, 0)
    found = np.full((2, days), np.nan)
    for row, values in zip(found, zip(*years, strict=True), strict=True):
        row[:known] = np.concatenate(values)[begin : begin + known]
    return found[0], found[1]


@functools.lru_cache(maxsize=32)
def _extremes(year: int) -> tuple[Floats, Floats]:
    return daily_extremes(year, zlib.crc32(FARM.encode()))


def _draw(plan: Plan, year: int, what: str) -> np.random.Generator:
    """Give a source of chance that belongs to a planting and to what is drawn."""
    name = f"{plan.crop} {plan.cultivar} {what}"
    return np.random.default_rng([SEED, year, zlib.crc32(name.encode())])


def _draw_season(plan: Plan, sown_on: date) -> float:
    """Draw the season's departure, which all fields of a crop share."""
    rng = np.random.default_rng([SEED, sown_on.year, zlib.crc32(plan.crop.encode())])
    return float(rng.standard_normal())


def _normal(plan: Plan, sown_on: date) -> float:
    return float(_draw(plan, sown_on.year, "field").standard_normal())
