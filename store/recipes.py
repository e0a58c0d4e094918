"""Cultivation recipes as files: shipped ones, and those that a lab imported or learned."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.types.json import Jsonb

from store.errors import StoreConflict, StoreMissing, StoreUnavailable
from store.labs import find_lab
from store.pool import connect_options, name_database
from store.query import fetch_all, fetch_one

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from psycopg import AsyncConnection


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A recipe, word for word.

    Attributes
    ----------
    lab : str | None
        Slug of whose it is; None: shipped, for every lab.
    cultivars : list[str]
        For which it was made; empty: whichever.
    body : str
        TOML, as `analytics.farm.recipes` reads it.
    digest : bytes
        SHA-256 of the body.
    origin : dict
        Where it comes from.
    """

    id: int
    lab: str | None
    slug: str
    version: str
    crop: str
    cultivars: list[str]
    title_ja: str
    title_en: str
    body: str
    digest: bytes
    origin: dict[str, Any]
    imported_at: datetime
    imported_by: str | None
    withdrawn_at: datetime | None


_RECIPES = """
SELECT r.id, labs.slug AS lab, r.slug, r.version, r.crop, r.cultivars, r.title_ja, r.title_en, r.body,
       r.digest, r.origin, r.imported_at, t.label AS imported_by, r.withdrawn_at
FROM recipes r LEFT JOIN labs ON labs.id = r.lab_id LEFT JOIN tokens t ON t.id = r.imported_by
"""

_INSERT_RECIPE = """
INSERT INTO recipes (lab_id, slug, version, crop, cultivars, title_ja, title_en, body, digest, origin,
                     imported_by)
VALUES (%(lab_id)s, %(slug)s, %(version)s, %(crop)s, %(cultivars)s, %(title_ja)s, %(title_en)s, %(body)s,
        %(digest)s, %(origin)s, %(by)s)
ON CONFLICT DO NOTHING
"""


async def add_recipe(
    conn: AsyncConnection,
    *,
    lab: str,
    slug: str,
    version: str,
    crop: str,
    title_ja: str,
    title_en: str,
    body: str,
    origin: dict[str, Any],
    cultivars: Sequence[str] = (),
    by: int | None = None,
) -> Recipe:
    """Add a recipe to a lab's; the same again changes nothing, but brings a withdrawn one back.

    Raises
    ------
    StoreConflict
        The lab has another text under this name and version: a changed recipe is another version.
    StoreMissing
        The lab does not exist.
    """
    row: dict[str, Any] = {
        "lab_id": (await find_lab(conn, lab)).id,
        "slug": slug,
        "version": version,
        "crop": crop,
        "cultivars": list(cultivars),
        "title_ja": title_ja,
        "title_en": title_en,
        "body": body,
        "digest": hashlib.sha256(body.encode()).digest(),
        "origin": Jsonb(origin),
        "by": by,
    }
    await conn.execute(_INSERT_RECIPE, row)
    found = await _find_version(conn, row)
    if found.digest != row["digest"]:
        raise StoreConflict("recipe", f"{lab}/{slug} {version}")
    return found if found.withdrawn_at is None else await restore_recipe(conn, found.id)


_SELECT_VERSION = (
    _RECIPES
    + "WHERE r.lab_id IS NOT DISTINCT FROM %(lab_id)s AND r.slug = %(slug)s AND r.version = %(version)s"
)


async def _find_version(conn: AsyncConnection, row: dict[str, Any]) -> Recipe:
    found = await fetch_one(conn, Recipe, _SELECT_VERSION, row)
    assert found is not None
    return found


_PUT_SHIPPED = """
INSERT INTO recipes (slug, version, crop, cultivars, title_ja, title_en, body, digest, origin)
VALUES (%(slug)s, %(version)s, %(crop)s, %(cultivars)s, %(title_ja)s, %(title_en)s, %(body)s, %(digest)s,
        %(origin)s)
ON CONFLICT (slug, version) WHERE lab_id IS NULL DO UPDATE SET
    crop = EXCLUDED.crop, cultivars = EXCLUDED.cultivars, title_ja = EXCLUDED.title_ja,
    title_en = EXCLUDED.title_en, body = EXCLUDED.body, digest = EXCLUDED.digest, origin = EXCLUDED.origin
WHERE recipes.digest <> EXCLUDED.digest
RETURNING id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShippedRecipe:
    """A recipe that comes with the code."""

    slug: str
    version: str
    crop: str
    cultivars: Sequence[str]
    title_ja: str
    title_en: str
    body: str
    origin: dict[str, Any]


def put_shipped_recipes(url: str, recipes: Iterable[ShippedRecipe]) -> list[str]:
    """Add the recipes that come with the code, or bring them to the code's text; safe to repeat.

    Returns
    -------
    list[str]
        Name and version of those that are new or were another text.

    Raises
    ------
    StoreUnavailable
        The database does not answer.
    """
    try:
        with psycopg.connect(url, **connect_options(url, process="migrate")) as connection:
            return [
                f"{recipe.slug} {recipe.version}" for recipe in recipes if _put_shipped(connection, recipe)
            ]
    except psycopg.OperationalError as error:
        reason = " ".join(str(error).split())
        raise StoreUnavailable(f"cannot use the database {name_database(url)}: {reason}") from error


def _put_shipped(connection: psycopg.Connection, recipe: ShippedRecipe) -> bool:
    row: dict[str, Any] = {name: getattr(recipe, name) for name in ShippedRecipe.__slots__}
    row |= {"cultivars": list(recipe.cultivars), "origin": Jsonb(recipe.origin)}
    row["digest"] = hashlib.sha256(recipe.body.encode()).digest()
    return connection.execute(_PUT_SHIPPED, row).fetchone() is not None


_SELECT_RECIPE = (
    _RECIPES + "WHERE r.id = %(id)s AND (%(lab)s::text IS NULL OR labs.slug = %(lab)s OR r.lab_id IS NULL)"
)


async def get_recipe(conn: AsyncConnection, recipe_id: int, lab: str | None = None) -> Recipe:
    """Find a recipe by its number, withdrawn ones too; with `lab`, only among that lab's and shipped ones.

    Raises
    ------
    StoreMissing
        There is none, or it is another lab's.
    """
    recipe = await fetch_one(conn, Recipe, _SELECT_RECIPE, {"id": recipe_id, "lab": lab})
    if recipe is None:
        raise StoreMissing("recipe", str(recipe_id))
    return recipe


_SELECT_BY_SLUG = (
    _RECIPES
    + """
WHERE r.slug = %(slug)s AND (labs.slug = %(lab)s OR r.lab_id IS NULL) AND r.withdrawn_at IS NULL
  AND (%(version)s::text IS NULL OR r.version = %(version)s)
ORDER BY r.lab_id NULLS LAST, string_to_array(r.version, '.')::int4[] DESC
LIMIT 1
"""
)


async def find_recipe(
    conn: AsyncConnection, lab: str | None, slug: str, version: str | None = None
) -> Recipe:
    """Find a recipe by slug: the lab's own before a shipped one, and the highest version.

    Raises
    ------
    StoreMissing
        There is none.
    """
    recipe = await fetch_one(conn, Recipe, _SELECT_BY_SLUG, {"lab": lab, "slug": slug, "version": version})
    if recipe is None:
        raise StoreMissing("recipe", slug if version is None else f"{slug} {version}")
    return recipe


_SELECT_RECIPES = (
    _RECIPES
    + """
WHERE (%(lab)s::text IS NULL OR labs.slug = %(lab)s OR r.lab_id IS NULL)
  AND (%(crop)s::text IS NULL OR r.crop = %(crop)s) AND (%(withdrawn)s OR r.withdrawn_at IS NULL)
  AND (%(after)s::int4 IS NULL OR r.id > %(after)s)
ORDER BY r.id
LIMIT %(limit)s
"""
)


async def list_recipes(
    conn: AsyncConnection,
    *,
    lab: str | None = None,
    crop: str | None = None,
    withdrawn: bool = False,
    after: int | None = None,
    limit: int = 100,
) -> list[Recipe]:
    """List a lab's recipes and the shipped ones; the next page begins `after` the last id of this one."""
    parameters = {"lab": lab, "crop": crop, "withdrawn": withdrawn, "after": after, "limit": limit}
    return await fetch_all(conn, Recipe, _SELECT_RECIPES, parameters)


_SELECT_OWN = _RECIPES + "WHERE r.id = %(id)s AND (%(lab)s::text IS NULL OR labs.slug = %(lab)s)"
_WITHDRAW = "UPDATE recipes SET withdrawn_at = COALESCE(withdrawn_at, now()) WHERE id = %s"


async def withdraw_recipe(conn: AsyncConnection, recipe_id: int, lab: str | None = None) -> Recipe:
    """Take a recipe out of the lists; plantings that follow it still do. Doing it again changes nothing.

    Raises
    ------
    StoreMissing
        There is none, or it is not the lab's own.
    """
    await conn.execute(_WITHDRAW, [await _own(conn, recipe_id, lab)])
    return await get_recipe(conn, recipe_id)


_RESTORE = "UPDATE recipes SET withdrawn_at = NULL WHERE id = %s"


async def restore_recipe(conn: AsyncConnection, recipe_id: int, lab: str | None = None) -> Recipe:
    """Undo `withdraw_recipe`.

    Raises
    ------
    StoreMissing
        There is none, or it is not the lab's own.
    """
    await conn.execute(_RESTORE, [await _own(conn, recipe_id, lab)])
    return await get_recipe(conn, recipe_id)


async def _own(conn: AsyncConnection, recipe_id: int, lab: str | None) -> int:
    recipe = await fetch_one(conn, Recipe, _SELECT_OWN, {"id": recipe_id, "lab": lab})
    if recipe is None:
        raise StoreMissing("recipe", str(recipe_id))
    return recipe.id
