"""Degree days from daily extremes: simple mean, single triangle and single sine, with a horizontal cut-off.

Above the upper threshold development goes on as fast as at it, and no faster (horizontal cut-off). The sine
and the triangle know that a day whose mean is below the base has warm hours all the same; they are
integrated exactly, no hourly steps are made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from analytics.farm.errors import WeatherError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray


def mean_degree_days(
    minimum: ArrayLike, maximum: ArrayLike, base: float, upper: float | None = None
) -> NDArray[np.float64]:
    """Tell degree days by the mean of the extremes (有効積算温度 of one day).

    ``DD = clip((Tmax + Tmin) / 2, base, upper) - base``: method 1 of [McMaster1997].

    Parameters
    ----------
    minimum, maximum : float64[...], deg C
        Not-a-number gives not-a-number.
    base : float, deg C
    upper : float | None, deg C

    Returns
    -------
    float64[...], deg C·d

    Raises
    ------
    WeatherError
        `upper` is not above `base`.

    Examples
    --------
    >>> mean_degree_days([2.0, 8.0, 25.0], [8.0, 20.0, 39.0], base=5.0, upper=30.0).tolist()
    [0.0, 9.0, 25.0]
    """
    _check(base, upper)
    mean = (np.asarray(minimum, np.float64) + np.asarray(maximum, np.float64)) / 2.0
    return np.asarray(np.clip(mean, base, upper) - base, np.float64)


def sine_degree_days(
    minimum: ArrayLike, maximum: ArrayLike, base: float, upper: float | None = None
) -> NDArray[np.float64]:
    """Tell degree days under a sine between the extremes.

    With mean M and amplitude A, above a threshold θ between the extremes:
    ``D(θ) = [(M - θ)(π/2 - φ) + A cos φ] / π``, ``sin φ = (θ - M) / A`` [Baskerville1969];
    with a horizontal cut-off ``D(base) - D(upper)`` [Zalom1983].

    Parameters
    ----------
    minimum, maximum : float64[...], deg C
        Not-a-number gives not-a-number.
    base : float, deg C
    upper : float | None, deg C

    Returns
    -------
    float64[...], deg C·d

    Raises
    ------
    WeatherError
        `upper` is not above `base`.

    Examples
    --------
    >>> sine_degree_days([2.0, 8.0, 25.0], [8.0, 20.0, 39.0], base=5.0, upper=30.0).round(2).tolist()
    [0.95, 9.0, 23.68]
    """
    return _between_thresholds(_above_sine, minimum, maximum, base, upper)


def triangle_degree_days(
    minimum: ArrayLike, maximum: ArrayLike, base: float, upper: float | None = None
) -> NDArray[np.float64]:
    """Tell degree days under a triangle between the extremes.

    Above a threshold θ between the extremes ``D(θ) = (Tmax - θ)² / (2 (Tmax - Tmin))`` [Lindsey1956]; with a
    horizontal cut-off ``D(base) - D(upper)`` [Zalom1983].

    Parameters
    ----------
    minimum, maximum : float64[...], deg C
        Not-a-number gives not-a-number.
    base : float, deg C
    upper : float | None, deg C

    Returns
    -------
    float64[...], deg C·d

    Raises
    ------
    WeatherError
        `upper` is not above `base`.

    Examples
    --------
    >>> triangle_degree_days([2.0, 8.0, 25.0], [8.0, 20.0, 39.0], base=5.0, upper=30.0).round(2).tolist()
    [0.75, 9.0, 24.11]
    """
    return _between_thresholds(_above_triangle, minimum, maximum, base, upper)


def accumulate(degree_days: NDArray[np.float64]) -> NDArray[np.float64]:
    """Add up degree days from the first day on (積算温度).

    Parameters
    ----------
    degree_days : float64[..., D], deg C·d
        A missing day leaves all later sums unknown: fill it first (`analytics.series.gaps`), so that
        somebody knows.

    Returns
    -------
    float64[..., D], deg C·d

    Examples
    --------
    >>> accumulate(np.array([1.0, 2.5, np.nan, 1.0])).tolist()
    [1.0, 3.5, nan, nan]
    """
    sums: NDArray[np.float64] = np.cumsum(degree_days, axis=-1)
    return sums


def _between_thresholds(
    above: Callable[[NDArray[np.float64], NDArray[np.float64], float], NDArray[np.float64]],
    minimum: ArrayLike,
    maximum: ArrayLike,
    base: float,
    upper: float | None,
) -> NDArray[np.float64]:
    _check(base, upper)
    low, high = np.asarray(minimum, np.float64), np.asarray(maximum, np.float64)
    warmth = above(low, high, base) - (0.0 if upper is None else above(low, high, upper))
    return np.where(np.isnan(low) | np.isnan(high), np.nan, warmth)


def _above_sine(low: NDArray[np.float64], high: NDArray[np.float64], threshold: float) -> NDArray[np.float64]:
    mean, amplitude = (low + high) / 2.0, (high - low) / 2.0
    swing = np.where(amplitude > 0, amplitude, 1.0)
    phi = np.arcsin(np.clip(threshold - mean, -swing, swing) / swing)
    crossed = ((mean - threshold) * (np.pi / 2 - phi) + amplitude * np.cos(phi)) / np.pi
    return np.where(low >= threshold, mean - threshold, np.where(high <= threshold, 0.0, crossed))


def _above_triangle(
    low: NDArray[np.float64], high: NDArray[np.float64], threshold: float
) -> NDArray[np.float64]:
    width = np.where(high > low, high - low, 1.0)
    crossed = np.clip(high - threshold, 0.0, width) ** 2 / (2.0 * width)
    return np.where(
        low >= threshold, (low + high) / 2.0 - threshold, np.where(high <= threshold, 0.0, crossed)
    )


def _check(base: float, upper: float | None) -> None:
    if upper is not None and not upper > base:
        raise WeatherError(f"the upper threshold {upper:g} deg C must be above the base {base:g} deg C")
