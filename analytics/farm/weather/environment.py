"""What a crop felt, day by day: series derived from a site's daily weather."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analytics.farm.weather.degree_days import mean_degree_days
from analytics.farm.weather.evapotranspiration import DayWeather, reference_evapotranspiration
from analytics.farm.weather.humidity import (
    dew_point,
    mean_saturation_vapour_pressure,
    vapour_pressure_from_extremes,
    vapour_pressure_from_mean,
)
from analytics.farm.weather.light import light_integral_from_radiation
from analytics.farm.weather.sun import daylength_h

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Derived:
    """A derived series.

    Attributes
    ----------
    value : float64[D], `unit`
        Not-a-number where what it is derived from is missing.
    """

    name: str
    label_ja: str
    label_en: str
    unit: str
    value: Floats


def derive(
    weather: DayWeather,
    days: NDArray[np.datetime64],
    *,
    base_c: float,
    latitude: float | None,
    elevation_m: float | None,
    photons: Floats | None = None,
) -> list[Derived]:
    """Derive what the weather allows.

    Parameters
    ----------
    weather : DayWeather
        D days.
    days : datetime64[D]
    base_c : float, deg C
        Below it the crop stands still.
    latitude : float | None, deg
        Without it, nothing that needs the sun.
    elevation_m : float | None, m
        Taken for sea level where it is not known.
    photons : float64[D] | None, mol/m²/d
        Measured photosynthetic photons; else from global radiation.

    Returns
    -------
    list[Derived]

    Examples
    --------
    >>> weather = DayWeather(minimum=np.array([10.0, 8.0]), maximum=np.array([20.0, 18.0]))
    >>> days = np.array(["2026-06-01", "2026-06-02"], "datetime64[D]")
    >>> [d.value.tolist() for d in derive(weather, days, base_c=5.0, latitude=None, elevation_m=None)]
    [[10.0, 8.0], [10.0, 18.0]]
    """
    warmth = mean_degree_days(weather.minimum, weather.maximum, base_c)
    derived = [
        Derived(
            name="degree_days",
            label_ja=f"有効積算温度（日、基準{base_c:g}℃）",
            label_en=f"degree days above {base_c:g} deg C",
            unit="degC d",
            value=warmth,
        ),
        Derived(
            name="accumulated_degree_days",
            label_ja=f"有効積算温度（累計、基準{base_c:g}℃）",
            label_en=f"accumulated degree days above {base_c:g} deg C",
            unit="degC d",
            # A day that is not known adds nothing; its own value stays unknown.
            value=np.where(np.isfinite(warmth), np.cumsum(np.nan_to_num(warmth)), np.nan),
        ),
    ]
    derived += _air(weather)
    derived += _light(weather, photons)
    if latitude is not None:
        derived += _sun(weather, days, latitude, elevation_m or 0.0)
    return derived


def _air(weather: DayWeather) -> list[Derived]:
    """Derive the day's vapour pressure deficit and dew point."""
    pressure = _vapour_pressure(weather)
    if pressure is None:
        return []
    deficit = np.maximum(mean_saturation_vapour_pressure(weather.minimum, weather.maximum) - pressure, 0.0)
    return [
        Derived(
            name="vapour_pressure_deficit",
            label_ja="飽差（VPD）",
            label_en="vapour pressure deficit",
            unit="kPa",
            value=deficit,
        ),
        Derived(
            name="dew_point",
            label_ja="露点温度",
            label_en="dew point",
            unit="degC",
            value=dew_point(pressure),
        ),
    ]


def _vapour_pressure(weather: DayWeather) -> Floats | None:
    """Take the extremes of the humidity where they are known, else its mean; kPa."""
    least, mean, greatest = weather.least_humidity, weather.mean_humidity, weather.greatest_humidity
    choices = []
    if least is not None and greatest is not None:
        choices.append(vapour_pressure_from_extremes(weather.minimum, weather.maximum, least, greatest))
    if mean is not None:
        choices.append(vapour_pressure_from_mean(weather.minimum, weather.maximum, mean))
    if not choices:
        return None
    return np.where(np.isfinite(choices[0]), choices[0], choices[-1])


def _light(weather: DayWeather, photons: Floats | None) -> list[Derived]:
    if photons is None and weather.radiation is None:
        return []
    estimated = None if weather.radiation is None else light_integral_from_radiation(weather.radiation)
    value = estimated if photons is None else photons
    if photons is not None and estimated is not None:
        value = np.where(np.isfinite(photons), photons, estimated)
    assert value is not None
    return [
        Derived(
            name="daily_light_integral",
            label_ja="日積算光量子量（DLI）",
            label_en="daily light integral",
            unit="mol/m2/d",
            value=value,
        )
    ]


def _sun(
    weather: DayWeather, days: NDArray[np.datetime64], latitude: float, elevation_m: float
) -> list[Derived]:
    evaporated = reference_evapotranspiration(weather, days, latitude=latitude, elevation_m=elevation_m)
    return [
        Derived(
            name="daylength",
            label_ja="日長",
            label_en="day length",
            unit="h",
            value=daylength_h(latitude, days),
        ),
        Derived(
            name="reference_evapotranspiration",
            label_ja="基準蒸発散量（ET0）",
            label_en="reference evapotranspiration",
            unit="mm/d",
            value=evaporated.et0,
        ),
    ]
