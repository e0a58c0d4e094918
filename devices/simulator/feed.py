"""What a simulated device measures: readings as a pure function of its seed and the time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Instants = NDArray[np.int64]

_INCREMENT = np.uint64(0x9E3779B97F4A7C15)
_MULTIPLIERS = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))
_SHIFTS = (np.uint64(30), np.uint64(27), np.uint64(31))


@dataclass(frozen=True, slots=True)
class Columns:
    """Samples as columns.

    Attributes
    ----------
    at_s : int64[n]
        Unix seconds, rising.
    values : dict[str, float64[n]]
        By ``quantity`` or ``quantity@position``, in the units of the device's kind.
    """

    at_s: Instants
    values: dict[str, Floats]


class Feed(Protocol):
    """A source of readings."""

    @property
    def period_s(self) -> int:
        """Time between two samples."""

    def columns(self, start_s: int, end_s: int) -> Columns:
        """All samples with ``start_s <= at < end_s``; the same ones at every call."""


def _mix(numbers: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Scatter 64-bit numbers (the finaliser of splitmix64: Steele, Lea and Flood 2014, OOPSLA)."""
    mixed = numbers + _INCREMENT
    for shift, multiplier in zip(_SHIFTS, _MULTIPLIERS, strict=False):
        mixed = (mixed ^ (mixed >> shift)) * multiplier
    return mixed ^ (mixed >> _SHIFTS[2])


def uniform(seed: int, channel: int, at_s: Instants) -> Floats:
    """Noise between 0 and 1 that belongs to seed, channel and instant, whatever else is asked for."""
    stream = _mix(np.array([seed % 2**32 * 2**16 + channel], dtype=np.uint64))
    scattered: Floats = (_mix(at_s.astype(np.uint64) ^ stream) >> np.uint64(11)) / 2.0**53
    return scattered


def normal(seed: int, channel: int, at_s: Instants) -> Floats:
    """Gaussian noise of unit variance that belongs to seed, channel and instant (Box and Muller 1958)."""
    radius = np.sqrt(-2 * np.log1p(-uniform(seed, 2 * channel, at_s)))
    noise: Floats = radius * np.cos(2 * np.pi * uniform(seed, 2 * channel + 1, at_s))
    return noise
