"""What can be wrong with a name, a unit, a kind or a credential.

::

    DeviceError
    ├── UnitError
    │   ├── UnknownUnitError     a unit that `devices.units.UNITS` does not have
    │   └── DimensionError       two units that do not measure the same thing
    ├── NameRuleError            a device's or site's name against the rules
    ├── ChannelError             a key of ``values`` that is not ``quantity`` or ``quantity@position``
    ├── KindError                a kind file: which file, which key, what is wrong
    ├── ProductError             the same of a product's file
    └── CredentialError          a password hash that is not a mosquitto ``$7$`` line
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class DeviceError(Exception):
    """Any of the errors of this room."""


class UnitError(DeviceError):
    """Something is wrong with a unit."""


class UnknownUnitError(UnitError):
    """The unit is not in `devices.units.UNITS`."""

    def __init__(self, unit: str) -> None:
        super().__init__(f"unknown unit {unit!r}: use one of devices.units.UNITS, such as 'degC' or '%'")
        self.unit = unit


class DimensionError(UnitError):
    """The two units measure different things."""

    def __init__(self, source: str, source_dimension: str, target: str, target_dimension: str) -> None:
        super().__init__(
            f"cannot convert {source!r} ({source_dimension}) to {target!r} ({target_dimension}): "
            "choose units of the same dimension"
        )
        self.source = source
        self.target = target


class NameRuleError(DeviceError):
    """The name breaks the rules for device or site names."""

    def __init__(self, name: str, rule: str) -> None:
        super().__init__(f"the name {name!r} cannot be used: {rule}")
        self.name = name
        self.rule = rule


class ChannelError(DeviceError):
    """A key of ``values`` is neither ``quantity`` nor ``quantity@position``."""

    def __init__(self, key: str, reason: str) -> None:
        super().__init__(f"the key {key!r} cannot be read: {reason}")
        self.key = key
        self.reason = reason


class KindError(DeviceError):
    """A kind file is not valid."""

    def __init__(self, file: Path, key: str, reason: str) -> None:
        super().__init__(f"{file}: {key}: {reason}" if key else f"{file}: {reason}")
        self.file = file
        self.key = key
        self.reason = reason


class ProductError(DeviceError):
    """A product's file is not valid."""

    def __init__(self, file: Path, key: str, reason: str) -> None:
        super().__init__(f"{file}: {key}: {reason}" if key else f"{file}: {reason}")
        self.file = file
        self.key = key
        self.reason = reason


class CredentialError(DeviceError):
    """A stored password hash cannot be read."""
