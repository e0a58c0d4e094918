"""How a field keeps to its recipe: a score a day, and the times at which it does not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from psycopg.types.json import Jsonb

from store.query import fetch_all

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime

    from psycopg import AsyncConnection


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """How well a day kept to the recipe.

    Attributes
    ----------
    score : float | None
        0 to 100; None where it is not known.
    coverage : float
        Share of the day that is known, 0 to 1.
    body : dict
        By quantity.
    """

    day: date
    score: float | None
    coverage: float
    body: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Deviation:
    """A time at which a quantity was out of the recipe's favourable range.

    Attributes
    ----------
    quantity, measure : str
        As the recipe names it, with its position; time of day and window.
    grade : str
        The worst range it was in instead.
    depth : float
        Greatest distance from the favourable range, in the quantity's unit.
    """

    begin_at: datetime
    end_at: datetime
    quantity: str
    measure: str
    direction: Literal["low", "high"]
    grade: Literal["tolerable", "harmful"]
    depth: float
    body: dict[str, Any]


# Whoever writes what was computed for a planting takes its turn here.
_LOCK_PLANTING = "SELECT FROM planting_dues WHERE planting_id = %s FOR UPDATE"

_DELETE_SCORES = """
DELETE FROM recipe_scores WHERE planting_id = %s AND recipe_id = %s AND day BETWEEN %s AND %s
"""
_INSERT_SCORES = """
INSERT INTO recipe_scores (planting_id, recipe_id, day, score, coverage, body)
SELECT %s, %s, * FROM unnest(%s::date[], %s::float8[], %s::float8[], %s::jsonb[])
"""


async def replace_scores(
    conn: AsyncConnection,
    planting_id: int,
    recipe_id: int,
    *,
    first_day: date,
    last_day: date,
    scores: Sequence[Score],
) -> None:
    """Put scores in the place of all from `first_day` to `last_day`, both included, where they must lie."""
    columns = [[getattr(item, name) for item in scores] for name in ("day", "score", "coverage")]
    bodies = [Jsonb(item.body) for item in scores]
    async with conn.transaction():
        await conn.execute(_LOCK_PLANTING, [planting_id])
        await conn.execute(_DELETE_SCORES, [planting_id, recipe_id, first_day, last_day])
        await conn.execute(_INSERT_SCORES, [planting_id, recipe_id, *columns, bodies])


_OF_LAB = """
JOIN plantings p ON p.id = c.planting_id JOIN fields f ON f.id = p.field_id
JOIN sites s ON s.id = f.site_id JOIN labs ON labs.id = s.lab_id
WHERE c.planting_id = %(planting_id)s AND c.recipe_id = %(recipe_id)s
  AND (%(lab)s::text IS NULL OR labs.slug = %(lab)s)
"""
_SCORES = "SELECT c.day, c.score, c.coverage, c.body FROM recipe_scores c "
_SELECT_SCORES = (
    _SCORES
    + _OF_LAB
    + """
AND (%(first_day)s::date IS NULL OR c.day >= %(first_day)s)
AND (%(last_day)s::date IS NULL OR c.day <= %(last_day)s)
ORDER BY c.day
"""
)


async def list_scores(
    conn: AsyncConnection,
    planting_id: int,
    recipe_id: int,
    *,
    first_day: date | None = None,
    last_day: date | None = None,
    lab: str | None = None,
) -> list[Score]:
    """List a planting's scores by day, from `first_day` to `last_day`, both included."""
    parameters = {
        "planting_id": planting_id,
        "recipe_id": recipe_id,
        "first_day": first_day,
        "last_day": last_day,
        "lab": lab,
    }
    return await fetch_all(conn, Score, _SELECT_SCORES, parameters)


_DELETE_DEVIATIONS = """
DELETE FROM recipe_deviations
WHERE planting_id = %s AND recipe_id = %s AND begin_at >= %s AND begin_at < %s
"""
_INSERT_DEVIATIONS = """
INSERT INTO recipe_deviations (planting_id, recipe_id, begin_at, end_at, quantity, measure, direction, grade,
                               depth, body)
SELECT %s, %s, * FROM unnest(%s::timestamptz[], %s::timestamptz[], %s::text[], %s::text[], %s::text[],
                             %s::text[], %s::float8[], %s::jsonb[])
"""
_DEVIATION_COLUMNS = ("begin_at", "end_at", "quantity", "measure", "direction", "grade", "depth")


async def replace_deviations(
    conn: AsyncConnection,
    planting_id: int,
    recipe_id: int,
    *,
    begin: datetime,
    end: datetime,
    deviations: Sequence[Deviation],
) -> None:
    """Put deviations in the place of all that begin in a span (half open), in which they must begin too."""
    columns = [[getattr(item, name) for item in deviations] for name in _DEVIATION_COLUMNS]
    bodies = [Jsonb(item.body) for item in deviations]
    async with conn.transaction():
        await conn.execute(_LOCK_PLANTING, [planting_id])
        await conn.execute(_DELETE_DEVIATIONS, [planting_id, recipe_id, begin, end])
        await conn.execute(_INSERT_DEVIATIONS, [planting_id, recipe_id, *columns, bodies])


_DEVIATIONS = """
SELECT c.begin_at, c.end_at, c.quantity, c.measure, c.direction, c.grade, c.depth, c.body
FROM recipe_deviations c
"""
_SELECT_DEVIATIONS = (
    _DEVIATIONS
    + _OF_LAB
    + """
AND (%(begin)s::timestamptz IS NULL OR c.end_at > %(begin)s)
AND (%(end)s::timestamptz IS NULL OR c.begin_at < %(end)s)
ORDER BY c.begin_at DESC, c.quantity, c.measure, c.direction, c.grade
LIMIT %(limit)s
"""
)


async def list_deviations(
    conn: AsyncConnection,
    planting_id: int,
    recipe_id: int,
    *,
    begin: datetime | None = None,
    end: datetime | None = None,
    lab: str | None = None,
    limit: int = 1000,
) -> list[Deviation]:
    """List a planting's deviations that lie at least partly between two instants, the last to begin first."""
    parameters = {
        "planting_id": planting_id,
        "recipe_id": recipe_id,
        "begin": begin,
        "end": end,
        "lab": lab,
        "limit": limit,
    }
    return await fetch_all(conn, Deviation, _SELECT_DEVIATIONS, parameters)
