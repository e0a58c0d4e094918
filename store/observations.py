"""Stages seen in the field. What was noted stays: a correction withdraws one observation and adds another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from psycopg.errors import UniqueViolation

from store.errors import StoreConflict, StoreMissing
from store.plantings import get_planting
from store.query import fetch_all, fetch_one

if TYPE_CHECKING:
    from datetime import date, datetime

    from psycopg import AsyncConnection


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """A stage that a planting had reached on a day.

    Attributes
    ----------
    bbch : int
        Principal and secondary stage, 0 to 99.
    observed_on : date
        Of the site's time zone.
    observer : str
        Who saw it.
    noted_by : str | None
        Label of the token that noted it; None from the command line.
    withdrawn_at : datetime | None
        When it was taken back.
    """

    id: int
    planting_id: int
    bbch: int
    observed_on: date
    observer: str
    note: str
    noted_at: datetime
    noted_by: str | None
    withdrawn_at: datetime | None


_OBSERVATIONS = """
SELECT o.id, o.planting_id, o.bbch, o.observed_on, o.observer, o.note, o.noted_at, t.label AS noted_by,
       o.withdrawn_at
FROM stage_observations o JOIN plantings p ON p.id = o.planting_id
JOIN fields f ON f.id = p.field_id JOIN sites s ON s.id = f.site_id JOIN labs ON labs.id = s.lab_id
LEFT JOIN tokens t ON t.id = o.noted_by
"""

_INSERT_OBSERVATION = """
INSERT INTO stage_observations (planting_id, bbch, observed_on, observer, note, noted_by)
VALUES (%(planting_id)s, %(bbch)s, %(observed_on)s, %(observer)s, %(note)s, %(by)s)
ON CONFLICT (planting_id, bbch) WHERE withdrawn_at IS NULL DO NOTHING
RETURNING id
"""


async def add_observation(
    conn: AsyncConnection,
    planting_id: int,
    *,
    bbch: int,
    observed_on: date,
    observer: str = "",
    note: str = "",
    lab: str | None = None,
    by: int | None = None,
) -> Observation:
    """Note a stage; its planting and those of the same crop in the lab become due.

    Raises
    ------
    StoreConflict
        This stage was noted for the planting: correct or withdraw that.
    StoreMissing
        There is no such planting, or it is another lab's.
    """
    row = {
        "planting_id": (await get_planting(conn, planting_id, lab)).id,
        "bbch": bbch,
        "observed_on": observed_on,
        "observer": observer,
        "note": note,
        "by": by,
    }
    cursor = await conn.execute(_INSERT_OBSERVATION, row)
    added = await cursor.fetchone()
    if added is None:
        raise StoreConflict("observation of this planting", f"BBCH {bbch:02}")
    return await get_observation(conn, added[0])


_SELECT_OBSERVATION = _OBSERVATIONS + "WHERE o.id = %(id)s AND (%(lab)s::text IS NULL OR labs.slug = %(lab)s)"


async def get_observation(conn: AsyncConnection, observation_id: int, lab: str | None = None) -> Observation:
    """Find an observation by its number, withdrawn ones too; with `lab`, only among that lab's.

    Raises
    ------
    StoreMissing
        There is none, or it is another lab's.
    """
    found = await fetch_one(conn, Observation, _SELECT_OBSERVATION, {"id": observation_id, "lab": lab})
    if found is None:
        raise StoreMissing("observation", str(observation_id))
    return found


_SELECT_OBSERVATIONS = (
    _OBSERVATIONS
    + """
WHERE o.planting_id = %(planting_id)s AND (%(lab)s::text IS NULL OR labs.slug = %(lab)s)
  AND (%(withdrawn)s OR o.withdrawn_at IS NULL)
ORDER BY o.observed_on, o.bbch, o.id
"""
)


async def list_observations(
    conn: AsyncConnection, planting_id: int, *, lab: str | None = None, withdrawn: bool = False
) -> list[Observation]:
    """List a planting's observations by day; the `withdrawn` ones too, if asked for."""
    parameters = {"planting_id": planting_id, "lab": lab, "withdrawn": withdrawn}
    return await fetch_all(conn, Observation, _SELECT_OBSERVATIONS, parameters)


_SELECT_OF_CROP = (
    _OBSERVATIONS
    + """
WHERE labs.slug = %s AND p.crop = %s AND p.removed_at IS NULL AND o.withdrawn_at IS NULL
ORDER BY o.planting_id, o.bbch
"""
)


async def observations_of_crop(conn: AsyncConnection, lab: str, crop: str) -> list[Observation]:
    """Read what was seen in a lab's plantings of a crop in all seasons: what is pooled."""
    return await fetch_all(conn, Observation, _SELECT_OF_CROP, [lab, crop])


async def correct_observation(
    conn: AsyncConnection,
    observation_id: int,
    *,
    bbch: int | None = None,
    observed_on: date | None = None,
    observer: str | None = None,
    note: str | None = None,
    lab: str | None = None,
    by: int | None = None,
) -> Observation:
    """Withdraw an observation and note it anew with what is given; both or neither.

    Raises
    ------
    StoreConflict
        It is withdrawn already, or the new stage was noted for the planting.
    StoreMissing
        There is none, or it is another lab's.
    """
    async with conn.transaction():
        old = await get_observation(conn, observation_id, lab)
        if not await _withdraw(conn, old):
            raise StoreConflict("correction of observation", str(observation_id))
        return await add_observation(
            conn,
            old.planting_id,
            bbch=old.bbch if bbch is None else bbch,
            observed_on=observed_on or old.observed_on,
            observer=old.observer if observer is None else observer,
            note=old.note if note is None else note,
            by=by,
        )


_WITHDRAW = """
UPDATE stage_observations SET withdrawn_at = now() WHERE id = %s AND withdrawn_at IS NULL RETURNING id
"""


async def _withdraw(conn: AsyncConnection, observation: Observation) -> bool:
    cursor = await conn.execute(_WITHDRAW, [observation.id])
    return await cursor.fetchone() is not None


async def withdraw_observation(
    conn: AsyncConnection, observation_id: int, lab: str | None = None
) -> Observation:
    """Take an observation back; doing it again changes nothing.

    Raises
    ------
    StoreMissing
        There is none, or it is another lab's.
    """
    await _withdraw(conn, await get_observation(conn, observation_id, lab))
    return await get_observation(conn, observation_id)


_RESTORE = "UPDATE stage_observations SET withdrawn_at = NULL WHERE id = %s AND withdrawn_at IS NOT NULL"


async def restore_observation(
    conn: AsyncConnection, observation_id: int, lab: str | None = None
) -> Observation:
    """Undo `withdraw_observation`.

    Raises
    ------
    StoreConflict
        The stage was noted again since.
    StoreMissing
        There is none, or it is another lab's.
    """
    observation = await get_observation(conn, observation_id, lab)
    try:
        async with conn.transaction():
            await conn.execute(_RESTORE, [observation.id])
    except UniqueViolation as error:
        raise StoreConflict("observation of this planting", f"BBCH {observation.bbch:02}") from error
    return await get_observation(conn, observation_id)
