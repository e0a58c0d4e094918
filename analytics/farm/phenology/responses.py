"""Responses beside Wang and Engel's: Yan and Hunt's beta function, Streck's vernalisation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]


def yan_hunt(temperature: Array, optimum: float, ceiling: float) -> Array:
    r"""Give the beta function of Yan and Hunt [YanHunt1999] from 0 deg C, as in [Hsiao2019].

    .. math:: f = \frac{T_c - T}{T_c - T_o} \left(\frac{T}{T_o}\right)^{T_o / (T_c - T_o)}

    Parameters
    ----------
    temperature : float64[...], deg C
        Mean of the day.
    optimum, ceiling : float, deg C
        Of the fastest development, and where it ends.

    Returns
    -------
    float64[...], 1
        0 below 0 deg C and above the ceiling.

    Examples
    --------
    >>> yan_hunt(np.array([-1.0, 0.0, 22.28, 34.23, 40.0]), 22.28, 34.23).round(12).tolist()
    [0.0, 0.0, 1.0, 0.0, 0.0]
    """
    warm = np.clip(temperature, 0.0, ceiling)
    falling = (ceiling - warm) / (ceiling - optimum)
    warm /= optimum
    warm **= optimum / (ceiling - optimum)
    warm *= falling
    return warm


def streck_factor(days: Array, half: float, exponent: float) -> Array:
    """Vernalisation factor of Streck and others [Streck2003], on days of `vernalisation.wang_engel`.

    .. math:: V = D^n / (D_h^n + D^n)

    Parameters
    ----------
    days : float64[...], d
        Vernalisation days since emergence.
    half : float, d
        Where the factor is one half.
    exponent : float, 1

    Returns
    -------
    float64[...], 1

    Examples
    --------
    >>> streck_factor(np.array([0.0, 22.5]), 22.5, 5.0).tolist()
    [0.0, 0.5]
    """
    power = (days / half) ** exponent
    return power / (1.0 + power)
