"""Water vapour in air: saturation and actual pressure, deficits, dew point, wet bulb.

All pressures are in kPa, temperatures in deg C, relative humidities in %. Saturation is over liquid water at
any temperature, as FAO-56 and hygrometers have it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

# Tetens' formula with the coefficients of FAO-56, equation 11 [Allen1998].
TETENS_KPA: Final = 0.6108
TETENS_A: Final = 17.27
TETENS_B: Final = 237.3
TETENS_SLOPE: Final = 4_098.0
"""17.27 × 237.3 as FAO-56, equation 13, rounds it [Allen1998]."""

ZERO_C_K: Final = 273.15
"""0 deg C in K [BIPM2019]."""

VAPOUR_GAS_CONSTANT: Final = 461.52
"""J kg⁻¹ K⁻¹: the molar gas constant over the molar mass of water, 8.31446 / 0.0180153 [IAPWS1995]."""

VENTILATED_PSYCHROMETER: Final = 0.000662
"""Coefficient of a ventilated psychrometer, 1/deg C: FAO-56, equation 16 [Allen1998]."""

STANDARD_PRESSURE: Final = 101.3
"""Air pressure at sea level, kPa: FAO-56, equation 7 [Allen1998]."""

_NEWTON_STEPS: Final = 8


def saturation_vapour_pressure(temperature: ArrayLike) -> NDArray[np.float64]:
    """Tell the vapour pressure of saturated air (飽和水蒸気圧).

    ``e°(T) = 0.6108 exp(17.27 T / (T + 237.3))``: FAO-56, equation 11 [Allen1998].

    Parameters
    ----------
    temperature : float64[...], deg C

    Returns
    -------
    float64[...], kPa

    Examples
    --------
    >>> saturation_vapour_pressure([15.0, 24.5]).round(3).tolist()
    [1.705, 3.075]
    """
    t = np.asarray(temperature, np.float64)
    pressure: NDArray[np.float64] = TETENS_KPA * np.exp(TETENS_A * t / (t + TETENS_B))
    return pressure


def saturation_slope(temperature: ArrayLike) -> NDArray[np.float64]:
    """Tell the slope of the saturation vapour pressure.

    ``Δ = 4098 e°(T) / (T + 237.3)²``: FAO-56, equation 13 [Allen1998].

    Parameters
    ----------
    temperature : float64[...], deg C

    Returns
    -------
    float64[...], kPa / deg C

    Examples
    --------
    >>> saturation_slope([1.0, 20.0]).round(3).tolist()
    [0.047, 0.145]
    """
    t = np.asarray(temperature, np.float64)
    return TETENS_SLOPE * saturation_vapour_pressure(t) / (t + TETENS_B) ** 2


def vapour_pressure(temperature: ArrayLike, relative_humidity: ArrayLike) -> NDArray[np.float64]:
    """Tell the actual vapour pressure (水蒸気圧) at one moment.

    ``e = e°(T) RH / 100``: FAO-56, equation 10 [Allen1998].

    Parameters
    ----------
    temperature : float64[...], deg C
    relative_humidity : float64[...], %

    Returns
    -------
    float64[...], kPa

    Examples
    --------
    >>> float(vapour_pressure(20.0, 50.0).round(3))
    1.169
    """
    return saturation_vapour_pressure(temperature) * np.asarray(relative_humidity, np.float64) / 100.0


def mean_saturation_vapour_pressure(minimum: ArrayLike, maximum: ArrayLike) -> NDArray[np.float64]:
    """Tell a day's mean saturation vapour pressure from its extremes.

    ``es = (e°(Tmax) + e°(Tmin)) / 2``: FAO-56, equation 12 [Allen1998]. The curve bends: e° of the mean
    temperature would be too low.

    Parameters
    ----------
    minimum, maximum : float64[...], deg C

    Returns
    -------
    float64[...], kPa

    Examples
    --------
    >>> float(mean_saturation_vapour_pressure(15.0, 24.5).round(2))
    2.39
    """
    return (saturation_vapour_pressure(maximum) + saturation_vapour_pressure(minimum)) / 2.0


def vapour_pressure_from_extremes(
    minimum: ArrayLike, maximum: ArrayLike, least_humidity: ArrayLike, greatest_humidity: ArrayLike
) -> NDArray[np.float64]:
    """Tell a day's mean vapour pressure from the extremes of temperature and relative humidity.

    ``ea = (e°(Tmin) RHmax + e°(Tmax) RHmin) / 200``: FAO-56, equation 17 [Allen1998].

    Parameters
    ----------
    minimum, maximum : float64[...], deg C
    least_humidity, greatest_humidity : float64[...], %

    Returns
    -------
    float64[...], kPa

    Examples
    --------
    >>> float(vapour_pressure_from_extremes(18.0, 25.0, 54.0, 82.0).round(2))
    1.7
    """
    warm = vapour_pressure(maximum, least_humidity)
    return (vapour_pressure(minimum, greatest_humidity) + warm) / 2.0


def vapour_pressure_from_mean(
    minimum: ArrayLike, maximum: ArrayLike, mean_humidity: ArrayLike
) -> NDArray[np.float64]:
    """Tell a day's mean vapour pressure from its mean relative humidity, for want of the extremes.

    ``ea = RHmean / 100 · (e°(Tmax) + e°(Tmin)) / 2``: FAO-56, equation 19 [Allen1998].

    Parameters
    ----------
    minimum, maximum : float64[...], deg C
    mean_humidity : float64[...], %

    Returns
    -------
    float64[...], kPa

    Examples
    --------
    >>> float(vapour_pressure_from_mean(18.0, 25.0, 68.0).round(2))
    1.78
    """
    saturated = mean_saturation_vapour_pressure(minimum, maximum)
    return saturated * np.asarray(mean_humidity, np.float64) / 100.0


def vapour_pressure_deficit(temperature: ArrayLike, relative_humidity: ArrayLike) -> NDArray[np.float64]:
    """Tell how much vapour pressure is lacking to saturation (飽差 VPD) at one moment.

    ``VPD = e°(T) (1 - RH / 100)`` [Allen1998].

    Parameters
    ----------
    temperature : float64[...], deg C
    relative_humidity : float64[...], %

    Returns
    -------
    float64[...], kPa

    Examples
    --------
    >>> float(vapour_pressure_deficit(25.0, 70.0).round(2))
    0.95
    """
    return saturation_vapour_pressure(temperature) - vapour_pressure(temperature, relative_humidity)


def absolute_humidity(temperature: ArrayLike, pressure: ArrayLike) -> NDArray[np.float64]:
    """Tell the mass of vapour in a volume of air (絶対湿度), by the ideal gas law.

    ``a = 10⁶ e / (461.52 (T + 273.15))`` [WMO8].

    Parameters
    ----------
    temperature : float64[...], deg C
    pressure : float64[...], kPa
        Of the vapour.

    Returns
    -------
    float64[...], g/m³

    Examples
    --------
    >>> float(absolute_humidity(20.0, saturation_vapour_pressure(20.0)).round(1))
    17.3
    """
    kelvin = np.asarray(temperature, np.float64) + ZERO_C_K
    mass: NDArray[np.float64] = 1e6 * np.asarray(pressure, np.float64) / (VAPOUR_GAS_CONSTANT * kelvin)
    return mass


def humidity_deficit(temperature: ArrayLike, relative_humidity: ArrayLike) -> NDArray[np.float64]:
    """Tell how many grams of vapour a cubic metre of air still takes up (飽差 HD).

    Japanese growers steer their greenhouses by it. ``HD = 10⁶ VPD / (461.52 (T + 273.15))`` [WMO8].

    Parameters
    ----------
    temperature : float64[...], deg C
    relative_humidity : float64[...], %

    Returns
    -------
    float64[...], g/m³

    Examples
    --------
    >>> float(humidity_deficit(25.0, 80.0).round(1))
    4.6
    """
    return absolute_humidity(temperature, vapour_pressure_deficit(temperature, relative_humidity))


def dew_point(pressure: ArrayLike) -> NDArray[np.float64]:
    """Tell at which temperature vapour begins to condense (露点温度): the inverse of the saturation pressure.

    ``Td = 237.3 L / (17.27 - L)``, ``L = ln(e / 0.6108)``: FAO-56, equation 14 solved for Td [Allen1998].

    Parameters
    ----------
    pressure : float64[...], kPa
        Of the vapour. Where it is not above 0 there is no dew point: not-a-number.

    Returns
    -------
    float64[...], deg C

    Examples
    --------
    >>> float(dew_point(vapour_pressure(20.0, 50.0)).round(2))
    9.27
    """
    e = np.asarray(pressure, np.float64)
    logarithm = np.log(np.where(e > 0, e, np.nan) / TETENS_KPA)
    point: NDArray[np.float64] = TETENS_B * logarithm / (TETENS_A - logarithm)
    return point


def wet_bulb(
    temperature: ArrayLike, relative_humidity: ArrayLike, air_pressure: ArrayLike = STANDARD_PRESSURE
) -> NDArray[np.float64]:
    """Tell what the wet thermometer of a ventilated psychrometer shows (湿球温度).

    Solves ``e = e°(Tw) - 0.000662 P (T - Tw)``, FAO-56, equations 15 and 16 [Allen1998], by Newton's method:
    the left side rises and bends upwards with Tw, so that it converges from T down.

    Parameters
    ----------
    temperature : float64[...], deg C
    relative_humidity : float64[...], %
    air_pressure : float64[...], kPa

    Returns
    -------
    float64[...], deg C

    Examples
    --------
    >>> float(wet_bulb(20.0, 50.0).round(1))
    13.8
    """
    t = np.asarray(temperature, np.float64)
    e = vapour_pressure(t, relative_humidity)
    gamma = VENTILATED_PSYCHROMETER * np.asarray(air_pressure, np.float64)
    wet = t + 0.0 * e
    for _ in range(_NEWTON_STEPS):
        excess = saturation_vapour_pressure(wet) - gamma * (t - wet) - e
        wet = wet - excess / (saturation_slope(wet) + gamma)
    return wet
