"""Whether a unit is as sure of its fish as it was: means of a few fish's `confidence` each, on CUSUMs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from analytics.fish import charts
from analytics.fish.confidence import (
    FISH_PER_FALSE_ALARM,
    GROUP,
    Baseline,
    baseline,
    limit_for,
    points,
    read,
)

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from analytics.fish.charts import State
    from analytics.fish.events import FloatArray

__all__ = [
    "FISH_PER_FALSE_ALARM",
    "GROUP",
    "Baseline",
    "Drift",
    "Watch",
    "baseline",
    "begin",
    "limit_for",
    "points",
    "read",
    "watch",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """Where a unit's charts stand.

    Attributes
    ----------
    charts : State
        Of the F statistics.
    waiting : float64[w, K]
        Probabilities of fish that do not fill a group yet.
    """

    charts: State
    waiting: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """A unit's confidence that is not what it was.

    Attributes
    ----------
    called : str
        Fish called this class, or empty for all.
    side : int
        -1: less sure than before; 1: surer.
    at_fish, began_fish : int
        Fish, counted from the start of the watch, at which the chart alarmed and since which it seems to be
        so.
    size : float
        Mean change of confidence since then, in log-odds over all fish.
    in_sd : float
        The same in standard deviations of a group's mean.
    """

    called: str
    side: int
    at_fish: int
    began_fish: int
    size: float
    in_sd: float


def begin(start: Baseline) -> Watch:
    """Begin to watch a unit.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> p = rng.beta(0.3, 0.3, 2000)
    >>> begin(baseline(np.stack([p, 1 - p], axis=1), ["milt", "roe"])).waiting.shape
    (0, 2)
    """
    return Watch(charts=charts.new(len(start.names) + 1), waiting=np.zeros((0, len(start.names))))


def watch(state: Watch, start: Baseline, probabilities: ArrayLike) -> tuple[Watch, list[Drift]]:
    """Go on with a unit's next fish.

    Parameters
    ----------
    state : Watch
    start : Baseline
    probabilities : float[n, K]
        Calibrated as those of the start period, in the order of the fish.

    Raises
    ------
    ScoresError
        As `events.log_odds`.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> two = lambda p: np.stack([p, 1 - p], axis=1)
    >>> start = baseline(two(rng.beta(0.3, 0.3, 20000)), ["milt", "roe"])
    >>> _, found = watch(begin(start), start, two(rng.beta(2.0, 2.0, 1000)))
    >>> sorted((one.called, one.side) for one in found)
    [('', -1), ('milt', -1), ('roe', -1)]
    """
    fish = np.concatenate(
        [state.waiting, np.asarray(probabilities, np.float64).reshape(-1, len(start.names))]
    )
    whole = len(fish) // start.group * start.group
    moved, alarms = charts.cusum(state.charts, points(start, fish[:whole]), limit=start.limit)
    found = [_drift(start, alarm) for alarm in alarms]
    return replace(state, charts=moved, waiting=fish[whole:]), found


def _drift(start: Baseline, alarm: charts.Alarm) -> Drift:
    of_group = float(np.sqrt(start.variance[alarm.chart] / start.group))
    return Drift(
        called=(*start.names, "")[alarm.chart],
        side=alarm.side,
        at_fish=(alarm.at + 1) * start.group - 1,
        began_fish=alarm.began * start.group,
        size=alarm.size * of_group,
        in_sd=alarm.size,
    )
