"""What people found out about single fish. What was noted stays; the last word of a fish holds.

A later verification takes the place of an earlier one of the same fish; one that is withdrawn gives its place
back.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from store.errors import StoreMissing
from store.lot_dues import SortNews, note_news
from store.query import fetch_all, fetch_one
from store.sort_pages import get_event

if TYPE_CHECKING:
    from psycopg import AsyncConnection


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What somebody found a fish to be.

    Attributes
    ----------
    boot_id, seq : int | None
        Of the event; None where it is named by an id that has not come yet.
    lot_id, event_at : int | None, datetime | None
        None as long as the event has not come.
    cls, said : str, str | None
        The true class, and the classifier's.
    selection_probability : float
        With which the fish was chosen to be checked.
    reason : str
        Why it was: random, doubtful, all, …
    noted_by : str | None
        Label of the token that noted it; None from the unit itself or the command line.
    current : bool
        Whether it holds: not withdrawn, and none later.
    """

    id: int
    device: str
    device_id: int
    lot_id: int | None
    boot_id: int | None
    seq: int | None
    fish: int | None
    event_at: datetime | None
    cls: str
    said: str | None
    method: str
    operator: str
    selection_probability: float
    reason: str
    note: str
    at: datetime
    received_at: datetime
    noted_by: str | None
    withdrawn_at: datetime | None
    current: bool


_VERIFICATIONS = """
SELECT v.id, d.name AS device, v.device_id, v.lot_id, v.event_boot_id AS boot_id, v.event_seq AS seq, e.fish,
       v.event_at, v.class AS cls, l.classes[e.class + 1] AS said, v.method, v.operator,
       v.selection_probability, v.reason, v.note, v.at, v.received_at, t.label AS noted_by, v.withdrawn_at,
       v.withdrawn_at IS NULL AND NOT EXISTS (
           SELECT FROM verifications w
           WHERE w.event_boot_id = v.event_boot_id AND w.event_seq = v.event_seq AND w.withdrawn_at IS NULL
             AND (w.at, w.id) > (v.at, v.id)
       ) AS current
FROM verifications v JOIN devices d ON d.id = v.device_id
LEFT JOIN lots l ON l.id = v.lot_id
LEFT JOIN labs ON labs.id = COALESCE(l.lab_id, d.lab_id)
LEFT JOIN sort_events e ON e.boot_id = v.event_boot_id AND e.seq = v.event_seq AND e.at = v.event_at
LEFT JOIN tokens t ON t.id = v.noted_by
WHERE (%(lab)s::text IS NULL OR labs.slug = %(lab)s)
"""
_SELECT_VERIFICATION = _VERIFICATIONS + "AND v.id = %(id)s"


async def get_verification(
    conn: AsyncConnection, verification_id: int, lab: str | None = None
) -> Verification:
    """Find a verification by its number, whether it holds or not.

    Raises
    ------
    StoreMissing
        There is none, or it is another lab's.
    """
    parameters = {"id": verification_id, "lab": lab}
    found = await fetch_one(conn, Verification, _SELECT_VERIFICATION, parameters)
    if found is None:
        raise StoreMissing("verification", str(verification_id))
    return found


_INSERT_VERIFICATION = """
INSERT INTO verifications (device_id, event_boot_id, event_seq, event_at, lot_id, class, method, operator,
                           selection_probability, reason, note, at, received_at, noted_by)
SELECT e.device_id, e.boot_id, e.seq, e.at, e.lot_id, %(cls)s, %(method)s, %(operator)s,
       %(selection_probability)s, %(reason)s, %(note)s, %(at)s, now(), %(by)s
FROM sort_events e WHERE e.boot_id = %(boot_id)s AND e.seq = %(seq)s AND e.at = %(event_at)s
RETURNING id
"""


async def add_verification(
    conn: AsyncConnection,
    *,
    boot_id: int,
    seq: int,
    cls: str,
    method: str,
    selection_probability: float,
    reason: str,
    operator: str = "",
    note: str = "",
    at: datetime | None = None,
    lab: str | None = None,
    by: int | None = None,
) -> Verification:
    """Note what somebody found a fish to be; its lot becomes due, and so do the unit's other open ones.

    Parameters
    ----------
    boot_id, seq : int
        Name the event.
    selection_probability : float
        Above 0 and at most 1.
    reason : str
        A word of small letters, digits and '_'.
    at : datetime | None
        When it was found out; None: now.

    Raises
    ------
    StoreMissing
        There is no such event, it is another lab's, or its lot has no such class.
    """
    event = await get_event(conn, boot_id, seq, lab)
    if cls not in event.probabilities:
        raise StoreMissing("class", cls)
    row = {
        "boot_id": boot_id,
        "seq": seq,
        "event_at": event.at,
        "cls": cls,
        "method": method,
        "operator": operator,
        "selection_probability": selection_probability,
        "reason": reason,
        "note": note,
        "at": at or datetime.now(UTC),
        "by": by,
    }
    cursor = await conn.execute(_INSERT_VERIFICATION, row)
    added = await cursor.fetchone()
    assert added is not None
    return await _tell(conn, added[0])


_WITHDRAW = "UPDATE verifications SET withdrawn_at = now() WHERE id = %s AND withdrawn_at IS NULL"
_RESTORE = "UPDATE verifications SET withdrawn_at = NULL WHERE id = %s AND withdrawn_at IS NOT NULL"


async def withdraw_verification(
    conn: AsyncConnection, verification_id: int, lab: str | None = None
) -> Verification:
    """Take a verification back: the one before it holds again.

    Raises
    ------
    StoreMissing
        There is none, or it is another lab's.
    """
    await get_verification(conn, verification_id, lab)
    await conn.execute(_WITHDRAW, [verification_id])
    return await _tell(conn, verification_id)


async def restore_verification(
    conn: AsyncConnection, verification_id: int, lab: str | None = None
) -> Verification:
    """Let a verification that was withdrawn hold again.

    Raises
    ------
    StoreMissing
        There is none, or it is another lab's.
    """
    await get_verification(conn, verification_id, lab)
    await conn.execute(_RESTORE, [verification_id])
    return await _tell(conn, verification_id)


async def _tell(conn: AsyncConnection, verification_id: int) -> Verification:
    """Make lots due for what was said of a fish."""
    found = await get_verification(conn, verification_id)
    news = SortNews(units={found.device_id})
    if found.lot_id is not None:
        news.of(found.lot_id).reasons.add("verification")
    await note_news(conn, news)
    return found


_SELECT_OF_LOT = _VERIFICATIONS + "AND v.lot_id = %(lot_id)s ORDER BY v.at, v.id"
_SELECT_WAITING = (
    _VERIFICATIONS + "AND d.name = %(device)s AND v.event_at IS NULL ORDER BY v.id LIMIT %(limit)s"
)


async def list_verifications(
    conn: AsyncConnection, lot_id: int, *, lab: str | None = None, everything: bool = False
) -> list[Verification]:
    """List what holds of a lot's fish; with `everything` also what was withdrawn or said before."""
    found = await fetch_all(conn, Verification, _SELECT_OF_LOT, {"lot_id": lot_id, "lab": lab})
    return [one for one in found if one.current or everything]


async def waiting_verifications(
    conn: AsyncConnection, device: str, *, lab: str | None = None, limit: int = 100
) -> list[Verification]:
    """List a unit's verifications whose event has not come."""
    parameters = {"device": device, "lab": lab, "limit": limit}
    return await fetch_all(conn, Verification, _SELECT_WAITING, parameters)
