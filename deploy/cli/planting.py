"""`chiiki planting`: what is sown where, the stages seen, and how it ended."""

from __future__ import annotations

import argparse
from datetime import date
from typing import TYPE_CHECKING

from analytics import library
from deploy.cli.database import in_transaction
from deploy.cli.output import add_json, print_json, print_note, print_table
from store import plantings
from store.observations import Observation, add_observation
from store.recipes import find_recipe

if TYPE_CHECKING:
    from typing import Any

    from deploy.settings import Settings
    from store.plantings import Planting
    from store.pool import AsyncConnection


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command and its verbs."""
    parser = commands.add_parser("planting", help="plantings, and the stages seen")
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    listing = verbs.add_parser("list", help="plantings of one lab or of all")
    listing.add_argument("--lab")
    listing.add_argument("--crop")
    listing.add_argument("--open", action="store_true", help="only those that go on")
    add_json(listing)
    listing.set_defaults(run=run_list)
    _add_adding(verbs)
    _add_observing(verbs)
    _add_ending(verbs)


def _add_adding(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = verbs.add_parser("add", help="note what was sown or planted")
    parser.add_argument("lab")
    parser.add_argument("site")
    parser.add_argument("field")
    parser.add_argument("--crop", required=True, help=f"one of {', '.join(library.crops())}")
    parser.add_argument("--cultivar", default="")
    parser.add_argument("--sown", required=True, type=_day, metavar="DATE", help="day of sowing or planting")
    parser.add_argument("--label", default="", help="a name for people")
    parser.add_argument("--goal", default="", help="what it is for")
    parser.add_argument("--target-t-ha", type=float, help="the yield aimed at, t/ha")
    parser.add_argument("--recipe", help="name of a recipe, the lab's or a shipped one")
    parser.add_argument("--station", help="the device whose weather it has (default: those of the site)")
    add_json(parser)
    parser.set_defaults(run=run_add, fail=parser.error)


def _add_observing(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = verbs.add_parser("observe", help="note a stage that was reached")
    parser.add_argument("id", type=int, help="the planting's number in `planting list`")
    parser.add_argument("--bbch", required=True, type=int, choices=range(100), metavar="CODE", help="0 to 99")
    parser.add_argument("--on", required=True, type=_day, metavar="DATE")
    parser.add_argument("--observer", default="", help="who saw it")
    parser.add_argument("--note", default="")
    add_json(parser)
    parser.set_defaults(run=run_observe, fail=parser.error)


def _add_ending(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = verbs.add_parser("end", help="note the harvest, or that it was given up")
    parser.add_argument("id", type=int, help="the planting's number in `planting list`")
    parser.add_argument("--on", required=True, type=_day, metavar="DATE")
    parser.add_argument("--yield-t-ha", type=float, help="t/ha")
    parser.add_argument("--note", default="", help="what came of it")
    add_json(parser)
    parser.set_defaults(run=run_end, fail=parser.error)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no date such as 2026-06-08") from None


def run_list(args: argparse.Namespace, settings: Settings) -> int:
    """List plantings."""
    found = in_transaction(
        settings,
        plantings.list_plantings,
        lab=args.lab,
        crop=args.crop,
        ended=False if args.open else None,
        limit=100_000,
    )
    if args.json:
        print_json(found)
        return 0
    rows = [
        (p.id, p.lab, f"{p.site}/{p.field}", p.crop, p.cultivar, str(p.sown_on), p.label, _outcome(p))
        for p in found
    ]
    print_table(("id", "lab", "field", "crop", "品種", "sown", "label", "ended"), rows)
    return 0


def _outcome(planting: Planting) -> str:
    if planting.ended_on is None:
        return ""
    return str(planting.ended_on) + ("" if planting.yield_t_ha is None else f", {planting.yield_t_ha:g} t/ha")


def run_add(args: argparse.Namespace, settings: Settings) -> int:
    """Note a planting."""
    crop = library.crop(args.crop)
    _check_positive(args, args.target_t_ha, "--target-t-ha")
    planting = in_transaction(
        settings,
        _add_planting,
        args.recipe,
        lab=args.lab,
        site=args.site,
        field=args.field,
        crop=args.crop,
        cultivar=args.cultivar,
        sown_on=args.sown,
        label=args.label,
        goal=args.goal,
        target_t_ha=args.target_t_ha,
        station=args.station,
    )
    if args.json:
        print_json(planting)
        return 0
    print_note(f"added planting {planting.id}: {planting.site}/{planting.field}, {crop.label_ja}")
    return 0


async def _add_planting(connection: AsyncConnection, recipe: str | None, /, **given: Any) -> Planting:
    recipe_id = None if recipe is None else (await find_recipe(connection, given["lab"], recipe)).id
    return await plantings.add_planting(connection, recipe_id=recipe_id, **given)


def run_observe(args: argparse.Namespace, settings: Settings) -> int:
    """Note a stage."""
    seen = in_transaction(settings, _observe, args)
    if args.json:
        print_json(seen)
    else:
        print_note(f"noted BBCH {seen.bbch:02} of planting {seen.planting_id} on {seen.observed_on}")
    return 0


async def _observe(connection: AsyncConnection, args: argparse.Namespace) -> Observation:
    planting = await plantings.get_planting(connection, args.id)
    _check_after_sowing(args, planting)
    return await add_observation(
        connection, args.id, bbch=args.bbch, observed_on=args.on, observer=args.observer, note=args.note
    )


def run_end(args: argparse.Namespace, settings: Settings) -> int:
    """Note how a planting ended."""
    _check_positive(args, args.yield_t_ha, "--yield-t-ha", least=0)
    planting = in_transaction(settings, _end, args)
    if args.json:
        print_json(planting)
    else:
        print_note(f"ended planting {planting.id} on {planting.ended_on}")
    return 0


async def _end(connection: AsyncConnection, args: argparse.Namespace) -> Planting:
    _check_after_sowing(args, await plantings.get_planting(connection, args.id))
    return await plantings.end_planting(
        connection, args.id, ended_on=args.on, yield_t_ha=args.yield_t_ha, outcome_note=args.note
    )


def _check_after_sowing(args: argparse.Namespace, planting: Planting) -> None:
    if args.on < planting.sown_on:
        args.fail(f"--on {args.on} is before the day of sowing, {planting.sown_on}")


def _check_positive(
    args: argparse.Namespace, value: float | None, option: str, least: float | None = None
) -> None:
    if value is None or (least is not None and value == least):
        return
    if not 0 < value < float("inf"):
        args.fail(f"{option} must be more than 0" if least is None else f"{option} must not be less than 0")
