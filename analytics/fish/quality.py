"""How good a unit is, told from the fish somebody checked and corrected for how these were chosen.

Each checked fish stands for as many as its chance of being chosen says, ``w = 1/chance`` (Horvitz and
Thompson's weights, made shares as Hájek does) [HorvitzThompson1952]; where strata and how many fish they hold
are known, ``w = N_h/n_h``, which for strata by called class is the correction of [BeggGreenes1983]. Every
measure is a ratio of weighted sums or a smooth function of them; its variance is that of its linearised form,
``Σ w²e²`` with influences e (κ: [Fleiss1969]), where weights differ that of the jackknife [MacKinnon1985].
Intervals are Wilson's at the effective number ``p(1 − p)/variance``, as in surveys [KottCarr1997]; F1 takes
that of ``TP/(TP + FP + FN)``, balanced accuracy joins the recalls' [ZouDonner2008]. What is told is the
unit's quality on fish like these, not a count of these fish: there is no finite-population correction.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analytics.fish.confusion import class_indices, confusion
from analytics.fish.errors import ScoresError
from analytics.fish.proportions import LEVEL, kish, wilson

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from analytics.fish.events import FloatArray

# Fish of unlike weights are looked at in so many tiers, as if each were a stratum.
TIERS = 5
# Weights that differ by less, as a share, are the same.
ALIKE = 1e-9
# A single fish that makes up all the weight tells nothing of its own error: it is counted this much of
# itself.
LEAST_FREE = 0.1
# Each stratum or tier counts so many more fish, half of them right: without it one of which all checked fish
# were right would count as certain, and the rare mistake among fish that stand for many is just what was not
# seen.
BORROWED = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One number with its interval.

    Attributes
    ----------
    value, low, high : float
        Not-a-number where there is none.
    fish : float
        Effective number of fish it rests on.
    reason : str
        Why there is none; empty where there is.
    """

    value: float
    low: float
    high: float
    fish: float
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """A unit's quality.

    Attributes
    ----------
    checked, left_out : int
        Fish it rests on, and those left out because nobody knows by what chance they were chosen.
    ess : float
        Effective number of all checked fish.
    counts, matrix : float64[K, K]
        Checked fish by true (rows) and called class, and the corrected shares of all fish.
    accuracy_as_checked : float
        Share of the checked fish that was called right, uncorrected.
    accuracy, kappa, balanced_accuracy : Measure
    recall, precision, f1 : tuple[Measure, …]
        One for each class.
    """

    checked: int
    left_out: int
    ess: float
    counts: FloatArray
    matrix: FloatArray
    accuracy_as_checked: float
    accuracy: Measure
    kappa: Measure
    balanced_accuracy: Measure
    recall: tuple[Measure, ...]
    precision: tuple[Measure, ...]
    f1: tuple[Measure, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """No quality can be told.

    Attributes
    ----------
    reason : str
    """

    reason: str


@dataclass(frozen=True, slots=True)
class _Sample:
    """Checked fish with the share each stands for, and their strata if there are any."""

    true: NDArray[np.int64]
    called: NDArray[np.int64]
    share: FloatArray
    stratum: NDArray[np.int64] | None
    stratum_fish: FloatArray

    def variance(self, influence: FloatArray, inside: FloatArray) -> float:
        """Tell the variance of the sum of ``share · influence``, which is 0 for fish not `inside`."""
        right = self.true == self.called
        kinds = [influence[(inside > 0) & (right == which)] ** 2 for which in (True, False)]
        extreme = BORROWED * sum(float(kind.mean()) if len(kind) else 0.0 for kind in kinds) / 2
        if self.stratum is None:
            return self._between_tiers(influence, inside, extreme)
        return self._within_strata(self.stratum, influence, inside, extreme)

    def _between_tiers(self, influence: FloatArray, inside: FloatArray, extreme: float) -> float:
        seen = float(self.share**2 @ influence**2)
        least, most = self.share.min(), self.share.max()
        if most <= least * (1 + ALIKE):
            return seen
        tier = np.searchsorted(np.quantile(self.share, np.arange(1, TIERS) / TIERS), self.share)
        n = np.maximum(np.bincount(tier, minlength=TIERS), 1)
        share, part = np.bincount(tier, self.share, TIERS) / n, np.bincount(tier, inside, TIERS) / n
        leverage = self.share * inside / float(self.share @ inside)
        jackknife = (self.share * influence / np.maximum(1 - leverage, LEAST_FREE)) ** 2
        return float(jackknife.sum() + share**2 @ part * extreme)

    def _within_strata(
        self, stratum: NDArray[np.int64], influence: FloatArray, inside: FloatArray, extreme: float
    ) -> float:
        size = len(self.stratum_fish)
        held = np.bincount(stratum, minlength=size)
        used = held > 0
        n = held[used].astype(np.float64)
        mean = np.bincount(stratum, influence, size)[used] / n
        squares = np.bincount(stratum, influence**2, size)[used] - n * mean**2
        within = (squares + extreme * np.bincount(stratum, inside, size)[used] / n) / np.maximum(
            n - 1 + BORROWED, 1.0
        )
        fish = self.stratum_fish[used]
        part = fish / fish.sum()
        return float(part**2 @ (within / n) + part @ mean**2 / fish.sum())


def assess(
    true: ArrayLike,
    called: ArrayLike,
    names: Sequence[str],
    *,
    chance: ArrayLike | None = None,
    strata: ArrayLike | None = None,
    stratum_fish: ArrayLike | None = None,
    called_fish: ArrayLike | None = None,
    level: float = LEVEL,
) -> Quality | Refused:
    """Tell how good a unit is.

    Parameters
    ----------
    true, called : int[n]
        Of the checked fish.
    names : K of them
        The classes.
    chance : float[n], 0…1, optional
        With which each fish was chosen to be checked; not-a-number where nobody knows: such fish are left
        out. Without it all had the same.
    strata : int[n], optional
        Stratum in which each was chosen at random; with `stratum_fish` it takes the place of `chance`.
    stratum_fish : float[H], optional
        How many fish each stratum holds, checked or not.
    called_fish : float[K], optional
        How many fish were called each class, checked or not; tells that a class without checks had no fish
        either.
    level : float
        Of the intervals.

    Returns
    -------
    Quality, or Refused where some fish had no chance of being checked.

    Raises
    ------
    ScoresError
        Lengths that differ, classes that do not exist, chances outside 0…1.

    Examples
    --------
    >>> told = assess([0, 0, 0, 1, 1], [0, 0, 1, 1, 1], ["milt", "roe"])
    >>> round(told.accuracy.value, 3), round(told.recall[0].value, 3)
    (0.8, 0.667)
    >>> assess([0, 0], [0, 0], ["milt", "roe"]).reason
    'no fish called roe was checked'
    """
    classes = len(names)
    rows, columns = class_indices(true, classes, "true"), class_indices(called, classes, "called")
    if rows.shape != columns.shape:
        raise ScoresError("called", f"{len(columns)} fish, and {len(rows)} true classes")
    sample = (
        _by_chance(rows, columns, chance)
        if strata is None
        else _by_strata(rows, columns, strata, stratum_fish)
    )
    reason = sample if isinstance(sample, str) else _unreached(sample, names, called_fish)
    if isinstance(sample, str) or reason:
        return Refused(reason=reason)
    return _measure(sample, len(rows), names, level)


def _by_chance(true: NDArray[np.int64], called: NDArray[np.int64], chance: ArrayLike | None) -> _Sample | str:
    given = np.ones(len(true)) if chance is None else np.asarray(chance, np.float64)
    if given.shape != true.shape:
        raise ScoresError("chance", f"{list(given.shape)} for {len(true)} fish")
    known = np.isfinite(given)
    if ((given[known] <= 0) | (given[known] > 1)).any():
        raise ScoresError("chance", "must be above 0 and at most 1")
    if not known.any():
        return "no fish was checked" if not len(true) else "nobody knows by what chance fish were chosen"
    weight = 1.0 / given[known]
    return _Sample(true[known], called[known], weight / weight.sum(), None, np.zeros(0))


def _by_strata(
    true: NDArray[np.int64], called: NDArray[np.int64], strata: ArrayLike, stratum_fish: ArrayLike | None
) -> _Sample | str:
    fish = np.asarray(stratum_fish, np.float64)
    if fish.ndim != 1 or not (fish >= 0).all():
        raise ScoresError("stratum_fish", "need how many fish each stratum holds")
    stratum = class_indices(strata, len(fish), "strata").astype(np.int64)
    if stratum.shape != true.shape:
        raise ScoresError("strata", f"{len(stratum)} for {len(true)} fish")
    held = np.bincount(stratum, minlength=len(fish))
    if (held > fish).any():
        raise ScoresError("stratum_fish", "a stratum holds fewer fish than were checked")
    for missing in np.flatnonzero((held == 0) & (fish > 0)):
        return f"none of the {fish[missing]:.0f} fish of stratum {missing} was checked"
    weight = fish[stratum] / held[stratum]
    return _Sample(true, called, weight / weight.sum(), stratum, fish) if len(true) else "no fish was checked"


def _unreached(sample: _Sample, names: Sequence[str], called_fish: ArrayLike | None) -> str:
    there = np.ones(len(names)) if called_fish is None else np.asarray(called_fish, np.float64)
    if there.shape != (len(names),):
        raise ScoresError("called_fish", f"{list(there.shape)} for {len(names)} classes")
    checked = np.bincount(sample.called, minlength=len(names))
    missing = [name for name, some, seen in zip(names, there, checked, strict=True) if some and not seen]
    return f"no fish called {' or '.join(missing)} was checked" if missing else ""


def _measure(sample: _Sample, given: int, names: Sequence[str], level: float) -> Quality:
    classes = len(names)
    matrix = confusion(sample.true, sample.called, classes, weight=sample.share)
    counts = confusion(sample.true, sample.called, classes)
    right = (sample.true == sample.called).astype(np.float64)
    every = np.ones_like(right)
    recall, precision, f1 = [], [], []
    for k, name in enumerate(names):
        truly, so = (sample.true == k).astype(np.float64), (sample.called == k).astype(np.float64)
        recall.append(_ratio(sample, right * truly, truly, level, f"no checked fish was {name}"))
        precision.append(_ratio(sample, right * so, so, level, f"no checked fish was called {name}"))
        either = np.maximum(truly, so)
        f1.append(
            _dice(_ratio(sample, right * truly, either, level, f"no checked fish was {name} or called so"))
        )
    return Quality(
        checked=len(right),
        left_out=given - len(right),
        ess=kish(sample.share),
        counts=counts,
        matrix=matrix,
        accuracy_as_checked=float(right.mean()),
        accuracy=_ratio(sample, right, every, level, ""),
        kappa=_kappa(sample, matrix, level),
        balanced_accuracy=_balanced(recall),
        recall=tuple(recall),
        precision=tuple(precision),
        f1=tuple(f1),
    )


def _ratio(sample: _Sample, part: FloatArray, whole: FloatArray, level: float, reason: str) -> Measure:
    """Measure ``Σw·part / Σw·whole``, both 0 or 1 a fish."""
    below = float(sample.share @ whole)
    if below <= 0:
        return _nothing(reason)
    value = min(float(sample.share @ part) / below, 1.0)
    variance = sample.variance((part - value * whole) / below, whole)
    fish = _effective(value, variance, kish(sample.share * whole))
    low, high = wilson(value, fish, level=level)
    return Measure(value=value, low=float(low), high=float(high), fish=fish)


def _effective(share: float, variance: float, all_alike: float) -> float:
    """Tell the number of fish at which a plain share has this variance."""
    spread = share * (1 - share)
    return spread / variance if spread > 0 and variance > 0 else all_alike


def _nothing(reason: str) -> Measure:
    return Measure(value=np.nan, low=np.nan, high=np.nan, fish=0.0, reason=reason)


def _dice(jaccard: Measure) -> Measure:
    """Turn ``J = TP/(TP + FP + FN)`` into ``F1 = 2J/(1 + J)``, which rises with it."""
    value, low, high = (2 * j / (1 + j) for j in (jaccard.value, jaccard.low, jaccard.high))
    return Measure(value=value, low=low, high=high, fish=jaccard.fish, reason=jaccard.reason)


def _kappa(sample: _Sample, matrix: FloatArray, level: float) -> Measure:
    """Measure ``κ = (p_o − p_e)/(1 − p_e)``, with Wilson's interval of ``p_o`` at κ's variance."""
    truly, so = matrix.sum(axis=1), matrix.sum(axis=0)
    seen, luck = min(float(np.trace(matrix)), 1.0), float(truly @ so)
    if luck >= 1:
        return _nothing("all checked fish are of one class, and were called so")
    away = 1 - luck
    by_luck = so[sample.true] + truly[sample.called] - 2 * luck
    influence = ((sample.true == sample.called) - seen) / away - (1 - seen) / away**2 * by_luck
    variance = sample.variance(influence, np.ones_like(influence)) * away**2
    fish = _effective(seen, variance, kish(sample.share))
    low, high = wilson(seen, fish, level=level)
    return Measure(
        value=(seen - luck) / away,
        low=(float(low) - luck) / away,
        high=(float(high) - luck) / away,
        fish=fish,
    )


def _balanced(recall: Sequence[Measure]) -> Measure:
    """Join the recalls' intervals: each side's distances add up in squares."""
    for one in recall:
        if one.reason:
            return _nothing(one.reason)
    value = float(np.mean([one.value for one in recall]))
    down = float(np.sqrt(sum((one.value - one.low) ** 2 for one in recall))) / len(recall)
    up = float(np.sqrt(sum((one.high - one.value) ** 2 for one in recall))) / len(recall)
    fish = min(one.fish for one in recall)
    return Measure(value=value, low=max(value - down, 0.0), high=min(value + up, 1.0), fish=fish)
