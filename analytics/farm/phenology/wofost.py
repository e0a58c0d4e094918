"""The photoperiod and vernalisation factors of WOFOST-type stage models.

The development rate of a day is thermal time x photoperiod x vernalisation [deWit2019], [vanBussel2011].
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]


def photoperiod_factor(daylength: Array, critical: float, optimum: float) -> Array:
    r"""Slow-down by short days.

    .. math:: P = \mathrm{clip}((L - L_c) / (L_o - L_c), 0, 1)

    Parameters
    ----------
    daylength : float64[...], h
        With the twilight that the parameters were fitted with.
    critical, optimum : float, h
        No development up to the first, no slow-down from the second on.

    Returns
    -------
    float64[...], 1

    Examples
    --------
    >>> photoperiod_factor(np.array([7.0, 11.0, 16.0]), 8.0, 14.0).tolist()
    [0.0, 0.5, 1.0]
    """
    return np.asarray(np.clip((daylength - critical) / (optimum - critical), 0.0, 1.0))


def vernalisation_rate(
    temperature: Array, cold_zero: float, cold_full: float, warm_full: float, warm_zero: float
) -> Array:
    """Vernalisation days of a day: a trapezoid of the mean temperature [vanBussel2011].

    Parameters
    ----------
    temperature : float64[...], deg C
        Mean of the day.
    cold_zero, cold_full, warm_full, warm_zero : float, deg C
        Corners of the trapezoid, rising.

    Returns
    -------
    float64[...], d

    Examples
    --------
    >>> vernalisation_rate(np.array([-5.0, -0.5, 5.0, 13.5, 20.0]), -4.0, 3.0, 10.0, 17.0).tolist()
    [0.0, 0.5, 1.0, 0.5, 0.0]
    """
    rising, falling = temperature - cold_zero, warm_zero - temperature
    rising *= 1.0 / (cold_full - cold_zero)
    falling *= 1.0 / (warm_zero - warm_full)
    return np.clip(np.minimum(rising, falling, out=rising), 0.0, 1.0, out=rising)


def vernalisation_factor(days: Array, base: float, saturated: float) -> Array:
    r"""Slow-down of a crop that is not vernalised yet.

    .. math:: V = \mathrm{clip}((D - D_b) / (D_s - D_b), 0, 1)

    Parameters
    ----------
    days : float64[...], d
        Vernalisation days since emergence.
    base, saturated : float, d
        No development up to the first, no slow-down from the second on.

    Returns
    -------
    float64[...], 1

    Examples
    --------
    >>> vernalisation_factor(np.array([5.0, 22.0, 40.0]), 7.0, 37.0).tolist()
    [0.0, 0.5, 1.0]
    """
    factor = (days - base) * (1.0 / (saturated - base))
    return np.clip(factor, 0.0, 1.0, out=factor)
