"""The lots of a simulated unit and their hidden truth, a pure function of trade, seed and day.

Nothing of the truth is published. Whoever knows the seed can ask for it: tests, and the demonstration, which
sets it beside the estimate.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Final

import numpy as np

from devices.errors import DeviceError
from devices.simulator.market import CLOSE_S, OPEN_S, date_of, day_number, day_of, is_market_day, opening_s

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from devices.simulator.feed import Floats, Instants
    from devices.simulator.trades import Trade

MINUTE_MS: Final = 60_000
MOST_OF_SLOT: Final = 0.75
"""Of the time from a lot's begin to the next one's: the rest is the waiting between them."""

# What is drawn of a lot: each has numbers of its own, so that one more of it changes nothing else.
COURSE, TRUTH, SCORES, SIZES, BINS, CHECKS, FRAMES = range(7)
SESSION: Final = 1_000
"""In place of a lot's number: of all lots of a day."""


class UnknownLotError(DeviceError):
    """A code that the unit never gives to a lot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lot:
    """A lot as it really is.

    Attributes
    ----------
    number : int
        Within its day, from 0.
    at_ms : int64[n]
        When each fish is sorted, Unix milliseconds, rising.
    true : int64[n]
        Class of each fish, by index into the trade's.
    """

    trade: Trade
    seed: int
    day: int
    number: int
    place: str
    at_ms: Instants
    true: NDArray[np.int64]

    @property
    def code(self) -> str:
        """As the unit names it."""
        return f"{date_of(self.day)}-{self.number + 1:02d}"

    @property
    def counts(self) -> dict[str, int]:
        """How many fish of each class there are."""
        counts = np.bincount(self.true, minlength=len(self.trade.classes)).tolist()
        return dict(zip(self.trade.classes, counts, strict=True))

    def draw(self, what: int) -> np.random.Generator:
        """Give the numbers that belong to one thing that is drawn of this lot."""
        return draw(self.seed, self.day, self.number, what)


def draw(seed: int, day: int, number: int, what: int) -> np.random.Generator:
    """Give the numbers that belong to seed, day, lot and what is drawn."""
    return np.random.default_rng([seed, day, number, what])


@functools.lru_cache(maxsize=32)
def lots_of(trade: Trade, seed: int, day: int) -> tuple[Lot, ...]:
    """Give the lots of a day in their order; none where the market is closed."""
    if not is_market_day(day):
        return ()
    return tuple(_lot(trade, seed, day, number) for number in range(trade.lots_a_day))


def find_lot(trade: Trade, seed: int, code: str) -> Lot:
    """Find a lot by its code.

    Raises
    ------
    UnknownLotError
        The unit has no such lot.
    """
    day, _, number = code.rpartition("-")
    try:
        return lots_of(trade, seed, day_number(date.fromisoformat(day)))[int(number) - 1]
    except (ValueError, IndexError):
        raise UnknownLotError(f"no lot {code!r}: they are named as 2026-11-23-01") from None


def truth(trade: Trade, seed: int, code: str) -> dict[str, int]:
    """Tell how many fish of each class a lot really holds.

    Raises
    ------
    UnknownLotError
        The unit has no such lot.

    Examples
    --------
    >>> from devices.simulator.trades import COD
    >>> truth(COD, 3, "2026-11-23-01")
    {'milt': 33, 'roe': 28, 'other': 0}
    """
    return find_lot(trade, seed, code).counts


def arrivals(trade: Trade, seed: int, start_s: int, end_s: int) -> Floats:
    """Give the instants with ``start_s <= at < end_s`` at which fish are sorted, Unix seconds, rising."""
    days = range(day_of(start_s), day_of(max(start_s, end_s - 1)) + 1)
    at_ms = [
        _course(trade, seed, day, n) for day in days if is_market_day(day) for n in range(trade.lots_a_day)
    ]
    at_s = np.concatenate(at_ms) / 1_000 if at_ms else np.zeros(0)
    return at_s[(at_s >= start_s) & (at_s < end_s)]


def _course(trade: Trade, seed: int, day: int, number: int) -> Instants:
    """When each fish of a lot is sorted, ms; lots begin at even distances, a little late."""
    rng = draw(seed, day, number, COURSE)
    slot_ms = (CLOSE_S - OPEN_S) * 1_000 / trade.lots_a_day
    gap_ms = MINUTE_MS / trade.a_minute
    fewest, most = trade.fish
    most = min(most, int(MOST_OF_SLOT * slot_ms / gap_ms))
    count = round(np.exp(rng.uniform(np.log(fewest), np.log(most))))
    begin_ms = opening_s(day) * 1_000 + slot_ms * (number + rng.uniform(0, 0.15))
    gaps = gap_ms * rng.uniform(1 - trade.hurry, 1 + trade.hurry, count)
    return (begin_ms + np.cumsum(gaps)).astype(np.int64)


def _lot(trade: Trade, seed: int, day: int, number: int) -> Lot:
    at_ms = _course(trade, seed, day, number)
    rng = draw(seed, day, number, TRUTH)
    spread, rare = np.array(trade.spread), np.array(trade.rare)
    share = rare.copy()
    usual = spread > 0
    share[usual] += (1 - rare.sum()) * rng.dirichlet(spread[usual])
    true = rng.choice(len(share), at_ms.size, p=share / share.sum())
    place = trade.places[int(rng.integers(len(trade.places)))]
    return Lot(trade=trade, seed=seed, day=day, number=number, place=place, at_ms=at_ms, true=true)
