"""How far a crop is: its stage by the model, and its degree days against those of earlier years."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from analytics.farm.forecast.result import Progress
from analytics.farm.phenology.simulation import development, simulate
from analytics.farm.weather.degree_days import mean_degree_days

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from analytics.farm.forecast.outlooks import Courses
    from analytics.farm.forecast.predict import Grown
    from analytics.farm.phenology.crop import Crop


def tell_progress(crop: Crop, each: Grown, courses: Courses, footing: int) -> Progress:
    """Tell how far a planting is at the end of the last day whose temperatures are known.

    The stage is the later of the one seen and the one computed; the share of the way to the next is the
    model's.
    """
    stage, share = _computed(crop, each, courses, footing)
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


def _computed(crop: Crop, each: Grown, courses: Courses, footing: int) -> tuple[int, float | None]:
    """Run the model over the days known, which are the same under every course."""
    if courses.known == 0:
        return -1, None
    simulation = simulate(
        crop,
        start=np.zeros(1, np.int64),
        tmin=courses.with_all[0][None, :1],
        tmax=courses.with_all[1][None, :1],
        daylength_h=each.daylength_h[None],
        cultivar=[each.planting.cultivar or None],
        reached=np.where(np.arange(len(each.seen)) <= footing, each.seen, np.nan)[None],
    )
    reached = development(simulation, courses.known)
    share = float(reached.share[0, 0])
    return int(reached.stage[0, 0]), None if np.isnan(share) else round(share, 3)


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
