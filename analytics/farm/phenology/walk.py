"""The way of a block of plantings through a crop's phases, from sowing or from what was last observed."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np

from analytics.farm.phenology.course import Course, Position, Track, lay_ground
from analytics.farm.phenology.stage_models import response_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from analytics.farm.phenology.course import Passage
    from analytics.farm.phenology.crop import Crop, Phase
    from analytics.farm.phenology.plantings import Block, Plantings
    from analytics.farm.phenology.stage_models import Response

    Floats = NDArray[np.float64]
    Whole = NDArray[np.int64]


class Outcome(IntEnum):
    """What became of a stage."""

    REACHED = 0
    """Computed."""
    OBSERVED = 1
    """Given, not computed."""
    AHEAD = 2
    """Not reached within the days given."""
    NO_WEATHER = 3
    """A day without weather lies between the planting and the stage."""
    PASSED = 4
    """A later stage has been observed, this one has not: passed, and nobody knows when."""


class Walk:
    """Takes the plantings of one block through the phases, one after the other."""

    def __init__(self, crop: Crop, plantings: Plantings, block: Block, watch: Whole | None = None) -> None:
        self._crop, self._block, self._all = crop, block, plantings
        self._shape = (block.plantings.size, plantings.members)
        self._ground = lay_ground(*plantings.weather(block))
        self._tracks: dict[Response, Track] = {}
        self._row = block.rows(plantings.members)
        self._begin = self._spread(plantings.start[block.plantings])
        self._no_weather = np.zeros(self._row.size, dtype=bool)
        self._seen, self._seen_day = plantings.last_seen(block)
        self._watch = None if watch is None else self._spread(watch[block.plantings])
        self.stage_day = np.empty((*self._shape, len(crop.stages)))
        self.outcome = np.empty(self.stage_day.shape, dtype=np.uint8)
        self.stage = np.full(self._shape, -1)
        self.share = np.full(self._shape, np.nan)

    def run(self) -> None:
        """Fill `stage_day`, `outcome` and, for a watched day, `stage` and `share`."""
        first = 0
        for phase in self._crop.phases:
            self._run_phase(phase, first)
            first += len(phase.shares)
        self._fill_observed()

    def _spread(self, values: NDArray[np.generic]) -> NDArray[np.int64]:
        """Repeat a planting's number for each of its members."""
        return np.repeat(np.minimum(values, self._ground.days), self._shape[1])

    def _run_phase(self, phase: Phase, first: int) -> None:
        last = first + len(phase.shares) - 1
        course = Course(phase, self._ground, self._track(phase))
        length = np.repeat(self._all.lengths[phase.end][self._block.plantings], self._shape[1])
        shares = np.array([share.value for share in phase.shares.values()])
        position = self._position(course, first, last, length, shares)
        passage = course.follow(position, length, shares, self._watch)
        blind = self._find_gaps(position, passage)
        for place in range(len(shares)):
            self._write(first + place, passage.day[place], blind[place])
        if self._watch is not None:
            self._note_share(position, passage, length, shares, first)
        self._begin = np.where(blind[-1], self._ground.days, passage.after[-1])
        self._no_weather = blind[-1]
        self._restart(self._seen == last)

    def _track(self, phase: Phase) -> Track:
        """Give the sums of the phase's response; phases that differ in length only share them."""
        key = response_of(phase)
        if key not in self._tracks:
            self._tracks[key] = Track(phase, self._ground)
        return self._tracks[key]

    def _position(self, course: Course, first: int, last: int, length: Floats, shares: Floats) -> Position:
        """Where the phase begins: after the one before, or at the last stage observed within this one."""
        nothing = np.zeros(self._row.size)
        position = Position(row=self._row, begin=self._begin, grown=nothing, cold=nothing)
        within = (self._seen >= first) & (self._seen < last)
        if within.any():
            place = np.clip(self._seen - first, 0, len(shares) - 1)
            position.grown = np.where(within, shares[place] * length, 0.0)
            cold = course.cold_between(self._row, np.minimum(self._begin, self._seen_day), self._seen_day)
            position.cold = np.where(within, cold, 0.0)
            self._restart(within)
            position.begin = self._begin
        return position

    def _restart(self, which: NDArray[np.bool_]) -> None:
        self._begin = np.where(which, self._seen_day, self._begin)
        self._no_weather = self._no_weather & ~which

    def _find_gaps(self, position: Position, passage: Passage) -> NDArray[np.bool_]:
        """Tell which of the phase's stages bool[T, n] cannot be known because weather is missing."""
        blind = np.broadcast_to(self._no_weather, passage.day.shape)
        if self._ground.gap is None:
            return blind
        gap = self._ground.gap[position.row * self._ground.width + position.begin]
        late = np.where(np.isnan(passage.day), self._ground.days, passage.after - 1)
        return np.asarray(blind | ((gap < self._ground.days) & (late >= gap)))

    def _write(self, place: int, day: Floats, blind: NDArray[np.bool_]) -> None:
        day = np.where(blind, np.nan, day)
        outcome = np.where(np.isnan(day), Outcome.AHEAD, Outcome.REACHED)
        outcome[blind] = Outcome.NO_WEATHER
        self.stage_day[..., place] = day.reshape(self._shape)
        self.outcome[..., place] = outcome.reshape(self._shape)

    def _fill_observed(self) -> None:
        if self._all.reached is None:
            return
        reached = self._all.reached[self._block.plantings][:, None, :]
        observed = np.isfinite(reached)
        np.copyto(self.stage_day, reached, where=observed)
        np.copyto(self.outcome, np.uint8(Outcome.OBSERVED), where=observed)
        earlier = np.arange(len(self._crop.stages)) < self._seen.reshape(*self._shape, 1)
        np.copyto(self.stage_day, np.nan, where=earlier & ~observed)
        np.copyto(self.outcome, np.uint8(Outcome.PASSED), where=earlier & ~observed)

    def _note_share(
        self, position: Position, passage: Passage, length: Floats, shares: Floats, first: int
    ) -> None:
        """Write down the share between two stages for those that are in this phase on the day watched."""
        assert self._watch is not None
        assert passage.watched is not None
        inside = (position.begin <= self._watch) & (passage.after[-1] > self._watch) & ~self._no_weather
        inside |= (position.begin <= self._watch) & np.isnan(passage.day[-1]) & ~self._no_weather
        inside &= self._seen < first + len(shares) - 1
        if self._ground.gap is not None:
            inside &= self._ground.gap[position.row * self._ground.width + position.begin] >= self._watch
        grown = passage.watched / length
        edges = np.concatenate([[0.0], shares])
        step = np.clip(np.searchsorted(edges, grown, side="right") - 1, 0, len(shares) - 1)
        share = (grown - edges[step]) / (edges[step + 1] - edges[step])
        inside = inside.reshape(self._shape)
        np.copyto(self.share, np.clip(share, 0.0, 1.0).reshape(self._shape), where=inside)
        np.copyto(self.stage, (first + step - 1).reshape(self._shape), where=inside)
