"""What stages that were seen tell of those to come: departures from the model, shared by fields.

The departure of a stage is a sum of what the cultivar, the site, the season and the site in the season
have in common, and of what only this field has. Departures already seen give those to come a mean and a
spread. A forecast that starts from a stage seen on the way has only the part that gathers after it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from analytics.farm.predict import SOWING, left_to_go

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from analytics.farm.crops import Crop, StageError
    from analytics.farm.predict import Grown

    Floats = NDArray[np.float64]

MOST_DEPARTURES: Final = 1500
"""Of which one solves a dense system; the latest seasons are kept."""
STAGE_CORRELATION: Final = 0.65
"""Of the shared departures of one stage and the next: knowing the stages before brings the error of
flowering from 2.5 to 1.9 d, ``√(1 - r²) = 1.9/2.5`` [JAM2024]."""
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


def whole_spread(crop: Crop, seen: Floats, footing: int, expected: Floats) -> Floats:
    """Give the spread of a stage's departure when nothing is learnt: float64[S], d."""
    shared = np.array([_shared(crop.errors[name]) for name in crop.stage_names])
    spread: Floats = np.hypot(left_to_go(seen, footing, expected) * shared, own_noise(crop, footing))
    return spread


def _shared(error: StageError) -> float:
    return float(np.sqrt(sum(getattr(error, name) ** 2 for name in SHARED)))


def choose_footing(crop: Crop, seen: Floats, expected: Callable[[int], Floats]) -> int:
    """Choose what a forecast starts from: the last stage seen, unless it tells less than sowing does.

    A stage that is hard to see, or whose place between its neighbours is a rule of thumb, has a large error
    of its own, which what is computed from it inherits.
    """
    places = np.flatnonzero(np.isfinite(seen))
    if not len(places) or places[-1] == len(seen) - 1:
        return int(places[-1]) if len(places) else SOWING
    nearest = int(places[-1]) + 1

    def spread(footing: int) -> float:
        value = float(whole_spread(crop, seen, footing, expected(footing))[nearest])
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


def learn(kin: Kinship, departures: Departures, asked: Departures) -> Lesson:
    """Tell how a planting's stages will depart, from the departures seen.

    Parameters
    ----------
    asked : Departures
        All stages of one planting; their `value` is not read.
    """
    prior = np.diag(kin.covariance(asked, asked)) + asked.noise**2
    across = kin.covariance(asked, departures)
    within = kin.covariance(departures, departures) + np.diag(departures.noise**2)
    gain = np.linalg.solve(within, across.T).T
    left = np.maximum(prior - np.sum(gain * across, axis=1), asked.noise**2)
    return Lesson(
        shift=gain @ departures.value,
        spread=np.sqrt(left),
        plantings=np.unique(departures.planting),
        count=len(departures.value),
    )


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
    """How much of their departures two plantings have in common."""

    def __init__(self, crop: Crop, grown: Sequence[Grown]) -> None:
        named = [each.planting for each in grown]
        unlike = [each.cultivar or f"unknown {place}" for place, each in enumerate(named)]
        keys = (
            unlike,
            [each.site for each in named],
            [str(each.season) for each in named],
            [f"{each.site} {each.season}" for each in named],
        )
        self._groups = np.stack([np.unique(key, return_inverse=True)[1] for key in keys])
        errors = [crop.errors[name] for name in crop.stage_names]
        self._sd = np.array([[getattr(error, name) for error in errors] for name in SHARED])

    def covariance(self, one: Departures, other: Departures) -> Floats:
        """Covariance of two lists of departures, without what each field alone has: float64[n, m], d²."""
        alike = self._groups[:, one.planting, None] == self._groups[:, None, other.planting]
        sd = self._sd[:, one.stage, None] * self._sd[:, None, other.stage]
        apart = np.abs(one.stage[:, None] - other.stage)
        shares = np.outer(one.share, other.share)
        kin: Floats = shares * STAGE_CORRELATION**apart * np.sum(alike * sd, axis=0)
        return kin
