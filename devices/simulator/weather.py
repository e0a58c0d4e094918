"""Weather that behaves like Tokachi's: made from published normals, a pure function of seed and time.

The same seed gives the same weather at the same instant, whatever window is asked for, so that a simulator
that is started again sends duplicates and no conflicts. A year is computed at once (some 0.3 s) and kept.

How it is made: a day's mean temperature is the normal plus a red-noise anomaly; the day's course goes between
the normal's extremes, wider under clear skies. Cloud is another red noise, its mean the normal's sunshine;
radiation is extraterrestrial radiation thinned by it [FAO56, eq. 21-25 and 35]. Rain falls where cloud and a
shower noise pass a threshold, its mean amount the normal's. Soil temperature solves the equation of heat
conduction for a surface at the air's temperature (a snow cover keeps the frost off) in the frequency domain:
a wave of angular frequency w arrives at depth z damped and late by exp(-(1 + i) z / sqrt(2 D / w)) [CN98, ch.
2]. Soil water is a bucket that rain fills and evaporation empties.

References
----------
[FAO56] Allen et al. 1998, Crop evapotranspiration, FAO Irrigation and Drainage Paper 56.
[CN98] Campbell and Norman 1998, An Introduction to Environmental Biophysics, 2nd ed., Springer.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

from devices.simulator.normals import (
    HUMIDITY,
    MAXIMUM,
    MEAN,
    MINIMUM,
    PRECIPITATION_MM,
    SUNSHINE_H,
    interpolate_year,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

STEP_S = 600
DAY_S = 86_400
STEPS_A_DAY = DAY_S // STEP_S
JST_S = 9 * 3_600
SPIN_UP_DAYS = 365
"""A whole year: the ground remembers the last season, and round the circle of the FFT there is no step."""

LATITUDE_DEG = 43.17
LONGITUDE_DEG = 143.24
SOLAR_CONSTANT = 1_367.0
"""W/m2 [FAO56, eq. 21: 0.0820 MJ/m2/min]."""

ANGSTROM_A, ANGSTROM_B = 0.25, 0.50
"""[FAO56, eq. 35]."""

ANOMALY_SD = 3.0
"""K; daily means scatter by 1.7 to 3.7 K around their month's mean (Obihiro, JMA, June to December 2016)."""

CLOUD_SPREAD = 1.8
RAIN_THRESHOLD = 1.45
RAIN_SPREAD = 0.8
DIFFUSIVITY_M2_S = 5e-7
"""Of moist mineral soil [CN98, table 8.2, order of magnitude]."""

DEPTHS_CM = (5, 10, 20, 30, 50)
FIELD_RANGE = (0.14, 0.46)
"""m3/m3: where crops have taken all they can, and saturation; a volcanic loam."""


@dataclass(frozen=True, slots=True)
class Weather:
    """Weather at each step.

    Attributes
    ----------
    at_s : int64[n]
        Unix seconds, `STEP_S` apart.
    air_temperature : float64[n], deg C
    relative_humidity : float64[n], %
    global_radiation : float64[n], W/m2
    rainfall : float64[n], mm since the step before
    wind_speed : float64[n], m/s
    soil_temperature : dict[int, float64[n]], deg C by depth in cm
    soil_water_content : dict[int, float64[n]], m3/m3 by depth in cm
    """

    at_s: NDArray[np.int64]
    air_temperature: Floats
    relative_humidity: Floats
    global_radiation: Floats
    rainfall: Floats
    wind_speed: Floats
    soil_temperature: dict[int, Floats]
    soil_water_content: dict[int, Floats]

    def __getitem__(self, chosen: slice) -> Weather:
        return Weather(
            at_s=self.at_s[chosen],
            air_temperature=self.air_temperature[chosen],
            relative_humidity=self.relative_humidity[chosen],
            global_radiation=self.global_radiation[chosen],
            rainfall=self.rainfall[chosen],
            wind_speed=self.wind_speed[chosen],
            soil_temperature={depth: values[chosen] for depth, values in self.soil_temperature.items()},
            soil_water_content={depth: values[chosen] for depth, values in self.soil_water_content.items()},
        )


def simulate(start_s: int, end_s: int, seed: int) -> Weather:
    """Weather at every step with ``start_s <= at < end_s`` (Unix seconds), none where that is empty."""
    end_s = max(start_s, end_s)
    years = [_year(seed, year) for year in range(_year_of(start_s), _year_of(max(start_s, end_s - 1)) + 1)]
    at_s = np.concatenate([year.at_s for year in years])
    first, last = np.searchsorted(at_s, [start_s, end_s]).tolist()
    return _join(years)[first:last]


def _join(years: list[Weather]) -> Weather:
    if len(years) == 1:
        return years[0]

    def layers(values: list[dict[int, Floats]]) -> dict[int, Floats]:
        return {depth: np.concatenate([layer[depth] for layer in values]) for depth in DEPTHS_CM}

    return Weather(
        at_s=np.concatenate([year.at_s for year in years]),
        air_temperature=np.concatenate([year.air_temperature for year in years]),
        relative_humidity=np.concatenate([year.relative_humidity for year in years]),
        global_radiation=np.concatenate([year.global_radiation for year in years]),
        rainfall=np.concatenate([year.rainfall for year in years]),
        wind_speed=np.concatenate([year.wind_speed for year in years]),
        soil_temperature=layers([year.soil_temperature for year in years]),
        soil_water_content=layers([year.soil_water_content for year in years]),
    )


def _year_of(at_s: float) -> int:
    return datetime.fromtimestamp(at_s + JST_S, UTC).year


def _start_of(year: int) -> int:
    return int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) - JST_S


@functools.lru_cache(maxsize=8)
def _year(seed: int, year: int) -> Weather:
    """All of a calendar year in Japan, computed with days before it so that soil and noise have a past."""
    at_s = _window(year)
    sky = _Sky(at_s, _noises(seed, at_s))
    temperature = _air_temperature(sky)
    rain = _rainfall(sky)
    whole = Weather(
        at_s=at_s,
        air_temperature=temperature,
        relative_humidity=_humidity(sky, temperature, rain),
        global_radiation=sky.radiation,
        rainfall=_tip(rain),
        wind_speed=_wind(sky),
        soil_temperature=_soil_temperature(temperature),
        soil_water_content=_soil_water(sky, rain),
    )
    return whole[SPIN_UP_DAYS * STEPS_A_DAY :]


def daily_extremes(year: int, seed: int) -> tuple[Floats, Floats]:
    """Lowest and highest air temperature of each day of a year in Japan: the same sky, quicker.

    Returns
    -------
    tuple of two float64[365 or 366], deg C
    """
    at_s = _window(year)
    sky = _Sky(at_s, _noises(seed, at_s, ("anomaly", "cloud", "gust")))
    by_day = _air_temperature(sky)[SPIN_UP_DAYS * STEPS_A_DAY :].reshape(-1, STEPS_A_DAY)
    return by_day.min(axis=1), by_day.max(axis=1)


def _window(year: int) -> NDArray[np.int64]:
    """Instants of a calendar year in Japan and of the days before it that it is computed with."""
    return np.arange(_start_of(year) - SPIN_UP_DAYS * DAY_S, _start_of(year + 1), STEP_S)


NOISES = ("anomaly", "cloud", "shower", "strength", "humid", "gust", "flicker")
MEMORY_DAYS = dict(zip(NOISES, (2.5, 0.7, 0.15, 0.25, 0.4, 0.1, 0.02), strict=True))


def _noises(seed: int, at_s: NDArray[np.int64], names: tuple[str, ...] = NOISES) -> dict[str, Floats]:
    """Red noise of unit variance by name, from white noise that belongs to the instant, not to the window."""
    white = []
    for year in range(_year_of(at_s[0]), _year_of(at_s[-1]) + 1):
        steps = (_start_of(year + 1) - _start_of(year)) // STEP_S
        white.append(np.random.default_rng([seed, year]).standard_normal((steps, len(NOISES))))
    rows = np.concatenate(white)[-at_s.size :]
    return {name: redden(rows[:, NOISES.index(name)], MEMORY_DAYS[name] * STEPS_A_DAY) for name in names}


def redden(white: Floats, memory: float) -> Floats:
    """Turn white noise into a first-order autoregressive one of unit variance, round the circle by FFT.

    Parameters
    ----------
    white : float64[n]
    memory : float
        Steps after which the correlation has fallen to 1/e.
    """
    phi = np.exp(-1 / memory)
    turns = np.exp(-2j * np.pi * np.fft.rfftfreq(white.size))
    gain = np.sqrt(1 - phi**2) / (1 - phi * turns)
    red: Floats = np.fft.irfft(np.fft.rfft(white) * gain, white.size)
    return red


class _Sky:
    """What the seasons, the hour and the clouds make of the sun."""

    def __init__(self, at_s: NDArray[np.int64], noises: dict[str, Floats]) -> None:
        self.noises = noises
        local_s = at_s + JST_S
        starts = (
            local_s.astype("datetime64[s]").astype("datetime64[Y]").astype("datetime64[s]").astype(np.int64)
        )
        self.year = (local_s - starts) / (365.25 * DAY_S)
        self.month = local_s.astype("datetime64[s]").astype("datetime64[M]").astype(np.int64) % 12
        self.hour = (local_s % DAY_S) / 3_600 + LONGITUDE_DEG / 15 - 9
        self._extraterrestrial, day_h = _sun(self.year * 365.25, self.hour)
        sunshine = interpolate_year(SUNSHINE_H / 30.4, self.year) / day_h
        self.mean_clear = np.clip(sunshine, 0.05, 0.9)
        self.clear = _squash(self.mean_clear, noises["cloud"])

    @property
    def radiation(self) -> Floats:
        """Global radiation, W/m2."""
        thin = (ANGSTROM_A + ANGSTROM_B * self.clear) * (1 + 0.08 * self.clear * self.noises["flicker"])
        return self._extraterrestrial * np.clip(thin, 0.03, 0.82)


def _sun(day: Floats, hour: Floats) -> tuple[Floats, Floats]:
    """Extraterrestrial radiation on level ground, W/m2, and hours of daylight [FAO56, eq. 21-25, 34]."""
    latitude = np.radians(LATITUDE_DEG)
    angle = 2 * np.pi * day / 365
    declination = 0.409 * np.sin(angle - 1.39)
    distance = 1 + 0.033 * np.cos(angle)
    sunset = np.arccos(-np.tan(latitude) * np.tan(declination))
    height = np.sin(latitude) * np.sin(declination) + np.cos(latitude) * np.cos(declination) * np.cos(
        np.pi / 12 * (hour - 12)
    )
    return SOLAR_CONSTANT * distance * np.maximum(height, 0), 24 / np.pi * sunset


def _squash(mean: Floats, noise: Floats) -> Floats:
    """Between 0 (overcast) and 1 (clear), with the mean asked for (probit approximation of the logistic)."""
    centre = np.log(mean / (1 - mean)) * np.sqrt(1 + np.pi * CLOUD_SPREAD**2 / 8)
    clear: Floats = 1 / (1 + np.exp(-(centre + CLOUD_SPREAD * noise)))
    return clear


def _air_temperature(sky: _Sky) -> Floats:
    low, mean, high = (interpolate_year(normal, sky.year) for normal in (MINIMUM, MEAN, MAXIMUM))
    wave = _day_wave(sky.hour)
    course = np.where(wave > 0, (high - mean) * wave, (mean - low) * wave)
    course -= (high + low - 2 * mean) * np.maximum(wave, 0).mean()  # keeps the mean where halves differ
    # The extremes of a day with noise lie further apart than those of its mean course.
    width = 0.92 * (0.55 + 0.45 * sky.clear / sky.mean_clear)
    temperature: Floats = (
        mean + course * width + ANOMALY_SD * sky.noises["anomaly"] + 0.35 * sky.noises["gust"]
    )
    return temperature


def _day_wave(hour: Floats) -> Floats:
    """Course of a day between -1 (before sunrise) and 1 (early afternoon), with mean zero."""
    angle = 2 * np.pi * (hour - 13.5) / 24
    wave: Floats = (np.cos(angle) + 0.22 * np.cos(2 * angle + 0.5)) / 1.2
    return wave


def _rainfall(sky: _Sky) -> Floats:
    """Millimetres a step: what passes the threshold, scaled so that the expected month is the normal's."""
    wetness = -0.8 * sky.noises["cloud"] + 0.6 * sky.noises["shower"]
    excess = np.maximum(wetness - RAIN_THRESHOLD, 0)
    strength = np.exp(RAIN_SPREAD * sky.noises["strength"] - RAIN_SPREAD**2 / 2)
    amount: Floats = PRECIPITATION_MM[sky.month] / (30.4 * STEPS_A_DAY * _EXPECTED_EXCESS)
    return amount * excess * strength


# E[max(X - c, 0)] of a standard normal X, by quadrature.
_GRID = np.linspace(RAIN_THRESHOLD, 9, 20_001)
_EXPECTED_EXCESS = float(
    np.trapezoid((_GRID - RAIN_THRESHOLD) * np.exp(-(_GRID**2) / 2) / np.sqrt(2 * np.pi), _GRID)
)


def _tip(rain: Floats) -> Floats:
    """As a gauge sees it that tips at each half millimetre."""
    tips = np.floor(np.cumsum(rain) / 0.5)
    return np.diff(tips, prepend=0.0) * 0.5


def _humidity(sky: _Sky, temperature: Floats, rain: Floats) -> Floats:
    """Falls as the day warms and the sky clears, rises with rain; saturation is approached softly."""
    normal = interpolate_year(HUMIDITY, sky.year)
    day = temperature - interpolate_year(MEAN, sky.year) - ANOMALY_SD * sky.noises["anomaly"]
    raw = (
        normal - 0.3 - 2.2 * day - 9 * (sky.clear - sky.mean_clear) + 6 * sky.noises["humid"] + 6 * (rain > 0)
    )
    capped: Floats = np.clip(100 - 5 * np.logaddexp(0, (100 - raw) / 5), 15, 100)
    return capped


def _wind(sky: _Sky) -> Floats:
    """Log-normal around 2.2 m/s, Obihiro's yearly mean (JMA normals), stronger in the afternoon."""
    speed: Floats = 2.2 * (1 + 0.35 * _day_wave(sky.hour)) * np.exp(0.5 * sky.noises["gust"] - 0.125)
    return speed


def _soil_temperature(air: Floats) -> dict[int, Floats]:
    """Conduction downward from a surface that snow keeps from the frost."""
    surface = np.where(air < 0, 0.25 * air, 1.08 * air)
    waves = np.fft.rfft(surface)
    angular = 2 * np.pi * np.fft.rfftfreq(surface.size, STEP_S)
    inverse_depth = np.sqrt(angular / (2 * DIFFUSIVITY_M2_S))
    return {
        depth: np.fft.irfft(waves * np.exp(-(1 + 1j) * inverse_depth * depth / 100), surface.size)
        for depth in DEPTHS_CM
    }


def _soil_water(sky: _Sky, rain: Floats) -> dict[int, Floats]:
    """Bucket by depth: deeper ones are larger, fill later and empty more slowly."""
    season = 0.15 + 0.85 * np.clip(np.sin(np.pi * (sky.year - 0.2) / 0.65), 0, 1)
    low, high = FIELD_RANGE
    water = {}
    for depth in DEPTHS_CM:
        dried = np.cumsum(season * (0.5 + sky.clear)) / (STEPS_A_DAY * (5 + 0.25 * depth))
        stored = np.exp(-dried) * np.cumsum(rain * np.exp(dried))
        water[depth] = low + (high - low) * (1 - np.exp(-stored / (40 + 1.2 * depth)))
    return water
