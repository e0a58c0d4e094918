"""The crop's model under plausible parameters, brought into line with its file at a lab's stations.

Stage days averaged over plausible parameters forecast heading better than single sets (decision 0012). Each
set's phases are made so long that at a station, in the mean over its past years, they end when those of the
file do: a cultivar keeps its dates, and only what a warm or a cold year does to them is averaged. The shares
of the stages on the way are moved likewise, so that a forecast that goes on from one is not shifted.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Final

import numpy as np

from analytics.farm.calibration.plausible import RANGES, plausible_crops
from analytics.farm.forecast.outlooks import spread_courses
from analytics.farm.forecast.season import AUTUMN_MONTH, SEASON_DAYS, daylengths
from analytics.farm.phenology.simulation import development, simulate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from analytics.farm.forecast.records import Record
    from analytics.farm.forecast.season import Case, Planting
    from analytics.farm.phenology.crop import Crop, Parameter
    from analytics.farm.phenology.simulation import Simulation

    Floats = NDArray[np.float64]
    Lengths = Mapping[str, Floats]

STEPS: Final = 5
"""Of the search for the lengths; each gains about one digit."""
NEAR_D: Final = 0.05
LEAST_FACTOR, MOST_FACTOR = 0.5, 2.0
"""Of the file's length, between which a set's is held."""
SHORTEN: Final = 0.9
"""The second factor that the search tries."""
HOKKAIDO: Final = "hokkaido"
"""The entry of a crop's file for a cultivar of Hokkaido of which nothing more is known."""
HOKKAIDO_SOUTH_DEG: Final = 41.3
JAPAN_WEST_DEG, JAPAN_EAST_DEG = 122.0, 154.0
"""Longitudes of Yonaguni and Minamitorishima, rounded outwards."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Variants:
    """A crop with each of K sets of parameters.

    Attributes
    ----------
    sets : tuple[Crop, ...]
        The crop alone where the literature leaves no ranges.
    lengths : {(station, cultivar): {stage: float64[K]}}
        Of the phases that the sets change, by the stage that ends them.
    """

    sets: tuple[Crop, ...]
    lengths: Mapping[tuple[str, str], Lengths]

    def of(self, planting: Planting) -> Lengths:
        """Give the lengths of a planting's phases in each set."""
        return self.lengths.get((planting.station, planting.cultivar), {})


def name_cultivar(crop: Crop, cultivar: str, latitude: float | None, longitude: float | None) -> str:
    """Give the entry of the crop's file that a cultivar develops by; empty: the crop's own lengths.

    Examples
    --------
    >>> from analytics.library import crop
    >>> name_cultivar(crop("wheat"), "きたほなみ", 43.0, 143.0), name_cultivar(crop("wheat"), "", 43.0, 143.0)
    ('kitahonami', 'hokkaido')
    >>> name_cultivar(crop("wheat"), "", 36.0, 140.0)
    ''
    """
    known = crop.find_cultivar(cultivar) if cultivar else None
    if known is not None:
        return known.name
    if latitude is None or longitude is None or HOKKAIDO not in crop.cultivars:
        return ""
    there = latitude > HOKKAIDO_SOUTH_DEG and JAPAN_WEST_DEG < longitude < JAPAN_EAST_DEG
    return HOKKAIDO if there else ""


def lay_variants(case: Case, records: Mapping[str, Record]) -> Variants:
    """Bring the plausible sets into line with the crop's file, for each station and cultivar of a case.

    Past years' weather is read for this, also that of seasons on trial in a back-test; no stage seen is.
    """
    crop = case.crop
    sets = plausible_crops(crop)
    if len(sets) == 1:
        return Variants(sets=sets, lengths={})
    groups: dict[tuple[str, str], list[Planting]] = {}
    for each in case.plantings:
        record = records.get(each.station)
        if record is not None and record.station.latitude is not None:
            groups.setdefault((each.station, each.cultivar), []).append(each)
    fields = [_lay_field(case, records, _typical(group)) for group in groups.values()]
    if not fields:
        return Variants(sets=sets, lengths={})
    own = _simulate(crop, fields, {}).stage_day[:, 0]
    fits = [_fit(crop, each, fields, own) for each in sets]
    sets = tuple(_move_shares(each, fit, fields, own) for each, fit in zip(sets, fits, strict=True))
    lengths = {
        key: {stage: np.array([fit[stage][place] for fit in fits]) for stage in fits[0]}
        for place, key in enumerate(groups)
    }
    return Variants(sets=sets, lengths=lengths)


@dataclass(frozen=True, slots=True)
class _Field:
    """A typical field of a cultivar at a station, under M past years."""

    entry: str
    tmin: Floats
    tmax: Floats
    daylength_h: Floats


def _typical(group: Sequence[Planting]) -> Planting:
    """Choose the planting that was sown in the middle of the others."""

    def sown(each: Planting) -> int:
        return (each.sown_on - date(each.season - 1, AUTUMN_MONTH, 1)).days

    return sorted(group, key=lambda each: (sown(each), each.season, each.id))[len(group) // 2]


def _lay_field(case: Case, records: Mapping[str, Record], planting: Planting) -> _Field:
    station = records[planting.station].station
    assert station.latitude is not None
    tmin, tmax = spread_courses(replace(case, today=planting.sown_on, outlooks={}), records, planting).normal
    return _Field(
        name_cultivar(case.crop, planting.cultivar, station.latitude, station.longitude),
        tmin,
        tmax,
        daylengths(case.crop, planting, station.latitude),
    )


def _fit(crop: Crop, variant: Crop, fields: Sequence[_Field], own_days: Floats) -> dict[str, Floats]:
    """Find a set's lengths, phase after phase: {stage: float64[fields]}.

    Parameters
    ----------
    own_days : float64[all years of all fields, S], d
        Of the crop file's own set.
    """
    found: dict[str, Floats] = {}
    changed = {stage for each in RANGES[crop.name] for stage in each.stages}
    for phase in crop.phases:
        if phase.end in changed:
            own = np.array([crop.length(phase, each.entry).value for each in fields])
            wanted = own_days[:, crop.place(phase.end)]

            def days(factor: Floats, end: str = phase.end, own: Floats = own) -> Floats:
                return _days(variant, end, fields, {**found, end: own * factor})

            found[phase.end] = own * _find_factors(days, fields, wanted)
    return found


def _find_factors(days: Callable[[Floats], Floats], fields: Sequence[_Field], wanted: Floats) -> Floats:
    """Follow the last two tries to where days are right in the mean; 1 where the crop does not get there."""
    which = np.repeat(np.arange(len(fields)), [len(each.tmin) for each in fields])
    counted = np.isfinite(wanted)
    weight = np.bincount(which, counted, len(fields))

    def miss(factor: Floats) -> Floats:
        late = np.where(counted, days(factor) - wanted, 0.0)
        return np.bincount(which, late, len(fields)) / np.maximum(weight, 1)

    before, factor = np.ones(len(fields)), np.full(len(fields), SHORTEN)
    missed_before, missed = miss(before), miss(factor)
    for _ in range(STEPS):
        if np.all(np.abs(missed) < NEAR_D):
            break
        run = factor - before
        slope = np.divide(missed - missed_before, run, out=np.zeros_like(run), where=run != 0)
        step = np.divide(-missed, slope, out=np.zeros_like(run), where=slope > 0)
        before, missed_before = factor, missed
        factor = np.clip(factor + step, LEAST_FACTOR, MOST_FACTOR)
        missed = miss(factor)
    return np.where(weight > 0, factor, 1.0)


def _move_shares(variant: Crop, lengths: Lengths, fields: Sequence[_Field], own_days: Floats) -> Crop:
    """Put the stages within phases where a set is, in the mean, on the days of the file's own."""
    run = _simulate(variant, fields, lengths)
    phases, first = [], 0
    for phase in variant.phases:
        shares = dict(phase.shares)
        if phase.end in lengths:
            for place, stage in enumerate(list(shares)[:-1]):
                grown = _grown(run, own_days[:, first + place], first, tuple(phase.shares.values()))
                if np.isfinite(grown):
                    shares[stage] = replace(shares[stage], value=grown)
        ascending = bool(np.all(np.diff([0.0, *(share.value for share in shares.values())]) > 0))
        phases.append(replace(phase, shares=shares) if ascending else phase)
        first += len(shares)
    return replace(variant, phases=tuple(phases))


def _grown(run: Simulation, day: Floats, first: int, shares: tuple[Parameter, ...]) -> float:
    """Tell which share of a phase, whose first stage has an index, is done on days; not-a-number if none."""
    edges = np.array([0.0, *(share.value for share in shares)])
    at = development(run, np.rint(np.nan_to_num(day)).astype(np.int64))
    step = at.stage[:, 0] - first + 1
    inside = np.clip(step, 0, len(shares) - 1)
    done = edges[inside] + at.share[:, 0] * (edges[inside + 1] - edges[inside])
    done = np.where(step < 0, 0.0, np.where(step >= len(shares), 1.0, done))
    done = done[np.isfinite(day) & np.isfinite(done)]
    return float(done.mean()) if len(done) else np.nan


def _days(crop: Crop, end: str, fields: Sequence[_Field], lengths: Lengths) -> Floats:
    """Simulate up to a stage under all years of all fields; what is not reached is as late as can be."""
    place = crop.place(end)
    phases = [phase.end for phase in crop.phases].index(end) + 1
    part = replace(crop, stages=crop.stages[: place + 1], phases=crop.phases[:phases])
    days = _simulate(part, fields, lengths).stage_day[:, 0, place]
    return np.where(np.isfinite(days), days, float(SEASON_DAYS))


def _simulate(crop: Crop, fields: Sequence[_Field], lengths: Lengths) -> Simulation:
    """Simulate all years of all fields, one after the other."""
    years = [len(each.tmin) for each in fields]
    return simulate(
        crop,
        start=np.zeros(sum(years), np.int64),
        tmin=np.concatenate([each.tmin for each in fields])[:, None],
        tmax=np.concatenate([each.tmax for each in fields])[:, None],
        daylength_h=np.repeat([each.daylength_h for each in fields], years, axis=0),
        cultivar=[each.entry or None for each in fields for _ in each.tmin],
        lengths={stage: np.repeat(values, years) for stage, values in lengths.items()},
    )
