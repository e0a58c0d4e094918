"""Quarantined messages once more, with today's registry and rules."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ingest.batch import seal
from ingest.chunk import Chunk
from ingest.examine import Odd, find_out
from ingest.moments import to_us
from ingest.patience import persist
from ingest.quarantine import collect
from ingest.samples import Rejection
from ingest.sequences import gather_boots
from ingest.topics import parse_topic
from store.batches import keep_writers_out, transaction
from store.boots import add_seqs
from store.errors import RowsRefused, RowsRepeated, StoreUnavailable
from store.ledger import Move, move_entries
from store.quarantine import (
    Refusal,
    add_refusals,
    close_replayed,
    is_taken,
    keep_open,
    list_sightings,
    lock_open,
)
from store.readings import Fate, bisect_readings
from store.sort_batch import add_items
from store.stale_days import note_late
from store.status import put_status

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator
    from datetime import datetime

    from ingest.registry import Registry
    from ingest.samples import Contents
    from store.pool import AsyncConnection, AsyncConnectionPool
    from store.quarantine import Quarantined

AT_ONCE: Final = 20
"""Rows in one transaction: the gateways' batches wait meanwhile, some tenths of a second at most."""

CONFLICTING: Final = "conflicting"


_log = logging.getLogger(__name__)


async def _go_on() -> None:
    """Do nothing between two groups."""


@dataclass(slots=True)
class _Message:
    """A quarantined message as the source of a chunk."""

    topics: list[str]
    payloads: list[bytes]


async def replay(
    pool: AsyncConnectionPool,
    registry: Registry,
    ids: Iterable[int],
    *,
    lab: str | None = None,
    largest: int,
    after_group: Callable[[], Awaitable[object]] = _go_on,
) -> dict[str, int]:
    """Replay open rows of quarantine; rows that another gateway is replaying are left to it.

    Parameters
    ----------
    lab : str | None
        Only rows of this lab's devices.
    largest : int
        Size in bytes of the largest payload that is decoded.
    after_group : Callable
        Called after each transaction.

    Returns
    -------
    dict[str, int]
        ``rows`` replayed, ``closed`` among them, ``failed`` if the database refused any, and readings by what
        became of them, each sighting counted.
    """
    total: Counter[str] = Counter(rows=0, closed=0, committed=0, duplicate=0, conflicting=0, quarantined=0)
    for group in _groups(ids):
        total.update(await _replay_some(pool, registry, group, lab, largest))
        await after_group()
    return dict(total)


async def _replay_some(
    pool: AsyncConnectionPool, registry: Registry, ids: list[int], lab: str | None, largest: int
) -> Counter[str]:
    """Replay a group; where the database refuses one of its rows, that one is left as it is."""
    try:
        return await persist(partial(_replay_group, pool, registry, ids, lab, largest), "replay")
    except RowsRefused as error:
        if len(ids) == 1:
            _log.error("quarantined message %d cannot be replayed: %s", ids[0], error)
            return Counter(failed=1)
    done: Counter[str] = Counter()
    for row_id in ids:
        done.update(await _replay_some(pool, registry, [row_id], lab, largest))
    return done


def _groups(ids: Iterable[int]) -> Iterator[list[int]]:
    waiting = iter(ids)
    while group := list(islice(waiting, AT_ONCE)):
        yield group


async def _replay_group(
    pool: AsyncConnectionPool, registry: Registry, ids: list[int], lab: str | None, largest: int
) -> Counter[str]:
    try:
        return await _replay_locked(pool, registry, ids, lab, largest)
    except RowsRepeated as error:  # the same message came in again meanwhile, and was kept for another reason
        raise StoreUnavailable(str(error)) from error


async def _replay_locked(
    pool: AsyncConnectionPool, registry: Registry, ids: list[int], lab: str | None, largest: int
) -> Counter[str]:
    done: Counter[str] = Counter()
    async with transaction(pool) as conn:
        await keep_writers_out(conn)
        rows = await lock_open(conn, ids, lab)
        names = {parse_topic(row.topic).device for row in rows}
        await registry.find([name for name in names if name.isprintable()])
        sightings = await list_sightings(conn, [row.id for row in rows])
        for row in rows:
            done.update(await _replay_row(conn, registry, row, sightings[row.id], largest))
    return done


async def _replay_row(
    conn: AsyncConnection,
    registry: Registry,
    row: Quarantined,
    sightings: list[tuple[datetime, int]],
    largest: int,
) -> Counter[str]:
    """Try one row again and book what became of it, for each time that it was seen."""
    source = _Message([row.topic], [row.payload])
    chunk = Chunk(source=source, received_us=to_us(row.received_at), origin=row.origin)
    odd = Odd(number=0, topic=row.topic, payload=row.payload)
    (findings,) = await find_out(registry, chunk, [odd], largest)
    _keep_rejected(findings.contents, row.rejected)
    findings.fill(chunk, odd)
    sheet = seal([chunk], registry.slots)
    fates = await bisect_readings(conn, sheet.rows)
    fate = sheet.spread(fates)
    verdicts = await add_items(conn, [sent.item for _, sent in sheet.items], by_parts=True)
    left = collect(sheet, fates, fate, verdicts)
    fate = np.concatenate((fate, np.array([verdict.fate for verdict in verdicts], np.int8)))
    counts = np.bincount(fate, minlength=len(Fate)).tolist()
    await note_late(conn, sheet.rows, fates)
    out, back = _make_moves(row, findings.device_id, counts, left, sightings)
    fates_told = ("committed", "duplicate", "conflicting", "quarantined")
    outcome = {name: sum(getattr(move, name) for move in back) for name in fates_told}
    await put_status(conn, chunk.statuses)
    await add_seqs(conn, [news for news in gather_boots([chunk]) if news.ranges])
    closed = await _settle(conn, row, left, sightings, outcome)
    await move_entries(conn, out + back)
    return Counter({"rows": 1, "closed": int(closed), **outcome})


def _keep_rejected(contents: Contents, rejected: list[int] | None) -> None:
    """Leave only the readings that were rejected before; the others have their place already."""
    if rejected is None:
        return
    missing = set(rejected)
    contents.readings = [reading for reading in contents.readings if reading.index in missing]
    contents.items = [(index, item) for index, item in contents.items if index in missing]
    missing -= {reading.index for reading in contents.readings} | {index for index, _ in contents.items}
    again = {}
    for rejection in contents.rejections.values():
        indices = sorted(missing if rejection.indices is None else missing & set(rejection.indices))
        missing -= set(indices)
        if indices:
            again[rejection.reason] = Rejection(rejection.reason, rejection.detail, indices)
    if missing:
        again["internal"] = Rejection("internal", "the message is now read in another way", sorted(missing))
    contents.rejections = again


def _make_moves(
    row: Quarantined,
    device_id: int,
    counts: list[int],
    left: list[Refusal],
    sightings: list[tuple[datetime, int]],
) -> tuple[list[Move], list[Move]]:
    """Say how the ledger changes in each hour in which the message was seen: what goes out, what comes back.

    The first time its readings are committed; every other time they would have been duplicates.
    """
    moved = device_id != row.device_id
    conflicting = counts[Fate.CONFLICTING]
    quarantined = sum(item.readings for item in left if item.reason != CONFLICTING)
    stored = counts[Fate.COMMITTED] + counts[Fate.DUPLICATE]
    out, back = [], []
    for place, (hour, seen) in enumerate(sightings):
        committed = counts[Fate.COMMITTED] if place == 0 else 0
        old = row.readings * seen
        out.append(
            Move(
                device_id=row.device_id,
                hour=hour,
                messages=-seen if moved else 0,
                received=-old,
                conflicting=-old if row.reason == CONFLICTING else 0,
                quarantined=0 if row.reason == CONFLICTING else -old,
            )
        )
        back.append(
            Move(
                device_id=device_id,
                hour=hour,
                messages=seen if moved else 0,
                received=(stored + conflicting + quarantined) * seen,
                committed=committed,
                duplicate=stored * seen - committed,
                conflicting=conflicting * seen,
                quarantined=quarantined * seen,
            )
        )
    return out, back


async def _settle(
    conn: AsyncConnection,
    row: Quarantined,
    left: list[Refusal],
    sightings: list[tuple[datetime, int]],
    outcome: dict[str, Any],
) -> bool:
    """Close the row, or keep it open for the first of what is left; the rest becomes rows of its own."""
    free = [item for item in left if not await is_taken(conn, item.digest, row.id)]
    stays = free[0] if free else None
    others = [
        replace(item, hour=hour, sightings=seen)
        for item in left
        if item is not stays
        for hour, seen in sightings
    ]
    await add_refusals(conn, others)
    if stays is None:
        await close_replayed(conn, row.id, outcome)
    else:
        await keep_open(conn, row.id, stays, outcome)
    return stays is None
