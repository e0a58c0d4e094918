"""Lots of fish: begun by the first fish that names them, described and closed by people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

from store.errors import StoreMissing
from store.lot_dues import note_lots
from store.query import fetch_all, fetch_one

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from psycopg import AsyncConnection

    from store.sort_rows import SortEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class Lot:
    """Fish that are sold together, sorted by one unit.

    Attributes
    ----------
    code : str
        As the unit names it; a unit uses a name once.
    classes : list[str]
        By which its fish are counted; as the product had them when it began.
    prices : dict[str, float]
        By class, yen/kg; classes without a price are left out.
    events : int
        Fish sorted.
    first_at, last_at : datetime | None
        Of its fish, by device time.
    timezone : str | None
        Of the unit's site.
    """

    id: int
    lab: str
    device: str
    device_id: int
    code: str
    product: str
    classes: list[str]
    species: str
    landing_place: str
    landed_at: datetime | None
    opened_at: datetime
    closed_at: datetime | None
    prices: dict[str, float]
    note: str
    simulated: bool
    created_at: datetime
    events: int
    first_at: datetime | None
    last_at: datetime | None
    timezone: str | None


_LOTS = """
SELECT l.id, labs.slug AS lab, d.name AS device, l.device_id, l.code, l.product, l.classes, l.species,
       l.landing_place, l.landed_at, l.opened_at, l.closed_at, l.prices, l.note, l.simulated, l.created_at,
       COALESCE(p.events, 0) AS events, p.first_at, p.last_at, s.timezone
FROM lots l JOIN labs ON labs.id = l.lab_id JOIN devices d ON d.id = l.device_id
LEFT JOIN sites s ON s.id = d.site_id LEFT JOIN lot_progress p ON p.lot_id = l.id
"""
_SELECT_LOT = _LOTS + "WHERE l.id = %(id)s AND (%(lab)s::text IS NULL OR labs.slug = %(lab)s)"


async def get_lot(conn: AsyncConnection, lot_id: int, lab: str | None = None) -> Lot:
    """Find a lot by its number; with `lab`, only among that lab's.

    Raises
    ------
    StoreMissing
        There is none, or it is another lab's.
    """
    lot = await fetch_one(conn, Lot, _SELECT_LOT, {"id": lot_id, "lab": lab})
    if lot is None:
        raise StoreMissing("lot", str(lot_id))
    return lot


_SELECT_LOT_OF = (
    _LOTS
    + """
WHERE d.name = %(device)s AND l.code = %(code)s AND (%(lab)s::text IS NULL OR labs.slug = %(lab)s)
"""
)


async def find_lot(conn: AsyncConnection, device: str, code: str, lab: str | None = None) -> Lot:
    """Find a lot by its unit and the name that the unit gave it.

    Raises
    ------
    StoreMissing
        There is none, or it is another lab's.
    """
    lot = await fetch_one(conn, Lot, _SELECT_LOT_OF, {"device": device, "code": code, "lab": lab})
    if lot is None:
        raise StoreMissing("lot", f"{device} {code}")
    return lot


_SELECT_LOTS = (
    _LOTS
    + """
WHERE (%(lab)s::text IS NULL OR labs.slug = %(lab)s) AND (%(device)s::text IS NULL OR d.name = %(device)s)
  AND (%(product)s::text IS NULL OR l.product = %(product)s)
  AND (%(closed)s::bool IS NULL OR (l.closed_at IS NOT NULL) = %(closed)s)
  AND (%(before)s::int4 IS NULL OR l.id < %(before)s)
ORDER BY l.id DESC
LIMIT %(limit)s
"""
)


async def list_lots(
    conn: AsyncConnection,
    *,
    lab: str | None = None,
    device: str | None = None,
    product: str | None = None,
    closed: bool | None = None,
    before: int | None = None,
    limit: int = 100,
) -> list[Lot]:
    """List lots, the newest first; the next page begins `before` the last id of this one."""
    parameters = {
        "lab": lab,
        "device": device,
        "product": product,
        "closed": closed,
        "before": before,
        "limit": limit,
    }
    return await fetch_all(conn, Lot, _SELECT_LOTS, parameters)


_UPDATE_LOT = """
UPDATE lots SET species = %(species)s, landing_place = %(landing_place)s, landed_at = %(landed_at)s,
    prices = %(prices)s, note = %(note)s
WHERE id = %(id)s
"""


async def change_lot(conn: AsyncConnection, lot: Lot, lab: str | None = None) -> Lot:
    """Write what people may say of a lot: species, landing place and time, prices, note. It becomes due.

    Raises
    ------
    StoreMissing
        There is none, it is another lab's, or a price is of a class that it does not have.
    """
    stored = await get_lot(conn, lot.id, lab)
    for name in lot.prices:
        if name not in stored.classes:
            raise StoreMissing("class", name)
    row: dict[str, Any] = {name: getattr(lot, name) for name in Lot.__slots__}
    row["prices"] = Jsonb(lot.prices)
    await conn.execute(_UPDATE_LOT, row)
    await note_lots(conn, [lot.id], "lot")
    return await get_lot(conn, lot.id)


_CLOSE_LOT = "UPDATE lots SET closed_at = GREATEST(opened_at, COALESCE(%s, now())) WHERE id = %s"
_REOPEN_LOT = "UPDATE lots SET closed_at = NULL WHERE id = %s"


async def close_lot(
    conn: AsyncConnection, lot_id: int, *, closed_at: datetime | None = None, lab: str | None = None
) -> Lot:
    """Say that a lot is complete; fish that still come are counted all the same. It becomes due.

    Raises
    ------
    StoreMissing
        There is none, or it is another lab's.
    """
    await get_lot(conn, lot_id, lab)
    await conn.execute(_CLOSE_LOT, [closed_at, lot_id])
    await note_lots(conn, [lot_id], "lot")
    return await get_lot(conn, lot_id)


async def reopen_lot(conn: AsyncConnection, lot_id: int, lab: str | None = None) -> Lot:
    """Take back that a lot is complete.

    Raises
    ------
    StoreMissing
        There is none, or it is another lab's.
    """
    await get_lot(conn, lot_id, lab)
    await conn.execute(_REOPEN_LOT, [lot_id])
    await note_lots(conn, [lot_id], "lot")
    return await get_lot(conn, lot_id)


@dataclass(frozen=True, slots=True)
class LotBrief:
    """What a writer needs to know of a lot."""

    id: int
    product: str
    classes: tuple[str, ...]


_FIND_LOTS = """
SELECT l.device_id, l.code, l.id, l.product, l.classes
FROM lots l JOIN unnest(%s::int4[], %s::text[]) AS came (device_id, code) USING (device_id, code)
"""
_OPEN_LOTS = """
INSERT INTO lots (lab_id, device_id, code, product, classes, species, opened_at, simulated)
SELECT d.lab_id, d.id, came.code, came.product, came.classes::text[], came.species,
       to_timestamp(0) + came.at * INTERVAL '1 microsecond', d.simulated
FROM unnest(%s::int4[], %s::text[], %s::text[], %s::text[], %s::text[], %s::int8[])
    AS came (device_id, code, product, classes, species, at) JOIN devices d ON d.id = came.device_id
ORDER BY d.id, came.code
ON CONFLICT (device_id, code) DO NOTHING
"""

LotKey = tuple[int, str]
"""Device, and the lot as it names it."""


async def open_lots(conn: AsyncConnection, events: Iterable[SortEvent]) -> dict[LotKey, LotBrief]:
    """Find the lots of events; those that are not there begin with their first one here."""
    first: dict[LotKey, SortEvent] = {}
    for event in events:
        first.setdefault((event.device_id, event.lot), event)
    found = await _find_lots(conn, list(first))
    missing = [event for key, event in first.items() if key not in found]
    if missing:
        columns = (
            [event.device_id for event in missing],
            [event.lot for event in missing],
            [event.product for event in missing],
            ["{" + ",".join(event.classes) + "}" for event in missing],
            [event.species for event in missing],
            [event.at for event in missing],
        )
        await conn.execute(_OPEN_LOTS, columns)
        found = await _find_lots(conn, list(first))
    return found


async def _find_lots(conn: AsyncConnection, keys: list[LotKey]) -> dict[LotKey, LotBrief]:
    cursor = await conn.execute(_FIND_LOTS, ([key[0] for key in keys], [key[1] for key in keys]))
    return {
        (device_id, code): LotBrief(lot_id, product, tuple(classes))
        for device_id, code, lot_id, product, classes in await cursor.fetchall()
    }
