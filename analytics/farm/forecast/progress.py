"""How far a crop is: its stage by the model, and its degree days against those of earlier years."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from analytics.farm.forecast.predict import run_sets
from analytics.farm.forecast.result import Progress
from analytics.farm.phenology.simulation import development
from analytics.farm.weather.degree_days import mean_degree_days

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from analytics.farm.forecast.outlooks import Courses
    from analytics.farm.forecast.predict import Grown
    from analytics.farm.phenology.crop import Crop


def tell_progress(crop: Crop, sets: Sequence[Crop], each: Grown, courses: Courses, footing: int) -> Progress:
    """Tell how far a planting is at the end of the last day whose temperatures are known.

    The stage is the later of the one seen and the one computed; the share of the way to the next is the
    model's, averaged over its sets of parameters. Degree days count from the crop file's base.
    """
    stage, share = _computed(sets, each, courses, footing)
    last_seen = int(np.max(np.flatnonzero(np.isfinite(each.seen)), initial=-1))
    if last_seen > stage:
        stage, share = last_seen, None
    names = (None, *crop.stage_names, None)
    base = _base(crop, stage)
    normal = _sum(*courses.normal, courses.known, base) if courses.years else np.empty(0)
    return Progress(
        stage=names[stage + 1],
        next_stage=names[stage + 2],
        computed=stage > last_seen,
        share=share,
        base_c=base,
        degree_days=_first(_sum(*courses.with_all, courses.known, base)[:1]),
        normal_degree_days=_first(normal.mean(keepdims=True) if len(normal) else normal),
        normal_years=len(courses.years),
    )


def _computed(sets: Sequence[Crop], each: Grown, courses: Courses, footing: int) -> tuple[int, float | None]:
    """Run the model over the days known, which are the same under every course."""
    if courses.known == 0:
        return -1, None
    weather = (courses.with_all[0][:1], courses.with_all[1][:1])
    runs = [development(run, courses.known) for run in run_sets(sets, [each], [weather], footing)]
    stage = np.array([int(run.stage[0, 0]) for run in runs])
    share = np.array([float(run.share[0, 0]) for run in runs])
    if not np.isfinite(share).all():
        return int(np.median(stage)), None
    way = float(np.mean(stage + share))
    return math.floor(way), round(way - math.floor(way), 3)


def _base(crop: Crop, stage: int) -> float:
    """Give the base temperature of the phase that the crop is in, degC; 0 where its model has none."""
    place = 0
    for phase in crop.phases:
        place += len(phase.shares)
        if stage + 1 < place:
            return phase.values().get("base", 0.0)
    return 0.0


def _sum(tmin: NDArray[np.float64], tmax: NDArray[np.float64], days: int, base: float) -> NDArray[np.float64]:
    """Sum degree days over the first days of each course: float64[M], degC d."""
    total: NDArray[np.float64] = mean_degree_days(tmin[:, :days], tmax[:, :days], base).sum(axis=1)
    return total


def _first(values: NDArray[np.float64]) -> float | None:
    return round(float(values[0]), 1) if len(values) and np.isfinite(values[0]) else None
