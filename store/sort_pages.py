"""Sorted fish read back one by one: pages of a lot or a unit, and single fish."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from psycopg import sql
from psycopg.rows import dict_row

from devices.ulid import write_ulid
from store.errors import StoreMissing

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from psycopg import AsyncConnection

Place = tuple["datetime", int, int]
"""Device time, boot and number of the last event of a page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventView:
    """A sorted fish.

    Attributes
    ----------
    boot_id, seq : int
        Name the event.
    cls : str
        What the classifier says.
    probabilities : dict[str, float]
        By class.
    frame : str | None
        SHA-256 in hexadecimal digits.
    id : str | None
        A ULID.
    more : dict | None
        What else the unit sent, and what of it could not be read.
    verified : str | None
        The true class, where somebody found it out.
    """

    boot_id: int
    boot: str
    seq: int
    lot_id: int
    lot: str
    device: str
    at: datetime
    received_at: datetime
    fish: int | None
    cls: str
    probabilities: dict[str, float]
    model: str
    calibration: str
    coupling: float | None
    weight_g: float | None
    fork_length_mm: float | None
    spine_ratio: float | None
    latency_ms: float | None
    bin_commanded: str | None
    bin_confirmed: str | None
    frame: str | None
    id: str | None
    more: dict[str, Any] | None
    verified: str | None


_EVENTS: Final = sql.SQL("""
SELECT e.boot_id, b.boot, e.seq, e.lot_id, l.code AS lot, d.name AS device, e.at, e.received_at, e.fish,
       l.classes[e.class + 1] AS cls, l.classes, e.probabilities, m.model, m.calibration, e.coupling,
       e.weight_g, e.fork_length_mm, e.spine_ratio, e.latency_ms, e.bin_commanded, e.bin_confirmed,
       encode(e.frame, 'hex') AS frame, e.id, e.more, (
           SELECT v.class FROM verifications v
           WHERE v.event_boot_id = e.boot_id AND v.event_seq = e.seq AND v.withdrawn_at IS NULL
             AND v.event_at IS NOT NULL
           ORDER BY v.at DESC, v.id DESC LIMIT 1
       ) AS verified
FROM sort_events e JOIN lots l ON l.id = e.lot_id JOIN labs ON labs.id = l.lab_id
JOIN devices d ON d.id = e.device_id JOIN sort_boots b ON b.id = e.boot_id
JOIN sort_models m ON m.id = e.model_id
WHERE (%(lab)s::text IS NULL OR labs.slug = %(lab)s) AND {which} {beyond}
ORDER BY e.at {way}, e.boot_id {way}, e.seq {way}
LIMIT %(limit)s
""")
_FORWARD: Final = {"way": sql.SQL("ASC"), "beyond": sql.SQL("")}
_BACKWARD: Final = {"way": sql.SQL("DESC"), "beyond": sql.SQL("")}
_FURTHER: Final = {
    "way": sql.SQL("ASC"),
    "beyond": sql.SQL(
        "AND e.at >= %(last_at)s AND (e.at, e.boot_id, e.seq) > (%(last_at)s, %(last_boot)s, %(last_seq)s)"
    ),
}
_FURTHER_BACK: Final = {
    "way": sql.SQL("DESC"),
    "beyond": sql.SQL(
        "AND e.at <= %(last_at)s AND (e.at, e.boot_id, e.seq) < (%(last_at)s, %(last_boot)s, %(last_seq)s)"
    ),
}
_OF_LOT: Final = sql.SQL("e.lot_id = %(lot_id)s")
_OF_UNIT: Final = sql.SQL("d.name = %(device)s AND e.at >= %(begin)s AND e.at < %(end)s")
_OF_FISH: Final = sql.SQL("e.lot_id = %(lot_id)s AND e.fish = %(fish)s")
_OF_BOOT: Final = sql.SQL("e.lot_id = %(lot_id)s AND b.boot = %(boot)s AND e.seq = %(seq)s")
_OF_KEY: Final = sql.SQL("e.boot_id = %(boot_id)s AND e.seq = %(seq)s")


async def page_of_lot(
    conn: AsyncConnection,
    lot_id: int,
    *,
    limit: int,
    lab: str | None = None,
    after: Place | None = None,
    newest_first: bool = False,
) -> list[EventView]:
    """Read a page of a lot's fish in the order of device time; the next one comes `after` its last."""
    parameters = {"lot_id": lot_id, "lab": lab, "limit": limit}
    return await _page(conn, _OF_LOT, parameters, after, newest_first=newest_first)


async def page_of_unit(
    conn: AsyncConnection,
    device: str,
    begin: datetime,
    end: datetime,
    *,
    limit: int,
    lab: str | None = None,
    after: Place | None = None,
    newest_first: bool = False,
) -> list[EventView]:
    """Read a page of the fish that a unit sorted in a time, half open, whatever their lot."""
    parameters = {"device": device, "begin": begin, "end": end, "lab": lab, "limit": limit}
    return await _page(conn, _OF_UNIT, parameters, after, newest_first=newest_first)


async def find_fish(conn: AsyncConnection, lot_id: int, fish: int, lab: str | None = None) -> list[EventView]:
    """Find the fish of a number within a lot: one, unless the unit gave it twice."""
    return await _select(conn, _OF_FISH, _FORWARD, {"lot_id": lot_id, "fish": fish, "lab": lab, "limit": 100})


async def find_boot_event(conn: AsyncConnection, lot_id: int, boot: str, seq: int) -> list[EventView]:
    """Find a fish of a lot by its unit's boot and number: one or none."""
    parameters = {"lot_id": lot_id, "boot": boot, "seq": seq, "lab": None, "limit": 1}
    return await _select(conn, _OF_BOOT, _FORWARD, parameters)


async def get_event(conn: AsyncConnection, boot_id: int, seq: int, lab: str | None = None) -> EventView:
    """Find an event by its key.

    Raises
    ------
    StoreMissing
        There is none, or it is another lab's.
    """
    found = await _select(conn, _OF_KEY, _FORWARD, {"boot_id": boot_id, "seq": seq, "lab": lab, "limit": 1})
    if not found:
        raise StoreMissing("event", f"{boot_id}-{seq}")
    return found[0]


async def _page(
    conn: AsyncConnection,
    which: sql.SQL,
    parameters: Mapping[str, object],
    after: Place | None,
    *,
    newest_first: bool,
) -> list[EventView]:
    if after is None:
        return await _select(conn, which, _BACKWARD if newest_first else _FORWARD, parameters)
    last = {"last_at": after[0], "last_boot": after[1], "last_seq": after[2]}
    return await _select(conn, which, _FURTHER_BACK if newest_first else _FURTHER, {**parameters, **last})


async def _select(
    conn: AsyncConnection, which: sql.SQL, parts: Mapping[str, sql.SQL], parameters: Mapping[str, object]
) -> list[EventView]:
    async with conn.cursor(binary=True, row_factory=dict_row) as cursor:
        await cursor.execute(_EVENTS.format(which=which, **parts), parameters)
        return [_view(row) for row in await cursor.fetchall()]


def _view(row: dict[str, Any]) -> EventView:
    row["probabilities"] = dict(zip(row.pop("classes"), row["probabilities"], strict=True))
    row["id"] = None if row["id"] is None else write_ulid(row["id"].bytes)
    return EventView(**row)
