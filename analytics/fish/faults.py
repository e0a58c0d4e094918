"""A unit's faults, told from its frames: Hotelling's T² of averages that forget [Lowry1992].

The start period's covariance is shrunk towards equal variances by as much as its size calls for
[LedoitWolf2004]; the limit is that of a new observation, ``T² > p(n − 1)/(n − p)·F`` [Hotelling1947]. T² sees
that something moved, also against the others; it is named by the feature that is farthest from its own mean,
since that is what a person can look at.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import f as f_distribution

from analytics.fish.errors import ScoresError
from analytics.fish.images import FEATURES, TINY

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from analytics.fish.events import FloatArray

# Fewer clean frames make no start period.
LEAST_FRAMES = 50
# Weight of the newest frame: high, as a fault is to be told within two fish.
SMOOTHING = 0.5
# Frames from one false alarm to the next, at least, if features are normal.
FRAMES_PER_FALSE_ALARM = 5000.0
# Features that never moved in the start period are held to move by so much, in their transformed unit:
# assumed. 2 % for what is taken by its logarithm; for shares less than one line of 1000, as no line is dead
# by chance.
LEAST_SD = 0.02
LEAST_SD_OF_SHARES = 0.01
# Shares that are mostly 0 are taken by their square root, the rest by their logarithm.
SHARES = ("saturation", "dead_lines")
CAUSES = {
    "brightness": "gain",
    "contrast": "gain",
    "noise_floor": "gain",
    "saturation": "gain",
    "dead_lines": "dead scan lines",
    "sharpness_depth": "focus",
    "sharpness_across": "focus",
    "depth_gain": "gain over depth",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Clean:
    """What a unit's frames are like when it is sound.

    Attributes
    ----------
    mean, sd : float64[F]
        Of the transformed statistics.
    inverse : float64[F, F]
        Of the covariance of the standardised ones, shrunk.
    frames : int
    limit : float
        Of T².
    """

    mean: FloatArray
    sd: FloatArray
    inverse: FloatArray
    frames: int
    limit: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameWatch:
    """Where the chart of a unit's frames stands.

    Attributes
    ----------
    level : float64[F]
        Averages that forget, of the standardised statistics.
    seen : int
        Frames so far.
    alarmed : bool
    """

    level: FloatArray
    seen: int
    alarmed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Frames that are not what they were.

    Attributes
    ----------
    frame : int
        At which the chart alarmed; the first of the watch is 0.
    feature, cause : str
        What moved most, and what that usually comes from.
    side : int
        1 up, -1 down.
    size_sd : float
        How far the newest frame's is from the start period's mean, in its standard deviations.
    t2, limit : float
    others : tuple[str, …]
        Other features beyond their own limit, the farthest first.
    """

    frame: int
    feature: str
    cause: str
    side: int
    size_sd: float
    t2: float
    limit: float
    others: tuple[str, ...]


def learn_frames(statistics: ArrayLike, *, frames_per_false_alarm: float = FRAMES_PER_FALSE_ALARM) -> Clean:
    """Learn from the frames of a start period without faults.

    Parameters
    ----------
    statistics : float[n, F]
        Of `images.frame_statistics`.
    frames_per_false_alarm : float

    Raises
    ------
    ScoresError
        Too few frames, or statistics that are not finite.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> learn_frames(0.5 + 0.01 * rng.standard_normal((200, len(FEATURES)))).frames
    200
    """
    x = _transformed(statistics)
    n, size = x.shape
    if n < LEAST_FRAMES:
        raise ScoresError("statistics", f"a start period needs at least {LEAST_FRAMES} frames, not {n}")
    mean, sd = (
        x.mean(axis=0),
        np.maximum(x.std(axis=0), np.where(np.isin(FEATURES, SHARES), LEAST_SD_OF_SHARES, LEAST_SD)),
    )
    covariance = shrunk((x - mean) / sd)
    covariance += np.diag(np.maximum(1.0 - np.diag(covariance), 0.0))
    quantile = f_distribution.isf(1 / frames_per_false_alarm, size, n - size)
    return Clean(
        mean=mean,
        sd=sd,
        inverse=np.asarray(np.linalg.inv(covariance), np.float64),
        frames=n,
        limit=float(size * (n - 1) / (n - size) * quantile),
    )


def shrunk(centred: FloatArray) -> FloatArray:
    """Tell the covariance, shrunk towards equal variances [LedoitWolf2004].

    ``S* = (1 − s)S + s·tr(S)/p·I``, ``s = min(Σ_i ‖x_ix_iᵀ − S‖² / n², d²) / d²``, ``d² = ‖S − tr(S)/p·I‖²``

    Parameters
    ----------
    centred : float64[n, p]
        Of mean 0.

    Examples
    --------
    >>> shrunk(np.array([[1.0, 1.0], [-1.0, -1.0], [1.0, -1.0], [-1.0, 1.0]])).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    n, size = centred.shape
    covariance = centred.T @ centred / n
    target = np.trace(covariance) / size * np.eye(size)
    away = float(((covariance - target) ** 2).sum())
    noise = (float(((centred**2).sum(axis=1) ** 2).sum()) / n - float((covariance**2).sum())) / n
    share = min(noise, away) / away if away > 0 else 0.0
    return np.asarray((1 - share) * covariance + share * target)


def _transformed(statistics: ArrayLike) -> FloatArray:
    given = np.asarray(statistics, np.float64)
    if given.ndim != 2 or given.shape[1] != len(FEATURES) or not np.isfinite(given).all():  # noqa: PLR2004
        raise ScoresError(
            "statistics", f"need finite numbers of [frames, {len(FEATURES)}], not {list(given.shape)}"
        )
    share = np.isin(FEATURES, SHARES)
    return np.asarray(np.where(share, np.sqrt(np.maximum(given, 0.0)), np.log(np.maximum(given, TINY))))


def begin_frames() -> FrameWatch:
    """Begin to watch a unit's frames; begin again after somebody answered an alarm.

    Examples
    --------
    >>> begin_frames().seen
    0
    """
    return FrameWatch(level=np.zeros(len(FEATURES)), seen=0, alarmed=False)


def watch_frames(
    state: FrameWatch, clean: Clean, statistics: ArrayLike, *, smoothing: float = SMOOTHING
) -> tuple[FrameWatch, list[Fault]]:
    """Go on with a unit's next frames.

    Parameters
    ----------
    state : FrameWatch
    clean : Clean
    statistics : float[t, F]
    smoothing : float, 0…1
        Weight of the newest frame.

    Returns
    -------
    The next state, and at most one fault.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> usual = 0.5 + 0.01 * rng.standard_normal((201, len(FEATURES)))
    >>> usual[200, 0] = 0.8
    >>> _, (fault,) = watch_frames(begin_frames(), learn_frames(usual[:200]), usual[200:])
    >>> fault.frame, fault.feature, fault.side
    (0, 'brightness', 1)
    """
    faults: list[Fault] = []
    for row in (_transformed(statistics) - clean.mean) / clean.sd:
        level = (1 - smoothing) * state.level + smoothing * row
        seen = state.seen + 1
        spread = smoothing / (2 - smoothing) * (1 - (1 - smoothing) ** (2 * seen)) + 1 / clean.frames
        t2 = float(level @ clean.inverse @ level) / spread
        if t2 > clean.limit and not state.alarmed:
            faults.append(_fault(clean, level, row, t2=t2, frame=state.seen, spread=spread))
        state = replace(state, level=level, seen=seen, alarmed=state.alarmed or t2 > clean.limit)
    return state, faults


def _fault(
    clean: Clean, level: FloatArray, row: FloatArray, *, t2: float, frame: int, spread: float
) -> Fault:
    away = level / np.sqrt(spread)
    order = np.argsort(-np.abs(away))
    one = float(np.sqrt(f_distribution.isf(1 / FRAMES_PER_FALSE_ALARM, 1, clean.frames - 1)))
    return Fault(
        frame=frame,
        feature=FEATURES[order[0]],
        cause=CAUSES[FEATURES[order[0]]],
        side=int(np.sign(away[order[0]])),
        size_sd=float(row[order[0]]),
        t2=t2,
        limit=clean.limit,
        others=tuple(FEATURES[i] for i in order[1:] if abs(away[i]) > one),
    )
