"""What a unit's verified fish of other lots tell of it: learnt when they change, not for each event."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analytics.fish.confusion import confusion
from analytics.fish.events import checked
from analytics.fish.history import Session, learn
from analytics.fish.recalibration import Bcts, fit_bcts

if TYPE_CHECKING:
    from collections.abc import Collection

    from numpy.typing import NDArray

    from analytics.fish.confusion import WholeArray
    from analytics.fish.events import Checks, FloatArray
    from analytics.fish.history import Unit

# The last days with checks that are looked at: older ones would weigh little, and each costs time.
MOST_DAYS = 60
# Fewer checked fish make no recalibration for the comparison.
ENOUGH_FOR_CURVE = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedFish:
    """Fish that somebody found the true class of.

    Attributes
    ----------
    probabilities : float64[n, K]
    said, true : int64[n]
        What the unit called them, and what they were.
    chance : float64[n], 0…1
        With which each was chosen to be checked.
    """

    probabilities: FloatArray
    said: WholeArray
    true: WholeArray
    chance: FloatArray

    def summed(self) -> Checks:
        """Sum up the checks of the lot that is described: there their scores say by what they were chosen."""
        return checked(self.probabilities, self.true)

    def weighed(self) -> Checks:
        """Sum up the checks of other lots, each by its chance."""
        return checked(self.probabilities, self.true, chance=self.chance)

    def take(self, which: NDArray[np.bool_]) -> CheckedFish:
        """Give some of them."""
        return CheckedFish(
            probabilities=self.probabilities[which],
            said=self.said[which],
            true=self.true[which],
            chance=self.chance[which],
        )


def no_checks(classes: int) -> CheckedFish:
    """Give none.

    Examples
    --------
    >>> no_checks(3).probabilities.shape
    (0, 3)
    """
    none = np.zeros(0, np.int64)
    return CheckedFish(probabilities=np.zeros((0, classes)), said=none, true=none, chance=np.zeros(0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What a unit's verified fish of other lots tell.

    Attributes
    ----------
    unit : Unit
    confusion : float64[K, K]
        Checked fish by true class (rows) and the unit's.
    curve : Bcts | None
        Their recalibration, for the comparison with EMQ; None where a class or enough fish is missing.
    days : int
        Days they are from.
    left_out : int
        Fish left out since another model had sorted them.
    """

    unit: Unit
    confusion: FloatArray
    curve: Bcts | None
    days: int
    left_out: int


def past_of(
    fish: CheckedFish, day: WholeArray, lot_days: Collection[int], classes: int, *, left_out: int = 0
) -> Past:
    """Learn from the verified fish of other lots.

    Parameters
    ----------
    fish : CheckedFish
    day : int64[n]
        On which each was sorted, by the site's clock, counted from any day.
    lot_days : collection of int
        The days on which the lot itself was sorted, by the same count; not empty.
    classes : int
    left_out : int
        Of `Past`.

    Examples
    --------
    >>> past_of(no_checks(2), np.zeros(0, np.int64), {0}, 2).days
    0
    """
    kept = np.unique(day)[-MOST_DAYS:]
    recent = np.isin(day, kept)
    fish, day = fish.take(recent), day[recent]
    sessions = [
        Session(
            checks=fish.take(day == one).weighed(),
            age_d=float(min(abs(int(one) - other) for other in lot_days)),
            same_day=int(one) in lot_days,
        )
        for one in kept
    ]
    seen = confusion(fish.true, fish.said, classes)
    able = len(fish.true) >= ENOUGH_FOR_CURVE and (seen.sum(axis=1) > 0).all()
    return Past(
        unit=learn(sessions, classes),
        confusion=seen,
        curve=fit_bcts(fish.probabilities, fish.true, np.ones(len(fish.true))) if able else None,
        days=len(kept),
        left_out=left_out,
    )
