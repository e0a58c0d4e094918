"""What a lot really holds: its realised shares, hand-checked fish exact, with an interval that holds.

The lot is a finite population: what is told is the fish in it, not the sea they came from. Given prevalences
and parameters (`posterior`), each unchecked fish's class is an independent draw from ``π_k r_kb / Σ_j π_j
r_jb``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analytics.fish.errors import ScoresError
from analytics.fish.events import Tally
from analytics.fish.fit import misfit
from analytics.fish.history import doubted
from analytics.fish.posterior import ENOUGH_DRAWS, Draws, draw
from analytics.fish.proportions import LEVEL

if TYPE_CHECKING:
    from analytics.fish.events import Checks, FloatArray
    from analytics.fish.history import Unit

REALISED = 600
# Beyond it the lot's scores are called unlike the history's.
MISFIT = 0.01
# Prior probabilities that verifications said to be of the lot's own day are not: assumed.
DOUBT = 0.02
DOUBT_WITH_CHECKS = 0.7
DOUBT_AT_MISFIT = 0.9
# A unit of which fewer fish were ever verified is not known.
FEW_CHECKS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Composition:
    """What a lot holds.

    Attributes
    ----------
    fish, checked : int
        How many fish the lot has, and how many of them were checked by hand.
    share, low, high : float64[K]
        Posterior mean of each class's share in this lot, and its 95 % interval.
    draws : float64[G, K]
        Equally likely shares, for whatever is computed from them (the lot's value, a hybrid's probability).
    uncertain : float64[K]
        Mean variance of one unchecked fish's membership given its scores.
    ess : float
        Effective sample size of the draws.
    method : str
        How it was computed.
    shift_sd : float
        How far, in log-odds, today is held to be from the unit's history (posterior mean).
    fit : float
        Probability of scores so unlike the history's, were the unit as it was; NaN without a history.
    warnings : tuple[str, ...]
        What a reader must know.
    """

    fish: int
    checked: int
    share: FloatArray
    low: FloatArray
    high: FloatArray
    draws: FloatArray
    uncertain: FloatArray
    ess: float
    method: str
    shift_sd: float
    fit: float
    warnings: tuple[str, ...]

    def interval(self, level: float) -> tuple[FloatArray, FloatArray]:
        """Tell the central interval of another level, float64[K] each."""
        return _interval(self.draws, level)


def compose(lot: Tally, unit: Unit, *, checks: Checks | None = None, seed: int = 0) -> Composition:
    """Tell what a lot holds.

    Parameters
    ----------
    lot : Tally
        The lot's fish that were not checked.
    unit : Unit
        What its unit's history tells (`learn`).
    checks : Checks, optional
        The lot's fish that were checked; chosen at random or by their scores, never by their looks.
    seed : int

    Raises
    ------
    ScoresError
        No fish at all, or other classes than the unit's.

    Examples
    --------
    >>> from analytics.fish.events import tally
    >>> from analytics.fish.history import learn
    >>> told = compose(tally([[0.9, 0.1]] * 30 + [[0.1, 0.9]] * 10), learn([], 2))
    >>> bool(told.low[0] < 0.75 < told.high[0])
    True
    """
    scores, fish, true = _together(lot, unit, checks)
    rng = np.random.default_rng(seed)
    fit = misfit(_everyone(lot, checks), unit.checks)
    unit = doubted(unit, _doubt(fit, float(true.sum())))
    drawn = draw(scores, fish, true, unit, rng)
    counts, uncertain = realise(drawn, fish, rng)
    known = true.sum(axis=0)
    total = float(fish.sum() + known.sum())
    shares = (counts + known) / total
    low, high = _interval(shares, LEVEL)
    shift = float(drawn.case @ np.array([case.shift_sd for case in unit.cases]))
    return Composition(
        fish=round(total),
        checked=round(float(known.sum())),
        share=shares.mean(axis=0),
        low=low,
        high=high,
        draws=shares,
        uncertain=uncertain,
        ess=drawn.ess,
        method="score mixture, importance sampling",
        shift_sd=shift,
        fit=fit,
        warnings=_warnings(unit, fit, drawn.ess),
    )


def _together(lot: Tally, unit: Unit, checks: Checks | None) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Put unchecked and checked cells under each other."""
    classes = unit.classes
    for name, scores in (("lot", lot.scores), ("checks", lot.scores if checks is None else checks.scores)):
        if scores.ndim != 2 or scores.shape[1] != classes:  # noqa: PLR2004
            raise ScoresError(name, f"has the shape {list(scores.shape)}, the unit {classes} classes")
    true = np.zeros((len(lot.fish), classes))
    if checks is None or not len(checks.true):
        together = lot.scores, lot.fish, true
    else:
        nobody = np.zeros(len(checks.true))
        together = (
            np.concatenate([lot.scores, checks.scores]),
            np.concatenate([lot.fish, nobody]),
            np.concatenate([true, checks.true]),
        )
    if not together[1].sum() + together[2].sum() > 0:
        raise ScoresError("lot", "holds no fish")
    return together


def _everyone(lot: Tally, checks: Checks | None) -> Tally:
    if checks is None:
        return lot
    return Tally(
        scores=np.concatenate([lot.scores, checks.scores]),
        fish=np.concatenate([lot.fish, checks.true.sum(axis=1)]),
        level=max(lot.level, checks.level),
    )


def _doubt(fit: float, hand_checked: float) -> float:
    """Tell how far to doubt that today is the day of the verifications said to be today's.

    Without checks nothing can tell, and the word is taken; with some the fish decide.
    """
    if fit < MISFIT:
        return DOUBT_AT_MISFIT
    return DOUBT_WITH_CHECKS if hand_checked else DOUBT


def realise(drawn: Draws, fish: FloatArray, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """Draw how many unchecked fish of each class there are.

    Returns
    -------
    counts : float64[G, K]
    uncertain : float64[K]
        Mean variance of one fish's membership given its scores.
    """
    positions = (rng.random() + np.arange(REALISED)) / REALISED
    picked = np.searchsorted(np.cumsum(drawn.weight), positions).clip(0, len(drawn.weight) - 1)
    cells = fish > 0
    share = drawn.ratio[picked][:, :, cells] * drawn.prevalence[picked][:, :, None]
    share = (share / share.sum(axis=1, keepdims=True)).transpose(0, 2, 1)
    held = np.rint(fish[cells]).astype(np.int64)
    counts = rng.multinomial(np.broadcast_to(held, share.shape[:2]), share).sum(axis=1)
    mean = share.mean(axis=0)
    uncertain = held @ (mean * (1 - mean)) / max(held.sum(), 1)
    return counts.astype(np.float64), uncertain


def _interval(draws: FloatArray, level: float) -> tuple[FloatArray, FloatArray]:
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return low, high


def _warnings(unit: Unit, fit: float, ess: float) -> tuple[str, ...]:
    told = []
    past = 0.0 if unit.checks is None else float(unit.checks.true.sum())
    if past < FEW_CHECKS:
        told.append(f"the unit rests on {past:.0f} verified fish: check some of this lot")
    if fit < MISFIT:
        told.append("this lot's scores are unlike those of the verified fish: check some at random")
    if ess < ENOUGH_DRAWS:
        told.append(f"the interval rests on {ess:.0f} effective draws and is rough")
    return tuple(told)
