"""Reference evapotranspiration of FAO-56, and what it was computed from where something was not measured.

FAO-56 tells for each missing input what to take instead (chapter 3, "missing climatic data"), chosen here day
by day: each uses the best of what that day has, and the result says which [Allen1998].
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from analytics.farm.weather.humidity import (
    STANDARD_PRESSURE,
    mean_saturation_vapour_pressure,
    saturation_slope,
    saturation_vapour_pressure,
    vapour_pressure,
    vapour_pressure_from_extremes,
    vapour_pressure_from_mean,
)
from analytics.farm.weather.radiation import (
    clear_sky_radiation,
    net_radiation,
    radiation_from_sunshine,
    radiation_from_temperature,
)
from analytics.farm.weather.sun import extraterrestrial_radiation
from analytics.series.days import day_of_year

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

DEFAULT_WIND: Final = 2.0
"""m/s, the mean of 2,000 weather stations: FAO-56, chapter 3 [Allen1998]."""

PSYCHROMETRIC: Final = 0.665e-3
"""Psychrometric constant over air pressure, 1/deg C: FAO-56, equation 8 [Allen1998]."""

MJ_TO_MM: Final = 0.408
"""Water that 1 MJ/m² evaporates, mm: FAO-56, equation 20 [Allen1998]."""

_NOTHING: Final = 9


class RadiationSource(enum.IntEnum):
    """What a day's global radiation came from, the best first."""

    MEASURED = 0
    SUNSHINE = 1
    TEMPERATURE = 2
    MISSING = _NOTHING


class HumiditySource(enum.IntEnum):
    """What a day's vapour pressure came from, in FAO-56's order of preference."""

    DEW_POINT = 0
    EXTREMES = 1
    GREATEST = 2
    MEAN = 3
    MINIMUM_TEMPERATURE = 4
    MISSING = _NOTHING


class WindSource(enum.IntEnum):
    """What a day's wind came from."""

    MEASURED = 0
    WORLD_MEAN = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class DayWeather:
    """What is known of each of D days at one place; not-a-number or None where it is not.

    Attributes
    ----------
    minimum, maximum : float64[D], deg C
        Air temperature; without both there is no result.
    radiation : float64[D] | None, MJ/m²/d
        Global radiation.
    sunshine : float64[D] | None, h
    dew_point : float64[D] | None, deg C
    least_humidity, mean_humidity, greatest_humidity : float64[D] | None, %
    wind : float64[D] | None, m/s
        At 2 m: see `wind_at_2m`.
    air_pressure : float64[D] | None, kPa
        From the elevation where missing.
    """

    minimum: NDArray[np.float64]
    maximum: NDArray[np.float64]
    radiation: NDArray[np.float64] | None = None
    sunshine: NDArray[np.float64] | None = None
    dew_point: NDArray[np.float64] | None = None
    least_humidity: NDArray[np.float64] | None = None
    mean_humidity: NDArray[np.float64] | None = None
    greatest_humidity: NDArray[np.float64] | None = None
    wind: NDArray[np.float64] | None = None
    air_pressure: NDArray[np.float64] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Evapotranspiration:
    """Reference evapotranspiration and its basis.

    Attributes
    ----------
    et0 : float64[D], mm/d
        Not-a-number where the temperature is missing.
    radiation_source, humidity_source, wind_source : int8[D]
        `RadiationSource`, `HumiditySource`, `WindSource`.
    """

    et0: NDArray[np.float64]
    radiation_source: NDArray[np.int8]
    humidity_source: NDArray[np.int8]
    wind_source: NDArray[np.int8]


def reference_evapotranspiration(
    weather: DayWeather,
    days: NDArray[np.datetime64],
    *,
    latitude: float,
    elevation_m: float,
    coastal: bool = False,
) -> Evapotranspiration:
    """Tell how much water a short, well watered grass would evaporate (基準蒸発散量).

    ``ET0 = [0.408 Δ Rn + γ 900/(T + 273) u₂ (es - ea)] / [Δ + γ (1 + 0.34 u₂)]``: FAO-56, equation 6, the
    heat flux into the soil being 0 over a day, equation 42 [Allen1998]. Never below 0.

    Parameters
    ----------
    weather : DayWeather
    days : datetime64[D]
    latitude : float, deg
    elevation_m : float, m
    coastal : bool
        Where radiation is estimated from temperature: within about 20 km of a large body of water.

    Returns
    -------
    Evapotranspiration

    Examples
    --------
    FAO-56's example 18, Uccle on 6 July: 3.9 mm.

    >>> given = dict(minimum=12.3, maximum=21.5, least_humidity=63.0, greatest_humidity=84.0)
    >>> given |= dict(radiation=22.07, wind=2.078)
    >>> weather = DayWeather(**{name: np.array([value]) for name, value in given.items()})
    >>> days = np.array(["2023-07-06"], "datetime64[D]")
    >>> reference_evapotranspiration(weather, days, latitude=50.8, elevation_m=100.0).et0.round(2).tolist()
    [3.88]
    """
    above = extraterrestrial_radiation(latitude, day_of_year(days))
    radiation, radiation_source = _radiation(weather, above, days, latitude, coastal=coastal)
    pressure, humidity_source = _vapour_pressure(weather)
    wind, wind_source = _first((_given(weather.wind, weather), WindSource.MEASURED))
    wind = np.where(np.isfinite(wind), wind, DEFAULT_WIND)
    net = net_radiation(
        radiation,
        clear_sky_radiation(above, elevation_m),
        weather.minimum,
        weather.maximum,
        pressure,
    )
    air_pressure = _given(weather.air_pressure, weather)
    air_pressure = np.where(np.isfinite(air_pressure), air_pressure, air_pressure_at(elevation_m))
    return Evapotranspiration(
        et0=penman_monteith(
            weather.minimum,
            weather.maximum,
            net_radiation=net,
            vapour_pressure=pressure,
            wind=wind,
            air_pressure=air_pressure,
        ),
        radiation_source=radiation_source,
        humidity_source=humidity_source,
        wind_source=np.where(wind_source == _NOTHING, WindSource.WORLD_MEAN, wind_source).astype(np.int8),
    )


def penman_monteith(
    minimum: ArrayLike,
    maximum: ArrayLike,
    *,
    net_radiation: ArrayLike,
    vapour_pressure: ArrayLike,
    wind: ArrayLike,
    air_pressure: ArrayLike,
) -> NDArray[np.float64]:
    """Compute equation 6 of FAO-56 from complete inputs [Allen1998].

    ``ET0 = [0.408 Δ Rn + γ 900/(T + 273) u₂ (es - ea)] / [Δ + γ (1 + 0.34 u₂)]``, not below 0.

    Parameters
    ----------
    minimum, maximum : float64[...], deg C
        The mean temperature is half their sum: FAO-56, equation 9.
    net_radiation : float64[...], MJ/m²/d
    vapour_pressure : float64[...], kPa
    wind : float64[...], m/s
        At 2 m.
    air_pressure : float64[...], kPa

    Returns
    -------
    float64[...], mm/d

    Examples
    --------
    FAO-56's example 17, Bangkok in April, with a heat flux of 0.14 into the soil: 5.7 mm.

    >>> rest = dict(net_radiation=14.33 - 0.14, vapour_pressure=2.85, wind=2.0, air_pressure=101.3)
    >>> float(penman_monteith(25.6, 34.8, **rest).round(2))
    5.72
    """
    low, high = np.asarray(minimum, np.float64), np.asarray(maximum, np.float64)
    mean, u2 = (low + high) / 2.0, np.asarray(wind, np.float64)
    slope, gamma = saturation_slope(mean), PSYCHROMETRIC * np.asarray(air_pressure, np.float64)
    deficit = mean_saturation_vapour_pressure(low, high) - np.asarray(vapour_pressure, np.float64)
    by_radiation = MJ_TO_MM * slope * np.asarray(net_radiation, np.float64)
    by_air = gamma * 900.0 / (mean + 273.0) * u2 * deficit
    return np.maximum((by_radiation + by_air) / (slope + gamma * (1.0 + 0.34 * u2)), 0.0)


def air_pressure_at(elevation_m: ArrayLike) -> NDArray[np.float64]:
    """Tell the usual air pressure at an elevation.

    ``P = 101.3 ((293 - 0.0065 z) / 293)^5.26``: FAO-56, equation 7 [Allen1998].

    Parameters
    ----------
    elevation_m : float64[...], m

    Returns
    -------
    float64[...], kPa

    Examples
    --------
    >>> float(air_pressure_at(1800.0).round(1))
    81.8
    """
    z = np.asarray(elevation_m, np.float64)
    pressure: NDArray[np.float64] = STANDARD_PRESSURE * ((293.0 - 0.0065 * z) / 293.0) ** 5.26
    return pressure


def wind_at_2m(speed: ArrayLike, height_m: float) -> NDArray[np.float64]:
    """Reduce the wind of another height to 2 m, over short grass.

    ``u₂ = u 4.87 / ln(67.8 z - 5.42)``: FAO-56, equation 47 [Allen1998].

    Parameters
    ----------
    speed : float64[...], m/s
    height_m : float, m
        Of the anemometer above ground.

    Returns
    -------
    float64[...], m/s

    Examples
    --------
    >>> float(wind_at_2m(3.2, 10.0).round(1))
    2.4
    """
    speed_at_2m: NDArray[np.float64] = np.asarray(speed, np.float64) * 4.87 / np.log(67.8 * height_m - 5.42)
    return speed_at_2m


_Choice = tuple["NDArray[np.float64]", int]


def _given(values: NDArray[np.float64] | None, weather: DayWeather) -> NDArray[np.float64]:
    return np.full(len(weather.minimum), np.nan) if values is None else np.asarray(values, np.float64)


def _first(*choices: _Choice) -> tuple[NDArray[np.float64], NDArray[np.int8]]:
    """Take day by day the first choice that is there, and its source."""
    value = np.full(choices[0][0].shape, np.nan)
    source = np.full(value.shape, _NOTHING, np.int8)
    for candidate, code in choices:
        taken = np.isnan(value) & np.isfinite(candidate)
        value, source = np.where(taken, candidate, value), np.where(taken, code, source).astype(np.int8)
    return value, source


def _radiation(
    weather: DayWeather,
    above: NDArray[np.float64],
    days: NDArray[np.datetime64],
    latitude: float,
    *,
    coastal: bool,
) -> tuple[NDArray[np.float64], NDArray[np.int8]]:
    sunshine = radiation_from_sunshine(_given(weather.sunshine, weather), above, latitude, day_of_year(days))
    temperature = radiation_from_temperature(weather.minimum, weather.maximum, above, coastal=coastal)
    return _first(
        (_given(weather.radiation, weather), RadiationSource.MEASURED),
        (sunshine, RadiationSource.SUNSHINE),
        (temperature, RadiationSource.TEMPERATURE),
    )


def _vapour_pressure(weather: DayWeather) -> tuple[NDArray[np.float64], NDArray[np.int8]]:
    low, high = weather.minimum, weather.maximum
    least, greatest = _given(weather.least_humidity, weather), _given(weather.greatest_humidity, weather)
    mean = _given(weather.mean_humidity, weather)
    return _first(
        (saturation_vapour_pressure(_given(weather.dew_point, weather)), HumiditySource.DEW_POINT),
        (vapour_pressure_from_extremes(low, high, least, greatest), HumiditySource.EXTREMES),
        (vapour_pressure(low, greatest), HumiditySource.GREATEST),
        (vapour_pressure_from_mean(low, high, mean), HumiditySource.MEAN),
        (saturation_vapour_pressure(low), HumiditySource.MINIMUM_TEMPERATURE),
    )
