"""The three ways in which a stage is forecast in a back-test: our model, degree days, the mean date."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from analytics.farm.calibration.plausible import Variant, plausible_crops
from analytics.farm.calibration.stage_forecasts import Method
from analytics.farm.calibration.variance_components import Spread
from analytics.farm.phenology.crop import Crop, Parameter, Phase, Stage

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from analytics.farm.calibration.trials import Sowings

    Whole = NDArray[np.int64]

BASES: Final = tuple(float(base) for base in range(10))
"""Bases of degree days, deg C, of which the training trials choose one."""
CAP: Final = 30.0
FIRST_GUESS: Final = 700.0
"""Of a sum of degree days; the fit leads away from it."""
WIDE_SD_D: Final = 8.0
"""Of sites, cultivars and years in dates that nothing explains: the first guess of an estimate."""
MIDWINTER_SOUTH_D: Final = 181
"""Days from 1 January to 1 July."""


def ours(crop: Crop, stage: str) -> Method:
    """Give the crop's model under plausible parameters, with effects of cultivar, site, year and both."""
    phase = next(phase for phase in crop.phases if phase.end == stage)
    errors = crop.errors[stage]
    sd = {
        "cultivar": errors.cultivar_sd_d,
        "site": errors.site_sd_d,
        "year": errors.year_sd_d,
        "site_year": errors.site_year_sd_d,
    }
    return Method(
        name="ours",
        variants=tuple(
            Variant(crop=each, stage=stage, length=phase.parameters["length"].value)
            for each in plausible_crops(crop)
        ),
        candidates=False,
        start=_from_sowing,
        origin=_from_sowing,
        spread=Spread(sd_d=sd, noise_sd_d=errors.noise_sd_d),
    )


def degree_days(stage: str, midwinter: Callable[[Sowings], Whole]) -> Method:
    """Give degree days from midwinter, or from sowing where that is later, with pooled effects."""
    return Method(
        name="degree_days",
        variants=tuple(
            Variant(crop=_degree_day_crop(stage, base), stage=stage, length=FIRST_GUESS) for base in BASES
        ),
        candidates=True,
        start=lambda sowings: np.maximum(sowings.start, midwinter(sowings)),
        origin=midwinter,
        spread=Spread(sd_d={"cultivar": 3.0, "site": 3.0, "year": 3.0, "site_year": 3.0}, noise_sd_d=1.5),
    )


def mean_date(origin: Callable[[Sowings], Whole], *, by_site: bool) -> Method:
    """Give the mean date of the cultivar, and of the site if wanted."""
    names = ("cultivar", *(("site",) if by_site else ()), "year", "site_year")
    return Method(
        name="site_mean_date" if by_site else "mean_date",
        variants=(),
        candidates=False,
        start=origin,
        origin=origin,
        spread=Spread(sd_d=dict.fromkeys(names, WIDE_SD_D), noise_sd_d=2.0),
    )


def mean_duration() -> Method:
    """Give the mean number of days from the start, of all."""
    return Method(
        name="mean_duration",
        variants=(),
        candidates=False,
        start=_from_sowing,
        origin=_from_sowing,
        spread=Spread(sd_d={}, noise_sd_d=WIDE_SD_D),
    )


def _from_sowing(sowings: Sowings) -> Whole:
    return sowings.start


def _degree_day_crop(stage: str, base: float) -> Crop:
    def number(value: float, unit: str) -> Parameter:
        return Parameter(value=value, unit=unit, source="one of a range", certainty="assumed")

    phase = Phase(
        end=stage,
        model="thermal_time",
        parameters={
            "length": number(FIRST_GUESS, "degC d"),
            "base": number(base, "degC"),
            "cap": number(CAP, "degC"),
        },
        shares={stage: number(1.0, "1")},
    )
    return Crop(
        name="degree_days",
        label_ja="積算温度",
        label_en="degree days",
        sun_altitude=None,
        stages=(Stage(name=stage, bbch=0, label_ja=stage, label_en=stage),),
        phases=(phase,),
        cultivars={},
        errors={},
        skill={},
    )
