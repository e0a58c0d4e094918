"""All that sorting units sent, in one transaction: events first, then verifications and images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg

from store.checks_sent import CheckSent, add_checks, meet_checks
from store.errors import Fault, classify
from store.frames import FrameSent, add_frames
from store.lot_dues import SortNews, note_news
from store.readings import Fate
from store.sort_boots import lock_boots
from store.sort_events import add_events
from store.sort_rows import SortEvent
from store.verdicts import COMMITTED, DATABASE_REFUSED, Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from psycopg import AsyncConnection

    from store.sort_boots import Boot

Item = SortEvent | CheckSent | FrameSent


async def add_items(conn: AsyncConnection, items: Sequence[Item], *, by_parts: bool = False) -> list[Verdict]:
    """Store what is new of a batch, and say what became of each.

    Parameters
    ----------
    by_parts : bool
        Find out what the database refuses for good, and leave that out.
    """
    if not items:
        return []
    boots = await lock_boots(conn, _boots_of(items))
    news = SortNews()
    if by_parts:
        verdicts = await _bisect(conn, items, boots, news)
    else:
        verdicts = await _add(conn, items, boots, news)
    await note_news(conn, news)
    return verdicts


def _boots_of(items: Sequence[Item]) -> set[Boot]:
    found: set[Boot] = set()
    for item in items:
        if not isinstance(item, FrameSent):
            found.add((item.device_id, item.boot))
        if isinstance(item, CheckSent) and item.event_boot is not None:
            found.add((item.device_id, item.event_boot))
    return found


async def _add(
    conn: AsyncConnection, items: Sequence[Item], boots: Mapping[Boot, int], news: SortNews
) -> list[Verdict]:
    events = [item for item in items if isinstance(item, SortEvent)]
    checks = [item for item in items if isinstance(item, CheckSent)]
    frames = [item for item in items if isinstance(item, FrameSent)]
    of_events = await add_events(conn, events, boots, news)
    fresh = [event for event, verdict in zip(events, of_events, strict=True) if verdict is COMMITTED]
    if fresh:
        await meet_checks(conn, fresh, boots, news)
    of_checks = await add_checks(conn, checks, boots, news)
    of_frames = await add_frames(conn, frames)
    told = {SortEvent: iter(of_events), CheckSent: iter(of_checks), FrameSent: iter(of_frames)}
    return [next(told[type(item)]) for item in items]


async def _bisect(
    conn: AsyncConnection, items: Sequence[Item], boots: Mapping[Boot, int], news: SortNews
) -> list[Verdict]:
    """Store what the database takes, one by one where it must be; the others are told to be refused."""
    mine = SortNews()
    try:
        async with conn.transaction():  # a savepoint
            verdicts = await _add(conn, items, boots, mine)
    except psycopg.Error as error:
        if classify(error) is Fault.TRANSIENT:
            raise
        if len(items) == 1:
            return [Verdict(Fate.REFUSED, DATABASE_REFUSED, " ".join(str(error).split()))]
        half = len(items) // 2
        low = await _bisect(conn, items[:half], boots, news)
        return low + await _bisect(conn, items[half:], boots, news)
    news.merge(mine)
    return verdicts
