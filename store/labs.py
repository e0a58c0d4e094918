"""Labs, the tenants: the 101 local IoT promotion labs and those added by hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from store.errors import StoreConflict, StoreMissing
from store.query import fetch_all, fetch_one

if TYPE_CHECKING:
    from psycopg import AsyncConnection


@dataclass(frozen=True, slots=True, kw_only=True)
class Lab:
    """A tenant.

    Attributes
    ----------
    slug : str
        Its name in addresses and commands.
    selection_round : int | None
        Of the METI selection, 1 to 5; None for a lab added by hand.
    """

    id: int
    slug: str
    name_ja: str
    name_en: str
    bureau_ja: str
    bureau_en: str
    selection_round: int | None


_LABS = "SELECT id, slug, name_ja, name_en, bureau_ja, bureau_en, selection_round FROM labs "

_INSERT_LAB = """
INSERT INTO labs (slug, name_ja, name_en, bureau_ja, bureau_en)
VALUES (%(slug)s, %(name_ja)s, %(name_en)s, %(bureau_ja)s, %(bureau_en)s)
ON CONFLICT (slug) DO NOTHING
RETURNING id
"""


async def add_lab(
    conn: AsyncConnection, *, slug: str, name_ja: str, name_en: str, bureau_ja: str = "", bureau_en: str = ""
) -> Lab:
    """Add a lab.

    Raises
    ------
    StoreConflict
        The slug is taken.
    """
    row = {
        "slug": slug,
        "name_ja": name_ja,
        "name_en": name_en,
        "bureau_ja": bureau_ja,
        "bureau_en": bureau_en,
    }
    cursor = await conn.execute(_INSERT_LAB, row)
    if await cursor.fetchone() is None:
        raise StoreConflict("lab", slug)
    return await find_lab(conn, slug)


_SELECT_LAB = _LABS + "WHERE slug = %s"


async def find_lab(conn: AsyncConnection, slug: str) -> Lab:
    """Find a lab by slug.

    Raises
    ------
    StoreMissing
        There is none.
    """
    lab = await fetch_one(conn, Lab, _SELECT_LAB, [slug])
    if lab is None:
        raise StoreMissing("lab", slug)
    return lab


_SELECT_LABS = (
    _LABS
    + """
WHERE (%(lab)s::text IS NULL OR slug = %(lab)s) AND (%(after)s::text IS NULL OR slug > %(after)s)
ORDER BY slug
LIMIT %(limit)s
"""
)


async def list_labs(
    conn: AsyncConnection, *, lab: str | None = None, after: str | None = None, limit: int = 200
) -> list[Lab]:
    """List labs by slug; with `lab`, only that one. The next page begins `after` this one's last."""
    return await fetch_all(conn, Lab, _SELECT_LABS, {"lab": lab, "after": after, "limit": limit})
