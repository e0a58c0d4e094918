"""Vernalisation (春化): how much cold counts, day by day, and what it has done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from analytics.farm.errors import WeatherError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

WOFOST_TEMPERATURE: Final = (-4.0, 3.0, 10.0, 17.0)
WOFOST_RATE: Final = (0.0, 1.0, 1.0, 0.0)
"""Vernalisation days a day at daily mean temperatures, winter wheat: VERNRTB of [vanBussel2011] in WOFOST."""

STRECK_CARDINALS: Final = (-1.3, 4.9, 15.7)
"""Least, best and greatest temperature of vernalisation of winter wheat, deg C [Streck2003]."""

STRECK_HALF_DAYS: Final = 22.5
"""Effective days after which the response is one half [Streck2003]."""

STRECK_POWER: Final = 5
"""[Streck2003]."""


def wofost_vernalisation(temperature: ArrayLike) -> NDArray[np.float64]:
    """Tell the vernalisation days of one day, as WOFOST does.

    Straight lines through (-4, 0), (3, 1), (10, 1), (17, 0) [vanBussel2011].

    Parameters
    ----------
    temperature : float64[...], deg C
        Daily mean; not-a-number gives not-a-number.

    Returns
    -------
    float64[...], d, 0…1

    Examples
    --------
    >>> wofost_vernalisation([-4.0, -0.5, 5.0, 13.5, 20.0]).tolist()
    [0.0, 0.5, 1.0, 0.5, 0.0]
    """
    t = np.asarray(temperature, np.float64)
    return np.asarray(np.interp(t, WOFOST_TEMPERATURE, WOFOST_RATE), np.float64)


def wang_engel(
    temperature: ArrayLike, cardinals: tuple[float, float, float] = STRECK_CARDINALS
) -> NDArray[np.float64]:
    """Tell the response of a rate to temperature as a beta function between three cardinal temperatures.

    With ``α = ln 2 / ln((Tmax - Tmin) / (Topt - Tmin))`` and ``u = ((T - Tmin) / (Topt - Tmin))^α``:
    ``f = 2 u - u²``, 0 outside of Tmin…Tmax [WangEngel1998].

    Parameters
    ----------
    temperature : float64[...], deg C
        Not-a-number gives not-a-number.
    cardinals : tuple[float, float, float], deg C
        Least, best, greatest. Those of vernalisation unless told [Streck2003].

    Returns
    -------
    float64[...], 0…1

    Raises
    ------
    WeatherError
        The cardinal temperatures do not rise.

    Examples
    --------
    >>> wang_engel([-2.0, 4.9, 10.0, 15.7]).round(3).tolist()
    [0.0, 1.0, 0.739, 0.0]
    """
    least, best, greatest = cardinals
    if not least < best < greatest:
        raise WeatherError(f"cardinal temperatures must rise, these are {least:g}, {best:g}, {greatest:g}")
    t = np.asarray(temperature, np.float64)
    alpha = np.log(2.0) / np.log((greatest - least) / (best - least))
    u = ((np.clip(t, least, greatest) - least) / (best - least)) ** alpha
    return np.asarray(np.clip(2.0 * u - u**2, 0.0, 1.0), np.float64)


def streck_response(effective_days: ArrayLike) -> NDArray[np.float64]:
    """Tell how far accumulated vernalisation has freed development.

    ``f(V) = V⁵ / (22.5⁵ + V⁵)`` [Streck2003].

    Parameters
    ----------
    effective_days : float64[...], d
        Sum of `wang_engel` since emergence.

    Returns
    -------
    float64[...], 0…1

    Examples
    --------
    >>> streck_response([0.0, 22.5, 50.0]).round(3).tolist()
    [0.0, 0.5, 0.982]
    """
    power = np.asarray(effective_days, np.float64) ** STRECK_POWER
    return np.asarray(power / (STRECK_HALF_DAYS**STRECK_POWER + power), np.float64)
