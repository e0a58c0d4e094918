"""Deviations of a field from its recipe: when, how long, how deep."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from analytics.farm.recipes.score import Verdict
from analytics.farm.recipes.season import US_PER_H

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from analytics.farm.recipes.model import Channel, Stage
    from analytics.farm.recipes.score import Scores

BRIDGE_H: Final = 2
"""Assumed: an interruption of up to two hours does not end a deviation."""

Direction = Literal["low", "high"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Deviation:
    """A stretch of hours outside of the favourable range, in one direction, within one stage.

    Attributes
    ----------
    verdict : Verdict
        The worst of its hours.
    first, end : int, Unix time in µs
        Begin of its first hour and end of its last one.
    length_h : int
        From `first` to `end`, interruptions included.
    outside_h, harmful_h : int
        Hours that were outside, and those of them that were harmful.
    worst_value : float, the channel's canonical unit
    worst_depth, mean_depth : float, the channel's canonical unit
        How far outside of the favourable range, at the worst hour and on average while outside.
    integral : float, canonical unit times hours
        Depth summed over the hours outside (degree-hours for a temperature).
    relative_integral : float, h
        The same with relative depth, an hour without one counting 1: it compares quantities.
    """

    channel: Channel
    stage: Stage
    direction: Direction
    verdict: Verdict
    first: int
    end: int
    length_h: int
    outside_h: int
    harmful_h: int
    worst_value: float
    worst_depth: float
    mean_depth: float
    integral: float
    relative_integral: float


def find_deviations(scores: Scores, *, minimum_h: int = 1, bridge_h: int = BRIDGE_H) -> list[Deviation]:
    """List the deviations, the severest first.

    Hours on the same side of the favourable range belong together where not more than `bridge_h` hours
    between them are missing or favourable. An hour on the other side, one without a rule, or the next stage
    ends a deviation. Severer is what has a harmful hour; then, what has the greater `relative_integral`.

    Parameters
    ----------
    scores : Scores
    minimum_h : int
        Shorter ones, by `length_h`, are left out.
    bridge_h : int

    Returns
    -------
    list[Deviation]
    """
    found = [
        deviation
        for row in range(len(scores.channels))
        for direction in _directions()
        for deviation in _along(scores, row, direction, bridge_h)
        if deviation.length_h >= minimum_h
    ]
    return sorted(found, key=lambda d: (d.harmful_h == 0, -d.relative_integral, d.first))


def _directions() -> tuple[Direction, Direction]:
    return "low", "high"


def _along(scores: Scores, row: int, direction: Direction, bridge_h: int) -> Iterator[Deviation]:
    verdict = scores.verdict[row]
    sign = -1 if direction == "low" else 1
    level = np.where(verdict <= Verdict.HARMFUL_HIGH, verdict * sign, 0)
    index = np.flatnonzero(level > 0)
    if not len(index):
        return
    begins = _begins(index, level, verdict, scores.stage, bridge_h)
    depth, relative = scores.depth[row, index], np.nan_to_num(scores.relative[row, index], nan=1.0)
    sums = [np.add.reduceat(part, begins) for part in (depth, relative)]
    harmful = np.add.reduceat(level[index] == abs(Verdict.HARMFUL_HIGH), begins, dtype=np.int64)
    ends = np.append(begins[1:], len(index))
    for k, (i, j) in enumerate(zip(begins, ends, strict=True)):
        worst = int(index[i + int(np.argmax(depth[i:j]))])
        first, last = int(index[i]), int(index[j - 1])
        yield Deviation(
            channel=scores.channels[row],
            stage=scores.recipe.stages[scores.stage[first]],
            direction=direction,
            verdict=Verdict(sign * (2 if harmful[k] else 1)),
            first=scores.first + first * US_PER_H,
            end=scores.first + (last + 1) * US_PER_H,
            length_h=last + 1 - first,
            outside_h=int(j - i),
            harmful_h=int(harmful[k]),
            worst_value=float(scores.value[row, worst]),
            worst_depth=float(scores.depth[row, worst]),
            mean_depth=float(sums[0][k]) / int(j - i),
            integral=float(sums[0][k]),
            relative_integral=float(sums[1][k]),
        )


def _begins(
    index: NDArray[np.int64],
    level: NDArray[np.int8],
    verdict: NDArray[np.int8],
    stage: NDArray[np.int16],
    bridge_h: int,
) -> NDArray[np.int64]:
    """Places in `index` where a deviation begins."""
    ends_it = (level < 0) | (verdict == Verdict.NO_RULE)
    upto = np.cumsum(ends_it)[index]
    new = (np.diff(index) > bridge_h + 1) | (np.diff(upto) > 0) | (np.diff(stage[index]) != 0)
    return np.flatnonzero(np.concatenate([[True], new]))
