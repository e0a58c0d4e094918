"""`chiiki recipe`: cultivation recipes as files, to be handed on from farm to farm."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from analytics.farm.recipes.parse import parse_recipe
from analytics.farm.recipes.render import is_as_stamped
from deploy.cli.database import in_transaction
from deploy.cli.output import add_json, print_json, print_note, print_table
from deploy.errors import SettingsError
from deploy.shipped import recipe_columns
from store.recipes import add_recipe, find_recipe, list_recipes

if TYPE_CHECKING:
    import argparse

    from deploy.settings import Settings


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command and its verbs."""
    parser = commands.add_parser("recipe", help="cultivation recipes")
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    listing = verbs.add_parser("list", help="shipped recipes, and those of one lab or of all")
    listing.add_argument("--lab")
    listing.add_argument("--crop")
    add_json(listing)
    listing.set_defaults(run=run_list)
    importing = verbs.add_parser("import", help="take a recipe's file in for a lab")
    importing.add_argument("file", type=Path)
    importing.add_argument("--lab", required=True)
    add_json(importing)
    importing.set_defaults(run=run_import)
    exporting = verbs.add_parser("export", help="write a recipe to a file, or to standard output")
    exporting.add_argument("name", help="as in `recipe list`")
    exporting.add_argument("--lab", help="whose; its own comes before a shipped one of the same name")
    exporting.add_argument("--version", help="default: the highest")
    exporting.add_argument("--file", type=Path, help="default: standard output")
    exporting.set_defaults(run=run_export)


def run_list(args: argparse.Namespace, settings: Settings) -> int:
    """List recipes."""
    found = in_transaction(settings, list_recipes, lab=args.lab, crop=args.crop, limit=100_000)
    if args.json:
        print_json(found)
        return 0
    rows = [
        (r.slug, r.version, r.lab or "shipped", r.crop, r.title_ja, r.title_en, ", ".join(r.cultivars))
        for r in found
    ]
    print_table(("recipe", "version", "lab", "crop", "名称", "name", "品種"), rows)
    return 0


def run_import(args: argparse.Namespace, settings: Settings) -> int:
    """Take a recipe in, once it is found to be one."""
    try:
        text = args.file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"cannot read {args.file}: {error}") from None
    recipe = parse_recipe(text)
    stored = in_transaction(settings, add_recipe, lab=args.lab, **recipe_columns(recipe))
    if args.json:
        print_json(stored)
        return 0
    print_note(f"{stored.lab} has recipe {stored.slug} {stored.version} ({stored.title_ja})")
    if is_as_stamped(recipe) is False:
        print_note("note: it was changed after it was handed on")
    return 0


def run_export(args: argparse.Namespace, settings: Settings) -> int:
    """Write a recipe's text."""
    recipe = in_transaction(settings, find_recipe, args.lab, args.name, args.version)
    if args.file is None:
        print(recipe.body, end="")
        return 0
    try:
        args.file.write_text(recipe.body, encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"cannot write {args.file}: {error.strerror}") from None
    print_note(f"wrote {args.file}")
    return 0
