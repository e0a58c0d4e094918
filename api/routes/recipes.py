"""Cultivation recipes: files that one farm hands to another."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from analytics.farm.errors import RecipeError
from analytics.farm.recipes import model
from analytics.farm.recipes.parse import parse_recipe
from analytics.farm.recipes.render import is_as_stamped, render_recipe
from analytics.jobs.learning import learn_recipe
from analytics.library import crops
from api.auth import Role
from api.cursors import cut, question, read_cursor
from api.operations import PREFIX, Call, Created, Routes, TomlFile
from api.problems import FieldError, Problem
from api.routes.plantings import CropName, PlantingPath
from api.wire import At, Cursor, Id4, LabPath, LabSlug, Limit, Line, Nothing, Page, Slug
from store.labs import find_lab
from store.plantings import get_planting, recipe_of_planting
from store.pool import AsyncConnectionPool
from store.recipes import Recipe, add_recipe, get_recipe, list_recipes, restore_recipe, withdraw_recipe

routes = Routes("recipes")


@dataclass(frozen=True, slots=True)
class Season:
    """Readings up to now."""

    pool: AsyncConnectionPool
    now: Callable[[], datetime] = lambda: datetime.now(UTC)


Toml = Annotated[
    str,
    Meta(max_length=200_000, description="The recipe as a TOML file.", examples=['name = "our-wheat"\n…']),
]


class RecipePath(msgspec.Struct, frozen=True):
    """A recipe in an address."""

    recipe: Annotated[int, Meta(ge=1, le=2**31 - 1, description="Number of a recipe.", examples=[5])]


class RecipesQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which recipes."""

    crop: CropName | None = None
    withdrawn: Annotated[bool, Meta(description="Those that were withdrawn too.", examples=[False])] = False
    limit: Limit = 100
    cursor: Cursor | None = None


class RecipeLine(msgspec.Struct, frozen=True, kw_only=True):
    """A recipe in a list; `lab` null: it comes with the product."""

    id: Id4
    lab: LabSlug | None
    slug: Slug
    version: Annotated[str, Meta(examples=["1.0.0"])]
    crop: CropName
    cultivars: Annotated[list[str], Meta(description="Empty: any.", examples=[["kitahonami"]])]
    title_ja: Line
    title_en: Line
    origin: Annotated[dict[str, Any], Meta(description="Where it comes from.", examples=[{"how": "written"}])]
    imported_at: At
    imported_by: Annotated[str | None, Meta(description="Label of the token.", examples=["農場チーム"])]
    withdrawn_at: At | None


class RecipeView(msgspec.Struct, frozen=True, kw_only=True):
    """A recipe with its stages."""

    about: RecipeLine
    recipe: model.Recipe
    unchanged: Annotated[
        bool | None,
        Meta(
            description="Whether it is as it was exported; null: the file carries no digest.", examples=[True]
        ),
    ]


class RecipeNew(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A recipe to take over."""

    body: Toml


class RecipeWish(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a learned recipe is to be called."""

    name: Annotated[Slug, Meta(description="Its short name.", examples=["our-wheat"])]
    title_ja: Annotated[Line, Meta(examples=["士幌高校の小麦"])]
    title_en: Annotated[Line, Meta(examples=["Shihoro High School's wheat"])]
    author: Annotated[Line, Meta(examples=["士幌高校 農場チーム"])] = ""
    licence: Annotated[Line, Meta(description="SPDX identifier.", examples=["CC0-1.0"])] = "CC0-1.0"


class NotLearned(msgspec.Struct, frozen=True, kw_only=True):
    """What could not be learned at a stage, and why."""

    stage: Annotated[str, Meta(examples=["tillering"])]
    quantity: Annotated[str, Meta(examples=["soil_temperature@10cm"])]
    reason: model.Text


class LearnedView(msgspec.Struct, frozen=True, kw_only=True):
    """A recipe that was learned and added to the lab's."""

    about: RecipeLine
    left_out: list[NotLearned]


def view(recipe: Recipe) -> RecipeLine:
    """Return what is shown of a recipe in a list."""
    return msgspec.convert(recipe, RecipeLine, from_attributes=True)


@routes.get("/labs/{lab}/recipes", least=Role.VIEWER, ja="栽培レシピの一覧")
async def get_recipes(call: Call[LabPath, RecipesQuery, Nothing]) -> Page[RecipeLine]:
    """List the recipes that a lab can use: its own, and those that come with the product."""
    query = call.query
    lab = (await find_lab(call.conn, call.principal.within(call.path.lab) or call.path.lab)).slug
    asked = question("recipes", lab, query.crop, query.withdrawn)
    after = read_cursor(query.cursor, asked, Id4) if query.cursor else None
    rows = await list_recipes(
        call.conn,
        lab=lab,
        crop=query.crop,
        withdrawn=query.withdrawn,
        after=after,
        limit=query.limit + 1,
    )
    shown, next_ = cut(rows, query.limit, asked, lambda recipe: recipe.id)
    return Page(items=[view(recipe) for recipe in shown], next=next_)


@routes.post("/labs/{lab}/recipes", least=Role.TEAM, ja="栽培レシピを取り込む", conflicts=True)
async def import_recipe(call: Call[LabPath, Nothing, RecipeNew]) -> Created[RecipeLine]:
    """Take a recipe over from a file; sent again it is the same recipe, changed it needs a new version."""
    call.principal.within(call.path.lab)
    try:
        recipe = parse_recipe(call.body.body)
    except RecipeError as error:
        raise _invalid(str(error)) from error
    if recipe.crop not in crops():
        raise _invalid(f"there is no crop {recipe.crop!r}: one of {', '.join(sorted(crops()))}")
    added = await add_recipe(
        call.conn,
        lab=call.path.lab,
        slug=recipe.name,
        version=recipe.version,
        crop=recipe.crop,
        cultivars=recipe.cultivars,
        title_ja=recipe.title.ja,
        title_en=recipe.title.en,
        body=call.body.body,
        origin=msgspec.to_builtins(recipe.origin),
        by=call.principal.token_id,
    )
    return Created(view(added), f"{PREFIX}/recipes/{added.id}")


@routes.post(
    "/plantings/{planting}/learn-recipe", least=Role.TEAM, ja="作付けからレシピを作る", conflicts=True
)
async def learn_from_planting(call: Call[PlantingPath, Nothing, RecipeWish]) -> Created[LearnedView]:
    """Learn a recipe from what a planting felt, starting from the one it followed, and add it to the lab's.

    Favourable is the middle half of what was measured at each stage, drawn towards the recipe before where
    days are few. A season of simulated data marks the recipe as simulated.
    """
    planting = await get_planting(call.conn, call.path.planting, call.principal.lab)
    parent = await recipe_of_planting(call.conn, planting)
    if parent is None:
        raise _invalid(f"there is no recipe of {planting.crop} to start from")
    wish = call.body
    try:
        learned = await learn_recipe(
            Season(pool=call.house.pool),
            planting,
            parent,
            name=wish.name,
            title=model.Text(ja=wish.title_ja, en=wish.title_en),
            author=wish.author,
            licence=wish.licence,
        )
    except RecipeError as error:
        raise _invalid(str(error)) from error
    recipe = learned.recipe
    added = await add_recipe(
        call.conn,
        lab=planting.lab,
        slug=recipe.name,
        version=recipe.version,
        crop=recipe.crop,
        cultivars=recipe.cultivars,
        title_ja=recipe.title.ja,
        title_en=recipe.title.en,
        body=render_recipe(recipe),
        origin=msgspec.to_builtins(recipe.origin),
        by=call.principal.token_id,
    )
    left_out = [
        NotLearned(stage=each.stage, quantity=each.channel.quantity, reason=each.reason)
        for each in learned.left_out
    ]
    return Created(LearnedView(about=view(added), left_out=left_out), f"{PREFIX}/recipes/{added.id}")


@routes.get("/recipes/{recipe}", least=Role.VIEWER, ja="栽培レシピ")
async def get_one_recipe(call: Call[RecipePath, Nothing, Nothing]) -> RecipeView:
    """Show a recipe: by stage the ranges of quantities, the work, and where each number comes from."""
    found = await get_recipe(call.conn, call.path.recipe, call.principal.lab)
    recipe = parse_recipe(found.body)
    return RecipeView(about=view(found), recipe=recipe, unchanged=is_as_stamped(recipe))


@routes.get("/recipes/{recipe}/export", least=Role.VIEWER, ja="栽培レシピの書き出し")
async def export_recipe(call: Call[RecipePath, Nothing, Nothing]) -> TomlFile:
    """Give a recipe as a TOML file with a digest, to be handed on to another farm."""
    found = await get_recipe(call.conn, call.path.recipe, call.principal.lab)
    recipe = parse_recipe(found.body)
    return TomlFile(f"{recipe.name}-{recipe.version}.toml", render_recipe(recipe))


@routes.post("/recipes/{recipe}/withdraw", least=Role.TEAM, ja="栽培レシピを取り下げる")
async def take_back_recipe(call: Call[RecipePath, Nothing, Nothing]) -> RecipeLine:
    """Take a lab's own recipe out of its list; plantings that use it keep it."""
    return view(await withdraw_recipe(call.conn, call.path.recipe, call.principal.lab))


@routes.post("/recipes/{recipe}/restore", least=Role.TEAM, ja="取り下げた栽培レシピを戻す")
async def bring_back_recipe(call: Call[RecipePath, Nothing, Nothing]) -> RecipeLine:
    """Undo its withdrawal."""
    return view(await restore_recipe(call.conn, call.path.recipe, call.principal.lab))


def _invalid(detail: str) -> Problem:
    return Problem("invalid-body", f"body: {detail}", errors=[FieldError("body", detail)])
