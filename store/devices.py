"""Devices, and the accounts that the broker lets in. Every change notifies ``chiiki_registry``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from devices.model import Device
from store.errors import StoreConflict, StoreMissing
from store.labs import find_lab
from store.query import fetch_all, fetch_one
from store.sites import find_site

if TYPE_CHECKING:
    from psycopg import AsyncConnection

_DEVICES = """
SELECT d.id, d.name, labs.slug AS lab, d.kind, d.label, sites.slug AS site, d.simulated,
       d.revoked_at IS NOT NULL AS revoked
FROM devices d JOIN labs ON labs.id = d.lab_id LEFT JOIN sites ON sites.id = d.site_id
"""

_INSERT_DEVICE = """
INSERT INTO devices (name, lab_id, site_id, kind, label, simulated, password_hash)
VALUES (%(name)s, %(lab_id)s, %(site_id)s, %(kind)s, %(label)s, %(simulated)s, %(password_hash)s)
ON CONFLICT (name) DO NOTHING
RETURNING id
"""


async def add_device(
    conn: AsyncConnection,
    *,
    name: str,
    lab: str,
    kind: str,
    password_hash: str,
    site: str | None = None,
    label: str = "",
    simulated: bool = False,
) -> Device:
    """Register a device.

    Parameters
    ----------
    name : str
        MQTT user name, checked by `devices.registry.check_device_name`.
    lab, site : str
        Slugs; the site is one of the lab's.
    password_hash : str
        A line of `devices.credentials.hash_password`.

    Raises
    ------
    StoreConflict
        The name is taken, in whichever lab.
    StoreMissing
        The lab or the site does not exist.
    """
    row: dict[str, object] = {
        "name": name,
        "kind": kind,
        "label": label,
        "simulated": simulated,
        "password_hash": password_hash,
    }
    row["lab_id"] = (await find_lab(conn, lab)).id
    row["site_id"] = None if site is None else (await find_site(conn, lab, site)).id
    cursor = await conn.execute(_INSERT_DEVICE, row)
    if await cursor.fetchone() is None:
        raise StoreConflict("device", name)
    return await get_device(conn, name)


_SELECT_DEVICE = (
    _DEVICES
    + """
WHERE d.name = %(name)s AND (%(lab)s::text IS NULL OR labs.slug = %(lab)s)
"""
)


async def get_device(conn: AsyncConnection, name: str, lab: str | None = None) -> Device:
    """Find a device by name; with `lab`, only among that lab's.

    Raises
    ------
    StoreMissing
        There is none, or it is another lab's.
    """
    device = await fetch_one(conn, Device, _SELECT_DEVICE, {"name": name, "lab": lab})
    if device is None:
        raise StoreMissing("device", name)
    return device


_SELECT_DEVICES = (
    _DEVICES
    + """
WHERE (%(lab)s::text IS NULL OR labs.slug = %(lab)s) AND (%(after)s::text IS NULL OR d.name > %(after)s)
ORDER BY d.name
LIMIT %(limit)s
"""
)


async def list_devices(
    conn: AsyncConnection, *, lab: str | None = None, after: str | None = None, limit: int = 100
) -> list[Device]:
    """List devices by name, revoked ones too; the next page begins `after` the last name of this one."""
    return await fetch_all(conn, Device, _SELECT_DEVICES, {"lab": lab, "after": after, "limit": limit})


_SELECT_ALL_DEVICES = _DEVICES + "ORDER BY d.id"


async def all_devices(conn: AsyncConnection) -> list[Device]:
    """Read the whole registry, for a gateway's memory of it."""
    return await fetch_all(conn, Device, _SELECT_ALL_DEVICES)


_REVOKE_DEVICE = "UPDATE devices SET revoked_at = COALESCE(revoked_at, now()) WHERE id = %s"


async def revoke_device(conn: AsyncConnection, name: str, lab: str | None = None) -> Device:
    """Cut a device off; doing it again changes nothing.

    Raises
    ------
    StoreMissing
        There is none, or it is another lab's.
    """
    device = await get_device(conn, name, lab)
    await conn.execute(_REVOKE_DEVICE, [device.id])
    return await get_device(conn, name)


_RESTORE_DEVICE = "UPDATE devices SET revoked_at = NULL WHERE id = %s"


async def restore_device(conn: AsyncConnection, name: str, lab: str | None = None) -> Device:
    """Let a revoked device in again, with the password it had; doing it again changes nothing.

    Raises
    ------
    StoreMissing
        There is none, or it is another lab's.
    """
    device = await get_device(conn, name, lab)
    await conn.execute(_RESTORE_DEVICE, [device.id])
    return await get_device(conn, name)


_ROTATE_DEVICE = "UPDATE devices SET password_hash = %s, rotated_at = now() WHERE id = %s"


async def rotate_device(
    conn: AsyncConnection, name: str, password_hash: str, lab: str | None = None
) -> Device:
    """Give a device a new password; a revoked one stays revoked.

    Raises
    ------
    StoreMissing
        There is none, or it is another lab's.
    """
    device = await get_device(conn, name, lab)
    await conn.execute(_ROTATE_DEVICE, [password_hash, device.id])
    return device


_SELECT_ACCOUNTS = """
SELECT name, password_hash FROM devices WHERE revoked_at IS NULL
UNION ALL
SELECT name, password_hash FROM service_accounts
ORDER BY name
"""


async def broker_accounts(conn: AsyncConnection) -> dict[str, str]:
    """Read the password hashes of all that the broker lets in: unrevoked devices and the services."""
    cursor = await conn.execute(_SELECT_ACCOUNTS)
    return dict(await cursor.fetchall())


_SELECT_SERVICES = "SELECT name FROM service_accounts ORDER BY name"


async def list_service_accounts(conn: AsyncConnection) -> list[str]:
    """Name the services that have an account on the broker."""
    cursor = await conn.execute(_SELECT_SERVICES)
    return [name for (name,) in await cursor.fetchall()]


_PUT_SERVICE = """
INSERT INTO service_accounts (name, password_hash) VALUES (%s, %s)
ON CONFLICT (name) DO UPDATE SET password_hash = EXCLUDED.password_hash, rotated_at = now()
"""


async def put_service_account(conn: AsyncConnection, name: str, password_hash: str) -> None:
    """Add a service's account on the broker (``chiiki-…``), or give it a new password."""
    await conn.execute(_PUT_SERVICE, [name, password_hash])
