"""Changing a site."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

from store.sites import Site, find_site

if TYPE_CHECKING:
    from psycopg import AsyncConnection

_UPDATE_SITE = """
UPDATE sites s SET name_ja = %(name_ja)s, name_en = %(name_en)s, latitude = %(latitude)s,
    longitude = %(longitude)s, elevation_m = %(elevation_m)s, polygon = %(polygon)s, timezone = %(timezone)s
FROM labs
WHERE labs.id = s.lab_id AND labs.slug = %(lab)s AND s.slug = %(slug)s
"""


async def change_site(conn: AsyncConnection, site: Site) -> Site:
    """Write all that may change of a site; its lab and slug name it.

    Raises
    ------
    StoreMissing
        The lab has none of that slug.
    """
    row: dict[str, Any] = {name: getattr(site, name) for name in Site.__slots__}
    row["polygon"] = None if site.polygon is None else Jsonb(site.polygon)
    await conn.execute(_UPDATE_SITE, row)
    return await find_site(conn, site.lab, site.slug)
