"""What is told of a lot: shares with intervals, and beside each number what it rests on."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final

LEVELS: Final = (50, 80, 95)
"""Per cent; the intervals that are given."""
WIDTHS: Final = (0.2, 0.1, 0.05)
"""Widths of a 95 % interval for which it is told how many more fish to check."""


class Doubt(StrEnum):
    """What a description warns of."""

    NO_CHECKS = "no_checks"
    """No fish of the lot was checked: the interval rests on the unit's history."""
    FEW_CHECKS = "few_checks"
    """The unit's history has few checked fish."""
    SCORES_UNLIKE = "scores_unlike"
    """The lot's scores are unlike those of the verified fish: these may no longer hold."""
    ROUGH = "rough"
    """The interval rests on few effective draws."""
    OTHER_MODEL = "other_model"
    """Fish that were checked under another model of the classifier are left out."""


class Presence(StrEnum):
    """Whether there is any fish of a class."""

    CERTAIN = "certain"
    """One was found by hand."""
    LIKELY = "likely"
    """The 95 % interval begins above zero."""
    NOT_TOLD_FROM_ZERO = "not_told_from_zero"
    """There may be none at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareInterval:
    """Between which the share is with a chance of `level` per cent."""

    level: int
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Sizes of the fish that the unit called a class.

    Attributes
    ----------
    n : int
        Fish measured.
    mean, sd : float, g or mm
        Of single fish; `sd` is None for one fish.
    """

    n: int
    mean: float
    sd: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassPart:
    """One class's part of the lot.

    Attributes
    ----------
    share : float, 0…1
        Posterior mean.
    fish, fish_low, fish_high : float, int, int
        Fish of the class in this lot, with their 95 % interval.
    none : float, 0…1
        Probability that the lot has no fish of the class.
    said, checked : int
        Fish that the unit called so: a raw count, which is no estimate; fish found so by hand.
    weight_g, length_mm : Measured | None
        Of fish that the unit called so.
    """

    name: str
    share: float
    intervals: tuple[ShareInterval, ...]
    fish: float
    fish_low: int
    fish_high: int
    none: float
    presence: Presence
    said: int
    checked: int
    weight_g: Measured | None = None
    length_mm: Measured | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """What another method says, for comparison.

    Attributes
    ----------
    method : str
        ``counts`` | ``rogan_gladen`` | ``emq``.
    share, low, high : tuple[float, ...], 0…1
        By class, in the order of the lot's; the 95 % interval that the method claims.
    """

    method: str
    share: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """How many more fish to check, at random, for a 95 % interval of that width in each class."""

    width: float
    fish: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Caution:
    """A doubt and its facts, e.g. how many fish."""

    doubt: Doubt
    facts: dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class LotResult:
    """All that is told of a lot.

    Attributes
    ----------
    fish, checked : int
        Fish sorted, and those of them that were checked by hand.
    carried : int
        Of the fish, the last ones: so far only counted, and held to be of the shares before them.
    history_fish, history_days : int
        Fish of other lots that were checked, and on how many days: what the unit is known by.
    ess : float
        Effective number of draws.
    shift_sd : float
        How far, in log-odds, today is held to be from the unit's history.
    fit : float | None
        Probability of scores so unlike the history's, were the unit as it was; None without a history.
    misplaced, placed : int
        Fish confirmed in another bin than commanded, among those of which both bins are known.
    per_hour : float | None, fish/h
        From the first fish to the last; None for fewer than two.
    """

    fish: int
    checked: int
    carried: int
    history_fish: int
    history_days: int
    method: str
    ess: float
    shift_sd: float
    fit: float | None
    classes: tuple[ClassPart, ...]
    beside: tuple[Beside, ...]
    wanted: tuple[Wanted, ...]
    misplaced: int
    placed: int
    per_hour: float | None
    warnings: tuple[Caution, ...]

    def as_body(self) -> dict[str, Any]:
        """Give what JSON can hold."""
        return asdict(self)
