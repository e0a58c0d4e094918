"""`chiiki lab site`: where a lab's devices stand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deploy.cli.database import in_transaction
from deploy.cli.output import add_json, print_json, print_note, print_table
from devices.geometry import GeometryError, check_polygon, check_position, check_timezone
from devices.registry import check_slug
from store.sites import Site, add_site, list_sites

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from deploy.settings import Settings


def add(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the verbs under ``lab site``."""
    site_verbs = verbs.add_parser("site", help="sites of labs").add_subparsers(required=True, metavar="VERB")
    listing = site_verbs.add_parser("list", help="sites of one lab or of all")
    listing.add_argument("--lab")
    add_json(listing)
    listing.set_defaults(run=run_list)
    adding = site_verbs.add_parser("add", help="add a site")
    adding.add_argument("lab")
    adding.add_argument("slug", help="its name in addresses and commands, e.g. east-field")
    adding.add_argument("--name-ja", required=True, help="name in Japanese")
    adding.add_argument("--name-en", required=True, help="name in English")
    adding.add_argument("--latitude", type=float, help="degrees north, WGS 84")
    adding.add_argument("--longitude", type=float, help="degrees east, WGS 84")
    adding.add_argument("--elevation", type=float, help="metres above sea level")
    adding.add_argument("--polygon", type=Path, metavar="FILE", help="a GeoJSON Polygon, WGS 84")
    adding.add_argument("--timezone", default="Asia/Tokyo", help="IANA name (default: %(default)s)")
    add_json(adding)
    adding.set_defaults(run=run_add)


def run_list(args: argparse.Namespace, settings: Settings) -> int:
    """List sites."""
    sites = in_transaction(settings, list_sites, lab=args.lab, limit=100_000)
    if args.json:
        print_json(sites)
    else:
        print_sites(sites)
    return 0


def run_add(args: argparse.Namespace, settings: Settings) -> int:
    """Add a site, once its place and time zone are found to make sense."""
    check_slug(args.slug)
    check_position(args.latitude, args.longitude)
    check_timezone(args.timezone)
    site = in_transaction(
        settings,
        add_site,
        lab=args.lab,
        slug=args.slug,
        name_ja=args.name_ja,
        name_en=args.name_en,
        latitude=args.latitude,
        longitude=args.longitude,
        elevation_m=args.elevation,
        polygon=None if args.polygon is None else read_polygon(args.polygon),
        timezone=args.timezone,
    )
    if args.json:
        print_json(site)
    else:
        print_note(f"added site {site.lab}/{site.slug}")
    return 0


def read_polygon(file: Path) -> dict[str, Any]:
    """Read a GeoJSON Polygon, or a Feature that has one.

    Raises
    ------
    GeometryError
        The file cannot be read, or holds something else.
    """
    try:
        polygon = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise GeometryError(f"{file}: cannot be read as GeoJSON: {error}") from error
    if isinstance(polygon, dict) and polygon.get("type") == "Feature":
        polygon = polygon.get("geometry")
    check_polygon(polygon)
    assert isinstance(polygon, dict)
    return polygon


def print_sites(sites: Sequence[Site]) -> None:
    """Print sites as a table."""
    rows = [
        (s.lab, s.slug, s.name_ja, s.name_en, s.latitude, s.longitude, s.elevation_m, s.timezone)
        for s in sites
    ]
    print_table(("lab", "site", "名称", "name", "latitude", "longitude", "elevation (m)", "time zone"), rows)
