"""What one process asks of another through the database. Every request notifies ``chiiki_requests``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from psycopg.types.json import Jsonb

from store.errors import StoreConflict, StoreMissing
from store.labs import find_lab
from store.query import fetch_one

if TYPE_CHECKING:
    from datetime import datetime

    from psycopg import AsyncConnection

Verb = Literal["replay"]
Ending = Literal["done", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Something to be done by a gateway.

    Attributes
    ----------
    lab : str | None
        Slug of the lab that asked; None for the operator.
    argument, outcome : dict
        JSON; the outcome is None while the request waits.
    requested_at, ended_at : datetime
        Aware, UTC.
    """

    id: int
    lab: str | None
    verb: Verb
    argument: dict[str, Any]
    state: Literal["waiting", "done", "failed"]
    requested_at: datetime
    ended_at: datetime | None
    outcome: dict[str, Any] | None


_REQUESTS = """
SELECT r.id, labs.slug AS lab, r.verb, r.argument, r.state, r.requested_at, r.ended_at, r.outcome
FROM requests r LEFT JOIN labs ON labs.id = r.lab_id
"""

_INSERT_REQUEST = "INSERT INTO requests (lab_id, verb, argument) VALUES (%s, %s, %s) RETURNING id"


async def add_request(
    conn: AsyncConnection, *, verb: Verb, argument: dict[str, Any], lab: str | None = None
) -> Request:
    """Ask for something; who does it hears of it when the transaction commits.

    Raises
    ------
    StoreMissing
        The lab does not exist.
    """
    lab_id = None if lab is None else (await find_lab(conn, lab)).id
    cursor = await conn.execute(_INSERT_REQUEST, [lab_id, verb, Jsonb(argument)])
    added = await cursor.fetchone()
    assert added is not None
    return await get_request(conn, added[0])


_TAKE_REQUEST = _REQUESTS + "WHERE r.state = 'waiting' ORDER BY r.id LIMIT 1 FOR UPDATE OF r SKIP LOCKED"


async def next_request(conn: AsyncConnection) -> Request | None:
    """Take the oldest request that nobody else works on, or None.

    It is ours until the transaction ends: end it by `end_request` in the same one. If we die, it waits again.
    """
    return await fetch_one(conn, Request, _TAKE_REQUEST)


_END_REQUEST = """
UPDATE requests SET state = %s, ended_at = now(), outcome = %s
WHERE id = %s AND state = 'waiting'
RETURNING id
"""


async def end_request(conn: AsyncConnection, request_id: int, state: Ending, outcome: dict[str, Any]) -> None:
    """Say how a request ended.

    Raises
    ------
    StoreConflict
        It had ended already.
    StoreMissing
        There is none of this number.
    """
    cursor = await conn.execute(_END_REQUEST, [state, Jsonb(outcome), request_id])
    if await cursor.fetchone() is None:
        request = await get_request(conn, request_id)
        raise StoreConflict("outcome of request", str(request.id))


_SELECT_REQUEST = _REQUESTS + "WHERE r.id = %(id)s AND (%(lab)s::text IS NULL OR labs.slug = %(lab)s)"


async def get_request(conn: AsyncConnection, request_id: int, lab: str | None = None) -> Request:
    """Find a request by its number; with `lab`, only among what that lab asked for.

    Raises
    ------
    StoreMissing
        There is none, or it is another lab's.
    """
    request = await fetch_one(conn, Request, _SELECT_REQUEST, {"id": request_id, "lab": lab})
    if request is None:
        raise StoreMissing("request", str(request_id))
    return request
