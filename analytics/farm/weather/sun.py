"""Length of day, sunrise and sunset, and the radiation above the atmosphere.

Places are in degrees (north and east positive); a day is the local one around the noon of its longitude.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from analytics.farm.weather.sun_position import declination_and_time

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

SUNSET_DEG: Final = -50.0 / 60.0
"""Altitude of the sun's centre when its upper limb sets: 34′ of refraction and 16′ of radius [Meeus1998]."""

CIVIL_TWILIGHT_DEG: Final = -6.0
"""End of civil twilight [Meeus1998]."""

WOFOST_DEG: Final = -4.0
"""Down to which plants sense the day: photoperiod in WOFOST [Goudriaan1994]."""

SOLAR_CONSTANT: Final = 0.0820
"""MJ/m²/min: FAO-56, equation 21 [Allen1998]."""

HALF_TURN: Final = 180.0
TURN: Final = 360.0
_US_PER_H: Final = 3_600_000_000
_ROUNDS: Final = 5
"""From one to the next the sun moves by what it moves in the correction: far below a second after five."""


def daylength_h(
    latitude: ArrayLike,
    days: NDArray[np.datetime64],
    sun_altitude_deg: float = SUNSET_DEG,
    *,
    longitude: ArrayLike = 0.0,
) -> NDArray[np.float64]:
    """Tell how long the sun stands above an altitude.

    ``cos H = (sin h - sin φ sin δ) / (cos φ cos δ)`` with the declination δ of the very moment
    [Meeus1998], [Reda2004].

    Parameters
    ----------
    latitude : float64[...], deg
    days : datetime64[D]
    sun_altitude_deg : float, deg
        `SUNSET_DEG`, `CIVIL_TWILIGHT_DEG`, `WOFOST_DEG` or any other.
    longitude : float64[...], deg
        Moves noon against Greenwich, hence the result by up to a few minutes in high latitudes.

    Returns
    -------
    float64[..., D], h
        24 in polar day, 0 in polar night.

    Examples
    --------
    >>> days = np.array(["2024-06-21", "2024-12-21"], "datetime64[D]")
    >>> daylength_h([43.2, 70.0], days, longitude=143.2).round(2).tolist()
    [[15.39, 8.98], [24.0, 0.0]]
    """
    sun = _Sun.of(days)
    rise, rise_h = _passage(sun, latitude, longitude, sun_altitude_deg, morning=True)
    set_, set_h = _passage(sun, latitude, longitude, sun_altitude_deg, morning=False)
    always, never = (rise >= HALF_TURN) & (set_ >= HALF_TURN), (rise <= 0.0) & (set_ <= 0.0)
    return np.where(always, 24.0, np.where(never, 0.0, set_h - rise_h))


def sunrise_and_sunset(
    latitude: ArrayLike,
    longitude: ArrayLike,
    days: NDArray[np.datetime64],
    sun_altitude_deg: float = SUNSET_DEG,
) -> tuple[NDArray[np.datetime64], NDArray[np.datetime64]]:
    """Tell when the sun passes an altitude in the morning and in the evening.

    ``t = 12 h - λ/15 - E/15 ∓ H/15`` with the equation of time E of the very moment [Meeus1998], [Reda2004].

    Parameters
    ----------
    latitude, longitude : float64[...], deg
    days : datetime64[D]
        Local days.
    sun_altitude_deg : float, deg

    Returns
    -------
    sunrise, sunset : datetime64[..., D], UTC in µs
        Not-a-time where the sun does not pass the altitude that day.

    Examples
    --------
    >>> rise, set_ = sunrise_and_sunset(43.2, 143.2, np.array(["2024-06-21"], "datetime64[D]"))
    >>> str(rise[0].astype("datetime64[m]")), str(set_[0].astype("datetime64[m]"))
    ('2024-06-20T18:47', '2024-06-21T10:10')
    """
    sun = _Sun.of(days)
    instants = []
    for morning in (True, False):
        angle, hours = _passage(sun, latitude, longitude, sun_altitude_deg, morning=morning)
        passes = (angle > 0.0) & (angle < HALF_TURN)
        offset = np.rint(np.where(passes, hours, 0.0) * _US_PER_H).astype("timedelta64[us]")
        instants.append(np.where(passes, days.astype("datetime64[us]") + offset, np.datetime64("NaT")))
    return instants[0], instants[1]


def extraterrestrial_radiation(latitude: ArrayLike, day_of_year: ArrayLike) -> NDArray[np.float64]:
    """Tell a day's radiation on a level above the atmosphere.

    ``Ra = 24·60/π · 0.0820 dr (ωs sin φ sin δ + cos φ cos δ sin ωs)``: FAO-56, equations 21 to 25
    [Allen1998], with its simple declination, since its other equations were fitted to it.

    Parameters
    ----------
    latitude : float64[...], deg
    day_of_year : float64[...]
        1…366; broadcast against `latitude`.

    Returns
    -------
    float64[...], MJ/m²/d

    Examples
    --------
    >>> float(extraterrestrial_radiation(-20.0, 246).round(1))
    32.2
    """
    phi = np.radians(np.asarray(latitude, np.float64))
    year = 2.0 * np.pi / 365.0 * np.asarray(day_of_year, np.float64)
    delta = 0.409 * np.sin(year - 1.39)
    nearness = 1.0 + 0.033 * np.cos(year)
    sunset = np.arccos(np.clip(-np.tan(phi) * np.tan(delta), -1.0, 1.0))
    level = sunset * np.sin(phi) * np.sin(delta) + np.cos(phi) * np.cos(delta) * np.sin(sunset)
    radiation: NDArray[np.float64] = 24.0 * 60.0 / np.pi * SOLAR_CONSTANT * nearness * level
    return radiation


@dataclass(frozen=True, slots=True)
class _Sun:
    """Declination (rad) and equation of time (deg) as parabolas through noon UTC of the days around."""

    declination: NDArray[np.float64]  # [3, D], coefficients of the powers of days since noon
    equation: NDArray[np.float64]

    @classmethod
    def of(cls, days: NDArray[np.datetime64]) -> _Sun:
        noon = days.astype("datetime64[h]") + np.timedelta64(12, "h")
        around = noon + np.array([[-24], [0], [24]], "timedelta64[h]")
        return cls(*(_parabola(value) for value in declination_and_time(around)))

    def at(self, since_noon_d: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        x = since_noon_d
        return tuple(c[0] + x * (c[1] + x * c[2]) for c in (self.declination, self.equation))


def _parabola(value: NDArray[np.float64]) -> NDArray[np.float64]:
    before, at, after = value
    return np.stack([at, (after - before) / 2.0, (after - 2.0 * at + before) / 2.0])


def _passage(
    sun: _Sun, latitude: ArrayLike, longitude: ArrayLike, altitude_deg: float, *, morning: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give the hour angle of the passage (deg; 0 never up, 180 always up) and its time (h after 0:00 UTC)."""
    phi = np.radians(np.asarray(latitude, np.float64))[..., None]
    east = np.asarray(longitude, np.float64)[..., None]
    since_noon_d = -east / TURN
    angle = np.zeros(1)
    for _ in range(_ROUNDS):
        delta, equation = sun.at(since_noon_d)
        cosine = np.sin(np.radians(altitude_deg)) - np.sin(phi) * np.sin(delta)
        angle = np.degrees(np.arccos(np.clip(cosine / (np.cos(phi) * np.cos(delta)), -1.0, 1.0)))
        since_noon_d = ((-angle if morning else angle) - east - equation) / TURN
    return angle, 12.0 + 24.0 * since_noon_d
