"""What a recipe asks to be done, and when that is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from analytics.farm.recipes.model import Recipe, Stage, Work

REMEMBER_D: Final = 30
"""Assumed: what was not done for a month is no longer asked for."""

Status = Literal["overdue", "due", "upcoming", "unknown"]
ORDER: tuple[Status, ...] = ("overdue", "due", "upcoming", "unknown")


@dataclass(frozen=True, slots=True, kw_only=True)
class StageDate:
    """When a BBCH code was or will be reached.

    Attributes
    ----------
    day : date
        Observed, or the median of the forecast.
    earliest, latest : date
        The interval of the forecast; `day` itself where observed.
    """

    bbch: float
    day: date
    earliest: date
    latest: date
    observed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A piece of work of a recipe on the calendar.

    Attributes
    ----------
    key : str
        ``stage/work``, unique in the recipe.
    status : "overdue" | "due" | "upcoming" | "unknown"
        Unknown where no date reaches so far.
    first, last : date | None
        When to do it, by the median of the forecast.
    earliest, latest : date | None
        The first day at the interval's begin and the last day at its end.
    observed : bool
        The dates rest on observed stages alone.
    """

    key: str
    stage: Stage
    work: Work
    status: Status
    first: date | None
    last: date | None
    earliest: date | None
    latest: date | None
    observed: bool


def next_work(
    recipe: Recipe, dates: Sequence[StageDate], today: date, *, done: Collection[str] = ()
) -> list[Task]:
    """List what is overdue, due and upcoming, in this order and by date.

    Between two dates the BBCH code is taken to rise steadily.

    Parameters
    ----------
    recipe : Recipe
    dates : Sequence[StageDate]
        Observed and forecast, in any order.
    today : date
    done : Collection[str]
        Keys of tasks that were done.

    Returns
    -------
    list[Task]
        Without those done, and without those whose last day is more than `REMEMBER_D` days ago.
    """
    in_order = sorted(dates, key=lambda known: known.bbch)
    tasks = [
        _task(stage, work, in_order, today)
        for stage in recipe.stages
        for work in stage.work
        if f"{stage.name}/{work.name}" not in done
    ]
    horizon = today - timedelta(days=REMEMBER_D)
    wanted = [task for task in tasks if task.last is None or task.last >= horizon]
    return sorted(wanted, key=lambda task: (ORDER.index(task.status), task.first or date.max))


def _task(stage: Stage, work: Work, dates: Sequence[StageDate], today: date) -> Task:
    anchor = {"start": stage.bbch_from, "end": stage.bbch_to}
    code = anchor[work.at] if isinstance(work.at, str) else work.at
    found = _date_of(code, dates)
    if found is None:
        first = last = earliest = latest = None
    else:
        before, after = timedelta(days=work.from_day), timedelta(days=work.to_day)
        first, last = found.day + before, found.day + after
        earliest, latest = found.earliest + before, found.latest + after
    return Task(
        key=f"{stage.name}/{work.name}",
        stage=stage,
        work=work,
        status=_status(first, last, today),
        first=first,
        last=last,
        earliest=earliest,
        latest=latest,
        observed=found is not None and found.observed,
    )


def _status(first: date | None, last: date | None, today: date) -> Status:
    if first is None or last is None:
        return "unknown"
    if last < today:
        return "overdue"
    return "due" if first <= today else "upcoming"


def _date_of(code: float, dates: Sequence[StageDate]) -> StageDate | None:
    codes = [known.bbch for known in dates]
    if not codes or not codes[0] <= code <= codes[-1]:
        return None
    after = int(np.searchsorted(codes, code))
    around = dates[max(after - 1, 0) if codes[after] != code else after : after + 1]
    day, earliest, latest = (
        date.fromordinal(round(float(np.interp(code, [known.bbch for known in around], ordinals))))
        for ordinals in (
            [known.day.toordinal() for known in around],
            [known.earliest.toordinal() for known in around],
            [known.latest.toordinal() for known in around],
        )
    )
    observed = all(known.observed for known in around)
    return StageDate(bbch=code, day=day, earliest=earliest, latest=latest, observed=observed)
