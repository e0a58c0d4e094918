"""`chiiki device`: register devices, give and take their credentials."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deploy.cli.database import in_transaction
from deploy.cli.mqtt_example import broker_address, write_publish_line
from deploy.cli.output import add_json, print_facts, print_json, print_note, print_table
from deploy.errors import SettingsError
from devices.credentials import hash_password, new_password
from devices.kinds import load_kinds
from devices.registry import check_device_name
from store import devices
from store.series import list_series

if TYPE_CHECKING:
    import argparse

    from deploy.settings import Settings
    from devices.model import Device, Series
    from store.pool import AsyncConnection


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command and its verbs."""
    parser = commands.add_parser("device", help="devices and their credentials")
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    listing = verbs.add_parser("list", help="all devices, or those of one lab")
    listing.add_argument("--lab")
    add_json(listing)
    listing.set_defaults(run=run_list)
    _add_named(verbs, "show", run_show, "a device with its series")
    _add_adding(verbs)
    _add_named(verbs, "revoke", run_revoke, "cut a device off, within a second")
    _add_named(verbs, "restore", run_restore, "let a revoked device in again, with the password it had")
    _add_named(verbs, "rotate", run_rotate, "give a device a new password; it is shown once")
    kinds = verbs.add_parser("kinds", help="kinds of device, with what they measure")
    add_json(kinds)
    kinds.set_defaults(run=run_kinds)


def _add_named(verbs: Any, verb: str, run: Any, text: str) -> None:
    parser = verbs.add_parser(verb, help=text)
    parser.add_argument("name")
    add_json(parser)
    parser.set_defaults(run=run)


def _add_adding(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = verbs.add_parser("add", help="register a device; its MQTT password is shown once")
    parser.add_argument("name", help="its MQTT user name, e.g. north-1; unique over all labs")
    parser.add_argument("--lab", required=True)
    parser.add_argument("--kind", required=True, help="one of `device kinds`")
    parser.add_argument("--site", help="one of the lab's sites")
    parser.add_argument("--label", default="", help="a name for people")
    parser.add_argument("--simulated", action="store_true", help="mark all it sends as simulated")
    add_json(parser)
    parser.set_defaults(run=run_add)


def run_list(args: argparse.Namespace, settings: Settings) -> int:
    """List devices."""
    found = in_transaction(settings, devices.list_devices, lab=args.lab, limit=1_000_000)
    if args.json:
        print_json(found)
    else:
        rows = [(d.name, d.lab, d.site, d.kind, d.label, d.simulated, d.revoked) for d in found]
        print_table(("device", "lab", "site", "kind", "label", "simulated", "revoked"), rows)
    return 0


def run_show(args: argparse.Namespace, settings: Settings) -> int:
    """Show a device with its series."""
    device, series = in_transaction(settings, _gather, args.name)
    if args.json:
        print_json({"device": device, "series": series})
        return 0
    _print_device(device)
    print_table(
        ("series", "quantity", "position", "unit"), [(s.id, s.quantity, s.position, s.unit) for s in series]
    )
    return 0


def run_add(args: argparse.Namespace, settings: Settings) -> int:
    """Register a device and show its password this one time."""
    check_device_name(args.name)
    kinds = load_kinds(settings.kinds_dir)
    if args.kind not in kinds:
        raise SettingsError(f"there is no kind {args.kind!r}: choose one of {', '.join(sorted(kinds))}")
    password = new_password()
    device = in_transaction(
        settings,
        devices.add_device,
        name=args.name,
        lab=args.lab,
        kind=args.kind,
        site=args.site,
        label=args.label,
        simulated=args.simulated,
        password_hash=hash_password(password),
    )
    _print_password(args, settings, device, password)
    return 0


def run_revoke(args: argparse.Namespace, settings: Settings) -> int:
    """Cut a device off."""
    return _report(args, in_transaction(settings, devices.revoke_device, args.name), "revoked")


def run_restore(args: argparse.Namespace, settings: Settings) -> int:
    """Let a revoked device in again."""
    return _report(args, in_transaction(settings, devices.restore_device, args.name), "restored")


def run_rotate(args: argparse.Namespace, settings: Settings) -> int:
    """Give a device a new password and show it this one time."""
    password = new_password()
    device = in_transaction(settings, devices.rotate_device, args.name, hash_password(password))
    _print_password(args, settings, device, password)
    return 0


def run_kinds(args: argparse.Namespace, settings: Settings) -> int:
    """List the kinds of device, shipped and the lab's own."""
    kinds = sorted(load_kinds(settings.kinds_dir).values(), key=lambda kind: kind.name)
    if args.json:
        print_json(kinds)
    else:
        rows = [(k.name, k.label_ja, k.label_en, f"{k.period_s:g} s", ", ".join(k.quantities)) for k in kinds]
        print_table(("kind", "名称", "name", "period", "quantities"), rows)
    return 0


async def _gather(connection: AsyncConnection, name: str) -> tuple[Device, list[Series]]:
    return await devices.get_device(connection, name), await list_series(connection, name)


def _report(args: argparse.Namespace, device: Device, deed: str) -> int:
    if args.json:
        print_json(device)
    else:
        print_note(f"{deed} device {device.name}")
    return 0


def _print_device(device: Device) -> None:
    facts = {"device": device.name, "lab": device.lab, "site": device.site, "kind": device.kind}
    print_facts({**facts, "label": device.label, "simulated": device.simulated, "revoked": device.revoked})


def _print_password(args: argparse.Namespace, settings: Settings, device: Device, password: str) -> None:
    host, port, _ = broker_address(settings)
    topic = f"chiiki/v1/{device.name}/up/readings"
    if args.json:
        broker = {"host": host, "port": port, "topic": topic}
        print_json({"device": device, "user": device.name, "password": password, **broker})
        return
    _print_device(device)
    print_facts({"MQTT broker": f"{host}:{port}", "MQTT user": device.name, "MQTT password": password})
    print_note("Keep the password now: it is not shown again. Try it with:")
    print_note(write_publish_line(settings, device, password))
    if device.revoked:
        print_note(f"The device stays revoked until: ./chiiki device restore {device.name}")
