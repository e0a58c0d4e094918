"""What a worker keeps in memory of lots that it describes again and again: checks, and their unit's past."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

import numpy as np

from analytics.fish.unit_past import CheckedFish, Past, past_of
from store.verified import Verified, verified_of_lot, verified_of_unit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from analytics.fish.lot_description import Described
    from store.lot_descriptions import LotFacts
    from store.pool import AsyncConnection

DEFAULT_ZONE: Final = "Asia/Tokyo"
MOST_LOTS: Final = 1000
DAY_US: Final = 86_400_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known of a lot beside its running statistics.

    Attributes
    ----------
    key : tuple
        It holds as long as this does not change.
    own : Verified
        Checked fish of the lot.
    past : Past
        What other lots of the unit tell.
    digest : bytes
        Of both.
    base : Described | None
        The lot's last whole composition by these.
    """

    key: tuple[object, ...]
    own: Verified
    past: Past
    digest: bytes
    base: Described | None = None

    def learn(self) -> Known:
        """Give itself: all is learnt."""
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class Unlearnt:
    """Checked fish as they were read; `learn` is a second's work at worst, for a thread."""

    key: tuple[object, ...]
    lot: LotFacts
    own: Verified
    others: Verified
    models: frozenset[int]
    base: None = None

    def learn(self) -> Known:
        """Learn from them."""
        classes = len(self.lot.classes)
        same = np.isin(self.others.model_id, sorted(self.models))
        days = _days(self.others.event_at, self.lot)
        past = past_of(
            fish_of(self.others, classes).take(same),
            days[same],
            lot_days(self.lot),
            classes,
            left_out=int((~same).sum()),
        )
        return Known(key=self.key, own=self.own, past=past, digest=self._digest())

    def _digest(self) -> bytes:
        told = hashlib.sha256(repr((sorted(self.models), sorted(lot_days(self.lot)))).encode())
        for fish in (self.own, self.others):
            for column in (
                fish.event_at,
                fish.model_id,
                fish.cls,
                fish.true,
                fish.chance,
                fish.probabilities,
            ):
                told.update(np.ascontiguousarray(column).tobytes())
        return told.digest()


class LotMemory:
    """Keeps what is known of the last lots."""

    def __init__(self) -> None:
        self._known: OrderedDict[int, Known | Unlearnt] = OrderedDict()

    async def look_up(self, conn: AsyncConnection, lot: LotFacts, models: frozenset[int]) -> Known | Unlearnt:
        """Find what is known of a lot, or read what there is to learn from."""
        key = (lot.checks, models, frozenset(lot_days(lot)))
        known = self._known.get(lot.id)
        if known is None or known.key != key:
            own = await verified_of_lot(conn, lot.id)
            others = await verified_of_unit(
                conn, lot.device_id, product=lot.product, classes=tuple(lot.classes), except_lot=lot.id
            )
            known = Unlearnt(key=key, lot=lot, own=own, others=others, models=models)
        self.keep(lot.id, known)
        return known

    def keep(self, lot_id: int, known: Known | Unlearnt) -> None:
        """Keep it for the next time."""
        self._known[lot_id] = known
        self._known.move_to_end(lot_id)
        if len(self._known) > MOST_LOTS:
            self._known.popitem(last=False)


def fish_of(verified: Verified, classes: int) -> CheckedFish:
    """Give checked fish as the core wants them."""
    return CheckedFish(
        probabilities=verified.probabilities.reshape(-1, classes),
        said=verified.cls.astype(np.int64),
        true=verified.true.astype(np.int64),
        chance=verified.chance,
    )


def lot_days(lot: LotFacts) -> set[int]:
    """Give the days on which a lot was sorted, by its site's clock, from 1970."""
    ends = [at for at in (lot.first_at, lot.last_at) if at is not None] or [datetime.now(UTC)]
    first, last = (int(_days(np.array([int(at.timestamp() * 1e6)]), lot)[0]) for at in (ends[0], ends[-1]))
    return set(range(first, last + 1))


def _days(at_us: NDArray[np.int64], lot: LotFacts) -> NDArray[np.int64]:
    """Give days by the clock of the lot's site, as it is set when the lot begins."""
    zone = ZoneInfo(lot.timezone or DEFAULT_ZONE)
    offset = (lot.first_at or datetime.now(UTC)).astimezone(zone).utcoffset()
    assert offset is not None
    return np.asarray((at_us + int(offset.total_seconds() * 1e6)) // DAY_US)
