"""Intervals of dates: an ensemble's members, widened by the model's own error and held to what they promise.

A date is forecast as an equal mixture of normals, one about each member. Members that do not reach a stage
count as later than any day.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.special import ndtr

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Whole = NDArray[np.int64]

LEVELS: Final = (0.5, 0.8, 0.95)
_HALVINGS: Final = 40
"""Of a span of a thousand days: to a millionth of a second."""
_REACH: Final = 6.0
"""Standard deviations beyond which a normal holds nothing that matters."""
PRIOR_SEASONS: Final = 2.0
"""Seasons that the model's own spread weighs against those observed. Assumed."""


def mixture_quantiles(members: Floats, sd: Floats, chances: Sequence[float] | Floats) -> Floats:
    """Find the days before which a stage comes with given chances.

    Parameters
    ----------
    members : float64[n, M], d
        Not-a-number where a member does not reach the stage.
    sd : float64[n], d
        Of the model's own error, above 0.
    chances : Q of them, 0…1

    Returns
    -------
    float64[n, Q], d
        Not-a-number where too many members do not reach the stage.

    Examples
    --------
    >>> mixture_quantiles(np.array([[10.0, 12.0]]), np.array([1.0]), [0.5]).round(3).tolist()
    [[11.0]]
    >>> mixture_quantiles(np.array([[10.0, np.nan]]), np.array([1.0]), [0.2, 0.9]).round(1).tolist()
    [[9.7, nan]]
    """
    wanted = np.asarray(chances, np.float64)
    reached = np.isfinite(members)
    centre = np.where(reached, members, 0.0)
    share = reached.mean(axis=1)
    with np.errstate(invalid="ignore"):
        low = np.where(reached, members, np.inf).min(axis=1) - _REACH * sd
        high = np.where(reached, members, -np.inf).max(axis=1) + _REACH * sd
    low, high = (np.repeat(edge[:, None], len(wanted), axis=1) for edge in (low, high))
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        below = _chance(centre, reached, sd, middle) < wanted
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return np.where(wanted < share[:, None], (low + high) / 2, np.nan)


def _chance(centre: Floats, reached: NDArray[np.bool_], sd: Floats, day: Floats) -> Floats:
    with np.errstate(invalid="ignore"):
        z = (day[:, :, None] - centre[:, None, :]) / sd[:, None, None]
    return np.asarray(np.where(reached[:, None, :], ndtr(np.nan_to_num(z)), 0.0).mean(axis=2))


def never_reached(members: Floats) -> Floats:
    """Give the share of members that do not reach the stage: float64[n], 0…1.

    Examples
    --------
    >>> never_reached(np.array([[10.0, np.nan]])).tolist()
    [0.5]
    """
    return np.asarray(np.isnan(members).mean(axis=-1))


def widen(members: Floats, scale: Floats) -> Floats:
    """Spread members from their mean by a scale: float64[n, M]; those that are late beyond any day stay so.

    Examples
    --------
    >>> widen(np.array([[10.0, 12.0]]), np.array([2.0])).tolist()
    [[9.0, 13.0]]
    """
    centre = member_mean(members)[:, None]
    return np.asarray(centre + (members - centre) * scale[:, None])


def member_mean(members: Floats) -> Floats:
    """Average the members that reach the stage: float64[n], not-a-number where none does.

    Examples
    --------
    >>> member_mean(np.array([[10.0, 12.0, np.nan], [np.nan, np.nan, np.nan]])).tolist()
    [11.0, nan]
    """
    reached = np.isfinite(members)
    count = reached.sum(axis=1)
    total = np.where(reached, members, 0.0).sum(axis=1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def conformal_scale(deviation: Floats, cluster: Whole, *, level: float = 0.8) -> float:
    """Find by how much intervals must be widened to hold what they promise, as past clusters tell.

    Within a season all forecasts miss to the same side: each must have been made without its own season, so
    that the quantile of the deviations is one of seasons not seen, as in the next one [Barber2021],
    [Dunn2023]. Few seasons tell little: the scale is drawn towards 1 as if `PRIOR_SEASONS` had said so.

    Parameters
    ----------
    deviation : float64[n], 1
        How far each forecast missed, in half-widths of its own interval: 1 is on the bound.
    cluster : int64[n]
        Season of each; its forecast must not have been made with it.
    level : float

    Returns
    -------
    float
        1 where there are no deviations.

    Examples
    --------
    >>> conformal_scale(np.linspace(0.0, 2.0, 2001), np.arange(2001)).__round__(2)
    1.6
    """
    kept = np.isfinite(deviation)
    if not kept.any():
        return 1.0
    seasons = len(np.unique(cluster[kept]))
    found = float(np.quantile(np.abs(deviation[kept]), level))
    return float(found ** (seasons / (seasons + PRIOR_SEASONS)))
