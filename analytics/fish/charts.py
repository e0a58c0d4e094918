"""Control charts that go on from where they stopped: a state and values in, the next state and alarms out.

One state holds as many charts side by side as there are units or statistics. A value that is not-a-number is
no observation. A chart alarms once, and again only after `restarted`. An alarm says when the change seems to
have begun: for a CUSUM after it was last at 0 [Page1954], for an EWMA after it last changed its sign
[Nishina1992].
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike, NDArray

    from analytics.fish.confusion import WholeArray
    from analytics.fish.events import FloatArray

# Two-sided average run length 465.4 in control, 10.4 at a shift by one standard deviation (`run_lengths`).
SLACK = 0.5
CUSUM_LIMIT = 5.0
# Average run length 371.9 in control [LucasSaccucci1990].
SMOOTHING = 0.1
EWMA_LIMIT = 2.703


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """Where charts stand.

    Attributes
    ----------
    level : float64[S, U]
        Of each side (upper and lower, or one) of each of U charts.
    since, total : float64[S, U]
        Observations since the change seems to have begun, and the sum of their values.
    seen : int64[U]
        Observations so far.
    alarmed : bool[U]
        Alarms that were not answered yet.
    """

    level: FloatArray
    since: FloatArray
    total: FloatArray
    seen: WholeArray
    alarmed: NDArray[np.bool_]

    def stored(self) -> dict[str, list[object]]:
        """Give the state as JSON can hold it."""
        return {name: getattr(self, name).tolist() for name in self.__slots__}


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """A chart that crossed its limit.

    Attributes
    ----------
    chart : int
        Which of the charts side by side.
    side : int
        1 upwards, -1 downwards.
    at, began : int
        The observation at which it crossed, and the one with which the change seems to have begun; the first
        is 0.
    size : float
        Mean of the values since then.
    """

    chart: int
    side: int
    at: int
    began: int
    size: float


def new(charts: int, *, sides: int = 2) -> State:
    """Begin charts: CUSUMs have two sides, EWMAs and CUSUMs of mistakes one.

    Examples
    --------
    >>> new(3).level.shape
    (2, 3)
    """
    shape = (sides, charts)
    return State(
        level=np.zeros(shape),
        since=np.zeros(shape),
        total=np.zeros(shape),
        seen=np.zeros(charts, np.int64),
        alarmed=np.zeros(charts, bool),
    )


def read(stored: Mapping[str, ArrayLike]) -> State:
    """Read a state from what `State.stored` gave.

    Examples
    --------
    >>> read(new(1).stored()).seen.tolist()
    [0]
    """
    return State(
        level=np.asarray(stored["level"], np.float64),
        since=np.asarray(stored["since"], np.float64),
        total=np.asarray(stored["total"], np.float64),
        seen=np.asarray(stored["seen"], np.int64),
        alarmed=np.asarray(stored["alarmed"], bool),
    )


def restarted(state: State, charts: ArrayLike) -> State:
    """Set some charts back to 0, after somebody answered their alarm.

    Parameters
    ----------
    state : State
    charts : int[…]
        Their numbers.

    Examples
    --------
    >>> state, _ = cusum(new(1), np.full((9, 1), 3.0))
    >>> state.alarmed.tolist(), restarted(state, [0]).alarmed.tolist()
    ([True], [False])
    """
    level, since, total = state.level.copy(), state.since.copy(), state.total.copy()
    which, alarmed = np.asarray(charts, np.int64), state.alarmed.copy()
    level[:, which] = since[:, which] = total[:, which] = 0.0
    alarmed[which] = False
    return replace(state, level=level, since=since, total=total, alarmed=alarmed)


def cusum(
    state: State, values: FloatArray, *, slack: float = SLACK, limit: float = CUSUM_LIMIT
) -> tuple[State, list[Alarm]]:
    """Carry two-sided CUSUMs on, ``S ← max(0, S ± z − k)``, alarm above h [Page1954].

    Parameters
    ----------
    state : State
        Of two sides.
    values : float64[T, U]
        In standard deviations from what is usual.
    slack, limit : float
        k and h, in standard deviations.

    Examples
    --------
    >>> _, alarms = cusum(new(1), np.array([[0.0]] * 4 + [[2.0]] * 4))
    >>> alarms[0].began, alarms[0].at, alarms[0].side, alarms[0].size
    (4, 7, 1, 2.0)
    """
    there = np.isfinite(values)
    z = np.where(there, values, 0.0)
    steps = np.stack([z - slack, -z - slack])
    return _reflect(state, np.where(there, steps, 0.0), z, there, limit=limit, sides=(1, -1))


def mistakes(state: State, wrong: FloatArray, *, period: int, limit: int) -> tuple[State, list[Alarm]]:
    """Carry CUSUMs of mistakes on, ``B ← max(0, B + x − 1/m)`` [ReynoldsStoumbos1999].

    It alarms above ``limit/m``. Only fish that were chosen with the same chance belong on one chart.

    Parameters
    ----------
    state : State
        Of one side.
    wrong : float64[T, U]
        1 for a checked fish that was called wrongly, 0 for one called rightly.
    period, limit : int
        m and the limit, of `run_lengths.bernoulli_period` and `run_lengths.bernoulli_limit`.

    Examples
    --------
    >>> _, alarms = mistakes(new(1, sides=1), np.array([[0.0], [1.0], [1.0]]), period=6, limit=8)
    >>> alarms[0].began, alarms[0].at, alarms[0].size
    (1, 2, 1.0)
    """
    there = np.isfinite(wrong)
    x = np.where(there, wrong, 0.0)
    steps = np.where(there, x * period - 1.0, 0.0)[None]
    return _reflect(state, steps, x, there, limit=limit, sides=(1,))


def unexpected_mistakes(
    state: State, wrong: FloatArray, expected: FloatArray, *, odds_ratio: float, limit: float
) -> tuple[State, list[Alarm]]:
    """Carry CUSUMs of unexpected mistakes on, ``S ← max(0, S + x·log R − log(1 − e + R·e))`` [Steiner2000].

    What counts is whether there are more mistakes than such fish let expect: fish may be chosen by their
    scores, and classes of which one is harder may change their shares.

    Parameters
    ----------
    state : State
        Of one side.
    wrong : float64[T, U]
        1 for a checked fish that was called wrongly, 0 for one called rightly.
    expected : float64[T, U], 0…1
        e: chance of a mistake before the fish was checked, one minus its calibrated probability.
    odds_ratio : float
        R: by how much the odds of a mistake grow in a unit that is to be told.
    limit : float
        Of `risk_adjusted.limit_for`.

    Returns
    -------
    The next state and alarms; an alarm's size is the mean of mistakes less those expected.

    Examples
    --------
    >>> wrong = np.array([[0.0], [1.0], [1.0], [1.0]])
    >>> few = np.full((4, 1), 0.1)
    >>> _, alarms = unexpected_mistakes(new(1, sides=1), wrong, few, odds_ratio=2.0, limit=1.5)
    >>> alarms[0].began, alarms[0].at, round(alarms[0].size, 2)
    (1, 3, 0.9)
    """
    there = np.isfinite(wrong) & np.isfinite(expected)
    x, e = np.where(there, wrong, 0.0), np.where(there, expected, 0.0)
    steps = np.where(there, x * np.log(odds_ratio) - np.log1p(e * (odds_ratio - 1)), 0.0)[None]
    return _reflect(state, steps, x - e, there, limit=limit, sides=(1,))


def ewma(
    state: State, values: FloatArray, *, smoothing: float = SMOOTHING, limit: float = EWMA_LIMIT
) -> tuple[State, list[Alarm]]:
    """Carry EWMAs on, ``E ← (1 − λ)E + λz``, alarm beyond ``±L·√(λ/(2 − λ))`` [Roberts1959].

    Parameters
    ----------
    state : State
        Of one side.
    values : float64[T, U]
        In standard deviations from what is usual.
    smoothing, limit : float
        λ and L.

    Examples
    --------
    >>> _, alarms = ewma(new(1, sides=1), np.array([[0.5]] * 3 + [[-2.0]] * 9))
    >>> alarms[0].side, alarms[0].began
    (-1, 3)
    """
    edge = limit * np.sqrt(smoothing / (2 - smoothing))
    level, since, total = state.level[0], state.since[0], state.total[0]
    seen, alarmed, alarms = state.seen.copy(), state.alarmed.copy(), []
    for row in values:
        there = np.isfinite(row)
        z = np.where(there, row, 0.0)
        before = level
        level = np.where(there, (1 - smoothing) * level + smoothing * z, level)
        turned = there & (np.sign(level) != np.sign(before))
        since = np.where(turned, 0.0, since) + there
        total = np.where(turned, 0.0, total) + z
        crossed = there & ~alarmed & (np.abs(level) > edge)
        alarms += [
            _alarm(int(chart), int(np.sign(level[chart])), seen, since, total)
            for chart in np.flatnonzero(crossed)
        ]
        alarmed |= crossed
        seen = seen + there
    return State(level=level[None], since=since[None], total=total[None], seen=seen, alarmed=alarmed), alarms


def _alarm(chart: int, side: int, at: WholeArray, since: FloatArray, total: FloatArray) -> Alarm:
    return Alarm(
        chart=chart,
        side=side,
        at=int(at[chart]),
        began=int(at[chart] + 1 - since[chart]),
        size=float(total[chart] / max(since[chart], 1.0)),
    )


def _reflect(
    state: State,
    steps: FloatArray,
    values: FloatArray,
    there: NDArray[np.bool_],
    *,
    limit: float,
    sides: tuple[int, ...],
) -> tuple[State, list[Alarm]]:
    """Carry sums that do not fall below 0 on, all at once: ``S_t = C_t − min(−S_0, min_{s ≤ t} C_s)``."""
    if not len(values):
        return state, []
    run = np.cumsum(steps, axis=1)
    floor = np.minimum(np.minimum.accumulate(run, axis=1), -state.level[:, None, :])
    level = run - floor
    time = np.arange(len(values))[None, :, None]
    zero = np.maximum.accumulate(np.where((level <= 0) & there, time, -1), axis=1)
    number, sums = np.cumsum(there, axis=0), np.cumsum(values, axis=0)
    since, total = (
        _since(cumulative, zero, earlier)
        for cumulative, earlier in ((number.astype(np.float64), state.since), (sums, state.total))
    )
    crossed = (level > limit) & ~state.alarmed
    alarms = []
    for chart in np.flatnonzero(crossed.any(axis=(0, 1))):
        at = int(crossed[:, :, chart].any(axis=0).argmax())
        side = int(crossed[:, at, chart].argmax())
        position = state.seen + number[at] - 1
        alarms.append(_alarm(int(chart), sides[side], position, since[side, at], total[side, at]))
    last = State(
        level=level[:, -1],
        since=since[:, -1],
        total=total[:, -1],
        seen=state.seen + number[-1],
        alarmed=state.alarmed | crossed.any(axis=(0, 1)),
    )
    return last, alarms


def _since(cumulative: FloatArray, zero: WholeArray, earlier: FloatArray) -> FloatArray:
    """Add up from after each chart's last zero, or from before this batch where there was none."""
    padded = np.concatenate([np.zeros((1, cumulative.shape[1])), cumulative])
    at_zero = np.stack([np.take_along_axis(padded, side + 1, axis=0) for side in zero])
    return np.asarray(cumulative[None] - at_zero + np.where(zero < 0, earlier[:, None, :], 0.0))
