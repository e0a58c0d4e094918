"""Devices and their series as a gateway asks for them: a few names at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from devices.model import Device, Series
from store.query import fetch_all

if TYPE_CHECKING:
    from collections.abc import Iterable

    from psycopg import AsyncConnection

_FIND_DEVICES = """
SELECT d.id, d.name, labs.slug AS lab, d.kind, d.label, sites.slug AS site, d.simulated,
       d.revoked_at IS NOT NULL AS revoked
FROM devices d JOIN labs ON labs.id = d.lab_id LEFT JOIN sites ON sites.id = d.site_id
WHERE d.name = ANY (%s)
"""
_FIND_SERIES = (
    "SELECT id, device_id, quantity, position, unit FROM series WHERE device_id = ANY (%s) ORDER BY id"
)


async def find_senders(conn: AsyncConnection, names: Iterable[str]) -> tuple[list[Device], list[Series]]:
    """Read the devices that have these names, as far as they exist, and all their series."""
    devices = await fetch_all(conn, Device, _FIND_DEVICES, [list(names)])
    series = await fetch_all(conn, Series, _FIND_SERIES, [[device.id for device in devices]])
    return devices, series
