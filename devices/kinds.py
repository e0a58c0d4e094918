"""Kinds of device, read from TOML files: those shipped in ``devices/kinds`` and a lab's own.

A file is named after its kind and holds::

    name = "orchard-station"
    label_ja = "果樹園観測装置"
    label_en = "orchard station"
    period_s = 600                      # usual time between two samples
    clock_tolerance_s = 120             # optional
    max_series = 64                     # optional
    product = "cod-sex"                 # optional: what it sorts, a file of devices/products

    [quantities.soil_temperature]       # a name from devices/quantities.py
    unit = "degC"                       # of the numbers in the messages
    limits = [-40, 60]                  # optional: what the sensor can show
    usual = [-15, 35]                   # optional: what is to be expected
    positions = ["10cm", "20cm"]        # optional; "any" allows every label; without it only the plain one
"""

from __future__ import annotations

import math
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from devices.errors import DeviceError, KindError, NameRuleError
from devices.model import Channel, Kind
from devices.products import load_products
from devices.quantities import QUANTITIES
from devices.registry import check_position, check_slug
from devices.units import linear

if TYPE_CHECKING:
    from collections.abc import Mapping

    from devices.model import Product

SHIPPED_DIR = Path(__file__).with_name("kinds")
PRODUCTS = "products"
"""Folder of a lab's own products within its folder of kinds."""


def load_kinds(extra_dir: Path | None = None) -> dict[str, Kind]:
    """Read the shipped kinds and a lab's own, which may add to them or replace one by its name.

    Raises
    ------
    KindError, ProductError
        Names the file, the key and what is wrong with it.
    """
    if extra_dir is not None and not extra_dir.is_dir():
        raise KindError(extra_dir, "", "there is no such folder of kinds")
    folders = [SHIPPED_DIR] if extra_dir is None else [SHIPPED_DIR, extra_dir]
    products = load_products(None if extra_dir is None else extra_dir / PRODUCTS)
    kinds = [read_kind(file, products) for folder in folders for file in sorted(folder.glob("*.toml"))]
    return {kind.name: kind for kind in kinds}


def read_kind(file: Path, products: Mapping[str, Product]) -> Kind:
    """Read and check one file.

    Raises
    ------
    KindError
        Names the file, the key and what is wrong with it.
    """
    table = _parse(file)
    if "product" in table:
        product = products.get(str(table["product"]))
        if product is None:
            raise KindError(file, "product", f"choose one of {', '.join(sorted(products))}")
        table["product"] = product
    channels = table.get("quantities")
    if not isinstance(channels, dict) or not channels:
        raise KindError(file, "quantities", "name at least one quantity, as [quantities.air_temperature]")
    table["quantities"] = {name: _read_channel(file, name, value) for name, value in channels.items()}
    try:
        kind = msgspec.convert(table, Kind)
    except msgspec.ValidationError as error:
        raise KindError(file, *_explain(error)) from None
    _check_kind(file, kind)
    return kind


def _parse(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise KindError(file, "", f"cannot be read: {error}") from None


def _explain(error: msgspec.ValidationError) -> tuple[str, str]:
    """Key and reason of msgspec's sentence ``reason - at `$.key```."""
    reason, _, path = str(error).partition(" - at ")
    return path.strip("`$."), reason


def _read_channel(file: Path, name: str, table: object) -> Channel:
    key = f"quantities.{name}"
    if name not in QUANTITIES:
        raise KindError(file, key, "unknown quantity: use a name from devices/quantities.py")
    try:
        channel = msgspec.convert(table, Channel)
    except msgspec.ValidationError as error:
        inner, reason = _explain(error)
        raise KindError(file, f"{key}.{inner}".rstrip("."), reason) from None
    try:
        linear(channel.unit, QUANTITIES[name].unit)
    except DeviceError as error:
        raise KindError(file, f"{key}.unit", str(error)) from None
    _check_ranges(file, key, channel)
    _check_positions(file, f"{key}.positions", channel)
    return channel


def _check_ranges(file: Path, key: str, channel: Channel) -> None:
    for name, bounds in (("limits", channel.limits), ("usual", channel.usual)):
        if bounds is not None and not (all(map(math.isfinite, bounds)) and bounds[0] < bounds[1]):
            raise KindError(
                file, f"{key}.{name}", "write [least, greatest], two finite numbers in that order"
            )
    limits, usual = channel.limits, channel.usual
    if limits and usual and not (limits[0] <= usual[0] and usual[1] <= limits[1]):
        raise KindError(file, f"{key}.usual", "must lie within limits")


def _check_positions(file: Path, key: str, channel: Channel) -> None:
    if channel.positions == "any":
        return
    if not channel.positions or len(set(channel.positions)) < len(channel.positions):
        raise KindError(file, key, 'name each position once, at least one ("" is the plain one)')
    for position in channel.positions:
        try:
            check_position(position)
        except NameRuleError as error:
            raise KindError(file, key, str(error)) from None


def _check_kind(file: Path, kind: Kind) -> None:
    try:
        check_slug(kind.name)
    except NameRuleError as error:
        raise KindError(file, "name", str(error)) from None
    if kind.name != file.stem:
        raise KindError(
            file, "name", f"is {kind.name!r}, but the file is named {file.stem!r}: make them equal"
        )
    for name, length_s in (("period_s", kind.period_s), ("clock_tolerance_s", kind.clock_tolerance_s)):
        if not (math.isfinite(length_s) and length_s > 0):
            raise KindError(file, name, "must be a positive number of seconds")
    least = sum(
        1 if channel.positions == "any" else len(channel.positions) for channel in kind.quantities.values()
    )
    if kind.max_series < least:
        raise KindError(file, "max_series", f"is {kind.max_series}, but the quantities name {least} series")
