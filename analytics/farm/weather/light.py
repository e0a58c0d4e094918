"""Light for photosynthesis: photon flux, daily light integral, and both from global radiation.

Where a station has no quantum sensor the conversion from global radiation is an estimate: the share of
photosynthetically active radiation varies between 0.41 and 0.48 over places and sky conditions [Akitsu2022],
hence the estimate by about ±8 %.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

PAR_FRACTION: Final = 0.45
"""Share of the energy of global radiation between 400 and 700 nm [Akitsu2022]."""

PHOTONS_PER_PAR_JOULE: Final = 4.57
"""µmol/J of daylight between 400 and 700 nm [McCree1972]."""

PHOTONS_PER_JOULE: Final = PAR_FRACTION * PHOTONS_PER_PAR_JOULE
"""µmol per joule of global radiation, 2.06 [Akitsu2022], [McCree1972]."""

S_PER_D: Final = 86_400.0


def photon_flux(global_radiation: ArrayLike) -> NDArray[np.float64]:
    """Estimate the photosynthetic photon flux density (PPFD, 光合成光量子束密度) from global radiation.

    ``PPFD = 0.45 · 4.57 · Rs`` [Akitsu2022], [McCree1972].

    Parameters
    ----------
    global_radiation : float64[...], W/m²

    Returns
    -------
    float64[...], µmol/m²/s

    Examples
    --------
    >>> float(photon_flux(1000.0).round())
    2056.0
    """
    flux: NDArray[np.float64] = np.asarray(global_radiation, np.float64) * PHOTONS_PER_JOULE
    return flux


def daily_light_integral(mean_flux: ArrayLike, day_s: ArrayLike = S_PER_D) -> NDArray[np.float64]:
    """Tell how many photons a day brings (DLI, 日積算光量).

    ``DLI = 10⁻⁶ · PPFD · seconds`` [McCree1972].

    Parameters
    ----------
    mean_flux : float64[...], µmol/m²/s
        Mean over the whole day, the night included.
    day_s : float64[...], s

    Returns
    -------
    float64[...], mol/m²/d

    Examples
    --------
    >>> float(daily_light_integral(500.0).round(1))
    43.2
    """
    integral: NDArray[np.float64] = np.asarray(mean_flux, np.float64) * np.asarray(day_s, np.float64) / 1e6
    return integral


def light_integral_from_radiation(daily_radiation: ArrayLike) -> NDArray[np.float64]:
    """Estimate the daily light integral from a day's global radiation.

    ``DLI = 0.45 · 4.57 · Rs`` [Akitsu2022], [McCree1972].

    Parameters
    ----------
    daily_radiation : float64[...], MJ/m²/d

    Returns
    -------
    float64[...], mol/m²/d

    Examples
    --------
    >>> float(light_integral_from_radiation(20.0).round(1))
    41.1
    """
    return photon_flux(daily_radiation)


def par_energy(global_radiation: ArrayLike) -> NDArray[np.float64]:
    """Estimate the energy between 400 and 700 nm (PAR, 光合成有効放射), as growth models want it.

    ``PAR = 0.45 · Rs`` [Akitsu2022].

    Parameters
    ----------
    global_radiation : float64[...]
        W/m² or MJ/m²/d.

    Returns
    -------
    float64[...]
        In the unit of the input.

    Examples
    --------
    >>> float(par_energy(20.0))
    9.0
    """
    energy: NDArray[np.float64] = np.asarray(global_radiation, np.float64) * PAR_FRACTION
    return energy
