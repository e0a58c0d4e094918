"""Sites: where a lab's devices stand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

from store.errors import StoreConflict, StoreMissing
from store.labs import find_lab
from store.query import fetch_all, fetch_one

if TYPE_CHECKING:
    from psycopg import AsyncConnection


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A place.

    Attributes
    ----------
    latitude, longitude : float | None
        Degrees, WGS 84; both or neither.
    elevation_m : float | None
        Above sea level.
    polygon : dict | None
        GeoJSON Polygon, WGS 84.
    timezone : str
        IANA name; days and buckets are counted in it.
    """

    id: int
    lab: str
    slug: str
    name_ja: str
    name_en: str
    latitude: float | None
    longitude: float | None
    elevation_m: float | None
    polygon: dict[str, Any] | None
    timezone: str


_SITES = """
SELECT s.id, labs.slug AS lab, s.slug, s.name_ja, s.name_en, s.latitude, s.longitude,
       s.elevation_m, s.polygon, s.timezone
FROM sites s JOIN labs ON labs.id = s.lab_id
"""

_INSERT_SITE = """
INSERT INTO sites (lab_id, slug, name_ja, name_en, latitude, longitude, elevation_m, polygon, timezone)
VALUES (%(lab_id)s, %(slug)s, %(name_ja)s, %(name_en)s, %(latitude)s, %(longitude)s, %(elevation_m)s,
        %(polygon)s, %(timezone)s)
ON CONFLICT (lab_id, slug) DO NOTHING
RETURNING id
"""


async def add_site(
    conn: AsyncConnection,
    *,
    lab: str,
    slug: str,
    name_ja: str,
    name_en: str,
    latitude: float | None = None,
    longitude: float | None = None,
    elevation_m: float | None = None,
    polygon: dict[str, Any] | None = None,
    timezone: str = "Asia/Tokyo",
) -> Site:
    """Add a site; place and time zone are checked by `devices.geometry`.

    Raises
    ------
    StoreConflict
        The lab has a site of that slug.
    StoreMissing
        The lab does not exist.
    """
    row = {
        "lab_id": (await find_lab(conn, lab)).id,
        "slug": slug,
        "name_ja": name_ja,
        "name_en": name_en,
        "latitude": latitude,
        "longitude": longitude,
        "elevation_m": elevation_m,
        "polygon": None if polygon is None else Jsonb(polygon),
        "timezone": timezone,
    }
    cursor = await conn.execute(_INSERT_SITE, row)
    if await cursor.fetchone() is None:
        raise StoreConflict("site", f"{lab}/{slug}")
    return await find_site(conn, lab, slug)


_SELECT_SITE = _SITES + "WHERE labs.slug = %s AND s.slug = %s"


async def find_site(conn: AsyncConnection, lab: str, slug: str) -> Site:
    """Find a lab's site by slug.

    Raises
    ------
    StoreMissing
        The lab has none of that slug.
    """
    site = await fetch_one(conn, Site, _SELECT_SITE, [lab, slug])
    if site is None:
        raise StoreMissing("site", f"{lab}/{slug}")
    return site


_SELECT_SITE_BY_ID = _SITES + "WHERE s.id = %(id)s AND (%(lab)s::text IS NULL OR labs.slug = %(lab)s)"


async def get_site(conn: AsyncConnection, site_id: int, lab: str | None = None) -> Site:
    """Find a site by its number; with `lab`, only among that lab's.

    Raises
    ------
    StoreMissing
        There is none, or it is another lab's.
    """
    site = await fetch_one(conn, Site, _SELECT_SITE_BY_ID, {"id": site_id, "lab": lab})
    if site is None:
        raise StoreMissing("site", str(site_id))
    return site


_SELECT_SITES = (
    _SITES
    + """
WHERE (%(lab)s::text IS NULL OR labs.slug = %(lab)s) AND (%(after)s::int4 IS NULL OR s.id > %(after)s)
ORDER BY s.id
LIMIT %(limit)s
"""
)


async def list_sites(
    conn: AsyncConnection, *, lab: str | None = None, after: int | None = None, limit: int = 100
) -> list[Site]:
    """List sites in the order they were added; the next page begins `after` the last id of this one."""
    return await fetch_all(conn, Site, _SELECT_SITES, {"lab": lab, "after": after, "limit": limit})


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
