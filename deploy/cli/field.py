"""`chiiki field`: parts of a site in which something grows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from deploy.cli.database import in_transaction
from deploy.cli.output import add_json, print_json, print_note, print_table
from deploy.cli.site import read_polygon
from devices.registry import check_slug
from store.fields import add_field, list_fields

if TYPE_CHECKING:
    import argparse

    from deploy.settings import Settings


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command and its verbs."""
    parser = commands.add_parser("field", help="fields of sites")
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    listing = verbs.add_parser("list", help="fields of one lab or of all")
    listing.add_argument("--lab")
    listing.add_argument("--site")
    add_json(listing)
    listing.set_defaults(run=run_list)
    adding = verbs.add_parser("add", help="add a field to a site")
    adding.add_argument("lab")
    adding.add_argument("site", help="one of the lab's sites")
    adding.add_argument("slug", help="its name in addresses and commands, e.g. north")
    adding.add_argument("--name-ja", required=True, help="name in Japanese")
    adding.add_argument("--name-en", required=True, help="name in English")
    adding.add_argument("--area-m2", type=float, help="square metres")
    adding.add_argument("--polygon", type=Path, metavar="FILE", help="a GeoJSON Polygon, WGS 84")
    add_json(adding)
    adding.set_defaults(run=run_add, fail=adding.error)


def run_list(args: argparse.Namespace, settings: Settings) -> int:
    """List fields."""
    fields = in_transaction(settings, list_fields, lab=args.lab, site=args.site, limit=100_000)
    if args.json:
        print_json(fields)
        return 0
    rows = [(f.lab, f.site, f.slug, f.name_ja, f.name_en, f.area_m2) for f in fields]
    print_table(("lab", "site", "field", "名称", "name", "area (m²)"), rows)
    return 0


def run_add(args: argparse.Namespace, settings: Settings) -> int:
    """Add a field, once its place is found to make sense."""
    check_slug(args.slug)
    if args.area_m2 is not None and not 0 < args.area_m2 < float("inf"):
        args.fail("--area-m2 must be more than 0")
    field = in_transaction(
        settings,
        add_field,
        lab=args.lab,
        site=args.site,
        slug=args.slug,
        name_ja=args.name_ja,
        name_en=args.name_en,
        area_m2=args.area_m2,
        polygon=None if args.polygon is None else read_polygon(args.polygon),
    )
    if args.json:
        print_json(field)
    else:
        print_note(f"added field {field.lab}/{field.site}/{field.slug}")
    return 0
