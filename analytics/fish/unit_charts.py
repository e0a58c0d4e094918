"""A unit's charts, kept between two looks: confidence of all fish, and mistakes among the checked ones.

Both learn in a start period what is usual, and go on with the fish that come after it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from analytics.fish import charts, drift
from analytics.fish.errors import ScoresError
from analytics.fish.run_lengths import bernoulli_limit, bernoulli_period
from analytics.fish.unit_result import ChartState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analytics.fish.confusion import WholeArray
    from analytics.fish.events import FloatArray

CONFIDENCE, MISTAKES = "confidence", "mistakes"
# Fish from which it is learnt how sure a unit usually is.
START_FISH = 2000
# Groups whose times are kept, to say since when something has moved.
KEPT_TIMES = 1000
# Checked fish from which it is learnt how often a unit usually errs.
START_CHECKS = 60
# A unit is held to err at least so often, and a bad one so many times as often: assumed.
LEAST_USUAL, TIMES_WORSE, MOST_BAD = 0.02, 2.5, 0.9
# Checked fish from one false alarm to the next.
CHECKS_PER_FALSE_ALARM = 400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """A chart that alarmed.

    Attributes
    ----------
    what : str
        ``confidence_down`` | ``confidence_up`` | ``mistakes_up``.
    cls : str
        Of fish called this class; empty: of all.
    size : float
        Mean change since then: in log-odds, or the share of mistakes.
    since, at : int, µs since 1970
        When the change seems to have begun, and the fish at which the chart alarmed.
    """

    what: str
    cls: str
    size: float
    since: int
    at: int


def begin_confidence(probabilities: FloatArray, names: Sequence[str]) -> dict[str, Any] | str:
    """Learn how sure a unit usually is; what is returned JSON can hold. A text says what is missing.

    Examples
    --------
    >>> begin_confidence(np.full((10, 2), 0.5), ["milt", "roe"])
    'a start period needs at least 1000 fish, not 10'
    """
    try:
        found = drift.baseline(probabilities, names)
    except ScoresError as error:
        return error.reason
    arrays = {name: getattr(found, name).tolist() for name in ("middle", "level", "spread", "variance")}
    return arrays | {"names": list(names), "fish": found.fish, "group": found.group, "limit": found.limit}


def _baseline(start: dict[str, Any]) -> drift.Baseline:
    arrays: dict[str, Any] = {
        name: np.array(start[name]) for name in ("middle", "level", "spread", "variance")
    }
    return drift.Baseline(
        names=tuple(start["names"]),
        **arrays,
        fish=int(start["fish"]),
        group=int(start["group"]),
        limit=float(start["limit"]),
    )


def watch_confidence(
    start: dict[str, Any], state: dict[str, Any] | None, probabilities: FloatArray, at: WholeArray
) -> tuple[dict[str, Any], list[Moved]]:
    """Go on with a unit's next fish.

    Parameters
    ----------
    start : dict
        Of `begin_confidence`.
    state : dict | None
        Of the last call; None at the begin.
    probabilities : float64[n, K]
        Corrected as those of the start period, in the order of the fish.
    at : int64[n], µs since 1970
    """
    usual = _baseline(start)
    kept = state or {
        "waiting": [],
        "waiting_at": [],
        "times": [],
        "charts": drift.begin(usual).charts.stored(),
    }
    waiting = np.array(kept["waiting"], np.float64).reshape(-1, len(usual.names))
    before = drift.Watch(charts=charts.read(kept["charts"]), waiting=waiting)
    after, found = drift.watch(before, usual, probabilities)
    every = np.concatenate([np.array(kept["waiting_at"], np.int64), at])
    groups = len(every) // usual.group
    times = [*kept["times"], *every[: groups * usual.group : usual.group].tolist()][-KEPT_TIMES:]
    seen = int(after.charts.seen.max())
    moved = [_confidence(one, usual.group, times, seen, every) for one in found]
    new = {
        "charts": after.charts.stored(),
        "waiting": after.waiting.tolist(),
        "waiting_at": every[groups * usual.group :].tolist(),
        "times": times,
    }
    return new, moved


def _confidence(found: drift.Drift, group: int, times: Sequence[int], seen: int, every: WholeArray) -> Moved:
    began = found.began_fish // group - (seen - len(times))
    at = found.at_fish - (seen - len(every) // group) * group
    return Moved(
        what="confidence_up" if found.side > 0 else "confidence_down",
        cls=found.called,
        size=found.size,
        since=int(times[max(began, 0)]),
        at=int(every[at]),
    )


def begin_mistakes(wrong: FloatArray) -> dict[str, Any] | str:
    """Learn how often a unit usually errs; what is returned JSON can hold. A text says what is missing.

    Examples
    --------
    >>> begin_mistakes(np.zeros(10))
    '60 checked fish that were chosen alike, not 10'
    >>> begin_mistakes(np.zeros(60))["usual"]
    0.02
    """
    if len(wrong) < START_CHECKS:
        return f"{START_CHECKS} checked fish that were chosen alike, not {len(wrong)}"
    usual = max(float(wrong[:START_CHECKS].mean()), LEAST_USUAL)
    period = bernoulli_period(usual, min(TIMES_WORSE * usual, (usual + MOST_BAD) / 2))
    limit = bernoulli_limit(usual, period, CHECKS_PER_FALSE_ALARM)
    return {"usual": usual, "period": period, "limit": limit, "fish": START_CHECKS}


def watch_mistakes(
    start: dict[str, Any], state: dict[str, Any] | None, wrong: FloatArray, at: WholeArray
) -> tuple[dict[str, Any], list[Moved]]:
    """Go on with a unit's next checked fish; as `watch_confidence`.

    Parameters
    ----------
    wrong : float64[n]
        1 for a fish that was called wrongly, else 0.
    at : int64[n], µs since 1970
    """
    kept = state or {"times": [], "charts": charts.new(1, sides=1).stored()}
    before = charts.read(kept["charts"])
    after, found = charts.mistakes(before, wrong[:, None], period=start["period"], limit=start["limit"])
    times = [*kept["times"], *at.tolist()][-KEPT_TIMES:]
    first = int(after.seen[0]) - len(times)
    moved = [
        Moved(
            what="mistakes_up",
            cls="",
            size=one.size,
            since=int(times[max(one.began - first, 0)]),
            at=int(times[max(one.at - first, 0)]),
        )
        for one in found
    ]
    return {"charts": after.stored(), "times": times}, moved


def chart_state(chart: str, start: dict[str, Any] | str, state: dict[str, Any] | None) -> ChartState:
    """Tell where a chart stands; a text instead of what is usual says what it waits for.

    Examples
    --------
    >>> chart_state("mistakes", "60 checked fish", None).waiting_for
    '60 checked fish'
    """
    run_length = drift.FISH_PER_FALSE_ALARM if chart == CONFIDENCE else CHECKS_PER_FALSE_ALARM
    waits = isinstance(start, str)
    stands = None if state is None else charts.read(state["charts"])
    size = start["group"] if not isinstance(start, str) and chart == CONFIDENCE else 1
    return ChartState(
        chart=chart,
        waiting_for=start if isinstance(start, str) else "",
        seen=0 if stands is None else int(stands.seen.max()) * size,
        start_fish=0 if isinstance(start, str) else int(start["fish"]),
        run_length=float(run_length),
        level=None if stands is None else float(stands.level.max()),
        limit=None if waits else float(start["limit"]),  # type: ignore[index]  # `waits` says so
    )
