"""What moved a date: the model is run again without each of its causes.

From the median under normal temperatures of the whole season, causes are added one by one, in the order of
`Cause`; each accounts for the days by which it moves the median, so that together they make up the
difference.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from analytics.farm.forecast.predict import medians
from analytics.farm.forecast.reckoning import Teachers
from analytics.farm.forecast.result import Cause, Driver

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from analytics.farm.forecast.reckoning import Reckoning

    Floats = NDArray[np.float64]

SMALLEST_D: Final = 0.05
"""Less is not told: it is no tenth of a day."""


def find_drivers(reckoning: Reckoning) -> dict[int, list[tuple[Driver, ...]]]:
    """Tell for each current planting, by its place, and for each stage what moved its date."""
    normal = reckoning.medians_under(lambda courses: courses.normal)
    so_far = reckoning.medians_under(lambda courses: courses.without_outlook)
    outlook = reckoning.medians_under(lambda courses: courses.with_all)
    found = {}
    for place, courses in reckoning.courses.items():
        steps = [
            (Cause.TEMPERATURE, so_far[place] - normal[place]),
            *([(Cause.WEATHER_FORECAST, outlook[place] - so_far[place])] if courses.outlook else []),
            *_lessons(reckoning, place, outlook[place]),
        ]
        found[place] = [_told(steps, stage) for stage in range(len(normal[place]))]
    return found


def _lessons(reckoning: Reckoning, place: int, before: Floats) -> list[tuple[Cause, Floats]]:
    """Tell what earlier seasons moved, what this field's own stages, and what those of others this season."""
    restarted = medians(reckoning.days(place, reckoning.footings[place])) - before
    earlier = reckoning.lesson(place, Teachers.EARLIER).shift
    own = reckoning.lesson(place, Teachers.EARLIER_AND_OWN).shift
    all_ = reckoning.lesson(place).shift
    return [
        (Cause.EARLIER_SEASONS, earlier),
        (Cause.OWN_STAGE, restarted + own - earlier),
        (Cause.NEIGHBOURS, all_ - own),
    ]


def _told(steps: list[tuple[Cause, Floats]], stage: int) -> tuple[Driver, ...]:
    return tuple(
        Driver(cause=cause, days=round(float(days[stage]), 1))
        for cause, days in steps
        if np.isfinite(days[stage]) and abs(days[stage]) >= SMALLEST_D
    )
