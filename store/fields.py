"""Fields: parts of a site in which something grows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

from store.errors import StoreConflict, StoreMissing
from store.query import fetch_all, fetch_one
from store.sites import find_site

if TYPE_CHECKING:
    from psycopg import AsyncConnection


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A field.

    Attributes
    ----------
    lab, site : str
        Slugs.
    area_m2 : float | None
        Above 0.
    polygon : dict | None
        GeoJSON Polygon, WGS 84.
    """

    id: int
    lab: str
    site: str
    site_id: int
    slug: str
    name_ja: str
    name_en: str
    area_m2: float | None
    polygon: dict[str, Any] | None


_FIELDS = """
SELECT f.id, labs.slug AS lab, s.slug AS site, f.site_id, f.slug, f.name_ja, f.name_en, f.area_m2, f.polygon
FROM fields f JOIN sites s ON s.id = f.site_id JOIN labs ON labs.id = s.lab_id
"""

_INSERT_FIELD = """
INSERT INTO fields (site_id, slug, name_ja, name_en, area_m2, polygon)
VALUES (%(site_id)s, %(slug)s, %(name_ja)s, %(name_en)s, %(area_m2)s, %(polygon)s)
ON CONFLICT (site_id, slug) DO NOTHING
RETURNING id
"""


async def add_field(
    conn: AsyncConnection,
    *,
    lab: str,
    site: str,
    slug: str,
    name_ja: str,
    name_en: str,
    area_m2: float | None = None,
    polygon: dict[str, Any] | None = None,
) -> Field:
    """Add a field to a lab's site; its place is checked by `devices.geometry`.

    Raises
    ------
    StoreConflict
        The site has a field of that slug.
    StoreMissing
        The lab has no such site.
    """
    row = {
        "site_id": (await find_site(conn, lab, site)).id,
        "slug": slug,
        "name_ja": name_ja,
        "name_en": name_en,
        "area_m2": area_m2,
        "polygon": None if polygon is None else Jsonb(polygon),
    }
    cursor = await conn.execute(_INSERT_FIELD, row)
    if await cursor.fetchone() is None:
        raise StoreConflict("field", f"{lab}/{site}/{slug}")
    return await find_field(conn, lab, site, slug)


_SELECT_FIELD = _FIELDS + "WHERE labs.slug = %s AND s.slug = %s AND f.slug = %s"


async def find_field(conn: AsyncConnection, lab: str, site: str, slug: str) -> Field:
    """Find a site's field by slug.

    Raises
    ------
    StoreMissing
        The site has none of that slug.
    """
    field = await fetch_one(conn, Field, _SELECT_FIELD, [lab, site, slug])
    if field is None:
        raise StoreMissing("field", f"{lab}/{site}/{slug}")
    return field


_SELECT_FIELD_BY_ID = _FIELDS + "WHERE f.id = %(id)s AND (%(lab)s::text IS NULL OR labs.slug = %(lab)s)"


async def get_field(conn: AsyncConnection, field_id: int, lab: str | None = None) -> Field:
    """Find a field by its number; with `lab`, only among that lab's.

    Raises
    ------
    StoreMissing
        There is none, or it is another lab's.
    """
    field = await fetch_one(conn, Field, _SELECT_FIELD_BY_ID, {"id": field_id, "lab": lab})
    if field is None:
        raise StoreMissing("field", str(field_id))
    return field


_SELECT_FIELDS = (
    _FIELDS
    + """
WHERE (%(lab)s::text IS NULL OR labs.slug = %(lab)s) AND (%(site)s::text IS NULL OR s.slug = %(site)s)
  AND (%(after)s::int4 IS NULL OR f.id > %(after)s)
ORDER BY f.id
LIMIT %(limit)s
"""
)


async def list_fields(
    conn: AsyncConnection,
    *,
    lab: str | None = None,
    site: str | None = None,
    after: int | None = None,
    limit: int = 100,
) -> list[Field]:
    """List fields in the order they were added; the next page begins `after` the last id of this one."""
    parameters = {"lab": lab, "site": site, "after": after, "limit": limit}
    return await fetch_all(conn, Field, _SELECT_FIELDS, parameters)


_UPDATE_FIELD = """
UPDATE fields SET name_ja = %(name_ja)s, name_en = %(name_en)s, area_m2 = %(area_m2)s, polygon = %(polygon)s
WHERE id = %(id)s
"""


async def change_field(conn: AsyncConnection, field: Field) -> Field:
    """Write all that may change of a field; its lab, site and slug name it.

    Raises
    ------
    StoreMissing
        The site has none of that slug.
    """
    row: dict[str, Any] = {name: getattr(field, name) for name in ("name_ja", "name_en", "area_m2")}
    row["id"] = (await find_field(conn, field.lab, field.site, field.slug)).id
    row["polygon"] = None if field.polygon is None else Jsonb(field.polygon)
    await conn.execute(_UPDATE_FIELD, row)
    return await find_field(conn, field.lab, field.site, field.slug)
