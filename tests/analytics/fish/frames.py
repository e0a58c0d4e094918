"""Frames of an echo unit as a simulation makes them: speckle in a body, log-compressed, and faults."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter

SHAPE = (407, 200)


def frame(
    rng: np.random.Generator, *, gain_db: float = 0.0, dead_lines: int = 0, blur: float = 0.0
) -> np.ndarray:
    """Make one frame, uint8[407, 200]: fish differ in brightness, size and place."""
    rows, columns = np.mgrid[0 : SHAPE[0], 0 : SHAPE[1]]
    centre, radius = rng.normal(180, 8), rng.normal(90, 5)
    body = ((rows - centre) / radius) ** 2 + ((columns - 100 - rng.normal(0, 4)) / 80) ** 2 < 1
    echo = np.where(body, 0.25 * np.exp(rng.normal(0, 0.05)), 0.02) * np.exp(-rows / 500.0)
    speckle = rng.standard_normal(SHAPE, np.float32) + 1j * rng.standard_normal(SHAPE, np.float32)
    waves = np.abs(gaussian_filter(speckle.real, (1.0, 1.6)) + 1j * gaussian_filter(speckle.imag, (1.0, 1.6)))
    level = 20 * np.log10(echo * waves * 6 + 0.003) + gain_db
    image = np.clip((level + 55) / 60, 0, 1)
    if blur:
        image = gaussian_filter(image, blur)
    if dead_lines:
        image[:, rng.choice(SHAPE[1], dead_lines, replace=False)] = 0.0
    return (image * 255).astype(np.uint8)
