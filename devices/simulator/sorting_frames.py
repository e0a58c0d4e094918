"""Small echo images of simulated fish, lossless; a fault of the unit shows in them."""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from devices.simulator.sorting import FRAMES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from devices.simulator.feed import Floats
    from devices.simulator.sorting import Lot
    from devices.simulator.sorting_scores import FaultName

    Pixels = NDArray[np.uint8]

DEPTH, LINES = 96, 64
"""Rows and scan lines."""
DEPTH_MM: Final = 120.0
GAIN: Final = 1.7
DEAD_LINES: Final = slice(20, 26)
BLUR: Final = 2
"""Pixels to each side over which a probe out of focus averages."""
BRIGHT: Final = 900.0
FULL: Final = 255


@dataclass(frozen=True, slots=True)
class Frame:
    """An image as it is sent: pixels, row by row, packed by zlib."""

    data: bytes

    @property
    def sha256(self) -> str:
        """Its name, hexadecimal."""
        return hashlib.sha256(self.data).hexdigest()

    def body(self, at_ms: int, number: int) -> dict[str, Any]:
        """Give the message that brings it."""
        return {
            "at": at_ms,
            "format": "zlib",
            "dtype": "uint8",
            "shape": [DEPTH, LINES],
            "mm_per_px": DEPTH_MM / DEPTH,
            "depth_mm": DEPTH_MM,
            "mhz": 5.0,
            "gain_db": 20,
            "frame_number": number,
            "data": self.data,
        }


def take_frame(lot: Lot, fish: int, fault: FaultName | None = None) -> Frame:
    """Take the image of a fish of a lot, counted from 0."""
    pixels = disturb(draw_fish(lot, fish), fault)
    return Frame(zlib.compress(pixels.tobytes(), 6))


def draw_fish(lot: Lot, fish: int) -> Pixels:
    """Draw what a healthy unit sees: speckle that fades with depth, and an organ as bright as its class.

    Returns
    -------
    uint8[DEPTH, LINES]
    """
    rng = np.random.default_rng([lot.seed, lot.day, lot.number, FRAMES, fish])
    row, line = np.mgrid[0:DEPTH, 0:LINES]
    centre, size = rng.uniform(0.35, 0.5) * DEPTH, rng.uniform(0.10, 0.16) * DEPTH
    organ = ((row - centre) / size) ** 2 + ((line - LINES / 2) / (0.35 * LINES)) ** 2 < 1
    bright = np.where(organ, 1.0 + 0.5 * lot.true[fish], 0.6) * np.exp(-row / (0.5 * DEPTH))
    pixels: Pixels = np.clip(bright * rng.rayleigh(BRIGHT / 16, row.shape), 0, FULL).astype(np.uint8)
    return pixels


def disturb(pixels: Pixels, fault: FaultName | None) -> Pixels:
    """Show what a fault makes of an image."""
    shown = pixels.copy()
    if fault == "gain":
        shown[:] = np.clip(pixels * GAIN, 0, FULL)
    elif fault == "dead-line":
        shown[:, DEAD_LINES] = 0
    elif fault == "focus":
        shown[:] = _blur(pixels)
    elif fault == "shift":
        shown[:] = np.roll(pixels, DEPTH // 4, axis=0)
    return shown


def _blur(pixels: Pixels) -> Floats:
    steps = range(-BLUR, BLUR + 1)
    shifted = [
        np.roll(pixels.astype(np.float64), (down, across), (0, 1)) for down in steps for across in steps
    ]
    return np.asarray(np.mean(shifted, axis=0).round(), np.float64)
