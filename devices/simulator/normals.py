"""Climate normals of Obihiro, in the middle of the Tokachi plain, 1991 to 2020.

Source: Japan Meteorological Agency (JMA), normals 1991-2020 for Obihiro (WMO 47417), through secondary pages;
JMA's own table was not at hand. What that means for each row:

- `MAXIMUM`, `MINIMUM`, `PRECIPITATION_MM`: the published monthly values rounded to whole degrees and
millimetres (they
  add up to 920 mm; the published year is 919.7 mm).
- `MEAN`: from memory, good to about half a degree a month; their mean is the published 7.2 deg C of the year.
- `SUNSHINE_H`: from memory, good to about ten hours a month; their sum is the published 2,020 h of the year.
- `HUMIDITY`: whole percents of the ten years before 2020, not of the thirty.

For a simulation that is plenty; do not show these as 平年値 next to a forecast.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

MEAN: Floats = np.array([-6.9, -5.7, -0.3, 5.9, 11.5, 15.2, 18.9, 20.4, 16.9, 10.3, 3.8, -3.6])
"""Monthly mean temperature, deg C."""

MAXIMUM: Floats = np.array([-2.0, 0, 5, 12, 18, 21, 24, 25, 22, 16, 8, 1])
"""Monthly mean of daily maxima, deg C."""

MINIMUM: Floats = np.array([-13.0, -12, -5, 1, 6, 11, 15, 17, 13, 5, -1, -9])
"""Monthly mean of daily minima, deg C."""

PRECIPITATION_MM: Floats = np.array([41.0, 29, 44, 60, 85, 81, 107, 141, 140, 86, 54, 52])
"""Monthly precipitation, snow as water."""

SUNSHINE_H: Floats = np.array([185.0, 186, 211, 191, 188, 149, 124, 128, 144, 173, 164, 177])
"""Monthly hours of sunshine."""

HUMIDITY: Floats = np.array([67.0, 66, 65, 65, 69, 80, 82, 82, 80, 73, 70, 69])
"""Monthly mean relative humidity, %."""

HARMONICS = 3


def interpolate_year(monthly: Floats, year: Floats) -> Floats:
    """Draw a smooth course of the year whose monthly means are about the given ones.

    Parameters
    ----------
    monthly : float64[12]
    year : float64[n]
        Fraction of the year that has passed, 0 at its beginning.
    """
    waves = np.fft.rfft(monthly) / 12
    course = np.full_like(year, waves[0].real)
    for n in range(1, HARMONICS + 1):
        flattened = np.sinc(n / 12)  # a month's mean of a wave is lower than its crest
        phase = 2 * np.pi * n * (year - 1 / 24)
        course += 2 / flattened * (waves[n].real * np.cos(phase) - waves[n].imag * np.sin(phase))
    return course
