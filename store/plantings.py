"""Plantings: a crop in a field from a day on. Each change makes due what it may move (`store.dues`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, LiteralString

from psycopg.errors import UniqueViolation

from store.devices import get_device
from store.errors import StoreConflict, StoreMissing
from store.fields import find_field
from store.query import fetch_all, fetch_one
from store.recipes import Recipe, find_recipe, get_recipe

if TYPE_CHECKING:
    from datetime import date, datetime

    from psycopg import AsyncConnection


@dataclass(frozen=True, slots=True, kw_only=True)
class Planting:
    """A crop in a field.

    Attributes
    ----------
    lab, site, field : str
        Slugs.
    weather_site_id : int
        Of the site whose weather it has: its station's, else its field's.
    cultivar : str
        Empty where it is not known.
    sown_on, ended_on : date
        Days of `timezone`, the field's.
    target_t_ha, yield_t_ha : float | None
        Fresh mass harvested, t/ha.
    station : str | None
        The device whose weather it has; None for that of the site.
    created_by : str | None
        The token's label; None from the command line.
    removed_at : datetime | None
        When it was removed; it can be restored.
    """

    id: int
    lab: str
    site: str
    site_id: int
    weather_site_id: int
    field: str
    field_id: int
    crop: str
    cultivar: str
    sown_on: date
    label: str
    goal: str
    target_t_ha: float | None
    recipe_id: int | None
    station: str | None
    station_id: int | None
    ended_on: date | None
    yield_t_ha: float | None
    outcome_note: str
    simulated: bool
    created_at: datetime
    created_by: str | None
    removed_at: datetime | None
    timezone: str


_PLANTINGS = """
SELECT p.id, labs.slug AS lab, s.slug AS site, f.site_id, COALESCE(d.site_id, f.site_id) AS weather_site_id,
       f.slug AS field, p.field_id, p.crop, p.cultivar, p.sown_on, p.label, p.goal, p.target_t_ha,
       p.recipe_id, d.name AS station, p.station_id, p.ended_on, p.yield_t_ha, p.outcome_note, p.simulated,
       p.created_at, t.label AS created_by, p.removed_at, s.timezone
FROM plantings p JOIN fields f ON f.id = p.field_id JOIN sites s ON s.id = f.site_id
JOIN labs ON labs.id = s.lab_id
LEFT JOIN devices d ON d.id = p.station_id LEFT JOIN tokens t ON t.id = p.created_by
"""

_INSERT_PLANTING = """
INSERT INTO plantings (field_id, crop, cultivar, sown_on, label, goal, target_t_ha, recipe_id, station_id,
                       simulated, created_by)
VALUES (%(field_id)s, %(crop)s, %(cultivar)s, %(sown_on)s, %(label)s, %(goal)s, %(target_t_ha)s,
        %(recipe_id)s, %(station_id)s, %(simulated)s, %(by)s)
ON CONFLICT DO NOTHING
RETURNING id
"""


async def add_planting(
    conn: AsyncConnection,
    *,
    lab: str,
    site: str,
    field: str,
    crop: str,
    sown_on: date,
    cultivar: str = "",
    label: str = "",
    goal: str = "",
    target_t_ha: float | None = None,
    recipe_id: int | None = None,
    station: str | None = None,
    simulated: bool = False,
    by: int | None = None,
) -> Planting:
    """Note what was sown; whether there is such a crop and cultivar is the caller's to check.

    Parameters
    ----------
    recipe_id : int | None
        The lab's own, or one that is shipped.
    station : str | None
        A device of the lab.
    by : int | None
        The token that asked.

    Raises
    ------
    StoreConflict
        The field has this planting already: the same day, crop, cultivar and label.
    StoreMissing
        The lab has no such field, recipe or station.
    """
    row: dict[str, object] = {
        "field_id": (await find_field(conn, lab, site, field)).id,
        "crop": crop,
        "cultivar": cultivar,
        "sown_on": sown_on,
        "label": label,
        "goal": goal,
        "target_t_ha": target_t_ha,
        "simulated": simulated,
        "by": by,
        **await _references(conn, lab, recipe_id, station),
    }
    cursor = await conn.execute(_INSERT_PLANTING, row)
    added = await cursor.fetchone()
    if added is None:
        raise StoreConflict("planting", f"{field} {crop} {sown_on}")
    return await get_planting(conn, added[0])


async def _references(
    conn: AsyncConnection, lab: str, recipe_id: int | None, station: str | None
) -> dict[str, int | None]:
    """Check that recipe and station are for this lab to use."""
    return {
        "recipe_id": None if recipe_id is None else (await get_recipe(conn, recipe_id, lab)).id,
        "station_id": None if station is None else (await get_device(conn, station, lab)).id,
    }


_SELECT_PLANTING = _PLANTINGS + "WHERE p.id = %(id)s AND (%(lab)s::text IS NULL OR labs.slug = %(lab)s)"


async def get_planting(conn: AsyncConnection, planting_id: int, lab: str | None = None) -> Planting:
    """Find a planting by its number, removed ones too; with `lab`, only among that lab's.

    Raises
    ------
    StoreMissing
        There is none, or it is another lab's.
    """
    planting = await fetch_one(conn, Planting, _SELECT_PLANTING, {"id": planting_id, "lab": lab})
    if planting is None:
        raise StoreMissing("planting", str(planting_id))
    return planting


_SELECT_PLANTINGS = (
    _PLANTINGS
    + """
WHERE (%(lab)s::text IS NULL OR labs.slug = %(lab)s) AND (%(site)s::text IS NULL OR s.slug = %(site)s)
  AND (%(field)s::text IS NULL OR f.slug = %(field)s) AND (%(crop)s::text IS NULL OR p.crop = %(crop)s)
  AND (%(ended)s::bool IS NULL OR (p.ended_on IS NOT NULL) = %(ended)s)
  AND (p.removed_at IS NOT NULL) = %(removed)s AND (%(after)s::int4 IS NULL OR p.id > %(after)s)
ORDER BY p.id
LIMIT %(limit)s
"""
)


async def list_plantings(
    conn: AsyncConnection,
    *,
    lab: str | None = None,
    site: str | None = None,
    field: str | None = None,
    crop: str | None = None,
    ended: bool | None = None,
    removed: bool = False,
    after: int | None = None,
    limit: int = 100,
) -> list[Planting]:
    """List plantings in the order they were noted; the next page begins `after` the last id of this one."""
    parameters = {
        "lab": lab,
        "site": site,
        "field": field,
        "crop": crop,
        "ended": ended,
        "removed": removed,
        "after": after,
        "limit": limit,
    }
    return await fetch_all(conn, Planting, _SELECT_PLANTINGS, parameters)


_SELECT_OF_CROP = (
    _PLANTINGS + "WHERE labs.slug = %s AND p.crop = %s AND p.removed_at IS NULL ORDER BY p.sown_on, p.id"
)


async def plantings_of_crop(conn: AsyncConnection, lab: str, crop: str) -> list[Planting]:
    """Read a lab's plantings of a crop in all seasons, by the day of sowing: what is pooled."""
    return await fetch_all(conn, Planting, _SELECT_OF_CROP, [lab, crop])


_UPDATE_PLANTING = """
UPDATE plantings SET crop = %(crop)s, cultivar = %(cultivar)s, sown_on = %(sown_on)s, label = %(label)s,
    goal = %(goal)s, target_t_ha = %(target_t_ha)s, recipe_id = %(recipe_id)s, station_id = %(station_id)s
WHERE id = %(id)s
"""


async def change_planting(conn: AsyncConnection, planting: Planting, lab: str | None = None) -> Planting:
    """Write what may change of a planting: crop, cultivar, day, label, goal, target, recipe and station.

    Raises
    ------
    StoreConflict
        The field has such a planting already.
    StoreMissing
        There is none of this number for the lab, or no such recipe or station.
    """
    before = await get_planting(conn, planting.id, lab)
    names = ("id", "crop", "cultivar", "sown_on", "label", "goal", "target_t_ha")
    row = {name: getattr(planting, name) for name in names}
    row |= await _references(conn, before.lab, planting.recipe_id, planting.station)
    return await _write(conn, before, _UPDATE_PLANTING, row)


async def _write(
    conn: AsyncConnection, planting: Planting, query: LiteralString, row: dict[str, object]
) -> Planting:
    """Update a planting unless it then equals another one of its field."""
    try:
        async with conn.transaction():
            await conn.execute(query, row)
    except UniqueViolation as error:
        raise StoreConflict("planting", f"{planting.field} {planting.crop} {planting.sown_on}") from error
    return await get_planting(conn, planting.id)


_END_PLANTING = """
UPDATE plantings SET ended_on = %(ended_on)s, yield_t_ha = %(yield_t_ha)s, outcome_note = %(outcome_note)s
WHERE id = %(id)s
"""


async def end_planting(
    conn: AsyncConnection,
    planting_id: int,
    *,
    ended_on: date,
    yield_t_ha: float | None = None,
    outcome_note: str = "",
    lab: str | None = None,
) -> Planting:
    """Say that a planting was harvested or given up, and what came of it; done again, it writes that anew.

    Raises
    ------
    StoreMissing
        There is none, or it is another lab's.
    """
    planting = await get_planting(conn, planting_id, lab)
    row = {
        "id": planting.id,
        "ended_on": ended_on,
        "yield_t_ha": yield_t_ha,
        "outcome_note": outcome_note,
    }
    return await _write(conn, planting, _END_PLANTING, row)


_REOPEN_PLANTING = "UPDATE plantings SET ended_on = NULL, yield_t_ha = NULL WHERE id = %(id)s"


async def reopen_planting(conn: AsyncConnection, planting_id: int, lab: str | None = None) -> Planting:
    """Undo `end_planting`.

    Raises
    ------
    StoreMissing
        There is none, or it is another lab's.
    """
    planting = await get_planting(conn, planting_id, lab)
    return await _write(conn, planting, _REOPEN_PLANTING, {"id": planting.id})


_REMOVE_PLANTING = "UPDATE plantings SET removed_at = COALESCE(removed_at, now()) WHERE id = %(id)s"


async def remove_planting(conn: AsyncConnection, planting_id: int, lab: str | None = None) -> Planting:
    """Take a planting out of all lists and forecasts; doing it again changes nothing.

    Raises
    ------
    StoreMissing
        There is none, or it is another lab's.
    """
    planting = await get_planting(conn, planting_id, lab)
    return await _write(conn, planting, _REMOVE_PLANTING, {"id": planting.id})


_RESTORE_PLANTING = "UPDATE plantings SET removed_at = NULL WHERE id = %(id)s"


async def restore_planting(conn: AsyncConnection, planting_id: int, lab: str | None = None) -> Planting:
    """Undo `remove_planting`.

    Raises
    ------
    StoreConflict
        Its field has the same planting again.
    StoreMissing
        There is none, or it is another lab's.
    """
    planting = await get_planting(conn, planting_id, lab)
    return await _write(conn, planting, _RESTORE_PLANTING, {"id": planting.id})


async def recipe_of_planting(conn: AsyncConnection, planting: Planting) -> Recipe | None:
    """Give the recipe that a planting follows: its own, else the one named after its crop, if any."""
    if planting.recipe_id is not None:
        return await get_recipe(conn, planting.recipe_id)
    try:
        return await find_recipe(conn, planting.lab, planting.crop)
    except StoreMissing:
        return None
