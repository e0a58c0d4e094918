"""Describe a lot: what it holds, what other methods would say, how sure this is, how many fish to check."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from analytics.fish.carrying import carry
from analytics.fish.checking import more_checks
from analytics.fish.composition import FEW_CHECKS, MISFIT, Composition, compose
from analytics.fish.confusion import confusion
from analytics.fish.counting import Estimate, emq, plain, rogan_gladen
from analytics.fish.events import Tally, add
from analytics.fish.lot_result import (
    LEVELS,
    WIDTHS,
    Beside,
    Caution,
    ClassPart,
    Doubt,
    LotResult,
    Measured,
    Presence,
    ShareInterval,
    Wanted,
)
from analytics.fish.posterior import ENOUGH_DRAWS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from analytics.fish.events import FloatArray
    from analytics.fish.recalibration import Bcts
    from analytics.fish.unit_past import CheckedFish, Past

MODEL_VERSION = "1"
# Equally likely compositions that are kept of a lot, for its value and its hybrids.
KEPT_DRAWS = 200
PERCENT = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """Sums over the fish that a unit called each class, float64[K]."""

    n: FloatArray
    total: FloatArray
    squares: FloatArray

    def of(self, k: int) -> Measured | None:
        """Tell the mean and spread of a class; None where none was measured."""
        n = int(self.n[k])
        if not n:
            return None
        mean = float(self.total[k] / n)
        spread = max(float(self.squares[k]) - n * mean**2, 0.0)
        return Measured(n=n, mean=mean, sd=float(np.sqrt(spread / (n - 1))) if n > 1 else None)


@dataclass(frozen=True, slots=True, kw_only=True)
class LotFish:
    """A lot's fish, summed up.

    Attributes
    ----------
    names : tuple[str, ...]
        The K classes.
    unchecked : Tally
    said : float64[K]
        All fish by the unit's class.
    checks : CheckedFish
        Those of the lot that were checked.
    weight_g, length_mm : Sizes
    misplaced, placed : int
    lasted_s : float
        From the first fish to the last.
    """

    names: tuple[str, ...]
    unchecked: Tally
    said: FloatArray
    checks: CheckedFish
    weight_g: Sizes
    length_mm: Sizes
    misplaced: int
    placed: int
    lasted_s: float


class Described(NamedTuple):
    """A description, equally likely counts of fish by class, int32[G, K], and the composition behind both."""

    result: LotResult
    draws: NDArray[np.int32]
    told: Composition


def describe(lot: LotFish, past: Past, *, base: Described | None = None, seed: int = 0) -> Described:
    """Describe a lot.

    Parameters
    ----------
    lot : LotFish
    past : Past
    base : Described, optional
        The same lot some fish ago, with the same checks: its composition is carried on at a hundredth of the
        time, each further fish being held to be of the shares so far.
    seed : int

    Raises
    ------
    ScoresError
        It holds no fish.

    Examples
    --------
    >>> from analytics.fish.events import tally
    >>> from analytics.fish.unit_past import no_checks, past_of
    >>> none = np.zeros(2)
    >>> lot = LotFish(
    ...     names=("milt", "roe"),
    ...     unchecked=tally([[0.9, 0.1]] * 30 + [[0.1, 0.9]] * 10),
    ...     said=np.array([30.0, 10.0]),
    ...     checks=no_checks(2),
    ...     weight_g=Sizes(n=none, total=none, squares=none),
    ...     length_mm=Sizes(n=none, total=none, squares=none),
    ...     misplaced=0,
    ...     placed=0,
    ...     lasted_s=60.0,
    ... )
    >>> told = describe(lot, past_of(no_checks(2), np.zeros(0, int), {0}, 2)).result
    >>> told.per_hour, [str(one.doubt) for one in told.warnings[:2]]
    (2340.0, ['no_checks', 'few_checks'])
    """
    tally = add(lot.unchecked)
    own = lot.checks.summed() if len(lot.checks.true) else None
    if base is None:
        told = compose(tally, past.unit, checks=own, seed=seed)
    else:
        told = carry(base.told, round(float(lot.said.sum())), seed=seed)
    counts = np.rint(told.draws * told.fish).astype(np.int32)
    fish = told.fish
    result = LotResult(
        fish=fish,
        carried=0 if base is None else base.result.carried + fish - base.told.fish,
        checked=told.checked,
        history_fish=int(past.confusion.sum()),
        history_days=past.days,
        method=told.method,
        ess=told.ess,
        shift_sd=told.shift_sd,
        fit=told.fit if np.isfinite(told.fit) else None,
        classes=tuple(_part(lot, told, counts, k) for k in range(len(lot.names))),
        beside=_beside(lot, tally, past, base),
        wanted=tuple(Wanted(width=w, fish=int(more_checks(told, width=w).max())) for w in WIDTHS),
        misplaced=lot.misplaced,
        placed=lot.placed,
        per_hour=(fish - 1) * 3600 / lot.lasted_s if lot.lasted_s > 0 else None,
        warnings=tuple(_warnings(told, past)),
    )
    every = np.linspace(0, len(counts) - 1, min(KEPT_DRAWS, len(counts))).astype(np.int64)
    return Described(result, counts[every], told)


def _part(lot: LotFish, told: Composition, counts: NDArray[np.int32], k: int) -> ClassPart:
    limits = [(level, *told.interval(level / PERCENT)) for level in LEVELS]
    intervals = tuple(
        ShareInterval(level=n, low=float(low[k]), high=float(high[k])) for n, low, high in limits
    )
    widest = intervals[-1]
    found = int((lot.checks.true == k).sum())
    presence = Presence.LIKELY if widest.low * told.fish >= 1 / 2 else Presence.NOT_TOLD_FROM_ZERO
    return ClassPart(
        name=lot.names[k],
        share=float(told.share[k]),
        intervals=intervals,
        fish=float(told.share[k] * told.fish),
        fish_low=round(widest.low * told.fish),
        fish_high=round(widest.high * told.fish),
        none=float((counts[:, k] == 0).mean()),
        presence=Presence.CERTAIN if found else presence,
        said=int(lot.said[k]),
        checked=found,
        weight_g=lot.weight_g.of(k),
        length_mm=lot.length_mm.of(k),
    )


def _beside(lot: LotFish, tally: Tally, past: Past, base: Described | None) -> tuple[Beside, ...]:
    """Tell what the usual methods say of all fish of the lot."""
    if base is not None:
        return base.result.beside
    seen = past.confusion + confusion(lot.checks.true, lot.checks.said, len(lot.names))
    found = [("counts", plain(lot.said))]
    if (seen.sum(axis=1) > 0).all():
        found.append(("rogan_gladen", rogan_gladen(lot.said, seen)))
    if past.curve is not None:
        found.append(("emq", _emq(lot, tally, past, past.curve)))
    return tuple(
        Beside(method=name, share=_row(one.share), low=_row(one.low), high=_row(one.high))
        for name, one in found
    )


def _emq(lot: LotFish, tally: Tally, past: Past, curve: Bcts) -> Estimate:
    """Fit prevalences to recalibrated probabilities, against those of the verified fish."""
    odds = np.exp(tally.scores)
    probability = odds / (1 + odds)
    both = np.concatenate([probability / probability.sum(axis=1, keepdims=True), lot.checks.probabilities])
    fish = np.concatenate([tally.fish, np.ones(len(lot.checks.true))])
    verified = past.confusion.sum(axis=1)
    return emq(curve.apply(both), verified / verified.sum(), fish)


def _row(values: FloatArray) -> tuple[float, ...]:
    return tuple(values.tolist())


def _warnings(told: Composition, past: Past) -> list[Caution]:
    seen = float(past.confusion.sum())
    doubts = [
        (Doubt.NO_CHECKS, told.checked == 0, {"history_fish": seen}),
        (Doubt.FEW_CHECKS, seen < FEW_CHECKS, {"fish": seen, "enough": float(FEW_CHECKS)}),
        (Doubt.SCORES_UNLIKE, told.fit < MISFIT, {"probability": told.fit}),
        (Doubt.ROUGH, told.ess < ENOUGH_DRAWS, {"draws": told.ess}),
        (Doubt.OTHER_MODEL, past.left_out > 0, {"fish": float(past.left_out)}),
    ]
    return [Caution(doubt=doubt, facts=facts) for doubt, so, facts in doubts if so]
