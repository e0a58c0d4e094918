"""How far lots have come, and which of them are to be computed again.

The same marks as of plantings (`store.dues`): each note raises a lot's mark and says so on ``chiiki_lots``.
Who computes reads the marks first, then the data, and settles up to these marks.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from store.query import fetch_all

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from psycopg import AsyncConnection

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
OPEN_DAYS: Final = 3
"""A lot without new fish for so long is left alone when its unit learns something from another lot."""


@dataclass(slots=True)
class LotNews:
    """What a transaction learnt of a lot: fish by device time (µs since 1970), and why it is due."""

    events: int = 0
    first_at: int | None = None
    last_at: int | None = None
    reasons: set[str] = field(default_factory=set)

    def add_fish(self, at: int) -> None:
        """Count a fish."""
        self.events += 1
        self.first_at = at if self.first_at is None else min(self.first_at, at)
        self.last_at = at if self.last_at is None else max(self.last_at, at)
        self.reasons.add("events")

    def merge(self, other: LotNews) -> None:
        """Take in what a part of the transaction learnt."""
        self.events += other.events
        self.first_at = min((at for at in (self.first_at, other.first_at) if at is not None), default=None)
        self.last_at = max((at for at in (self.last_at, other.last_at) if at is not None), default=None)
        self.reasons |= other.reasons


@dataclass(slots=True)
class SortNews:
    """What a transaction learnt: of lots, and of units that were checked."""

    lots: dict[int, LotNews] = field(default_factory=dict)
    units: set[int] = field(default_factory=set)

    def of(self, lot_id: int) -> LotNews:
        """Give the news of a lot."""
        return self.lots.setdefault(lot_id, LotNews())

    def merge(self, other: SortNews) -> None:
        """Take in what a part of the transaction learnt."""
        for lot_id, lot in other.lots.items():
            self.of(lot_id).merge(lot)
        self.units |= other.units


_SELECT_OPEN = """
SELECT l.id FROM lots l JOIN lot_progress p ON p.lot_id = l.id
WHERE l.device_id = ANY(%s::int4[]) AND l.closed_at IS NULL
  AND p.last_at > clock_timestamp() - make_interval(days => %s)
"""
_NOTE_LOTS = """
INSERT INTO lot_progress AS p (lot_id, events, first_at, last_at, since, reasons)
SELECT came.lot_id, came.events, came.first_at, came.last_at, clock_timestamp(), came.reasons::text[]
FROM unnest(%(lot_id)s::int4[], %(events)s::int8[], %(first_at)s::timestamptz[], %(last_at)s::timestamptz[],
            %(reasons)s::text[]) AS came (lot_id, events, first_at, last_at, reasons)
ORDER BY came.lot_id
ON CONFLICT (lot_id) DO UPDATE SET
    events = p.events + excluded.events,
    first_at = LEAST(p.first_at, excluded.first_at),
    last_at = GREATEST(p.last_at, excluded.last_at),
    noted = p.noted + 1,
    since = COALESCE(p.since, excluded.since),
    reasons = ARRAY(SELECT DISTINCT r FROM unnest(p.reasons || excluded.reasons) AS r ORDER BY r),
    not_before = NULL
"""


async def note_news(conn: AsyncConnection, news: SortNews) -> None:
    """Write what was learnt, all lots at once and in their order, so that writers do not deadlock."""
    if news.units:
        cursor = await conn.execute(_SELECT_OPEN, [sorted(news.units), OPEN_DAYS])
        for (lot_id,) in await cursor.fetchall():
            lot = news.of(lot_id)
            if "verification" not in lot.reasons:
                lot.reasons.add("unit_verification")
    if not news.lots:
        return
    lots = sorted(news.lots.items())
    parameters: dict[str, Any] = {
        "lot_id": [lot_id for lot_id, _ in lots],
        "events": [lot.events for _, lot in lots],
        "first_at": [_instant(lot.first_at) for _, lot in lots],
        "last_at": [_instant(lot.last_at) for _, lot in lots],
        "reasons": ["{" + ",".join(sorted(lot.reasons)) + "}" for _, lot in lots],
    }
    await conn.execute(_NOTE_LOTS, parameters)


def _instant(at: int | None) -> datetime | None:
    return None if at is None else EPOCH + timedelta(microseconds=at)


async def note_lots(conn: AsyncConnection, lot_ids: Collection[int], reason: str) -> None:
    """Make lots due."""
    await note_news(conn, SortNews({lot_id: LotNews(reasons={reason}) for lot_id in lot_ids}))


@dataclass(frozen=True, slots=True, kw_only=True)
class DueLot:
    """A lot that is due.

    Attributes
    ----------
    mark : int
        To be settled once what was computed is stored.
    since : datetime
        Of the first note that is not settled.
    reasons : list[str]
        Among events, verification (of a fish of the lot), unit_verification (of another), lot (what people
        say of it).
    """

    lot_id: int
    lab: str
    device: str
    device_id: int
    product: str
    events: int
    mark: int
    since: datetime
    reasons: list[str]


_SELECT_DUE_LOTS = """
SELECT p.lot_id, labs.slug AS lab, d.name AS device, l.device_id, l.product, p.events, p.noted AS mark,
       p.since, p.reasons
FROM lot_progress p JOIN lots l ON l.id = p.lot_id JOIN labs ON labs.id = l.lab_id
JOIN devices d ON d.id = l.device_id
WHERE p.noted > p.done AND (p.not_before IS NULL OR p.not_before <= clock_timestamp())
ORDER BY p.since, p.lot_id
LIMIT %s
"""


async def list_due_lots(conn: AsyncConnection, *, limit: int = 1000) -> list[DueLot]:
    """List lots that are due, the longest waiting first, without those put off."""
    return await fetch_all(conn, DueLot, _SELECT_DUE_LOTS, [limit])


_SELECT_MARKS = "SELECT lot_id, noted FROM lot_progress WHERE lot_id = ANY(%s::int4[])"


async def lot_marks(conn: AsyncConnection, lot_ids: Sequence[int]) -> dict[int, int]:
    """Read the marks of lots, due or not; to be called before their data is read."""
    cursor = await conn.execute(_SELECT_MARKS, [list(lot_ids)])
    return dict(await cursor.fetchall())


_SETTLE_LOTS = """
WITH came AS (
    SELECT lot_id, mark FROM unnest(%s::int4[], %s::int8[]) AS m (lot_id, mark)
), mine AS (
    SELECT p.lot_id, came.mark FROM lot_progress p JOIN came USING (lot_id)
    ORDER BY p.lot_id
    FOR UPDATE OF p
)
UPDATE lot_progress p SET
    done = GREATEST(p.done, mine.mark),
    since = CASE WHEN p.noted > GREATEST(p.done, mine.mark) THEN p.since END,
    reasons = CASE WHEN p.noted > GREATEST(p.done, mine.mark) THEN p.reasons ELSE '{}' END,
    not_before = NULL
FROM mine
WHERE p.lot_id = mine.lot_id
RETURNING p.lot_id, p.noted > p.done
"""


async def settle_lots(conn: AsyncConnection, marks: Mapping[int, int]) -> list[int]:
    """Note that lots are done up to their marks.

    Returns
    -------
    list[int]
        Lots that are still due, since something was noted after the marks were read.
    """
    cursor = await conn.execute(_SETTLE_LOTS, [list(marks), list(marks.values())])
    return sorted(lot_id for lot_id, due in await cursor.fetchall() if due)


_PUT_OFF_LOTS = "UPDATE lot_progress SET not_before = %s WHERE lot_id = ANY(%s::int4[])"


async def put_off_lots(conn: AsyncConnection, lot_ids: Sequence[int], until: datetime) -> None:
    """Leave lots out of `list_due_lots` for a while, as after a failure; what is noted anew ends it."""
    await conn.execute(_PUT_OFF_LOTS, [until, list(lot_ids)])
