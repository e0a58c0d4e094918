"""What a simulated unit makes of its fish: probabilities, sizes, bins, and who checks which fish by hand.

A fish is a point around its class's centre; the classifier knows the centres and says Bayes' probabilities,
seen through a day's own temperature and biases, so that its confusion matrix drifts a little from day to day.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from devices.simulator.sorting import BINS, CHECKS, FRAMES, SCORES, SESSION, SIZES, draw

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from devices.simulator.feed import Floats, Instants
    from devices.simulator.sorting import Lot

    Whole = NDArray[np.int64]

FaultName = Literal["gain", "dead-line", "focus", "shift"]
Checking = Literal["random", "doubtful"]

# Assumed: of the size that a healthy unit shows between days.
TEMPERATURE_SD: Final = 0.08
BIAS_SD: Final = 0.15

LEAST_DOUBT: Final = 0.2
LEAST_CHANCE: Final = 0.02
CHECK_S: Final = (20.0, 240.0)
"""From sorting a fish to its check, s."""
LEAST_SIZE: Final = 0.3
"""Of the mean weight: lighter fish are not landed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Something that is wrong with the unit.

    Attributes
    ----------
    from_s, until_s : float
        Unix seconds.
    """

    name: FaultName
    from_s: float
    until_s: float = float("inf")

    def holds(self, at_ms: Instants) -> NDArray[np.bool_]:
        """Tell at which instants it holds."""
        return (at_ms >= self.from_s * 1_000) & (at_ms < self.until_s * 1_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Effect:
    """What a fault does to what the classifier sees: in standard deviations of a class's fish."""

    scale: float = 1.0
    first: float = 0.0
    last: float = 0.0
    noise: float = 0.0


EFFECTS: Final[dict[str, _Effect]] = {
    "gain": _Effect(first=0.9),
    "dead-line": _Effect(noise=0.9),
    "focus": _Effect(scale=0.6, noise=0.5),
    "shift": _Effect(last=0.9),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sorted:
    """A lot as the unit sorts it; arrays are by fish.

    Attributes
    ----------
    probabilities : float64[n, K]
    said : int64[n]
        Class that the classifier gives.
    coupling, weight_g, fork_length_mm, spine_ratio, latency_ms : float64[n]
        NaN where the unit does not measure it.
    bin : int64[n]
        In which the fish ends, by index of class.
    checked : bool[n]
        Whether somebody checks it by hand.
    chance : float64[n]
        With which it was chosen for that.
    checked_ms : int64[n]
        When that is, if it is.
    framed : bool[n]
        Whether its image is kept.
    faulty : bool[n]
    """

    lot: Lot
    probabilities: Floats
    said: Whole
    coupling: Floats
    weight_g: Floats
    fork_length_mm: Floats
    spine_ratio: Floats
    latency_ms: Floats
    bin: Whole
    checked: NDArray[np.bool_]
    chance: Floats
    checked_ms: Whole
    framed: NDArray[np.bool_]
    faulty: NDArray[np.bool_]


def sort(lot: Lot, *, fault: Fault | None = None, checking: Checking = "random") -> Sorted:
    """Sort a lot; the same lot gives the same fish, and another fault other scores of the same fish."""
    faulty = np.zeros(lot.true.size, bool) if fault is None else fault.holds(lot.at_ms)
    probabilities = _probabilities(lot, faulty, None if fault is None else EFFECTS[fault.name])
    said = probabilities.argmax(axis=1)
    weight, length, spine = _sizes(lot)
    chance, checked, checked_ms = _checks(lot, probabilities, checking)
    rng = lot.draw(FRAMES)
    framed = np.zeros(lot.true.size, bool)
    framed[rng.choice(lot.true.size, min(lot.trade.frames, lot.true.size), replace=False)] = True
    coupling = 1 / (1 + np.exp(-(1.9 + 0.5 * rng.standard_normal(lot.true.size))))
    return Sorted(
        lot=lot,
        probabilities=probabilities,
        said=said,
        coupling=coupling.round(3) if lot.trade.has_probe else np.full(lot.true.size, np.nan),
        weight_g=weight,
        fork_length_mm=length,
        spine_ratio=spine,
        latency_ms=np.round(lot.trade.latency_ms * np.exp(0.12 * rng.standard_normal(lot.true.size)), 1),
        bin=_bins(lot, said),
        checked=checked,
        chance=chance,
        checked_ms=checked_ms,
        framed=framed,
        faulty=faulty,
    )


def _probabilities(lot: Lot, faulty: NDArray[np.bool_], effect: _Effect | None) -> Floats:
    centres, rng = np.array(lot.trade.centres), lot.draw(SCORES)
    seen = centres[lot.true] + rng.standard_normal((lot.true.size, centres.shape[1]))
    if effect is not None:
        seen = np.where(faulty[:, None], _disturb(seen, centres.mean(axis=0), effect, rng), seen)
    scores = np.log(lot.trade.prior) - ((seen[:, None, :] - centres) ** 2).sum(axis=2) / 2
    of_day = draw(lot.seed, lot.day, SESSION, SCORES)
    steep = np.exp(TEMPERATURE_SD * of_day.standard_normal())
    scores = steep * scores + BIAS_SD * of_day.standard_normal(len(centres))
    odds = np.exp(scores - scores.max(axis=1, keepdims=True))
    rounded: Floats = (odds / odds.sum(axis=1, keepdims=True)).round(5)
    return rounded


def _disturb(seen: Floats, middle: Floats, effect: _Effect, rng: np.random.Generator) -> Floats:
    disturbed = middle + effect.scale * (seen - middle) + effect.noise * rng.standard_normal(seen.shape)
    disturbed[:, 0] += effect.first
    disturbed[:, -1] += effect.last
    return np.asarray(disturbed, np.float64)


def _sizes(lot: Lot) -> tuple[Floats, Floats, Floats]:
    """Weight, g; fork length, mm, from ``W = k L³ / 100`` in g and cm; spines' base over fork length."""
    rng, trade = lot.draw(SIZES), lot.trade
    mean, spread = np.array(trade.weight_g)[lot.true].T
    weight = np.maximum(mean + spread * rng.standard_normal(mean.size), LEAST_SIZE * mean).round()
    plump = trade.condition * np.exp(0.06 * rng.standard_normal(mean.size))
    length = (10 * np.cbrt(100 * weight / plump)).round()
    if not trade.spine:
        return weight, length, np.full(mean.size, np.nan)
    mean, spread = np.array(trade.spine)[lot.true].T
    return weight, length, (mean + spread * rng.standard_normal(mean.size)).round(4)


def _bins(lot: Lot, said: Whole) -> Whole:
    """Overlapping fish end in the bin of another class."""
    rng, classes = lot.draw(BINS), len(lot.trade.classes)
    strays = rng.random(said.size) < (lot.trade.misplaced or 0.0)
    return np.where(strays, (said + rng.integers(1, classes, said.size)) % classes, said)


def _checks(lot: Lot, probabilities: Floats, checking: Checking) -> tuple[Floats, NDArray[np.bool_], Whole]:
    """Choose each fish by itself with a chance that is known: the same for all, or more where in doubt."""
    rng, count = lot.draw(CHECKS), lot.true.size
    mean = min(1.0, lot.trade.checks / count)
    doubt = 1 - probabilities.max(axis=1)
    raised = (LEAST_DOUBT + doubt / max(doubt.mean(), LEAST_CHANCE)) / (1 + LEAST_DOUBT)
    chance = np.full(count, mean) if checking == "random" else np.clip(mean * raised, LEAST_CHANCE, 1)
    chance = chance.round(5)
    checked = rng.random(count) < chance
    later = rng.uniform(*CHECK_S, count) * 1_000
    return chance, checked, (lot.at_ms + later).astype(np.int64)
