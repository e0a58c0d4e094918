"""How much likelier a fish's scores are in one class than in another: a curve with few parameters.

``log f_k(x) − log f_K(x) = η_k(x) − η_K(x)``, ``η_k = c_k + a·s_k + e·t(s_k) + d_k·s_k``, ``c_K = 0``

with the log-odds s of the unit's own probabilities and ``t(s) = 2·tanh(s/2)``. c and a are the bias and the
temperature of [Alexandari2020]; e bends the curve where a unit is too sure of itself, as the third parameter
of [Kull2017] does; d lets classes differ. Normal priors hold them near a unit that is right.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from analytics.fish.events import FloatArray

# Standard deviations of the parameters over units, on the scale of log-odds: assumed, wide against what
# 150 checked fish tell.
BIAS_SD = 2.0
SLOPE_SD = 1.0
BEND_SD = 1.0
CLASS_SLOPE_SD = 0.3
# How far a day may move slopes and bends beside biases: assumed.
SLOPE_PER_BIAS = 0.35


@dataclass(frozen=True, slots=True, kw_only=True)
class Gaussian:
    """A normal distribution of the parameters.

    Attributes
    ----------
    mean : float64[p]
    covariance : float64[p, p]
    """

    mean: FloatArray
    covariance: FloatArray


def design(scores: FloatArray) -> FloatArray:
    """Make the matrices that turn parameters into η.

    Parameters
    ----------
    scores : float64[B, K], log-odds

    Returns
    -------
    float64[B, K, p]
        ``η = design(scores) @ parameters``; p = 3 for two classes, 2K + 1 for more (with two, the classes'
        own slopes would say the same as the common one).

    Examples
    --------
    >>> design(np.zeros((4, 3))).shape
    (4, 3, 7)
    """
    cells, classes = scores.shape
    x = np.zeros((cells, classes, parameters(classes)))
    each = np.arange(classes)
    x[:, each[:-1], each[:-1]] = 1.0
    x[:, :, classes - 1] = scores
    x[:, :, classes] = 2.0 * np.tanh(scores / 2.0)
    if _own_slopes(classes):
        x[:, each, classes + 1 + each] = scores
    return x


def parameters(classes: int) -> int:
    """Count the parameters."""
    return classes + 1 + (classes if _own_slopes(classes) else 0)


def _own_slopes(classes: int) -> bool:
    return classes > 2  # noqa: PLR2004


def before_any_check(classes: int) -> Gaussian:
    """Tell what is held of a unit nobody ever checked: about right, whatever its training's prevalences.

    With K classes and log-odds against all others, a calibrated unit has a slope between 1/2 (two classes)
    and 1 (many).

    Examples
    --------
    >>> before_any_check(2).mean.tolist()
    [0.0, 0.5, 0.0]
    """
    mean = np.zeros(parameters(classes))
    mean[classes - 1] = (classes - 1) / classes
    return Gaussian(mean=mean, covariance=_spread(classes, BIAS_SD, SLOPE_SD, BEND_SD, CLASS_SLOPE_SD))


def between_days(classes: int) -> FloatArray:
    """Shape of the parameters' variance from day to day, for biases of standard deviation 1.

    Returns
    -------
    float64[p, p]
    """
    slope = SLOPE_PER_BIAS
    return _spread(classes, 1.0, slope, slope, slope)


def _spread(classes: int, bias: float, slope: float, bend: float, own: float) -> FloatArray:
    """Build a covariance in which no class is special although the last has no bias of its own."""
    size = parameters(classes)
    variance = np.concatenate(
        [np.zeros(classes - 1), [slope**2, bend**2], np.full(size - classes - 1, own**2)]
    )
    covariance = np.diag(variance)
    covariance[: classes - 1, : classes - 1] = bias**2 * (np.eye(classes - 1) + 1.0) / 2.0
    return covariance
