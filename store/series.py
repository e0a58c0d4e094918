"""Series: one quantity of one device at one position, in the unit the device sends."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from devices.model import Series
from store.query import fetch_all, fetch_one

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg import AsyncConnection

_SERIES = "SELECT s.id, s.device_id, s.quantity, s.position, s.unit FROM series s "

_SELECT_ALL_SERIES = _SERIES + "ORDER BY s.id"


async def all_series(conn: AsyncConnection) -> list[Series]:
    """Read every series, for a gateway's memory of them."""
    return await fetch_all(conn, Series, _SELECT_ALL_SERIES)


_SELECT_SERIES = (
    _SERIES
    + """
WHERE s.device_id = %(device_id)s AND s.quantity = %(quantity)s AND s.position = %(position)s
  AND s.unit = %(unit)s
"""
)
_INSERT_SERIES = """
INSERT INTO series (device_id, quantity, position, unit)
VALUES (%(device_id)s, %(quantity)s, %(position)s, %(unit)s)
ON CONFLICT (device_id, quantity, position, unit) DO NOTHING
"""


async def open_series(
    conn: AsyncConnection, device_id: int, quantity: str, position: str, unit: str
) -> Series:
    """Find a series or begin it; two who begin the same get the same.

    Parameters
    ----------
    unit : str
        As the device's kind declares it; the values are stored in it. Another unit is another series.
    """
    key = {"device_id": device_id, "quantity": quantity, "position": position, "unit": unit}
    found = await fetch_one(conn, Series, _SELECT_SERIES, key)
    if found is None:
        await conn.execute(_INSERT_SERIES, key)
        # A new statement sees what another transaction committed while the insert waited for it.
        found = await fetch_one(conn, Series, _SELECT_SERIES, key)
    assert found is not None
    return found


class SeriesKey(NamedTuple):
    """What makes a series: the arguments of `open_series`."""

    device_id: int
    quantity: str
    position: str
    unit: str


_SELECT_THESE = (
    _SERIES
    + """
JOIN unnest(%s::int4[], %s::text[], %s::text[], %s::text[]) AS came (device_id, quantity, position, unit)
USING (device_id, quantity, position, unit)
"""
)
_INSERT_THESE = """
INSERT INTO series (device_id, quantity, position, unit)
SELECT * FROM unnest(%s::int4[], %s::text[], %s::text[], %s::text[])
    AS came (device_id, quantity, position, unit)
ORDER BY 1, 2, 3, 4
ON CONFLICT (device_id, quantity, position, unit) DO NOTHING
"""


async def open_all_series(conn: AsyncConnection, keys: Sequence[SeriesKey]) -> dict[SeriesKey, Series]:
    """Find series or begin them, as `open_series` does, with a few statements for all."""
    found = await _find_series(conn, keys)
    missing = [key for key in dict.fromkeys(keys) if key not in found]
    if missing:
        await conn.execute(_INSERT_THESE, _as_columns(missing))
        found |= await _find_series(conn, missing)
    return found


async def _find_series(conn: AsyncConnection, keys: Sequence[SeriesKey]) -> dict[SeriesKey, Series]:
    series = await fetch_all(conn, Series, _SELECT_THESE, _as_columns(keys))
    return {SeriesKey(s.device_id, s.quantity, s.position, s.unit): s for s in series}


def _as_columns(keys: Sequence[SeriesKey]) -> list[list[int] | list[str]]:
    return [[getattr(key, name) for key in keys] for name in SeriesKey._fields]


_SELECT_DEVICE_SERIES = (
    _SERIES
    + """
JOIN devices d ON d.id = s.device_id JOIN labs ON labs.id = d.lab_id
WHERE d.name = %(device)s AND (%(lab)s::text IS NULL OR labs.slug = %(lab)s)
ORDER BY s.quantity, s.position, s.id
"""
)


async def list_series(conn: AsyncConnection, device: str, lab: str | None = None) -> list[Series]:
    """List a device's series by quantity and position; at most its kind's `max_series`."""
    return await fetch_all(conn, Series, _SELECT_DEVICE_SERIES, {"device": device, "lab": lab})
