"""`chiiki lab`: the tenants and their sites."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deploy.cli import site
from deploy.cli.database import in_transaction
from deploy.cli.output import add_json, print_facts, print_json, print_note, print_table
from devices.registry import check_slug
from store.devices import list_devices
from store.labs import Lab, add_lab, find_lab, list_labs
from store.sites import Site, list_sites

if TYPE_CHECKING:
    import argparse

    from deploy.settings import Settings
    from devices.model import Device
    from store.pool import AsyncConnection

SHOWN = 1000
"""Devices and sites of one lab that are shown."""


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command and its verbs."""
    parser = commands.add_parser("lab", help="labs and their sites")
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    listing = verbs.add_parser("list", help="all labs")
    add_json(listing)
    listing.set_defaults(run=run_list)
    showing = verbs.add_parser("show", help="a lab with its sites and devices")
    showing.add_argument("slug")
    add_json(showing)
    showing.set_defaults(run=run_show)
    adding = verbs.add_parser("add", help="add a lab")
    adding.add_argument("slug", help="its name in addresses and commands, e.g. shihoro")
    adding.add_argument("--name-ja", required=True, help="name in Japanese")
    adding.add_argument("--name-en", required=True, help="name in English")
    add_json(adding)
    adding.set_defaults(run=run_add)
    site.add(verbs)


def run_list(args: argparse.Namespace, settings: Settings) -> int:
    """List all labs."""
    labs = in_transaction(settings, list_labs, limit=100_000)
    if args.json:
        print_json(labs)
    else:
        rows = [(lab.slug, lab.name_ja, lab.name_en, lab.bureau_ja, lab.selection_round) for lab in labs]
        print_table(("lab", "名称", "name", "bureau", "round"), rows)
    return 0


def run_show(args: argparse.Namespace, settings: Settings) -> int:
    """Show a lab with its sites and devices."""
    lab, sites, devices = in_transaction(settings, _gather, args.slug)
    if args.json:
        print_json({"lab": lab, "sites": sites, "devices": devices})
        return 0
    print_facts({"lab": lab.slug, "名称": lab.name_ja, "name": lab.name_en, "round": lab.selection_round})
    site.print_sites(sites)
    print_table(
        ("device", "kind", "site", "label", "revoked"),
        [(d.name, d.kind, d.site, d.label, d.revoked) for d in devices],
    )
    return 0


def run_add(args: argparse.Namespace, settings: Settings) -> int:
    """Add a lab."""
    check_slug(args.slug)
    lab = in_transaction(settings, add_lab, slug=args.slug, name_ja=args.name_ja, name_en=args.name_en)
    if args.json:
        print_json(lab)
    else:
        print_note(f"added lab {lab.slug}")
    return 0


async def _gather(connection: AsyncConnection, slug: str) -> tuple[Lab, list[Site], list[Device]]:
    lab = await find_lab(connection, slug)
    sites = await list_sites(connection, lab=slug, limit=SHOWN)
    return lab, sites, await list_devices(connection, lab=slug, limit=SHOWN)
