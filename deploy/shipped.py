"""Recipes between their files and the store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from analytics import library
from analytics.farm.recipes.render import render_recipe
from store.recipes import ShippedRecipe

if TYPE_CHECKING:
    from analytics.farm.recipes.model import Recipe


def recipe_columns(recipe: Recipe) -> dict[str, Any]:
    """Give what the store keeps of a recipe: its text as it is handed on, and what it is found by."""
    return {
        "slug": recipe.name,
        "version": recipe.version,
        "crop": recipe.crop,
        "cultivars": list(recipe.cultivars),
        "title_ja": recipe.title.ja,
        "title_en": recipe.title.en,
        "body": render_recipe(recipe),
        "origin": msgspec.to_builtins(recipe.origin),
    }


def shipped_recipes() -> list[ShippedRecipe]:
    """Read the recipes that come with the code."""
    return [ShippedRecipe(**recipe_columns(recipe)) for recipe in library.recipes().values()]
