"""From the unit in which a value is stored to the one in which it is shown."""

import math
from typing import Literal

from devices.errors import DeviceError
from devices.quantities import QUANTITIES
from devices.units import convert, linear

UnitChoice = Literal["canonical", "raw"]


def canonical_unit(quantity: str, stored: str) -> str:
    """Return the unit in which Chiiki speaks of a quantity; the stored one, where the two do not fit."""
    known = QUANTITIES.get(quantity)
    if known is None:
        return stored
    try:
        linear(stored, known.unit)
    except DeviceError:
        return stored
    return known.unit


def shown(value: float, stored: str, target: str) -> float | None:
    """Return a value in another unit; None where it is beyond what a float can hold."""
    if stored == target:
        return value
    converted = convert(value, stored, target)
    return converted if math.isfinite(converted) else None
