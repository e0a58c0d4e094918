"""How good forecasts were: errors, the continuous ranked probability score, coverage, skill.

Errors are forecast less observed: positive is too late. What belongs to one season rises and falls together,
so that skill is judged by drawing whole seasons.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.special import ndtr

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

LEAST_CLUSTERS: Final = 3
"""Seasons (or environments) below which nothing is said about skill."""
ENOUGH_CLUSTERS: Final = 8
"""From which on an advantage that is not sure counts as none; with fewer it may yet come out. Assumed."""
DRAWS: Final = 1000
LEVEL: Final = 0.9
"""Of the interval of the skill: five in a hundred on either side."""


class Verdict(StrEnum):
    """What may be said of a forecast against the naive one."""

    SKILL = "skill"
    NO_SKILL = "no skill"
    NOT_ENOUGH_SEASONS = "not enough seasons"


@dataclass(frozen=True, slots=True, kw_only=True)
class Skill:
    """Share of the naive forecast's mean squared error that is saved.

    Attributes
    ----------
    value, low, high : float | None, 1
        Negative: worse than naive. The bounds hold `LEVEL` of the draws of whole seasons.
    clusters : int
        Seasons it rests on.
    """

    verdict: Verdict
    value: float | None
    low: float | None
    high: float | None
    clusters: int


def rmse(error: Floats) -> float:
    """Root mean square of errors.

    Examples
    --------
    >>> rmse(np.array([3.0, -4.0]))
    3.5355339059327378
    """
    return float(np.sqrt(np.mean(np.square(error))))


def mae(error: Floats) -> float:
    """Mean of the errors' sizes.

    Examples
    --------
    >>> mae(np.array([3.0, -4.0]))
    3.5
    """
    return float(np.mean(np.abs(error)))


def bias(error: Floats) -> float:
    """Mean error; positive is too late.

    Examples
    --------
    >>> bias(np.array([3.0, -4.0]))
    -0.5
    """
    return float(np.mean(error))


def coverage(observed: Floats, lower: Floats, upper: Floats) -> float:
    """Share of observations inside their intervals, bounds included.

    Examples
    --------
    >>> coverage(np.array([1.0, 5.0]), np.array([0.0, 0.0]), np.array([2.0, 2.0]))
    0.5
    """
    return float(np.mean((observed >= lower) & (observed <= upper)))


def crps_ensemble(members: Floats, observed: Floats) -> Floats:
    r"""Continuous ranked probability score of members that count the same.

    .. math:: \overline{|x_i - y|} - \tfrac12 \overline{|x_i - x_j|}

    [Gneiting2007].

    Parameters
    ----------
    members : float64[..., M]
    observed : float64[...]

    Returns
    -------
    float64[...], in the members' unit; 0 is perfect.

    Examples
    --------
    >>> crps_ensemble(np.array([[1.0, 3.0]]), np.array([2.0])).tolist()
    [0.5]
    """
    to_truth = np.abs(members - observed[..., None]).mean(axis=-1)
    apart = np.abs(members[..., :, None] - members[..., None, :]).mean(axis=(-2, -1))
    return np.asarray(to_truth - 0.5 * apart)


def crps_gaussian(mean: Floats, sd: Floats, observed: Floats) -> Floats:
    r"""Continuous ranked probability score of a normal distribution [Gneiting2007].

    .. math:: \sigma \{ z [2 \Phi(z) - 1] + 2 \varphi(z) - \pi^{-1/2} \},
        \quad z = (y - \mu) / \sigma

    Examples
    --------
    >>> crps_gaussian(np.array([0.0]), np.array([1.0]), np.array([0.0])).round(4).tolist()
    [0.2337]
    """
    return crps_mixture(mean[..., None], sd, observed)


def crps_mixture(members: Floats, sd: Floats, observed: Floats) -> Floats:
    r"""Continuous ranked probability score of an equal mixture of normals with one spread [Grimit2006].

    .. math:: \overline{A(y - x_i, \sigma)} - \tfrac12 \overline{A(x_i - x_j, \sqrt2 \sigma)}

    with :math:`A(d, s) = 2 s \varphi(d/s) + d (2 \Phi(d/s) - 1)`, the mean size of a normal variable.

    Parameters
    ----------
    members : float64[..., M]
        Centres.
    sd : float64[...]
        Above 0.
    observed : float64[...]

    Examples
    --------
    >>> crps_mixture(np.array([[1.0, 3.0]]), np.array([1e-9]), np.array([2.0])).round(6).tolist()
    [0.5]
    """
    to_truth = _mean_size(observed[..., None] - members, sd[..., None]).mean(axis=-1)
    between = members[..., :, None] - members[..., None, :]
    apart = _mean_size(between, np.sqrt(2.0) * sd[..., None, None]).mean(axis=(-2, -1))
    return np.asarray(to_truth - 0.5 * apart)


def _mean_size(mean: Floats, sd: Floats) -> Floats:
    z = mean / sd
    density = np.exp(-0.5 * z**2) / np.sqrt(2.0 * np.pi)
    return np.asarray(2.0 * sd * density + mean * (2.0 * ndtr(z) - 1.0))


def judge_skill(error: Floats, naive_error: Floats, cluster: NDArray[np.int64], *, seed: int = 0) -> Skill:
    r"""Compare mean squared errors, and draw whole clusters to tell how sure that is [Efron1993].

    .. math:: S = 1 - \overline{e^2} / \overline{e_0^2}

    There is skill where the lower bound is above 0: where fewer than one draw in twenty came out against it.

    Parameters
    ----------
    error, naive_error : float64[n]
        Of the same cases.
    cluster : int64[n]
        Season or environment of each.

    Examples
    --------
    >>> year = np.repeat(np.arange(8), 5)
    >>> naive = np.random.default_rng(0).normal(0.0, 8.0, 40)
    >>> judge_skill(naive / 3, naive, year).verdict.value, judge_skill(naive * 1.1, naive, year).verdict.value
    ('skill', 'no skill')
    >>> judge_skill(naive[:10], naive[:10], year[:10]).verdict.value
    'not enough seasons'
    """
    names, place = np.unique(cluster, return_inverse=True)
    count = len(names)
    if count < LEAST_CLUSTERS or not np.any(naive_error):
        return Skill(verdict=Verdict.NOT_ENOUGH_SEASONS, value=None, low=None, high=None, clusters=count)
    ours, naive = (np.bincount(place, np.square(each), count) for each in (error, naive_error))
    drawn = (
        np.random.default_rng(seed).multinomial(count, np.full(count, 1.0 / count), DRAWS).astype(np.float64)
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        skills = 1.0 - (drawn @ ours) / (drawn @ naive)
    low, high = np.nanquantile(skills, [0.5 - LEVEL / 2, 0.5 + LEVEL / 2])
    value = 1.0 - float(ours.sum() / naive.sum())
    verdict = Verdict.SKILL if low > 0 else Verdict.NO_SKILL
    if value > 0 >= low and count < ENOUGH_CLUSTERS:
        verdict = Verdict.NOT_ENOUGH_SEASONS
    return Skill(verdict=verdict, value=value, low=float(low), high=float(high), clusters=count)
