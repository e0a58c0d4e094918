"""Risk indices of a planting by days."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from store.query import fetch_all

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from psycopg import AsyncConnection


@dataclass(frozen=True, slots=True, kw_only=True)
class Risk:
    """One risk on one day.

    Attributes
    ----------
    value, accumulated : float | None
        Of the day, and summed since the index begins; None where it is not known.
    level : str
        In the risk's own words.
    coverage : float
        Share of the day that is known, 0 to 1.
    reason : str
        Why the level is what it is, or why there is none.
    """

    risk: str
    day: date
    value: float | None
    accumulated: float | None
    level: str
    coverage: float
    reason: str


_LOCK_PLANTING = "SELECT FROM planting_dues WHERE planting_id = %s FOR UPDATE"
_DELETE_RISKS = "DELETE FROM risk_indices WHERE planting_id = %s AND day BETWEEN %s AND %s"
_INSERT_RISKS = """
INSERT INTO risk_indices (planting_id, risk, day, value, accumulated, level, coverage, reason)
SELECT %s, * FROM unnest(%s::text[], %s::date[], %s::float8[], %s::float8[], %s::text[], %s::float8[],
                         %s::text[])
"""
_COLUMNS = ("risk", "day", "value", "accumulated", "level", "coverage", "reason")


async def replace_risks(
    conn: AsyncConnection, planting_id: int, first_day: date, last_day: date, risks: Sequence[Risk]
) -> None:
    """Put risks in the place of all from `first_day` to `last_day`, both included, where they must lie."""
    columns = [[getattr(item, name) for item in risks] for name in _COLUMNS]
    async with conn.transaction():
        await conn.execute(_LOCK_PLANTING, [planting_id])
        await conn.execute(_DELETE_RISKS, [planting_id, first_day, last_day])
        await conn.execute(_INSERT_RISKS, [planting_id, *columns])


_SELECT_RISKS = """
SELECT r.risk, r.day, r.value, r.accumulated, r.level, r.coverage, r.reason
FROM risk_indices r JOIN plantings p ON p.id = r.planting_id JOIN fields f ON f.id = p.field_id
JOIN sites s ON s.id = f.site_id JOIN labs ON labs.id = s.lab_id
WHERE r.planting_id = %(planting_id)s AND (%(lab)s::text IS NULL OR labs.slug = %(lab)s)
  AND (%(first_day)s::date IS NULL OR r.day >= %(first_day)s)
  AND (%(last_day)s::date IS NULL OR r.day <= %(last_day)s)
ORDER BY r.risk, r.day
"""


async def list_risks(
    conn: AsyncConnection,
    planting_id: int,
    *,
    first_day: date | None = None,
    last_day: date | None = None,
    lab: str | None = None,
) -> list[Risk]:
    """List a planting's risks by name and day, from `first_day` to `last_day`, both included."""
    parameters = {"planting_id": planting_id, "first_day": first_day, "last_day": last_day, "lab": lab}
    return await fetch_all(conn, Risk, _SELECT_RISKS, parameters)
