"""Where the sun stands: declination and equation of time, after NREL's solar position algorithm.

The algorithm [Reda2004] takes the earth's longitude from the theory VSOP87 [Bretagnon1988]. Kept here are its
terms of 0.2″ and more, and the four greatest of the nutation [Meeus1998]: what is left out adds up to a few
seconds of arc, a thousandth of what moves sunset by a minute.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

J2000: Final = np.datetime64("2000-01-01T12:00:00", "us")
US_PER_MILLENNIUM: Final = 365_250 * 86_400 * 1_000_000
"""Julian millennia [Reda2004]."""

DELTA_T_S: Final = 69.0
"""Terrestrial minus universal time in 2024; 5 s less in 2000, which moves the sun by 0.2″ [IERS]."""

ABERRATION_DEG: Final = 20.4898 / 3_600
"""At one astronomical unit [Reda2004]."""

# Amplitude (1e-8 rad), phase (rad), frequency (rad per Julian millennium); a group for each power of time.
_LONGITUDE: Final = (
    (
        (175347046.0, 0.0, 0.0),
        (3341656.0, 4.6692568, 6283.07585),
        (34894.0, 4.6261, 12566.1517),
        (3497.0, 2.7441, 5753.3849),
        (3418.0, 2.8289, 3.5231),
        (3136.0, 3.6277, 77713.7715),
        (2676.0, 4.4181, 7860.4194),
        (2343.0, 6.1352, 3930.2097),
        (1324.0, 0.7425, 11506.7698),
        (1273.0, 2.0371, 529.691),
        (1199.0, 1.1096, 1577.3435),
        (990.0, 5.233, 5884.927),
        (902.0, 2.045, 26.298),
        (857.0, 3.508, 398.149),
        (780.0, 1.179, 5223.694),
        (753.0, 2.533, 5507.553),
        (505.0, 4.583, 18849.228),
        (492.0, 4.205, 775.523),
        (357.0, 2.92, 0.067),
        (317.0, 5.849, 11790.629),
        (284.0, 1.899, 796.298),
        (271.0, 0.315, 10977.079),
        (243.0, 0.345, 5486.778),
        (206.0, 4.806, 2544.314),
        (205.0, 1.869, 5573.143),
        (202.0, 2.458, 6069.777),
        (156.0, 0.833, 213.299),
        (132.0, 3.411, 2942.463),
        (126.0, 1.083, 20.775),
        (115.0, 0.645, 0.98),
        (103.0, 0.636, 4694.003),
        (102.0, 0.976, 15720.839),
        (102.0, 4.267, 7.114),
    ),
    (
        (628331966747.0, 0.0, 0.0),
        (206059.0, 2.678235, 6283.07585),
        (4303.0, 2.6351, 12566.1517),
        (425.0, 1.59, 3.523),
        (119.0, 5.796, 26.298),
        (109.0, 2.966, 1577.344),
    ),
    (
        (52919.0, 0.0, 0.0),
        (8720.0, 1.0721, 6283.0758),
        (309.0, 0.867, 12566.152),
    ),
)
# Of the distance (1e-8 astronomical units).
_DISTANCE: Final = ((100013989.0, 0.0, 0.0), (1670700.0, 3.0984635, 6283.07585))

# Nutation [Meeus1998], chapter 22: amplitudes in longitude and obliquity (″), and the argument's multiples of
# the moon's node, twice the sun's and twice the moon's mean longitude.
_NUTATION: Final = (
    (-17.20, 9.20, (1, 0, 0)),
    (-1.32, 0.57, (0, 1, 0)),
    (-0.23, 0.10, (0, 0, 1)),
    (0.21, -0.09, (2, 0, 0)),
)


def declination_and_time(
    at: NDArray[np.datetime64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Tell the sun's apparent declination and the equation of time.

    Geocentric, of the centre of the sun, without refraction [Reda2004].

    Parameters
    ----------
    at : datetime64[...], UTC

    Returns
    -------
    declination : float64[...], rad
    equation : float64[...], deg
        Hour angle of the true minus that of the mean sun; 1 deg is 4 minutes that a sundial is ahead.

    Examples
    --------
    >>> declination, equation = declination_and_time(np.array(["2024-06-20T20:51"], "datetime64[us]"))
    >>> round(float(np.degrees(declination[0])), 3), round(float(4 * equation[0]), 1)
    (23.438, -1.8)
    """
    since = at.astype("datetime64[us]") - J2000 + np.timedelta64(round(DELTA_T_S * 1e6), "us")
    t = since.astype(np.float64) / US_PER_MILLENNIUM
    longitude = np.degrees(sum(_terms(group, t) * t**power for power, group in enumerate(_LONGITUDE)))
    nutation, obliquity = _nutation(t)
    apparent = np.radians(longitude + 180.0 + nutation - ABERRATION_DEG / _terms(_DISTANCE, t))
    tilt = np.radians(obliquity)
    declination = np.arcsin(np.sin(tilt) * np.sin(apparent))
    ascension = np.degrees(np.arctan2(np.sin(apparent) * np.cos(tilt), np.cos(apparent)))
    # Mean longitude, its aberration and nutation: [Reda2004], appendix A.1.
    mean = 280.4664567 + 360_007.6982779 * t + 0.03032028 * t**2
    equation = mean - 0.0057183 - ascension + nutation * np.cos(tilt)
    return declination, (equation + 180.0) % 360.0 - 180.0


def _terms(group: tuple[tuple[float, float, float], ...], t: NDArray[np.float64]) -> NDArray[np.float64]:
    total = np.zeros(t.shape)
    for amplitude, phase, frequency in group:
        total += amplitude * 1e-8 * np.cos(phase + frequency * t)
    return total


def _nutation(t: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give the nutation in longitude and the true obliquity of the ecliptic, deg [Meeus1998]."""
    node = np.radians(125.04452 - 19_341.36261 * t)
    sun = np.radians(2 * (280.4665 + 360_007.698 * t))
    moon = np.radians(2 * (218.3165 + 4_812_678.813 * t))
    longitude, obliquity = np.zeros(t.shape), 84_381.448 - 468.15 * t
    for in_longitude, in_obliquity, (of_node, of_sun, of_moon) in _NUTATION:
        argument = of_node * node + of_sun * sun + of_moon * moon
        longitude += in_longitude * np.sin(argument)
        obliquity += in_obliquity * np.cos(argument)
    return longitude / 3_600.0, obliquity / 3_600.0
