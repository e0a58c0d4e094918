"""One run of the model over all plantings of a crop in a lab, with what their stages tell of one another."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

import numpy as np

from analytics.farm.forecast.lessons import Kinship, ask, choose_footing, learn, note_departures
from analytics.farm.forecast.outlooks import spread_courses
from analytics.farm.forecast.predict import SOWING, grow, medians, simulate_stages
from analytics.farm.forecast.season import SEASON_DAYS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from analytics.farm.forecast.lessons import Departures, Lesson, Lore
    from analytics.farm.forecast.outlooks import Courses
    from analytics.farm.forecast.predict import Grown, Pair
    from analytics.farm.forecast.records import Record
    from analytics.farm.forecast.season import Case, Planting
    from analytics.farm.forecast.variants import Variants

    Floats = NDArray[np.float64]

Memory = dict[tuple[int, int], "Floats"]
"""Computed stage days of finished plantings, by planting and footing: the same in every back-test."""


class Teachers(Enum):
    """Whose stages a forecast may learn from."""

    ALL = "all"
    EARLIER = "earlier seasons"
    EARLIER_AND_OWN = "earlier seasons, and the field itself"


class Reckoning:
    """The plantings of a case, simulated when asked for.

    Attributes
    ----------
    grown : list[Grown]
        Plantings whose station is known; the current ones have courses, the others what was measured.
    variants : Variants
        Of the crop's parameters.
    courses : dict[int, Courses]
        Of the current plantings, by their place among `grown`.
    footings : dict[int, int]
        What the forecasts of the current plantings start from.
    """

    def __init__(
        self,
        case: Case,
        records: Mapping[str, Record],
        memory: Memory,
        variants: Variants,
        *,
        barred: frozenset[int] = frozenset(),
    ) -> None:
        self.case = case
        self.variants = variants
        self._memory = memory
        self._days: Memory = {}
        self.courses: dict[int, Courses] = {}
        self.grown: list[Grown] = []
        for planting in case.plantings:
            record = records.get(planting.station)
            if record is not None and record.station.latitude is not None:
                self.grown.append(self._grow(planting, record, records, barred))
        self.footings = {place: self._choose(place) for place in self.courses}
        self._departures: dict[int, Departures] = {}
        self._lore: dict[tuple[int, bool, int, int | None], Lore] = {}
        self._kinship = Kinship(case.crop, self.grown)

    def _grow(
        self, planting: Planting, record: Record, records: Mapping[str, Record], barred: frozenset[int]
    ) -> Grown:
        if planting.current:
            courses = spread_courses(self.case, records, planting, barred=barred)
            self.courses[len(self.grown)] = courses
            weather = courses.with_all
        else:
            low, high, _ = record.window(planting.sown_on, SEASON_DAYS)
            weather = (low[None], high[None])
        return grow(self.case.crop, planting, weather, record.station, self.variants)

    def _choose(self, place: int) -> int:
        return choose_footing(
            self.case.crop, self.grown[place], lambda footing: medians(self.days(place, footing))
        )

    def days(self, place: int, footing: int) -> Floats:
        """Days from sowing of one planting's stages under its courses: float64[M, S]."""
        each = self.grown[place]
        key = (each.planting.id, footing)
        if not each.planting.current:
            if key not in self._memory:
                self._run(footing, self._memory, lambda other: not other.planting.current)
            return self._memory[key]
        if key not in self._days:
            self._run(footing, self._days, lambda other: other.planting.current)
        return self._days[key]

    def _run(self, footing: int, into: Memory, wanted: Callable[[Grown], bool]) -> None:
        """Simulate all plantings of a kind that have this footing, in one go."""
        group = [
            each
            for each in self.grown
            if wanted(each)
            and (each.planting.id, footing) not in into
            and (footing == SOWING or np.isfinite(each.seen[footing]))
        ]
        results = simulate_stages(self.variants.sets, group, [each.weather for each in group], footing)
        into.update(((each.planting.id, footing), days) for each, days in zip(group, results, strict=True))

    def medians_under(self, weather: Callable[[Courses], Pair]) -> dict[int, Floats]:
        """Median days from sowing of the current plantings under other weather, with nothing seen."""
        places = list(self.courses)
        group = [self.grown[place] for place in places]
        pairs = [weather(self.courses[place]) for place in places]
        results = simulate_stages(self.variants.sets, group, pairs, SOWING)
        return {place: medians(days) for place, days in zip(places, results, strict=True)}

    def departures(self, footing: int) -> Departures:
        """List what departed from forecasts that started from a footing, or from what was seen before it."""
        if footing not in self._departures:
            footings = [self._footing_upto(each, footing) for each in self.grown]
            computed = [medians(self.days(place, each)) for place, each in enumerate(footings)]
            self._departures[footing] = note_departures(self.case.crop, self.grown, footings, computed)
        return self._departures[footing]

    @staticmethod
    def _footing_upto(each: Grown, footing: int) -> int:
        seen = np.flatnonzero(np.isfinite(each.seen[: footing + 1]))
        return int(seen[-1]) if len(seen) else SOWING

    def lesson(self, place: int, taught_by: Teachers = Teachers.ALL) -> Lesson:
        """Tell what was learnt for a planting."""
        footing, mine = self.footings[place], self.grown[place].planting
        departures = self.departures(footing)
        own = taught_by is Teachers.EARLIER_AND_OWN and bool(np.any(departures.planting == place))
        key = (footing, taught_by is Teachers.ALL, mine.season, place if own else None)
        if key not in self._lore:
            seasons = np.array([each.planting.season for each in self.grown], np.int64)
            allowed = seasons[departures.planting] != mine.season
            if taught_by is Teachers.ALL:
                allowed[:] = True
            elif own:
                allowed |= departures.planting == place
            self._lore[key] = learn(self._kinship, departures.take(allowed))
        expected = medians(self.days(place, footing))
        return self._lore[key].tell(ask(self.case.crop, self.grown[place], place, footing, expected))
