"""Which quantities add up over a day, and in which unit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from devices.quantities import QUANTITIES
from devices.units import linear


@dataclass(frozen=True, slots=True)
class Total:
    """How a quantity adds up.

    Attributes
    ----------
    unit : str
        Of the total of one day.
    factor : float
        From the sum of the samples, or from the integral over seconds, to `unit`.
    per_sample : bool
        Each sample is an amount since the one before; else it is a rate.
    """

    unit: str
    factor: float
    per_sample: bool


S_PER_D: Final = 86_400


def _rate(quantity: str, unit: str) -> Total:
    """Tell how a rate adds up; `linear` gives the factor of a whole day."""
    return Total(unit, linear(QUANTITIES[quantity].unit, unit)[0] / S_PER_D, per_sample=False)


TOTALS: Final = {
    "rainfall": Total("mm/d", 1.0, per_sample=True),
    "irrigation_volume": Total("L/d", 1.0, per_sample=True),
    "irrigation_flow": Total("L/d", 1 / 60, per_sample=False),
    "global_radiation": _rate("global_radiation", "MJ/m2/d"),
    "net_radiation": _rate("net_radiation", "MJ/m2/d"),
    "ultraviolet_radiation": _rate("ultraviolet_radiation", "MJ/m2/d"),
    "photosynthetic_photon_flux": _rate("photosynthetic_photon_flux", "mol/m2/d"),
}
"""By quantity. Millimetres are an amount for rain and not for the length of a fish, hence by name."""
