"""Frost and heat: hours beyond the temperature a crop bears at its stage."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import numpy as np

from analytics.farm.risks.hours import NOON, least_known, minimum_of_known, share_known
from analytics.farm.risks.model import Level, RiskSeries, accumulate
from analytics.series.daily import LEAST_COVERAGE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from numpy.typing import NDArray

    from analytics.farm.risks.hours import HourlyWeather

    Floats = NDArray[np.float64]

SURFACE_COOLING_K: Final = 3.0
"""By so much leaves may be colder than the air 1.5 m above ground on a clear calm night: frost is expected in
Japan from an air temperature of 3 deg C [FrostAdvisory]."""

CLEAR_NIGHT_FALL_K: Final = 10.0
"""A fall since the afternoon that hints at a clear calm night; ours, where cloud and wind are not known."""

HEAT_HOURS: Final = (1, 3, 6)
"""Hours a day above the limit that are low, moderate and high; ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """The temperature a crop bears from a stage on.

    Attributes
    ----------
    from_bbch : int
    limit_c : float, deg C
    hours : int
        How long it must last to injure.
    source, certainty : str
    """

    from_bbch: int
    limit_c: float
    hours: int
    source: str
    certainty: str


def limits_by_day(
    weather: HourlyWeather, limits: Sequence[Limit], stages: Mapping[int, date]
) -> tuple[Floats, NDArray[np.int64]]:
    """Give each day's limit and hours by the last stage reached; not-a-number before any limit's stage.

    Parameters
    ----------
    limits : sequence of Limit
        In order of stages.
    stages : mapping of BBCH code to date
        Observed or forecast.

    Returns
    -------
    limit : float64[D], deg C
    hours : int64[D]
    """
    stage = np.full(weather.days, -1)
    for bbch, day in sorted(stages.items()):
        stage[max(0, (day - weather.first_day).days) :] = bbch
    row = np.searchsorted([limit.from_bbch for limit in limits], stage, side="right") - 1
    limit_c = np.array([np.nan, *(limit.limit_c for limit in limits)])[row + 1]
    return limit_c, np.array([1, *(limit.hours for limit in limits)])[row + 1]


def frost(weather: HourlyWeather, limits: Sequence[Limit], stages: Mapping[int, date]) -> RiskSeries:
    """Frost by the air's minimum against the temperature that injures the crop at its stage.

    High: as many hours at or below the limit as it takes to injure. Moderate: fewer hours, or a minimum
    within 3 K above the limit after a fall by 10 K or more since the afternoon: a clear calm night, when
    leaves are colder than the air [FrostAdvisory]_ [SnyderMeloAbreu2005]_. Low: within 3 K without that
    hint. A day whose hours do not suffice is unknown, unless those that are known are already high.

    Parameters
    ----------
    weather : HourlyWeather
        Observed, forecast or both.
    limits : sequence of Limit
        The crop's rows of ``frost.toml``.
    stages : mapping of BBCH code to date

    Returns
    -------
    RiskSeries
        Value the day's minimum, deg C; accumulated are the hours at or below the limit. From the first day
        with a limit on.
    """
    limit, needed = limits_by_day(weather, limits, stages)
    cold = (weather.temperature <= limit[:, None]).sum(axis=1)
    minimum = minimum_of_known(weather.temperature)
    near = minimum <= limit + SURFACE_COOLING_K
    hint = _fall_since_afternoon(weather) >= CLEAR_NIGHT_FALL_K
    level = np.select(
        [cold >= needed, np.isnan(minimum), (cold > 0) | (near & hint), near],
        [Level.HIGH, Level.UNKNOWN, Level.MODERATE, Level.LOW],
        Level.NONE,
    )
    value = np.where(cold >= needed, least_known(weather.temperature), minimum)
    return _series(weather, value, level, cold, limit, risk="frost")


def heat(weather: HourlyWeather, limits: Sequence[Limit], stages: Mapping[int, date]) -> RiskSeries:
    """Heat by the hours above the temperature that the crop bears at its stage.

    Parameters
    ----------
    weather : HourlyWeather
    limits : sequence of Limit
        The crop's rows of ``heat.toml``.
    stages : mapping of BBCH code to date

    Returns
    -------
    RiskSeries
        Value the hours of the day above the limit; accumulated is their sum. One hour is low, three are
        moderate, six high. A day whose hours do not suffice is unknown, unless those that are known are
        already high.
    """
    limit, _ = limits_by_day(weather, limits, stages)
    hot = (weather.temperature > limit[:, None]).sum(axis=1)
    known = (share_known(weather.temperature) >= LEAST_COVERAGE) | (hot >= HEAT_HOURS[-1])
    level = np.where(known, np.searchsorted(HEAT_HOURS, hot, side="right"), Level.UNKNOWN)
    return _series(weather, np.where(known, hot, np.nan), level, hot, limit, risk="heat")


def _series(
    weather: HourlyWeather,
    value: Floats,
    level: NDArray[np.int64],
    hours: NDArray[np.int64],
    limit: Floats,
    *,
    risk: str,
) -> RiskSeries:
    """Keep the days from the first with a limit on; the stages before it have none that is known."""
    limited = np.isfinite(limit)
    start = int(np.argmax(limited)) if limited.any() else weather.days
    return RiskSeries(
        risk=risk,
        first_day=weather.first_day + timedelta(days=start),
        value=value[start:],
        unit="deg C" if risk == "frost" else "h",
        coverage=share_known(weather.temperature)[start:],
        level=level[start:].astype(np.int8),
        accumulated=accumulate(hours[start:].astype(np.float64), 0),
        threshold=float(limit[-1]) if limited.any() else None,
        reached=np.zeros(weather.days - start, bool),
    )


def _fall_since_afternoon(weather: HourlyWeather) -> Floats:
    """Give the fall from the highest hour after noon of the day before; not-a-number if one is unknown."""
    afternoon = -least_known(-weather.temperature[:, NOON:])
    before = np.concatenate([[np.nan], afternoon[:-1]])[: weather.days]
    return np.asarray(before - least_known(weather.temperature))
