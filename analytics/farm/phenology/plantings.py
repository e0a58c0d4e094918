"""The plantings of one simulation: checked, and cut into blocks that share weather and fit into the cache."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analytics.farm.errors import CropError, PlantingError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from analytics.farm.phenology.crop import Crop

    Floats = NDArray[np.float64]
    Whole = NDArray[np.int64]

# A block's arrays of plantings x members, and of its weather rows x days, in numbers: small enough for a
# cache, large enough that numpy's own cost per call is nothing. Measured with tests/bench/phenology.py.
BLOCK_PLANTINGS = 1 << 15
BLOCK_WEATHER = 1 << 19


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Some plantings, by ascending weather row: `sites` are the rows they need, `site` whose is which."""

    plantings: Whole
    sites: Whole
    site: Whole

    def rows(self, members: int) -> Whole:
        """Give int64[plantings x members], the row in the block's weather of each."""
        return (self.site[:, None] * members + np.arange(members)).ravel()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plantings:
    """P plantings with their weather; see `phenology.simulate` for the arrays."""

    start: Whole
    tmin: Floats
    tmax: Floats
    daylength_h: Floats | None
    reached: Floats | None
    weather_row: Whole
    lengths: Mapping[str, Floats]

    @property
    def count(self) -> int:
        """Number of plantings P."""
        return int(self.start.size)

    @property
    def members(self) -> int:
        """Number of members M."""
        return int(self.tmin.shape[1])

    @property
    def days(self) -> int:
        """Number of days D."""
        return int(self.tmin.shape[2])

    def weather(self, block: Block) -> tuple[Floats, Floats, Floats | None]:
        """Give tmin, tmax and day lengths of a block's rows."""
        sites: slice | Whole = block.sites
        if block.sites[-1] - block.sites[0] == block.sites.size - 1:
            sites = slice(block.sites[0], block.sites[-1] + 1)  # neighbours need no copy
        light = self.daylength_h
        if light is not None and len(light) > 1:
            light = light[sites]
        return self.tmin[sites], self.tmax[sites], light

    def last_seen(self, block: Block) -> tuple[Whole, Whole]:
        """Give int64[plantings x members] twice: the last stage observed (-1: none), and when it was past."""
        seen, day = np.full(block.plantings.size, -1), np.zeros(block.plantings.size, dtype=np.int64)
        if self.reached is not None:
            reached = self.reached[block.plantings]
            known = np.isfinite(reached)
            seen = np.where(known.any(axis=1), reached.shape[1] - 1 - known[:, ::-1].argmax(axis=1), -1)
            last = np.nan_to_num(reached[np.arange(len(reached)), seen])
            day = np.minimum(np.ceil(last), self.days).astype(np.int64)
        return np.repeat(seen, self.members), np.repeat(day, self.members)

    def check_days(self, day: int | Whole) -> Whole:
        """Give one day for each planting.

        Raises
        ------
        PlantingError
            A day outside the axis.
        """
        days = np.broadcast_to(np.asarray(day, dtype=np.int64), self.count)
        if days.size and (days.min() < 0 or days.max() > self.days):
            raise PlantingError(f"a day outside the {self.days} days of weather")
        return days


def check_plantings(
    crop: Crop,
    *,
    start: Whole,
    tmin: Floats,
    tmax: Floats,
    daylength_h: Floats | None,
    cultivar: str | Sequence[str | None] | None,
    reached: Floats | None,
    weather_row: Whole | None,
    lengths: Mapping[str, Floats] | None,
) -> Plantings:
    """Check what `phenology.simulate` was given.

    Raises
    ------
    PlantingError, CropError
        As `phenology.simulate` says.
    """
    start = np.asarray(start, dtype=np.int64)
    if start.ndim != 1:
        raise PlantingError(f"start must be int64[P], not of shape {start.shape}")
    _check_weather(crop, tmin, tmax, daylength_h)
    plantings = Plantings(
        start=start,
        tmin=tmin,
        tmax=tmax,
        daylength_h=daylength_h,
        reached=None if reached is None else np.asarray(reached, dtype=np.float64),
        weather_row=_weather_rows(start.size, len(tmin), weather_row),
        lengths=_lengths(crop, start.size, cultivar, lengths or {}),
    )
    _refuse(start < 0, "sown before the first day of weather")
    if plantings.reached is not None:
        _check_reached(crop, plantings.reached, start)
    return plantings


def _refuse(wrong: NDArray[np.bool_] | np.bool_, reason: str) -> None:
    if wrong.any():
        raise PlantingError(reason, np.flatnonzero(wrong).tolist())


def _check_weather(crop: Crop, tmin: Floats, tmax: Floats, daylength_h: Floats | None) -> None:
    if tmin.ndim != 3 or tmin.shape != tmax.shape:  # noqa: PLR2004  planting, member, day
        raise PlantingError(
            f"tmin and tmax must both be float64[W, M, D], not of shape {tmin.shape}, {tmax.shape}"
        )
    if 0 in tmin.shape[1:]:
        raise PlantingError("no day of weather, or no member")
    if daylength_h is None:
        if any("daylength_critical" in phase.parameters for phase in crop.phases):
            raise PlantingError(f"{crop.name} responds to the length of the day: give daylength_h")
    elif daylength_h.shape not in {(1, tmin.shape[2]), (len(tmin), tmin.shape[2])}:
        raise PlantingError(
            f"daylength_h must be float64[W | 1, D], not {daylength_h.shape} for weather {tmin.shape}"
        )


def _weather_rows(count: int, rows: int, weather_row: Whole | None) -> Whole:
    if weather_row is None:
        if rows not in {1, count}:
            raise PlantingError(
                f"{count} plantings with {rows} rows of weather: say by weather_row which is whose"
            )
        return np.arange(count) if rows > 1 else np.zeros(count, dtype=np.int64)
    weather_row = np.asarray(weather_row, dtype=np.int64)
    if weather_row.shape != (count,):
        raise PlantingError(f"weather_row must be int64[{count}], not of shape {weather_row.shape}")
    _refuse((weather_row < 0) | (weather_row >= rows), f"weather_row outside the {rows} rows of weather")
    return weather_row


def _lengths(
    crop: Crop,
    count: int,
    cultivar: str | Sequence[str | None] | None,
    given: Mapping[str, Floats],
) -> dict[str, Floats]:
    """Give the length of each phase, by the stage that ends it, for each planting."""
    names = [cultivar] * count if cultivar is None or isinstance(cultivar, str) else list(cultivar)
    if len(names) != count:
        raise PlantingError(f"{len(names)} cultivars for {count} plantings")
    known, which = np.unique(np.array([name or "" for name in names], dtype=object), return_inverse=True)
    ends = {phase.end for phase in crop.phases}
    for stage in given:
        if stage not in ends:
            raise CropError(crop.name, stage, f"no phase ends with that stage: use one of {', '.join(ends)}")
    found: dict[str, Floats] = {}
    for phase in crop.phases:
        own = np.array([crop.length(phase, name).value for name in known])[which]
        found[phase.end] = np.broadcast_to(np.asarray(given.get(phase.end, own), dtype=np.float64), count)
        _refuse(~(found[phase.end] > 0), f"the length of the phase to {phase.end} must be above 0")
    return found


def _check_reached(crop: Crop, reached: Floats, start: Whole) -> None:
    if reached.shape != (start.size, len(crop.stages)):
        raise PlantingError(f"reached must be float64[{start.size}, {len(crop.stages)}], not {reached.shape}")
    _refuse((reached < start[:, None]).any(axis=1), "a stage observed before sowing")
    days = np.where(np.isnan(reached), -np.inf, reached)
    latest = np.maximum.accumulate(days, axis=1)
    _refuse(
        (days[:, 1:] < latest[:, :-1]).any(axis=1, where=np.isfinite(days[:, 1:])),
        "stages observed out of order",
    )


def make_blocks(plantings: Plantings) -> Iterator[Block]:
    """Cut the plantings into blocks, those of one weather row together."""
    order = np.argsort(plantings.weather_row, kind="stable")
    row = plantings.weather_row[order]
    fresh = np.concatenate([[0], np.cumsum(row[1:] != row[:-1])]) if row.size else row
    crowd = np.arange(row.size) * plantings.members // BLOCK_PLANTINGS
    weather = fresh * plantings.members * plantings.days // BLOCK_WEATHER
    cuts = np.flatnonzero((np.diff(crowd) > 0) | (np.diff(weather) > 0)) + 1
    for part in np.split(order, cuts):
        if part.size:
            sites, site = np.unique(plantings.weather_row[part], return_inverse=True)
            yield Block(plantings=part, sites=sites, site=site)
