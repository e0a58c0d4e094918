"""How long a chart runs, on average, until it alarms: the number its limits are chosen by.

A standardised normal statistic is assumed for CUSUM and EWMA. Their run lengths obey an integral equation,
solved at Gauss's points; that of a CUSUM of yes and no is a Markov chain on a lattice, and exact
[BrookEvans1972].
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import solve_banded
from scipy.special import ndtr

from analytics.fish.errors import ScoresError

if TYPE_CHECKING:
    from analytics.fish.events import FloatArray

POINTS = 60
# Drifts nearer to 0 would divide 0 by 0.
NO_DRIFT = 1e-4
ROOT_TWO_PI = np.sqrt(2 * np.pi)


def _density(x: FloatArray) -> FloatArray:
    return np.asarray(np.exp(-0.5 * x**2) / ROOT_TWO_PI)


def _points(low: float, high: float) -> tuple[FloatArray, FloatArray]:
    at, weight = np.polynomial.legendre.leggauss(POINTS)
    half = (high - low) / 2
    return low + half * (at + 1), weight * half


def cusum_run_length(slack: float, limit: float, *, shift: float = 0.0) -> float:
    """Tell the mean run length of a one-sided CUSUM ``S ← max(0, S + z − k)`` from 0 to above h [Page1954].

    ``L(s) = 1 + L(0)·Φ(k − s − δ) + ∫₀ʰ L(y)·φ(y + k − s − δ) dy`` [GoelWu1971].

    Parameters
    ----------
    slack : float
        k, in standard deviations.
    limit : float
        h, in standard deviations.
    shift : float
        δ, of the mean, in standard deviations.

    Examples
    --------
    >>> round(cusum_run_length(0.5, 4.0), 1), round(cusum_run_length(0.5, 5.0, shift=1.0), 2)
    (335.4, 10.38)
    """
    at, weight = _points(0.0, limit)
    from_ = np.append(0.0, at)
    passed = np.empty((POINTS + 1, POINTS + 1))
    passed[:, 0] = ndtr(slack - shift - from_)
    passed[:, 1:] = _density(at[None, :] + slack - shift - from_[:, None]) * weight
    return float(np.linalg.solve(np.eye(POINTS + 1) - passed, np.ones(POINTS + 1))[0])


def two_sided_run_length(slack: float, limit: float, *, shift: float = 0.0) -> float:
    """Tell that of an upper and a lower CUSUM together, ``1/L = 1/L⁺ + 1/L⁻`` [VanDobbenDeBruyn1968].

    Examples
    --------
    >>> round(two_sided_run_length(0.5, 4.0), 1), round(two_sided_run_length(0.5, 5.0), 1)
    (167.7, 465.4)
    """
    up = cusum_run_length(slack, limit, shift=shift)
    down = cusum_run_length(slack, limit, shift=-shift)
    return 1 / (1 / up + 1 / down)


def rough_two_sided_run_length(slack: float, limit: float, shift: FloatArray) -> FloatArray:
    """Tell the same within 1 or 2 %, at once for many shifts and for any limit [Siegmund1985].

    One-sided ``L = (e^(−2Δb) + 2Δb − 1)/(2Δ²)``, ``Δ = δ − k``, ``b = h + 1.166``.

    Parameters
    ----------
    slack, limit : float
    shift : float64[n]

    Returns
    -------
    float64[n]

    Examples
    --------
    >>> rough_two_sided_run_length(0.5, 5.0, np.array([0.0, 1.0])).round(1).tolist()
    [469.1, 10.3]
    """
    beyond = limit + 1.166
    drift = np.stack([shift - slack, -shift - slack])
    drift = np.where(np.abs(drift) < NO_DRIFT, NO_DRIFT, drift)
    length = (np.expm1(-2 * drift * beyond) + 2 * drift * beyond) / (2 * drift**2)
    return np.asarray(1 / (1 / length).sum(axis=0))


def ewma_run_length(smoothing: float, limit: float, *, shift: float = 0.0) -> float:
    """Tell the mean run length of ``E ← (1 − λ)E + λz`` from 0 to beyond ``±L·√(λ/(2 − λ))`` [Crowder1987].

    Parameters
    ----------
    smoothing : float, 0…1
        λ.
    limit : float
        L, in standard deviations of E when it has run long.
    shift : float

    Examples
    --------
    >>> round(ewma_run_length(0.1, 2.703), 1)
    371.9
    """
    edge = limit * np.sqrt(smoothing / (2 - smoothing))
    at, weight = _points(-edge, edge)
    from_ = np.append(0.0, at)
    passed = np.zeros((POINTS + 1, POINTS + 1))
    step = (at[None, :] - (1 - smoothing) * from_[:, None]) / smoothing - shift
    passed[:, 1:] = _density(step) * weight / smoothing
    return float(np.linalg.solve(np.eye(POINTS + 1) - passed, np.ones(POINTS + 1))[0])


def bernoulli_period(usual: float, bad: float) -> int:
    """Tell m of a CUSUM of mistakes ``B ← max(0, B + x − 1/m)`` that tells a bad share from the usual one.

    ``1/m = −log((1 − p₁)/(1 − p₀)) / log(p₁(1 − p₀)/(p₀(1 − p₁)))``, m rounded to a whole number
    [ReynoldsStoumbos1999].

    Raises
    ------
    ScoresError
        Not 0 < usual < bad < 1.

    Examples
    --------
    >>> bernoulli_period(0.1, 0.25)
    6
    """
    if not 0 < usual < bad < 1:
        raise ScoresError("bad", f"need 0 < usual < bad < 1, not {usual} and {bad}")
    each = -np.log((1 - bad) / (1 - usual))
    return max(round(float(np.log(bad * (1 - usual) / (usual * (1 - bad))) / each)), 2)


def bernoulli_run_length(share: float, period: int, limit: int) -> float:
    """Tell how many checked fish a CUSUM of mistakes runs on average, from 0 until it is above ``limit/m``.

    Parameters
    ----------
    share : float, 0…1
        Of mistakes among the fish.
    period : int
        m of `bernoulli_period`.
    limit : int
        In units of 1/m.

    Examples
    --------
    >>> round(bernoulli_run_length(0.1, 6, 20), 1)
    846.8
    """
    size = limit + 1
    up = period - 1
    banded = np.zeros((up + 2, size))
    banded[up] = 1.0
    banded[up, 0] -= 1 - share
    banded[up + 1, :-1] = -(1 - share)
    if up < size:
        banded[0, up:] -= share
    return float(solve_banded((1, up), banded, np.ones(size))[0])


def bernoulli_limit(usual: float, period: int, run_length: float) -> int:
    """Find the smallest limit, in 1/m, at which a CUSUM of mistakes runs that long while nothing is wrong.

    Examples
    --------
    >>> limit = bernoulli_limit(0.1, 6, 400)
    >>> bernoulli_run_length(0.1, 6, limit - 1) < 400 <= bernoulli_run_length(0.1, 6, limit)
    True
    """
    high = period
    while bernoulli_run_length(usual, period, high) < run_length:
        high *= 2
    low = 0
    while high - low > 1:
        middle = (low + high) // 2
        enough = bernoulli_run_length(usual, period, middle) >= run_length
        low, high = (low, middle) if enough else (middle, high)
    return high
