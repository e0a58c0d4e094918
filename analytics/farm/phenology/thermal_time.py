"""Thermal time: development goes with the temperature above a base, up to a cap."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]


def thermal_rate(temperature: Array, base: float, cap: float) -> Array:
    r"""Degree days of a day.

    .. math:: r = \min(\max(T - T_b, 0), T_c - T_b)

    as WOFOST does for emergence and development [deWit2019].

    Parameters
    ----------
    temperature : float64[...], deg C
        Mean of the day.
    base, cap : float, deg C
        Below the base nothing develops, above the cap no faster.

    Returns
    -------
    float64[...], degC d

    Examples
    --------
    >>> thermal_rate(np.array([-3.0, 10.0, 35.0]), 0.0, 30.0).tolist()
    [0.0, 10.0, 30.0]
    """
    rate = np.clip(temperature, base, cap)
    rate -= base
    return rate
