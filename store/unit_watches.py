"""Which sorting units are to be looked at again, and what was found when they were last."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

from store.query import fetch_all, fetch_one

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from psycopg import AsyncConnection

UnitKey = tuple[int, str]
"""Device, and the product that it sorts."""

_NOTE_WATCHES = """
INSERT INTO unit_watches AS w (device_id, product, urgent)
SELECT came.device_id, came.product, came.urgent
FROM unnest(%s::int4[], %s::text[], %s::bool[]) AS came (device_id, product, urgent)
ORDER BY came.device_id, came.product
ON CONFLICT (device_id, product) DO UPDATE SET
    noted = w.noted + 1, urgent = w.urgent OR excluded.urgent,
    not_before = CASE WHEN excluded.urgent THEN NULL ELSE w.not_before END
"""


async def note_watches(conn: AsyncConnection, units: Mapping[UnitKey, bool]) -> None:
    """Make units due; True: a check came or a chart is begun anew, so that nobody waits for more fish."""
    keys = sorted(units)
    columns = ([key[0] for key in keys], [key[1] for key in keys], [units[key] for key in keys])
    await conn.execute(_NOTE_WATCHES, columns)


_SELECT_DUE = """
SELECT device_id, product FROM unit_watches
WHERE noted > done AND (not_before IS NULL OR not_before <= clock_timestamp())
  AND (urgent OR watched_at IS NULL OR watched_at <= clock_timestamp() - make_interval(secs => %s))
ORDER BY watched_at NULLS FIRST, device_id, product
LIMIT %s
"""


async def list_due_watches(conn: AsyncConnection, *, every_s: float, limit: int = 1000) -> list[UnitKey]:
    """List units that are due; those with only new fish no more often than `every_s`."""
    cursor = await conn.execute(_SELECT_DUE, [every_s, limit])
    return [(device_id, product) for device_id, product in await cursor.fetchall()]


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitWatch:
    """What was found of a unit.

    Attributes
    ----------
    mark : int
        To be settled by `settle_watch`.
    classes : list[str]
        Of its newest lot.
    model_id : int | None
        Of its newest fish.
    watched_at : datetime | None
    body : dict | None
        None before it was first watched.
    """

    device_id: int
    product: str
    mark: int
    classes: list[str]
    model_id: int | None
    watched_at: datetime | None
    body: dict[str, Any] | None


_SELECT_WATCHES = """
SELECT w.device_id, w.product, w.noted AS mark, newest.classes, newest.model_id, w.watched_at, w.body
FROM unit_watches w CROSS JOIN LATERAL (
    SELECT l.classes, e.model_id FROM sort_events e JOIN lots l ON l.id = e.lot_id
    WHERE e.device_id = w.device_id AND l.product = w.product ORDER BY e.at DESC LIMIT 1
) newest
WHERE w.device_id = %s AND (%s::text IS NULL OR w.product = %s)
ORDER BY w.product
"""


async def read_watches(conn: AsyncConnection, device_id: int, product: str | None = None) -> list[UnitWatch]:
    """Read what was found of a unit, by product."""
    return await fetch_all(conn, UnitWatch, _SELECT_WATCHES, [device_id, product, product])


_SETTLE = """
UPDATE unit_watches SET done = GREATEST(done, %(mark)s), watched_at = clock_timestamp(), body = %(body)s,
    urgent = urgent AND noted > %(mark)s, not_before = NULL
WHERE device_id = %(device_id)s AND product = %(product)s AND done <= %(mark)s
"""


async def settle_watch(
    conn: AsyncConnection, device_id: int, product: str, *, mark: int, body: Mapping[str, Any]
) -> None:
    """Store what was found of a unit, and note that it is done up to a mark."""
    await conn.execute(
        _SETTLE, {"device_id": device_id, "product": product, "mark": mark, "body": Jsonb(dict(body))}
    )


_PUT_OFF = "UPDATE unit_watches SET not_before = %s WHERE device_id = %s AND product = %s"


async def put_off_watch(conn: AsyncConnection, device_id: int, product: str, until: datetime) -> None:
    """Leave a unit out of `list_due_watches` for a while, as after a failure."""
    await conn.execute(_PUT_OFF, [until, device_id, product])


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationRow:
    """A version of how a unit's probabilities are corrected; it keeps as it was fitted.

    Attributes
    ----------
    model : str
        Of the classifier whose probabilities these are.
    parameters : dict
        Of `analytics.fish.calibration`.
    """

    model_id: int
    model: str
    version: int
    method: str
    parameters: dict[str, Any]
    fitted_at: datetime
    fish: int
    effective_fish: float
    log_loss: float
    uncalibrated_log_loss: float


_INSERT_CALIBRATION = """
INSERT INTO unit_calibrations (device_id, product, model_id, version, method, parameters, fitted_at, fish,
                               effective_fish, log_loss, uncalibrated_log_loss)
VALUES (%(device_id)s, %(product)s, %(model_id)s, %(version)s, %(method)s, %(parameters)s, %(fitted_at)s,
        %(fish)s, %(effective_fish)s, %(log_loss)s, %(uncalibrated_log_loss)s)
ON CONFLICT (device_id, product, model_id, version) DO NOTHING
"""


async def add_calibration(
    conn: AsyncConnection, device_id: int, product: str, row: Mapping[str, Any]
) -> None:
    """Add a version; the same one again changes nothing."""
    parameters = dict(row) | {"device_id": device_id, "product": product}
    parameters["parameters"] = Jsonb(row["parameters"])
    await conn.execute(_INSERT_CALIBRATION, parameters)


_SELECT_CALIBRATIONS = """
SELECT c.model_id, m.model, c.version, c.method, c.parameters, c.fitted_at, c.fish, c.effective_fish,
       c.log_loss, c.uncalibrated_log_loss
FROM unit_calibrations c JOIN sort_models m ON m.id = c.model_id
WHERE c.device_id = %(device_id)s AND c.product = %(product)s
  AND (%(model_id)s::int4 IS NULL OR c.model_id = %(model_id)s)
ORDER BY c.fitted_at DESC, c.version DESC
LIMIT %(limit)s
"""


async def list_calibrations(
    conn: AsyncConnection, device_id: int, product: str, *, model_id: int | None = None, limit: int = 20
) -> list[CalibrationRow]:
    """List the versions of a unit's calibration, the newest first."""
    parameters = {"device_id": device_id, "product": product, "model_id": model_id, "limit": limit}
    return await fetch_all(conn, CalibrationRow, _SELECT_CALIBRATIONS, parameters)


async def newest_calibration(
    conn: AsyncConnection, device_id: int, product: str, model_id: int
) -> CalibrationRow | None:
    """Read the calibration in use of a unit and model; None: raw probabilities are."""
    parameters = {"device_id": device_id, "product": product, "model_id": model_id, "limit": 1}
    return await fetch_one(conn, CalibrationRow, _SELECT_CALIBRATIONS, parameters)
