"""Units of measurement and exact conversion between them.

The keys resemble UCUM (``degC``, ``m3/m3``, ``umol/m2/s``). All conversions are linear; factors and offsets
are kept as fractions, so that 32 degF is 0 degC exactly and 300 K is 26.85 degC and not 26.850000000000023.

Definitions: BIPM SI Brochure, 9th edition (kelvin and degree Celsius, prefixes); the degree Fahrenheit, the
international nautical mile (1,852 m) and kilometre per hour after NIST SP 811, appendix B.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from fractions import Fraction
from math import lcm
from typing import TYPE_CHECKING, overload

from devices.errors import DimensionError, UnknownUnitError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit as a linear function of the base unit of its dimension.

    Attributes
    ----------
    dimension : str
        What is measured; only units of one dimension convert into each other.
    factor, offset : Fraction
        ``base = factor * value + offset``.
    symbol : str
        As people write it, e.g. ``°C``.
    """

    dimension: str
    factor: Fraction
    offset: Fraction
    symbol: str


def _unit(dimension: str, symbol: str, factor: str | int = 1, offset: str | int | Fraction = 0) -> Unit:
    return Unit(dimension, Fraction(factor), Fraction(offset), symbol)


UNITS: dict[str, Unit] = {
    "K": _unit("temperature", "K"),
    "degC": _unit("temperature", "°C", 1, "273.15"),
    "degF": _unit("temperature", "°F", "5/9", Fraction("273.15") - Fraction(160, 9)),
    "1": _unit("ratio", ""),
    "%": _unit("ratio", "%", "1/100"),
    "m3/m3": _unit("ratio", "m³/m³"),
    "ppm": _unit("ratio", "ppm", "1/1000000"),
    "ppb": _unit("ratio", "ppb", "1/1000000000"),
    "Pa": _unit("pressure", "Pa"),
    "hPa": _unit("pressure", "hPa", 100),
    "mbar": _unit("pressure", "mbar", 100),
    "kPa": _unit("pressure", "kPa", 1_000),
    "MPa": _unit("pressure", "MPa", 1_000_000),
    "lx": _unit("illuminance", "lx"),
    "klx": _unit("illuminance", "klx", 1_000),
    "W/m2": _unit("irradiance", "W/m²"),
    "kW/m2": _unit("irradiance", "kW/m²", 1_000),
    "MJ/m2/d": _unit("irradiance", "MJ/m²/d", "1000000/86400"),
    "umol/m2/s": _unit("photon flux", "µmol/m²/s"),
    "mmol/m2/s": _unit("photon flux", "mmol/m²/s", 1_000),
    "mol/m2/d": _unit("photon flux", "mol/m²/d", "1000000/86400"),
    "S/m": _unit("conductivity", "S/m"),
    "dS/m": _unit("conductivity", "dS/m", "1/10"),
    "mS/m": _unit("conductivity", "mS/m", "1/1000"),
    "mS/cm": _unit("conductivity", "mS/cm", "1/10"),
    "uS/cm": _unit("conductivity", "µS/cm", "1/10000"),
    "m": _unit("length", "m"),
    "cm": _unit("length", "cm", "1/100"),
    "mm": _unit("length", "mm", "1/1000"),
    "um": _unit("length", "µm", "1/1000000"),
    "km": _unit("length", "km", 1_000),
    "mm/h": _unit("speed", "mm/h", "1/3600000"),
    "m/s": _unit("speed", "m/s"),
    "km/h": _unit("speed", "km/h", "5/18"),
    "kt": _unit("speed", "kt", "1852/3600"),
    "deg": _unit("angle", "°"),
    "V": _unit("voltage", "V"),
    "mV": _unit("voltage", "mV", "1/1000"),
    "A": _unit("current", "A"),
    "mA": _unit("current", "mA", "1/1000"),
    "W": _unit("power", "W"),
    "mW": _unit("power", "mW", "1/1000"),
    "Ohm": _unit("resistance", "Ω"),
    "kOhm": _unit("resistance", "kΩ", 1_000),
    "g": _unit("mass", "g"),
    "kg": _unit("mass", "kg", 1_000),
    "mg": _unit("mass", "mg", "1/1000"),
    "t": _unit("mass", "t", 1_000_000),
    "s": _unit("time", "s"),
    "ms": _unit("time", "ms", "1/1000"),
    "min": _unit("time", "min", 60),
    "h": _unit("time", "h", 3_600),
    "d": _unit("time", "d", 86_400),
    "1/s": _unit("rate", "/s"),
    "Hz": _unit("rate", "Hz"),
    "MHz": _unit("rate", "MHz", 1_000_000),
    "1/min": _unit("rate", "/min", "1/60"),
    "1/h": _unit("rate", "/h", "1/3600"),
    "L": _unit("volume", "L"),
    "mL": _unit("volume", "mL", "1/1000"),
    "m3": _unit("volume", "m³", 1_000),
    "L/min": _unit("flow", "L/min"),
    "m3/h": _unit("flow", "m³/h", "1000/60"),
    "g/m3": _unit("mass concentration", "g/m³"),
    "mg/L": _unit("mass concentration", "mg/L"),
    "kg/m3": _unit("mass concentration", "kg/m³", 1_000),
    "dBm": _unit("power level", "dBm"),
    "dB": _unit("level", "dB"),
    "pH": _unit("acidity", "pH"),
}
"""Every unit that a kind of device may name."""


def _find(unit: str) -> Unit:
    try:
        return UNITS[unit]
    except KeyError:
        raise UnknownUnitError(unit) from None


def _fractions(source: str, target: str) -> tuple[Fraction, Fraction]:
    """Factor and offset of the conversion, exactly."""
    from_, to = _find(source), _find(target)
    if from_.dimension != to.dimension:
        raise DimensionError(source, from_.dimension, target, to.dimension)
    return from_.factor / to.factor, (from_.offset - to.offset) / to.factor


@functools.cache
def _integers(source: str, target: str) -> tuple[float, float, float]:
    """``target = (value * numerator + offset) / denominator`` with whole numbers: few and small roundings."""
    factor, offset = _fractions(source, target)
    denominator = lcm(factor.denominator, offset.denominator)
    return float(factor * denominator), float(offset * denominator), float(denominator)


@functools.cache
def linear(source: str, target: str) -> tuple[float, float]:
    """Tell the conversion as numbers: ``target = factor * source + offset``.

    Raises
    ------
    UnknownUnitError, DimensionError
        One of the units is unknown, or they do not measure the same thing.

    Examples
    --------
    >>> linear("%", "m3/m3")
    (0.01, 0.0)
    """
    factor, offset = _fractions(source, target)
    return float(factor), float(offset)


@overload
def convert(value: float, source: str, target: str) -> float: ...
@overload
def convert(value: NDArray[np.float64], source: str, target: str) -> NDArray[np.float64]: ...
def convert(value: float | NDArray[np.float64], source: str, target: str) -> float | NDArray[np.float64]:
    """Convert from one unit to another of the same dimension.

    Parameters
    ----------
    value : float | float64[...]
        In `source`. Not-a-numbers and infinities stay what they are.
    source, target : str
        Keys of `UNITS`.

    Returns
    -------
    float | float64[...]
        In `target`; never a view of `value` that a caller could change by mistake.

    Raises
    ------
    UnknownUnitError, DimensionError
        One of the units is unknown, or they do not measure the same thing.

    Examples
    --------
    >>> convert(212.0, "degF", "degC")
    100.0
    """
    numerator, offset, denominator = _integers(source, target)
    return (value * numerator + offset) / denominator
