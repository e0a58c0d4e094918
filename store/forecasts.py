"""Forecasts as they were made. Each takes the place of the one before; none is ever changed or deleted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

from store.errors import StoreMissing
from store.query import fetch_all, fetch_one

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime

    from psycopg import AsyncConnection


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What was forecast for a planting.

    Attributes
    ----------
    supersedes : int | None
        The forecast whose place it took.
    issued_on : date
        By the site's clock.
    data_end : datetime | None
        Of the last reading it rests on; None if on none.
    inputs_digest : bytes
        Of all that went into it: the same inputs give the same forecast.
    body : dict
        Stages, intervals, progress, drivers, skill, basis.
    revised_at, revised_reason : datetime, str | None
        When and why it was seen to rest on data that has changed since.
    """

    id: int
    planting_id: int
    supersedes: int | None
    issued_on: date
    made_at: datetime
    model: str
    model_version: str
    data_end: datetime | None
    inputs_digest: bytes
    body: dict[str, Any]
    revised_at: datetime | None
    revised_reason: str | None


_FORECASTS = """
SELECT c.id, c.planting_id, c.supersedes, c.issued_on, c.made_at, c.model, c.model_version, c.data_end,
       c.inputs_digest, c.body, c.revised_at, c.revised_reason
FROM forecasts c
"""
_OF_LAB = """
JOIN plantings p ON p.id = c.planting_id JOIN fields f ON f.id = p.field_id
JOIN sites s ON s.id = f.site_id JOIN labs ON labs.id = s.lab_id
WHERE (%(lab)s::text IS NULL OR labs.slug = %(lab)s)
"""

_LOCK_DUE = "SELECT done FROM planting_dues WHERE planting_id = %s FOR UPDATE"
_INSERT_FORECAST = """
INSERT INTO forecasts (planting_id, supersedes, issued_on, model, model_version, data_end, inputs_digest,
                       body)
VALUES (%(planting_id)s, %(supersedes)s, %(issued_on)s, %(model)s, %(model_version)s, %(data_end)s,
        %(inputs_digest)s, %(body)s)
RETURNING id
"""


async def add_forecast(
    conn: AsyncConnection,
    planting_id: int,
    *,
    issued_on: date,
    model: str,
    model_version: str,
    data_end: datetime | None,
    inputs_digest: bytes,
    body: dict[str, Any],
    mark: int | None = None,
) -> tuple[Forecast, bool]:
    """Add a forecast, unless the newest one is of the same day and the same inputs.

    Parameters
    ----------
    mark : int | None
        Of `store.dues.marks_of`, read before the inputs were: where someone who read later has settled
        already, nothing is added.

    Returns
    -------
    Forecast, bool
        The planting's newest forecast, and whether it was added now.

    Raises
    ------
    StoreMissing
        There is no such planting, or one that ended before it was ever due.
    """
    async with conn.transaction():
        cursor = await conn.execute(_LOCK_DUE, [planting_id])
        due = await cursor.fetchone()
        if due is None:
            raise StoreMissing("planting", str(planting_id))
        newest = await newest_forecast(conn, planting_id)
        if newest is not None:
            same = (newest.issued_on, newest.inputs_digest) == (issued_on, inputs_digest)
            if same or (mark is not None and due[0] > mark):
                return newest, False
        row = {
            "planting_id": planting_id,
            "supersedes": None if newest is None else newest.id,
            "issued_on": issued_on,
            "model": model,
            "model_version": model_version,
            "data_end": data_end,
            "inputs_digest": inputs_digest,
            "body": Jsonb(body),
        }
        cursor = await conn.execute(_INSERT_FORECAST, row)
        added = await cursor.fetchone()
        assert added is not None
        return await get_forecast(conn, added[0]), True


_SELECT_FORECAST = _FORECASTS + _OF_LAB + "AND c.id = %(id)s"


async def get_forecast(conn: AsyncConnection, forecast_id: int, lab: str | None = None) -> Forecast:
    """Find a forecast by its number; with `lab`, only among that lab's.

    Raises
    ------
    StoreMissing
        There is none, or it is another lab's.
    """
    forecast = await fetch_one(conn, Forecast, _SELECT_FORECAST, {"id": forecast_id, "lab": lab})
    if forecast is None:
        raise StoreMissing("forecast", str(forecast_id))
    return forecast


_SELECT_NEWEST = (
    _FORECASTS
    + _OF_LAB
    + """
AND c.planting_id = %(planting_id)s AND (%(as_of)s::timestamptz IS NULL OR c.made_at <= %(as_of)s)
ORDER BY c.id DESC
LIMIT 1
"""
)


async def newest_forecast(
    conn: AsyncConnection, planting_id: int, *, lab: str | None = None, as_of: datetime | None = None
) -> Forecast | None:
    """Read a planting's newest forecast; with `as_of`, the one that was the newest at that instant."""
    parameters = {"planting_id": planting_id, "lab": lab, "as_of": as_of}
    return await fetch_one(conn, Forecast, _SELECT_NEWEST, parameters)


_SELECT_NEWEST_IDS = """
SELECT newest.id FROM unnest(%s::int4[]) AS wanted (id) CROSS JOIN LATERAL (
    SELECT id FROM forecasts WHERE planting_id = wanted.id ORDER BY id DESC LIMIT 1
) newest
"""
_SELECT_THESE = _FORECASTS + "WHERE c.id = ANY(%s::int8[])"


async def newest_forecasts(conn: AsyncConnection, planting_ids: Sequence[int]) -> dict[int, Forecast]:
    """Read the newest forecast of each planting that has one."""
    cursor = await conn.execute(_SELECT_NEWEST_IDS, [list(planting_ids)])
    ids = [forecast_id for (forecast_id,) in await cursor.fetchall()]
    found = await fetch_all(conn, Forecast, _SELECT_THESE, [ids])
    return {forecast.planting_id: forecast for forecast in found}


_SELECT_HISTORY = (
    _FORECASTS
    + _OF_LAB
    + """
AND c.planting_id = %(planting_id)s AND (%(before)s::int8 IS NULL OR c.id < %(before)s)
ORDER BY c.id DESC
LIMIT %(limit)s
"""
)


async def list_forecasts(
    conn: AsyncConnection,
    planting_id: int,
    *,
    lab: str | None = None,
    before: int | None = None,
    limit: int = 100,
) -> list[Forecast]:
    """List a planting's forecasts, newest first; the next page ends `before` the last id of this one."""
    parameters = {"planting_id": planting_id, "lab": lab, "before": before, "limit": limit}
    return await fetch_all(conn, Forecast, _SELECT_HISTORY, parameters)


# By id, so that two who mark the same forecasts do not deadlock.
_MARK_REVISED = """
WITH those AS (
    SELECT id FROM forecasts
    WHERE planting_id = ANY(%(ids)s::int4[]) AND revised_at IS NULL
      AND (%(data_after)s::timestamptz IS NULL OR data_end > %(data_after)s)
    ORDER BY id
    FOR UPDATE
)
UPDATE forecasts SET revised_at = clock_timestamp(), revised_reason = %(reason)s
FROM those WHERE forecasts.id = those.id
"""


async def mark_revised(
    conn: AsyncConnection, planting_ids: Sequence[int], reason: str, *, data_after: datetime | None = None
) -> int:
    """Say of forecasts that what they rest on has changed; the first mark stays.

    Parameters
    ----------
    data_after : datetime | None
        Only those whose data ended later: the begin of the first day that changed.

    Returns
    -------
    int
        How many were marked.
    """
    parameters = {"ids": list(planting_ids), "reason": reason, "data_after": data_after}
    cursor = await conn.execute(_MARK_REVISED, parameters)
    return cursor.rowcount
