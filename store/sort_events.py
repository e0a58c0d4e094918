"""Sorted fish into the database: each (unit, boot, number) once, and all that is added up of them.

The boots of the events are locked for the transaction. So what is stored of them is known before anything is
written, and a unit that sends a number again with another time cannot slip in a second fish.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from store.lot_cells import Fish, add_cells, add_up
from store.lots import open_lots
from store.readings import Fate
from store.sort_boots import EventKey, grow_boots, stored_digests
from store.sort_models import open_models
from store.sort_rows import COPY_EVENTS, Placed, encode_events
from store.unit_spans import add_spans
from store.verdicts import COMMITTED, CONFLICTING, DUPLICATE, PRODUCT_CHANGED, Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from psycopg import AsyncConnection

    from store.lot_dues import SortNews
    from store.lots import LotBrief, LotKey
    from store.sort_boots import Boot
    from store.sort_rows import SortEvent


async def add_events(
    conn: AsyncConnection, events: Sequence[SortEvent], boots: Mapping[Boot, int], news: SortNews
) -> list[Verdict]:
    """Store events that are new; compare the others with what is stored.

    Parameters
    ----------
    boots : Mapping[Boot, int]
        As `store.sort_boots.lock_boots` gave them in this transaction.
    news : SortNews
        Is told of the lots.
    """
    if not events:
        return []
    keys = [EventKey(boots[event.device_id, event.boot], event.seq) for event in events]
    stored = await stored_digests(conn, keys)
    lots = await open_lots(conn, [e for e, key in zip(events, keys, strict=True) if key not in stored])
    verdicts, fresh = [], []
    for event, key in zip(events, keys, strict=True):
        verdict = _judge(event, stored.get(key), lots)
        verdicts.append(verdict)
        if verdict is COMMITTED:
            stored[key] = (event.digest, event.classes[event.cls], event.lot)
            fresh.append((key, event))
    await _store(conn, fresh, lots, news)
    return verdicts


def _judge(event: SortEvent, stored: tuple[int, str, str] | None, lots: Mapping[LotKey, LotBrief]) -> Verdict:
    if stored is not None:
        digest, cls, lot = stored
        if digest == event.digest:
            return DUPLICATE
        told = f"{cls} of lot {lot!r}, came {event.classes[event.cls]} of lot {event.lot!r}"
        return Verdict(Fate.CONFLICTING, CONFLICTING, f"number {event.seq} of {event.boot!r}: stored {told}")
    lot_brief = lots[event.device_id, event.lot]
    if (lot_brief.product, lot_brief.classes) != (event.product, event.classes):
        was, now = " ".join(lot_brief.classes), " ".join(event.classes)
        detail = (
            f"lot {event.lot!r} was begun as {lot_brief.product} ({was}), this is {event.product} ({now})"
        )
        return Verdict(Fate.REFUSED, PRODUCT_CHANGED, detail)
    return COMMITTED


async def _store(
    conn: AsyncConnection,
    fresh: Sequence[tuple[EventKey, SortEvent]],
    lots: Mapping[LotKey, LotBrief],
    news: SortNews,
) -> None:
    if not fresh:
        return
    models = await open_models(conn, {(event.model, event.calibration) for _, event in fresh})
    rows = [
        Placed(
            event,
            key.boot_id,
            lots[event.device_id, event.lot].id,
            models[event.model, event.calibration],
        )
        for key, event in fresh
    ]
    async with conn.cursor() as cursor, cursor.copy(COPY_EVENTS) as copy:
        await copy.write(encode_events(rows))
    for alike in _by_classes(rows):
        await add_cells(conn, add_up(_as_fish(alike)))
    await add_spans(conn, rows)
    came: dict[int, list[tuple[int, int]]] = {}
    for row in rows:
        came.setdefault(row.boot_id, []).append((row.event.seq, row.event.at))
        news.of(row.lot_id).add_fish(row.event.at)
    await grow_boots(conn, came)


def _by_classes(rows: Sequence[Placed]) -> list[list[Placed]]:
    """Part events by how many classes there are, and put each part in the order of its lots."""
    parts: dict[int, list[Placed]] = {}
    for row in sorted(rows, key=lambda row: row.lot_id):
        parts.setdefault(len(row.event.classes), []).append(row)
    return [parts[count] for count in sorted(parts)]


def _as_fish(rows: Sequence[Placed]) -> Fish:
    events = [row.event for row in rows]
    # As they are stored, in single precision: so a lot can be counted anew, and a fish taken out again.
    return Fish(
        lot_id=np.array([row.lot_id for row in rows], np.int32),
        model_id=np.array([row.model_id for row in rows], np.int32),
        cls=np.array([event.cls for event in events], np.int16),
        probabilities=np.array([event.probabilities for event in events], np.float32).astype(np.float64),
        weight_g=np.array([event.weight_g for event in events], np.float32).astype(np.float64),
        fork_length_mm=np.array([event.fork_length_mm for event in events], np.float32).astype(np.float64),
        placing=np.array([event.placing for event in events], np.int8),
    )
