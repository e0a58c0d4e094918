"""Logistic and Gompertz growth over calendar or thermal time, with their slopes in the parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

CURVES: Final = ("logistic", "gompertz")
# Beyond this the curves are flat to double precision, and exp() does not overflow.
_STEEPEST: Final = 50.0


def growth(curve: str, parameters: Floats, time: Floats) -> Floats:
    r"""Give the mass along a growth curve [Verhulst1838]_ [Winsor1932]_.

    .. math::

        \text{logistic: } m = \frac{A}{1 + e^{-k (t - t_m)}}, \qquad
        \text{Gompertz: } m = A e^{-e^{-k (t - t_m)}}

    Parameters
    ----------
    curve : str
        One of `CURVES`.
    parameters : float64[..., 3]
        ln A (A in the mass's unit), ln k (k per unit of time), t_m: the point of inflection, where the
        logistic has reached A/2 and the Gompertz curve A/e.
    time : float64[..., n], d or deg C d
        Since planting or emergence.

    Returns
    -------
    float64[..., n], the unit of A

    Examples
    --------
    >>> parameters = np.log([16.0, 0.1, 1.0]) + np.array([0.0, 0.0, 90.0])
    >>> growth("logistic", parameters, np.array([90.0, 1000.0])).round(9).tolist()
    [8.0, 16.0]
    >>> (growth("gompertz", parameters, np.array([90.0])) * np.e).round(9).tolist()
    [16.0]
    """
    return growth_and_slopes(curve, parameters, time)[0]


def growth_and_slopes(curve: str, parameters: Floats, time: Floats) -> tuple[Floats, Floats]:
    """Give `growth` and its derivatives by the three parameters.

    Parameters
    ----------
    curve, parameters, time
        As for `growth`.

    Returns
    -------
    mass : float64[..., n]
    slopes : float64[..., n, 3]

    Examples
    --------
    >>> mass, slopes = growth_and_slopes("logistic", np.array([0.0, 0.0, 0.0]), np.array([0.0]))
    >>> mass.tolist(), slopes.tolist()
    ([0.5], [[0.5, 0.0, -0.25]])
    """
    most, rate = np.exp(parameters[..., 0:1]), np.exp(parameters[..., 1:2])
    fall = np.clip(-rate * (time - parameters[..., 2:3]), -_STEEPEST, _STEEPEST)
    rest = np.exp(fall)
    if curve == "logistic":
        mass = most / (1.0 + rest)
        by_fall = -mass * rest / (1.0 + rest)
    elif curve == "gompertz":
        mass = most * np.exp(-rest)
        by_fall = -mass * rest
    else:
        raise ValueError(f"unknown curve {curve!r}: use one of {', '.join(CURVES)}")
    return mass, np.stack([mass, by_fall * fall, by_fall * rate], axis=-1)
