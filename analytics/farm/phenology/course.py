"""A phase's course over the days: sums of development by weather row, and the day on which a sum is reached.

Without vernalisation a day's development does not depend on the planting: one sum per weather row serves
all plantings there, and a stage is found by bisection. While a crop still waits for cold, its course depends
on the day on which it began, and is walked day by day; from the day on which it has had enough, the sums
serve again.

Arrays that belong to plantings are flat: float64[n], n = plantings x members. Days are whole: development of
day d counts from the start of day d + 1 on.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from analytics.farm.phenology.stage_models import MODELS, is_vernalised, rate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from analytics.farm.phenology.crop import Phase

    Floats = NDArray[np.float64]
    Whole = NDArray[np.int64]


# While walking, those that wait no more are dropped as soon as they are more than one in so many.
RELEASE = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """Daily weather of a block's rows (site x member); where it is missing, 0 deg C, and `gap` knows."""

    temperature: Floats
    daylength_h: Floats | None
    gap: Whole | None

    @property
    def days(self) -> int:
        """Number of days D."""
        return int(self.temperature.shape[-1])

    @property
    def width(self) -> int:
        """Length of one row of sums: one more than days."""
        return self.days + 1

    def still(self, daily: Floats) -> Floats:
        """Set to 0 what was computed for days without weather."""
        if self.gap is not None:
            gap = self.gap.reshape(*self.temperature.shape[:-1], self.width)
            daily[gap[..., :-1] == np.arange(self.days)] = 0.0
        return daily


def lay_ground(tmin: Floats, tmax: Floats, daylength_h: Floats | None) -> Ground:
    """Make a block's weather.

    Parameters
    ----------
    tmin, tmax : float64[U, M, D], deg C
    daylength_h : float64[U | 1, D], h, or None
    """
    temperature = tmin + tmax
    temperature *= 0.5
    light = None if daylength_h is None else daylength_h[:, None, :]
    # The least of numbers with a NaN among them is NaN.
    if not np.isnan(temperature.min(initial=0.0) + (0.0 if light is None else light.min(initial=0.0))):
        return Ground(temperature=temperature, daylength_h=light, gap=None)
    missing = np.isnan(temperature)
    if light is not None:
        missing |= np.isnan(light)
        light = np.nan_to_num(light)
    temperature[missing] = 0.0
    gap = _next_gap(missing.reshape(-1, missing.shape[-1]))
    return Ground(temperature=temperature, daylength_h=light, gap=gap)


def _next_gap(missing: NDArray[np.bool_]) -> Whole:
    """Give for each day the next day without weather, the axis' length where there is none."""
    rows, days = missing.shape
    gap = np.full((rows, days + 1), days, dtype=np.int64)
    gap[:, :-1][missing] = np.nonzero(missing)[1]
    return np.minimum.accumulate(gap[:, ::-1], axis=1)[:, ::-1].ravel()


@dataclass(slots=True, kw_only=True)
class Position:
    """Where each planting stands when a phase begins."""

    row: Whole  # of the block's weather
    begin: Whole  # first day that counts, the axis' length for none
    grown: Floats  # development so far
    cold: Floats  # vernalisation days so far


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """When each planting reaches the targets of a phase.

    `day` float64[T, n] is fractional, NaN where not reached; `after` int64[T, n] the first whole day
    after it; `watched` float64[n] the development at the start of a day asked for.
    """

    day: Floats
    after: Whole
    watched: Floats | None


class Track:
    """Sums of one response to temperature and day length, over the rows of a block; phases may share it."""

    def __init__(self, phase: Phase, ground: Ground) -> None:
        daily = rate(MODELS[phase.model], phase.values(), ground.temperature, ground.daylength_h)
        rows = ground.still(daily).reshape(-1, ground.days)
        sums = np.zeros((len(rows), ground.width))
        np.cumsum(rows, axis=1, out=sums[:, 1:])
        # Rows that are further apart than any row rises stand in one line: a single search serves all.
        self.step = float(sums[:, -1].max(initial=0.0)) + 1.0
        self.line = (sums + self.step * np.arange(len(rows))[:, None]).ravel()
        self.daily, self.sum = rows.ravel(), sums.ravel()

    def search(self, position: Position, target: Floats, width: int) -> tuple[Floats, Whole]:
        """Find the fractional day on which a target is reached, NaN for none, and the whole day after it."""
        base = position.row * width
        since = base + position.begin
        aim = self.sum[since] + (target - position.grown)
        last = base + width - 1
        place = np.searchsorted(self.line, aim + self.step * position.row)
        place = np.minimum(np.maximum(place, since + 1), last)
        # In the line sums are rounded: the row itself decides, so that its neighbours cannot change a tie.
        place -= (self.sum[place - 1] >= aim) & (place - 1 > since)
        place += (self.sum[place] < aim) & (place < last)
        low, high = self.sum[place - 1], self.sum[place]
        found = (high >= aim) & (place > since)
        with np.errstate(divide="ignore", invalid="ignore"):
            share = np.clip((aim - low) / (high - low), 0.0, 1.0)
        after = np.where(found, place - base, width - 1)
        return np.where(found, after - 1 + share, np.nan), after


@dataclass(slots=True, kw_only=True)
class Waiting:
    """Those that still wait for cold: `who`, `at` which of all rows' days, where their row's `stop`."""

    who: Whole
    at: Whole
    stop: Whole
    grown: Floats
    cold: Floats
    limit: Floats
    ahead: Floats
    waits: NDArray[np.bool_]

    def only(self, which: NDArray[np.bool_]) -> Waiting:
        """Give some of them."""
        return Waiting(
            who=self.who[which],
            at=self.at[which],
            stop=self.stop[which],
            grown=self.grown[which],
            cold=self.cold[which],
            limit=self.limit[which],
            ahead=self.ahead[which],
            waits=self.waits[which],
        )


class Course:
    """One phase over the weather of a block."""

    def __init__(self, phase: Phase, ground: Ground, track: Track) -> None:
        self._model = MODELS[phase.model]
        self._values: Mapping[str, float] = phase.values()
        self._ground = ground
        self._track = track

    @cached_property
    def _cold(self) -> Floats:
        """Vernalisation days of each day of each row."""
        return self._ground.still(self._model.cold(self._ground.temperature, self._values)).ravel()

    def cold_between(self, row: Whole, since: Whole, until: Whole) -> Floats:
        """Give vernalisation days from the start of one day to that of another, 0 if it is not later."""
        if not is_vernalised(self._values):
            return np.zeros(row.size)
        days, width = self._ground.days, self._ground.width
        sums = np.zeros((self._cold.size // days, width))
        np.cumsum(self._cold.reshape(-1, days), axis=1, out=sums[:, 1:])
        return np.asarray(np.maximum(sums[row, until] - sums[row, since], 0.0))

    def follow(self, position: Position, length: Floats, shares: Floats, watch: Whole | None) -> Passage:
        """Find when each planting has grown to each share of the phase's length.

        Parameters
        ----------
        length : float64[n]
        shares : float64[T], rising
        watch : int64[n] or None
            Days at whose start the development is wanted.
        """
        targets = shares[:, None] * length
        passage = Passage(
            day=np.full(targets.shape, np.nan),
            after=np.full(targets.shape, self._ground.days, dtype=np.int64),
            watched=None if watch is None else position.grown.copy(),
        )
        if is_vernalised(self._values):
            position = self._wait(position, length, targets, passage, watch)
        for target, day, after in zip(targets, passage.day, passage.after, strict=True):
            open_ = np.isnan(day) & (target > position.grown)
            found = self._track.search(position, target, self._ground.width)
            np.copyto(day, found[0], where=open_)
            np.copyto(after, found[1], where=open_)
        if watch is not None:
            self._watch(position, passage, watch)
        return passage

    def _watch(self, position: Position, passage: Passage, watch: Whole) -> None:
        assert passage.watched is not None
        base, sums = position.row * self._ground.width, self._track.sum
        grown = position.grown + sums[base + watch] - sums[base + position.begin]
        np.copyto(passage.watched, grown, where=watch >= position.begin)

    def _wait(
        self, start: Position, length: Floats, targets: Floats, passage: Passage, watch: Whole | None
    ) -> Position:
        """Walk day by day until every planting has had its cold; give where they stand then."""
        found = replace(start, begin=start.begin.copy(), grown=start.grown.copy())
        here, left = self._gather(start, length, targets), 0
        while here.who.size:
            factor = self._model.vernalised(here.cold, self._values)
            free = here.waits & ((factor >= 1.0) | (here.grown >= here.limit))
            if left <= 0:
                free |= here.waits & (here.at >= here.stop)
            self._release(here, np.flatnonzero(free), found)
            if left <= 0 or np.count_nonzero(here.waits) * RELEASE < here.waits.size * (RELEASE - 1):
                here, factor = here.only(here.waits), factor[here.waits]
                left = int((here.stop - here.at).min(initial=self._ground.days))
            if watch is not None and passage.watched is not None:
                now = here.waits & (here.at - here.stop + self._ground.days == watch[here.who])
                passage.watched[here.who[now]] = here.grown[now]
            gain = self._track.daily[here.at]
            gain *= factor
            here.grown += gain
            here.cold += self._cold[here.at]
            self._note(here, gain, targets, passage)
            here.at += 1
            left -= 1
        return found

    def _release(self, here: Waiting, free: Whole, found: Position) -> None:
        """Write down where those stand that wait no more: whatever their neighbours do, on this very day."""
        if free.size:
            found.grown[here.who[free]] = here.grown[free]
            found.begin[here.who[free]] = here.at[free] - here.stop[free] + self._ground.days
            here.waits[free] = False
            here.ahead[free] = np.inf

    def _gather(self, start: Position, length: Floats, targets: Floats) -> Waiting:
        base = start.row * self._ground.days
        return Waiting(
            who=np.arange(start.row.size),
            at=base + start.begin,
            stop=base + self._ground.days,
            grown=start.grown.copy(),
            cold=start.cold.copy(),
            limit=self._values["vernalisation_until"] * length,
            ahead=_next_target(targets, start.grown),
            waits=np.ones(start.row.size, dtype=bool),
        )

    def _note(self, here: Waiting, gain: Floats, targets: Floats, passage: Passage) -> None:
        """Write down the targets that today's gain has passed."""
        some = np.flatnonzero(here.grown >= here.ahead)
        if not some.size:
            return
        who, grown, gain = here.who[some], here.grown[some], gain[some]
        today = here.at[some] - here.stop[some] + self._ground.days
        for target, day, after in zip(targets[:, who], passage.day, passage.after, strict=True):
            now = np.isnan(day[who]) & (grown >= target)
            day[who[now]] = (today + 1 - (grown - target) / np.where(now, gain, 1.0))[now]
            after[who[now]] = today[now] + 1
        here.ahead[some] = _next_target(targets[:, who], grown)


def _next_target(targets: Floats, grown: Floats) -> Floats:
    return np.asarray(np.where(targets > grown, targets, np.inf).min(axis=0))
