"""Series: one quantity of one device at one position, in the unit the device sends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from devices.model import Series
from store.query import fetch_all, fetch_one

if TYPE_CHECKING:
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
