from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from store.errors import StoreConflict, StoreMissing
from store.recipes import (
    ShippedRecipe,
    add_recipe,
    find_recipe,
    get_recipe,
    list_recipes,
    put_shipped_recipes,
    restore_recipe,
    withdraw_recipe,
)

if TYPE_CHECKING:
    from store.recipes import Recipe
    from tests.store.farm import Farm

GIVEN: dict[str, Any] = {
    "slug": "wheat-test",
    "version": "1.0.0",
    "crop": "wheat",
    "cultivars": ["きたほなみ"],
    "title_ja": "秋まき小麦",
    "title_en": "winter wheat",
    "body": 'title = "秋まき小麦"\n',
    "origin": {"how": "written"},
}


async def put_shipped(farm: Farm, **given: Any) -> Recipe:
    """Ship a recipe as a migration does, and find it."""
    await asyncio.to_thread(put_shipped_recipes, farm.pool.conninfo, [ShippedRecipe(**GIVEN | given)])
    recipes: list[Recipe] = await farm.do(list_recipes, lab="nobody")
    (found,) = [recipe for recipe in recipes if recipe.slug == "wheat-test"]
    return found


async def listed(farm: Farm, **filters: Any) -> list[int]:
    """Numbers of the recipes of this page, without those that the database was prepared with."""
    recipes: list[Recipe] = await farm.do(list_recipes, **filters)
    return [recipe.id for recipe in recipes if recipe.slug == "wheat-test"]


async def test_a_recipe_comes_back_word_for_word_and_twice_is_once(farm: Farm):
    recipe = await farm.do(add_recipe, lab="shihoro", **GIVEN)
    assert {name: getattr(recipe, name) for name in GIVEN} == GIVEN
    assert recipe.digest == hashlib.sha256(GIVEN["body"].encode()).digest()
    assert recipe.lab == "shihoro"
    assert await farm.do(add_recipe, lab="shihoro", **GIVEN) == recipe


async def test_a_changed_recipe_is_another_version(farm: Farm):
    recipe = await farm.do(add_recipe, lab="shihoro", **GIVEN)
    with pytest.raises(StoreConflict, match=r"shihoro/wheat-test 1\.0\.0"):
        await farm.do(add_recipe, lab="shihoro", **GIVEN | {"body": "title = ''"})
    for version in ("1.10.0", "1.9.0"):
        await farm.do(add_recipe, lab="shihoro", **GIVEN | {"version": version, "body": version})
    assert (await farm.do(find_recipe, "shihoro", "wheat-test")).version == "1.10.0"
    assert await farm.do(find_recipe, "shihoro", "wheat-test", "1.0.0") == recipe
    with pytest.raises(psycopg.errors.CheckViolation):
        await farm.do(add_recipe, lab="shihoro", **GIVEN | {"version": "draft"})


async def test_a_labs_own_comes_before_a_shipped_one(farm: Farm):
    shipped = await put_shipped(farm, version="2.0.0")
    assert (shipped.lab, await farm.do(find_recipe, "shihoro", "wheat-test")) == (None, shipped)
    own = await farm.do(add_recipe, lab="shihoro", **GIVEN)
    assert await farm.do(find_recipe, "shihoro", "wheat-test") == own
    assert await farm.do(find_recipe, "kaga", "wheat-test") == shipped
    assert await listed(farm, lab="kaga") == [shipped.id]
    assert await listed(farm, lab="shihoro", crop="wheat") == [shipped.id, own.id]
    assert await listed(farm, lab="shihoro", crop="potato") == []
    assert await farm.do(get_recipe, shipped.id, "kaga") == shipped


async def test_a_shipped_recipe_follows_the_code(farm: Farm):
    first = await put_shipped(farm)
    assert await put_shipped(farm) == first
    changed = await put_shipped(farm, body="new", crop="barley")
    assert (changed.id, changed.body, changed.crop) == (first.id, "new", "barley")


async def test_a_withdrawn_recipe_can_be_restored(farm: Farm):
    recipe = await farm.do(add_recipe, lab="shihoro", **GIVEN)
    gone = await farm.do(withdraw_recipe, recipe.id, "shihoro")
    assert gone.withdrawn_at is not None
    assert await farm.do(withdraw_recipe, recipe.id) == gone
    assert await listed(farm, lab="shihoro") == []
    assert await listed(farm, lab="shihoro", withdrawn=True) == [gone.id]
    with pytest.raises(StoreMissing, match="no recipe 'wheat-test'"):
        await farm.do(find_recipe, "shihoro", "wheat-test")
    assert await farm.do(restore_recipe, recipe.id) == recipe
    await farm.do(withdraw_recipe, recipe.id)
    assert await farm.do(add_recipe, lab="shihoro", **GIVEN) == recipe


async def test_a_lab_neither_sees_nor_withdraws_what_is_not_its_own(farm: Farm):
    recipe = await farm.do(add_recipe, lab="shihoro", **GIVEN)
    shipped = await put_shipped(farm)
    with pytest.raises(StoreMissing):
        await farm.do(get_recipe, recipe.id, "kaga")
    for number, work in (
        (recipe.id, withdraw_recipe),
        (shipped.id, withdraw_recipe),
        (recipe.id, restore_recipe),
    ):
        with pytest.raises(StoreMissing):
            await farm.do(work, number, "kaga")


async def test_pages_add_up(farm: Farm):
    for number in range(5):
        await farm.do(add_recipe, lab="shihoro", **GIVEN | {"slug": f"r{number}"})
    begin = min(recipe.id for recipe in await farm.do(list_recipes, lab="shihoro") if recipe.lab) - 1
    first = await farm.do(list_recipes, limit=3, after=begin)
    rest = await farm.do(list_recipes, limit=3, after=first[-1].id)
    assert [r.slug for r in first + rest] == [f"r{n}" for n in range(5)]
