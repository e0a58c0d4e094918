"""When crops reach their stages: any number of plantings, each under any number of weather members, at once.

The models are in `stage_models`, the parameters in `crops`. As in PCSE, a phase begins on the whole day
after the one in which the phase before was completed [deWit2019]; the stage itself is given to the fraction
of the day, so that PCSE's date is the fractional day rounded up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analytics.farm.phenology.plantings import Plantings, check_plantings, make_blocks
from analytics.farm.phenology.walk import Outcome, Walk

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from analytics.farm.phenology.crop import Crop

    Floats = NDArray[np.float64]
    Whole = NDArray[np.int64]

__all__ = ["Development", "Outcome", "Simulation", "development", "simulate"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """Stages of P plantings under M members.

    Attributes
    ----------
    stage_day : float64[P, M, S], day index
        Day and fraction at which the stage is reached, NaN where `outcome` says why not.
    outcome : uint8[P, M, S]
        One of `Outcome`.
    """

    crop: Crop
    plantings: Plantings
    stage_day: Floats
    outcome: NDArray[np.uint8]


@dataclass(frozen=True, slots=True, kw_only=True)
class Development:
    """How far plantings are at the start of a day.

    Attributes
    ----------
    stage : int64[P, M]
        Index of the last stage reached, -1 before the first.
    share : float64[P, M], 1
        Development from that stage (or sowing) towards the next, 0 to 1; NaN where there is no next one, the
        crop is not sown yet, weather is missing, or the day lies before what was last observed.
    """

    stage: Whole
    share: Floats


def simulate(
    crop: Crop,
    *,
    start: Whole,
    tmin: Floats,
    tmax: Floats,
    daylength_h: Floats | None = None,
    cultivar: str | Sequence[str | None] | None = None,
    reached: Floats | None = None,
    weather_row: Whole | None = None,
    lengths: Mapping[str, Floats] | None = None,
) -> Simulation:
    """Run the crop's stage models.

    Parameters
    ----------
    crop : Crop
    start : int64[P], day index
        Sowing or planting. One after the last day reaches nothing.
    tmin, tmax : float64[W | 1, M | 1, D], deg C
        Daily extremes; NaN is missing. W is P, unless `weather_row` says which row is whose.
    daylength_h : float64[W | 1, D], h
        With the sun's altitude that `crop.sun_altitude_deg` asks for; not needed where that is None.
    cultivar : str or P of them, optional
        A name the crop does not know develops with the crop's own lengths; so does None.
    reached : float64[P, S], day index, optional
        Stages already observed, NaN where not; the model goes on from the last one.
    weather_row : int64[P], optional
        Lets many plantings share a site's weather: they then share its sums as well.
    lengths : {stage: float64[P]}, optional
        Lengths of phases by the stage that ends them, instead of the cultivar's, for calibrations.

    Raises
    ------
    PlantingError
        A planting before the first day, observations out of order, or shapes that do not fit.
    CropError
        `lengths` names a stage that ends no phase.

    Examples
    --------
    >>> from analytics.library import crop
    >>> warm = np.full((1, 1, 100), 12.0)
    >>> result = simulate(crop("potato"), start=np.array([5]), tmin=warm - 2, tmax=warm + 2)
    >>> result.stage_day[0, 0, :2].round(2).tolist()
    [23.89, 39.0]
    """
    plantings = check_plantings(
        crop,
        start=start,
        tmin=tmin,
        tmax=tmax,
        daylength_h=daylength_h,
        cultivar=cultivar,
        reached=reached,
        weather_row=weather_row,
        lengths=lengths,
    )
    shape = (plantings.count, plantings.members, len(crop.stages))
    stage_day, outcome = np.empty(shape), np.empty(shape, dtype=np.uint8)
    for block in make_blocks(plantings):
        walk = Walk(crop, plantings, block)
        walk.run()
        stage_day[block.plantings], outcome[block.plantings] = walk.stage_day, walk.outcome
    return Simulation(crop=crop, plantings=plantings, stage_day=stage_day, outcome=outcome)


def development(simulation: Simulation, day: int | Whole) -> Development:
    """Tell how far each planting is at the start of a day.

    Parameters
    ----------
    day : int or int64[P], day index
        From 0 to D, the end of the last day.

    Raises
    ------
    PlantingError
        A day outside the axis.
    """
    plantings = simulation.plantings
    days = plantings.check_days(day)
    shape = (plantings.count, plantings.members)
    places = np.arange(len(simulation.crop.stages))
    stage = np.where(simulation.stage_day <= days[:, None, None], places, -1).max(axis=-1)
    share = np.empty(shape)
    for block in make_blocks(plantings):
        walk = Walk(simulation.crop, plantings, block, watch=days)
        walk.run()
        share[block.plantings] = walk.share
        stage[block.plantings] = np.maximum(stage[block.plantings], walk.stage)
    return Development(stage=stage, share=share)
