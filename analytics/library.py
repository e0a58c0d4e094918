"""The files shipped with the code, read once: the only module of this room that opens any."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from analytics.farm.errors import CropError, RecipeError
from analytics.farm.phenology.crop import parse_crop
from analytics.farm.recipes.parse import parse_recipe
from analytics.farm.risks.tables import parse_risk_tables

if TYPE_CHECKING:
    from analytics.farm.phenology.crop import Crop
    from analytics.farm.recipes.model import Recipe
    from analytics.farm.risks.tables import RiskTables

CROPS = Path(__file__).with_name("farm") / "phenology" / "crops"
RECIPES = Path(__file__).with_name("farm") / "recipes" / "files"
RISKS = Path(__file__).with_name("farm") / "risks"


@cache
def crops() -> dict[str, Crop]:
    """Read the shipped crops, by name."""
    return {
        file.stem: parse_crop(file.read_text(encoding="utf-8"), file.stem)
        for file in sorted(CROPS.glob("*.toml"))
    }


def crop(name: str) -> Crop:
    """Give a shipped crop.

    Raises
    ------
    CropError
        There is none of that name.
    """
    if name not in crops():
        raise CropError(name, "", f"no such crop: one of {', '.join(crops())}")
    return crops()[name]


@cache
def recipes() -> dict[str, Recipe]:
    """Read the shipped recipes, by name."""
    return {
        file.stem: parse_recipe(file.read_text(encoding="utf-8")) for file in sorted(RECIPES.glob("*.toml"))
    }


def recipe(name: str) -> Recipe:
    """Give a shipped recipe.

    Raises
    ------
    RecipeError
        There is none of that name.
    """
    if name not in recipes():
        raise RecipeError("", f"no such recipe {name!r}: one of {', '.join(recipes())}")
    return recipes()[name]


@cache
def risk_tables() -> RiskTables:
    """Read the tables that the risks rest on; FLABS's only if somebody has put its file beside the others."""
    return parse_risk_tables({file.stem: file.read_text(encoding="utf-8") for file in RISKS.glob("*.toml")})
