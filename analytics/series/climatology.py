"""What is normal for a day of the year: smooth harmonics through years of daily values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from analytics.series.errors import ClimatologyError, LengthError

if TYPE_CHECKING:
    from numpy.typing import NDArray

YEAR_D: Final = 365.2425
"""Mean length of a Gregorian year, days [Meeus1998]."""

HARMONICS: Final = 3
"""Of the normals: the fewer the years, the fewer are best [Narapusetty2009]."""

SPREAD_HARMONICS: Final = 1
"""Of the variance about the normals, which a year of days tells less about."""

LEAST_DAYS: Final = 300
LEAST_MONTHS: Final = 12
"""Harmonics run wild across a season without days: none of the months may be empty."""

_MONTHS: Final = 12
_LEAST_VARIANCE: Final = 0.1
"""Of the mean variance; keeps the fitted one positive."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Climatology:
    """Normals of one daily quantity at one place.

    Attributes
    ----------
    coefficients : float64[1 + 2 HARMONICS]
        Of the normals, in the order of `harmonics`.
    spread : float64[1 + 2 SPREAD_HARMONICS]
        Of the variance about them, in the square of the quantity's unit.
    least_variance : float
        The variance is nowhere taken for less.
    persistence : float, 0…1
        Correlation of one day's standardised anomaly with the next day's.
    n : int
        Days it rests on.
    """

    coefficients: NDArray[np.float64]
    spread: NDArray[np.float64]
    least_variance: float
    persistence: float
    n: int

    def normal(self, days: NDArray[np.datetime64]) -> NDArray[np.float64]:
        """Tell what is normal on each day, in the quantity's unit."""
        level: NDArray[np.float64] = harmonics(days, HARMONICS) @ self.coefficients
        return level

    def deviation(self, days: NDArray[np.datetime64]) -> NDArray[np.float64]:
        """Tell the standard deviation about the normal on each day, in the quantity's unit."""
        variance = harmonics(days, SPREAD_HARMONICS) @ self.spread
        return np.sqrt(np.maximum(variance, self.least_variance))


def harmonics(days: NDArray[np.datetime64], count: int) -> NDArray[np.float64]:
    """Give 1, cos φ, sin φ, cos 2φ, … with φ = 2π d / 365.2425, `d` days since 2000-01-01.

    Parameters
    ----------
    days : datetime64[D]
    count : int
        K.

    Returns
    -------
    float64[D, 1 + 2 K]

    Examples
    --------
    >>> harmonics(np.array(["2000-01-01"], "datetime64[D]"), 1).tolist()
    [[1.0, 1.0, 0.0]]
    """
    since = (days.astype("datetime64[D]") - np.datetime64("2000-01-01", "D")).astype(np.float64)
    phase = 2 * np.pi * since[:, None] / YEAR_D * np.arange(1, count + 1)
    waves = np.stack([np.cos(phase), np.sin(phase)], axis=2).reshape(len(days), 2 * count)
    return np.concatenate([np.ones((len(days), 1)), waves], axis=1)


def fit_climatology(days: NDArray[np.datetime64], values: NDArray[np.float64]) -> Climatology:
    """Fit normals by least squares, then the variance about them and the persistence of anomalies.

    ``x_d = n(d) + s(d) z_d`` with harmonics n and s² of the day of the year [Narapusetty2009], and `z` red
    noise of the first order, ``z_d = r z_{d-1} + …`` [Hasselmann1976].

    Parameters
    ----------
    days : datetime64[D]
        Consecutive.
    values : float64[D]
        Daily values of any unit; not-a-number where missing.

    Returns
    -------
    Climatology

    Raises
    ------
    LengthError
        `days` and `values` differ in length.
    ClimatologyError
        Fewer than `LEAST_DAYS` values, or a month of the year without any.

    Examples
    --------
    >>> days = np.datetime64("2001-01-01") + np.arange(4 * 365)
    >>> year = harmonics(days, 1) @ np.array([6.0, -12.0, -3.0])
    >>> normals = fit_climatology(days, year + np.random.default_rng(0).normal(0.0, 2.0, len(days)))
    >>> normals.coefficients.round(0)[:3].tolist(), normals.deviation(days[:1]).round(0).tolist()
    ([6.0, -12.0, -3.0], [2.0])
    """
    if len(days) != len(values):
        raise LengthError({"days": len(days), "values": len(values)})
    there = np.isfinite(values)
    _check_enough(days[there])
    coefficients = _least_squares(harmonics(days[there], HARMONICS), values[there])
    anomaly = values - harmonics(days, HARMONICS) @ coefficients
    degrees = int(there.sum()) - len(coefficients)
    squares = anomaly[there] ** 2 * (there.sum() / degrees)
    normals = Climatology(
        coefficients=coefficients,
        spread=_least_squares(harmonics(days[there], SPREAD_HARMONICS), squares),
        least_variance=float(squares.mean()) * _LEAST_VARIANCE,
        persistence=0.0,
        n=int(there.sum()),
    )
    persistence = _persistence(anomaly / np.maximum(normals.deviation(days), np.finfo(np.float64).tiny))
    return Climatology(
        coefficients=coefficients,
        spread=normals.spread,
        least_variance=normals.least_variance,
        persistence=persistence,
        n=normals.n,
    )


def _check_enough(days: NDArray[np.datetime64]) -> None:
    months = len(np.unique(days.astype("datetime64[M]").astype(np.int64) % _MONTHS))
    if len(days) < LEAST_DAYS or months < LEAST_MONTHS:
        raise ClimatologyError(months, LEAST_MONTHS, len(days), LEAST_DAYS)


def _least_squares(design: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.linalg.lstsq(design, values, rcond=None)[0].astype(np.float64, copy=False)


def _persistence(standardised: NDArray[np.float64]) -> float:
    """Correlate each day with the next; 0 where anomalies do not persist or there are no pairs."""
    first, second = standardised[:-1], standardised[1:]
    both = np.isfinite(first) & np.isfinite(second)
    power = float(np.sum(first[both] ** 2 + second[both] ** 2)) / 2
    if power == 0.0:
        return 0.0
    return float(np.clip(np.sum(first[both] * second[both]) / power, 0.0, 0.999))
