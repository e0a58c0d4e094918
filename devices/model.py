"""The nouns of the domain: quantities, kinds of device, devices, series."""

from __future__ import annotations

import enum
from typing import Literal

import msgspec

UNREGISTERED = 0
"""The ledger's device id for senders that are not in the registry."""


class Quality(enum.IntEnum):
    """Quality flag of one reading, after QARTOD (IOC 54:V3, as ioos_qc uses it)."""

    GOOD = 1
    NOT_EVALUATED = 2
    SUSPECT = 3
    FAIL = 4
    MISSING = 9


class Quantity(msgspec.Struct, frozen=True, kw_only=True):
    """Something that can be measured, in the unit in which Chiiki speaks of it.

    Attributes
    ----------
    name : str
        The key in messages and addresses, e.g. ``air_temperature`` (CF-like snake_case).
    unit : str
        Canonical unit, a key of `devices.units.UNITS`.
    """

    name: str
    unit: str
    label_ja: str
    label_en: str


class Channel(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One quantity as a kind of device sends it.

    Attributes
    ----------
    unit : str
        Unit of the numbers in the messages; stored as they come.
    limits : tuple[float, float] | None
        What the sensor can show; outside: quality 4 (fail). In `unit`.
    usual : tuple[float, float] | None
        What is to be expected; outside: quality 3 (suspect). In `unit`.
    positions : list[str] | "any"
        Allowed position labels, ``""`` being the plain one; a message writes ``quantity@position``.
    """

    unit: str
    limits: tuple[float, float] | None = None
    usual: tuple[float, float] | None = None
    positions: list[str] | Literal["any"] = msgspec.field(default_factory=lambda: [""])


class SortClass(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One of the classes that fish are sorted into.

    Attributes
    ----------
    name : str
        As in the units' messages.
    sellable : bool
        Whether it is sold as such.
    price_yen_per_kg : float | None
        Where a lot has no price of its own.
    between : tuple[str, str] | None
        A hybrid: of these two classes, and in the middle of both.
    """

    name: str
    label_ja: str
    label_en: str
    sellable: bool = True
    price_yen_per_kg: float | None = None
    between: tuple[str, str] | None = None


class SpineRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A species told by the base of dorsal fin spines 1 to 9 ÷ fork length; the threshold is of the first."""

    threshold: float
    at_least: str
    below: str

    def verdict(self, ratio: float) -> str:
        """Name the class that a ratio speaks for."""
        return self.at_least if ratio >= self.threshold else self.below


class Product(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a unit sorts fish into, read from a TOML file in `devices/products`.

    Attributes
    ----------
    classes : tuple[SortClass, ...]
        In the order of the numbers that stand for them.
    """

    name: str
    label_ja: str
    label_en: str
    species_ja: str
    species_en: str
    species_latin: str = ""
    classes: tuple[SortClass, ...]
    spine: SpineRule | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Name the classes in their order."""
        return tuple(one.name for one in self.classes)


class Kind(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A kind of device, read from a TOML file in `devices/kinds`.

    Attributes
    ----------
    period_s : float
        Usual time between two samples; a device silent for several periods is reported.
    clock_tolerance_s : float
        By how much a device's clock may be off before it is reported.
    max_series : int
        How many series one device of the kind may open.
    quantities : dict[str, Channel]
        Keyed by the name of the quantity.
    product : Product | None
        What a device of the kind sorts; None: it sorts nothing.
    """

    name: str
    label_ja: str
    label_en: str
    period_s: float
    clock_tolerance_s: float = 120.0
    max_series: int = 64
    quantities: dict[str, Channel]
    product: Product | None = None


class Series(msgspec.Struct, frozen=True, kw_only=True):
    """One quantity of one device at one position, in the unit the device sends."""

    id: int
    device_id: int
    quantity: str
    position: str
    unit: str


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """A registered device; `name` is its MQTT user name, unique over all labs."""

    id: int
    name: str
    lab: str
    kind: str
    label: str = ""
    site: str | None = None
    simulated: bool = False
    revoked: bool = False
