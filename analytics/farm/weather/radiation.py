"""Global and net radiation of a day: from sunshine or temperature where no pyranometer is, and what remains.

All radiation is in MJ/m²/d.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

ANGSTROM: Final = (0.25, 0.50)
"""Share of Ra on overcast days, and what sunshine adds: FAO-56, equation 35 [Allen1998]."""

HARGREAVES_INLAND: Final = 0.16
HARGREAVES_COASTAL: Final = 0.19
"""1/√deg C: FAO-56, equation 50 [Allen1998]."""

ALBEDO: Final = 0.23
"""Of short grass: FAO-56, equation 38 [Allen1998]."""

STEFAN_BOLTZMANN: Final = 4.903e-9
"""MJ K⁻⁴ m⁻² d⁻¹: FAO-56, equation 39 [Allen1998]."""

LEAST_CLEARNESS: Final = 0.3
"""Of Rs / Rso, below which the sky is overcast and not darker [ASCE2005]."""

FAO_ZERO_K: Final = 273.16
"""0 deg C in K as FAO-56 has it in equation 39 [Allen1998]; 0.01 more than it is."""

_NIGHT: Final = 1e-3
"""MJ/m²/d; keeps a polar night from dividing by 0."""


def radiation_from_sunshine(
    sunshine_h: ArrayLike, extraterrestrial: ArrayLike, latitude: ArrayLike, day_of_year: ArrayLike
) -> NDArray[np.float64]:
    """Estimate global radiation from the hours of sunshine (日照時間).

    ``Rs = (0.25 + 0.50 n/N) Ra``, ``N = 24 ωs / π``: FAO-56, equations 34 and 35 [Allen1998].

    Parameters
    ----------
    sunshine_h : float64[...], h
    extraterrestrial : float64[...], MJ/m²/d
        `sun.extraterrestrial_radiation`.
    latitude : float64[...], deg
    day_of_year : float64[...]

    Returns
    -------
    float64[...], MJ/m²/d

    Examples
    --------
    >>> float(radiation_from_sunshine(7.1, 25.1, -22.9, 135).round(1))
    14.5
    """
    delta = 0.409 * np.sin(2.0 * np.pi / 365.0 * np.asarray(day_of_year, np.float64) - 1.39)
    slant = -np.tan(np.radians(np.asarray(latitude, np.float64))) * np.tan(delta)
    possible = 24.0 / np.pi * np.arccos(np.clip(slant, -1.0, 1.0))
    share = np.clip(np.asarray(sunshine_h, np.float64) / np.maximum(possible, _NIGHT), 0.0, 1.0)
    radiation: NDArray[np.float64] = (ANGSTROM[0] + ANGSTROM[1] * share) * extraterrestrial
    return radiation


def radiation_from_temperature(
    minimum: ArrayLike, maximum: ArrayLike, extraterrestrial: ArrayLike, *, coastal: bool = False
) -> NDArray[np.float64]:
    """Estimate global radiation from the daily range of temperature: clear days have a wide one.

    ``Rs = k √(Tmax - Tmin) Ra``, k 0.16 inland and 0.19 at the coast, not above 0.75 Ra: FAO-56, equation 50
    [Allen1998], after [Hargreaves1982].

    Parameters
    ----------
    minimum, maximum : float64[...], deg C
    extraterrestrial : float64[...], MJ/m²/d
    coastal : bool
        Within about 20 km of a large body of water.

    Returns
    -------
    float64[...], MJ/m²/d

    Examples
    --------
    >>> float(radiation_from_temperature(14.8, 26.6, 40.6).round(1))
    22.3
    """
    span = np.maximum(np.asarray(maximum, np.float64) - np.asarray(minimum, np.float64), 0.0)
    clearness = np.minimum(
        (HARGREAVES_COASTAL if coastal else HARGREAVES_INLAND) * np.sqrt(span), sum(ANGSTROM)
    )
    radiation: NDArray[np.float64] = clearness * np.asarray(extraterrestrial, np.float64)
    return radiation


def clear_sky_radiation(extraterrestrial: ArrayLike, elevation_m: ArrayLike) -> NDArray[np.float64]:
    """Tell the global radiation of a cloudless day.

    ``Rso = (0.75 + 2·10⁻⁵ z) Ra``: FAO-56, equation 37 [Allen1998].

    Parameters
    ----------
    extraterrestrial : float64[...], MJ/m²/d
    elevation_m : float64[...], m

    Returns
    -------
    float64[...], MJ/m²/d

    Examples
    --------
    >>> float(clear_sky_radiation(25.1, 0.0).round(1))
    18.8
    """
    share = 0.75 + 2e-5 * np.asarray(elevation_m, np.float64)
    radiation: NDArray[np.float64] = share * np.asarray(extraterrestrial, np.float64)
    return radiation


def net_radiation(
    radiation: ArrayLike, clear_sky: ArrayLike, minimum: ArrayLike, maximum: ArrayLike, pressure: ArrayLike
) -> NDArray[np.float64]:
    """Tell what radiation a field of grass keeps.

    ``Rn = 0.77 Rs - σ (Tmax⁴ + Tmin⁴)/2 (0.34 - 0.14 √ea) (1.35 Rs/Rso - 0.35)``: FAO-56, equations 38 to 40
    [Allen1998], with Rs/Rso kept within 0.3…1 [ASCE2005].

    Parameters
    ----------
    radiation, clear_sky : float64[...], MJ/m²/d
        Global radiation, and that of a cloudless day.
    minimum, maximum : float64[...], deg C
    pressure : float64[...], kPa
        Of the vapour.

    Returns
    -------
    float64[...], MJ/m²/d

    Examples
    --------
    FAO-56's examples 11 and 12, Rio de Janeiro in May: Rns 11.1, Rnl 3.5, Rn 7.6.

    >>> float(net_radiation(14.5, 18.8, 19.1, 25.1, 2.1).round(1))
    7.6
    """
    rs = np.asarray(radiation, np.float64)
    warm, cold = np.asarray(maximum, np.float64) + FAO_ZERO_K, np.asarray(minimum, np.float64) + FAO_ZERO_K
    clearness = rs / np.maximum(np.asarray(clear_sky, np.float64), _NIGHT)
    cloud = 1.35 * np.clip(clearness, LEAST_CLEARNESS, 1.0) - 0.35
    vapour = 0.34 - 0.14 * np.sqrt(np.asarray(pressure, np.float64))
    kept: NDArray[np.float64] = (1.0 - ALBEDO) * rs
    return kept - STEFAN_BOLTZMANN * (warm**4 + cold**4) / 2.0 * vapour * cloud
