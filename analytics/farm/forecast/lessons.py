"""What stages that were seen tell of those to come: departures from the model, shared by fields.

The departure of a stage is a sum of what the cultivar, the site, the season and the site in the season
have in common, and of what only this field has. Departures already seen give those to come a mean and a
spread. A forecast that starts from a stage seen on the way has only the part that gathers after it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from analytics.farm.calibration import pooling
from analytics.farm.forecast.predict import SOWING, left_to_go

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from analytics.farm.forecast.predict import Grown
    from analytics.farm.phenology.crop import Crop, StageError

    Floats = NDArray[np.float64]

STAGE_CORRELATION: Final = 0.65
"""Of the shared departures of one stage and the next: knowing the stages before brings the error of
flowering from 2.5 to 1.9 d, ``√(1 - r²) = 1.9/2.5`` [JAM2024]."""
ASSUMED_LENGTH_SD_D: Final = 4.0
"""Of a cultivar whose length of a phase is a rule of thumb, besides what cultivars differ by. Assumed: such
lengths are set so that a date falls into a week known of another place and other years, which is wrong by
some days either way; 80 % within five days."""
SHARED: Final = ("cultivar_sd_d", "site_sd_d", "year_sd_d", "site_year_sd_d")


@dataclass(frozen=True, slots=True, kw_only=True)
class Departures:
    """Stages seen, and how they departed from the model; n of them.

    Attributes
    ----------
    planting : int64[n]
        Place of the planting.
    stage : int64[n]
    value : float64[n], d
        Seen less computed; positive: later than computed.
    share : float64[n], 0…1
        Which part of the whole departure it could gather, `predict.left_to_go`.
    noise : float64[n], d
        Standard deviation of what the field alone has.
    """

    planting: NDArray[np.int64]
    stage: NDArray[np.int64]
    value: Floats
    share: Floats
    noise: Floats

    def take(self, which: NDArray[np.bool_]) -> Departures:
        """Give some of them."""
        return Departures(
            planting=self.planting[which],
            stage=self.stage[which],
            value=self.value[which],
            share=self.share[which],
            noise=self.noise[which],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """What departures tell of one planting's coming stages.

    Attributes
    ----------
    shift, spread : float64[S], d
        By how much later than computed, and the standard deviation about it.
    plantings : int64[k]
        Places of the plantings it was learnt from.
    count : int
        Stages seen there.
    """

    shift: Floats
    spread: Floats
    plantings: NDArray[np.int64]
    count: int


def own_noise(crop: Crop, footing: int) -> Floats:
    """Give what only the field has: of the stage, and of the stage that the forecast starts from."""
    noise = np.array([crop.errors[name].noise_sd_d for name in crop.stage_names])
    return noise if footing == SOWING else np.hypot(noise, noise[footing])


def assumed_spread(crop: Crop, entry: str) -> Floats:
    """Give how far off a cultivar may be since the lengths of its phases are only assumed: float64[S], d.

    In a phase it gathers with the share that is done; later stages have the whole of it.

    Examples
    --------
    >>> from analytics.library import crop
    >>> assumed_spread(crop("wheat"), "kitahonami").tolist()
    [0.0, 0.2, 1.8, 3.0, 4.0, 4.0, 4.0]
    >>> assumed_spread(crop("wheat"), "").tolist()
    [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    """
    cultivar = crop.find_cultivar(entry)
    spread: list[float] = []
    for phase in crop.phases:
        own = None if cultivar is None else cultivar.lengths.get(phase.end)
        before = spread[-1] if spread else 0.0
        mine = ASSUMED_LENGTH_SD_D if own is not None and own.certainty == "assumed" else 0.0
        spread += [max(before, mine * share.value) for share in phase.shares.values()]
    return np.array(spread)


def whole_spread(crop: Crop, entry: str, seen: Floats, footing: int, expected: Floats) -> Floats:
    """Give the spread of a stage's departure when nothing is learnt: float64[S], d."""
    shared = np.array([_shared(crop.errors[name]) for name in crop.stage_names])
    shared = np.hypot(shared, assumed_spread(crop, entry))
    spread: Floats = np.hypot(left_to_go(seen, footing, expected) * shared, own_noise(crop, footing))
    return spread


def _shared(error: StageError) -> float:
    return float(np.sqrt(sum(getattr(error, name) ** 2 for name in SHARED)))


def choose_footing(crop: Crop, each: Grown, expected: Callable[[int], Floats]) -> int:
    """Choose what a forecast starts from: the last stage seen, unless it tells less than sowing does.

    A stage that is hard to see, or whose place between its neighbours is a rule of thumb, has a large error
    of its own, which what is computed from it inherits.
    """
    seen = each.seen
    places = np.flatnonzero(np.isfinite(seen))
    if not len(places) or places[-1] == len(seen) - 1:
        return int(places[-1]) if len(places) else SOWING
    nearest = int(places[-1]) + 1

    def spread(footing: int) -> float:
        value = float(whole_spread(crop, each.entry, seen, footing, expected(footing))[nearest])
        return value if np.isfinite(value) else np.inf

    return min([*(int(place) for place in places[::-1]), SOWING], key=spread)


def note_departures(
    crop: Crop, grown: Sequence[Grown], footings: Sequence[int], computed: Sequence[Floats]
) -> Departures:
    """List the stages seen after each planting's footing, with how they departed from what was computed.

    Parameters
    ----------
    computed : Sequence of float64[S], d
        Days from sowing.
    """
    rows: list[tuple[int, int, float, float, float]] = []
    for place, (each, footing, days) in enumerate(zip(grown, footings, computed, strict=True)):
        share = left_to_go(each.seen, footing, days)
        noise = own_noise(crop, footing)
        for stage in np.flatnonzero(np.isfinite(each.seen) & np.isfinite(days) & (share > 0)):
            if stage > footing:
                value = float(each.seen[stage] - days[stage])
                rows.append((place, int(stage), value, float(share[stage]), float(noise[stage])))
    columns = np.array(rows, np.float64).reshape(-1, 5).T
    return Departures(
        planting=columns[0].astype(np.int64),
        stage=columns[1].astype(np.int64),
        value=columns[2],
        share=columns[3],
        noise=columns[4],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Lore:
    """What departures have told, to be asked for any planting.

    Attributes
    ----------
    pool : pooling.Pool | None
        None where nothing was seen.
    """

    kin: Kinship
    pool: pooling.Pool | None
    plantings: NDArray[np.int64]
    count: int

    def tell(self, asked: Departures) -> Lesson:
        """Tell how a planting's stages will depart.

        Parameters
        ----------
        asked : Departures
            All stages of one planting; their `value` is not read.
        """
        factors, own = self.kin.factors(asked), np.square(self.kin.own_noise(asked))
        if self.pool is None:
            shift = np.zeros(len(own))
            variance = np.sum([np.square(factor.sd) for factor in factors], axis=0)
        else:
            shift, variance = self.pool.mean(factors), self.pool.variance(factors)
        return Lesson(shift=shift, spread=np.sqrt(variance + own), plantings=self.plantings, count=self.count)


def learn(kin: Kinship, departures: Departures) -> Lore:
    """Learn from departures that were seen."""
    pool = None
    if len(departures.value):
        noise = kin.own_noise(departures)
        pool = pooling.learn(departures.value, kin.factors(departures), noise)
    return Lore(kin=kin, pool=pool, plantings=np.unique(departures.planting), count=len(departures.value))


def ask(crop: Crop, each: Grown, place: int, footing: int, expected: Floats) -> Departures:
    """Ask for the departures of all stages of one planting.

    Parameters
    ----------
    expected : float64[S], d
        Its computed days from sowing.
    """
    share = np.nan_to_num(left_to_go(each.seen, footing, expected), nan=1.0)
    stages = np.arange(len(share))
    return Departures(
        planting=np.full(len(share), place),
        stage=stages,
        value=np.zeros(len(share)),
        share=share,
        noise=own_noise(crop, footing),
    )


class Kinship:
    """Which effects plantings share: of cultivar, site, season, and site in the season.

    Each effect has a part that all stages share and one that each stage has for itself, so that the
    departures of two stages correlate by `STAGE_CORRELATION`. A cultivar that nobody named is a field's
    own. An entry of the crop's file of which lengths are assumed is off for all who develop by it, until
    they were seen.
    """

    def __init__(self, crop: Crop, grown: Sequence[Grown]) -> None:
        named = [each.planting for each in grown]
        keys = (
            [each.cultivar for each in named],
            [each.site for each in named],
            [str(each.season) for each in named],
            [f"{each.site} {each.season}" for each in named],
        )
        self._group = np.stack([np.unique(key, return_inverse=True)[1] for key in keys])
        self._unnamed = np.array([not each.cultivar for each in named], np.bool_)
        errors = [crop.errors[name] for name in crop.stage_names]
        self._sd = np.array([[getattr(error, name) for error in errors] for name in SHARED])
        assumed = [assumed_spread(crop, each.entry) for each in grown]
        self._assumed = np.array(assumed).reshape(len(grown), len(errors))
        self._entry = np.unique([each.entry for each in grown], return_inverse=True)[1]
        self._stages = len(errors)

    def factors(self, departures: Departures) -> list[pooling.Factor]:
        """Name the effects that departures share, and how large they are."""
        found = []
        for name, group, sd in zip(SHARED, self._group, self._sd, strict=True):
            code = group[departures.planting]
            if name == SHARED[0]:
                code = np.where(self._unnamed[departures.planting], -1, code)
            found += self._split(name, code, sd[departures.stage] * (code >= 0), departures)
        assumed = self._assumed[departures.planting, departures.stage]
        return found + self._split("assumed length", self._entry[departures.planting], assumed, departures)

    def _split(
        self, name: str, code: NDArray[np.int64], sd: Floats, departures: Departures
    ) -> list[pooling.Factor]:
        """Give an effect's part that all stages share, and that which each stage has for itself."""
        by_stage = np.where(code >= 0, code * self._stages + departures.stage, -1)
        parts = ((code, STAGE_CORRELATION), (by_stage, 1 - STAGE_CORRELATION))
        whole = sd * departures.share
        return [pooling.Factor(name=name, code=which, sd=whole * np.sqrt(part)) for which, part in parts]

    def own_noise(self, departures: Departures) -> Floats:
        """Give what each field has for itself: float64[n], d."""
        cultivar = self._sd[0][departures.stage] * departures.share * self._unnamed[departures.planting]
        noise: Floats = np.hypot(departures.noise, cultivar)
        return noise
