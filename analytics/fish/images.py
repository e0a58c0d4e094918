"""What a frame's pixels say of the unit itself: gain, noise, dead scan lines, focus; not what the fish is.

A frame is depth (rows) by scan lines (columns). All statistics are shares or ratios of the full scale, so
that frames of 8 and 16 bits compare. Dead scan lines are counted and left out of all else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from analytics.fish.errors import ScoresError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from analytics.fish.events import FloatArray

FEATURES: Final = (
    "brightness",
    "contrast",
    "noise_floor",
    "saturation",
    "dead_lines",
    "sharpness_depth",
    "sharpness_across",
    "depth_gain",
)
FLOOR_QUANTILE: Final = 0.05
# A scan line darker than this part of the middle one is dead: assumed.
DEAD: Final = 0.2
LEAST_SIDE: Final = 8
# Below it a share or ratio is 0: less than a pixel in a frame of 1000 × 1000.
TINY: Final = 1e-6


def frame_statistics(frame: NDArray[np.uint8] | NDArray[np.uint16]) -> FloatArray:
    """Sum a frame up.

    Parameters
    ----------
    frame : uint8 or uint16[H, W]
        Depth by scan line.

    Returns
    -------
    float64[8], by `FEATURES`
        brightness: mean, 0…1; contrast: standard deviation over mean; noise_floor: the value that 5 % of the
        pixels are below, 0…1; saturation: share of pixels at full scale; dead_lines: share of scan lines;
        sharpness_depth, sharpness_across: mean squared step between neighbours over twice the variance, 1 for
        noise and near 0 for a blurred frame; depth_gain: mean of the deeper half over that of the whole.

    Raises
    ------
    ScoresError
        Another type or shape, or fewer than 8 pixels a side.

    Examples
    --------
    >>> noise = np.random.default_rng(1).integers(0, 256, (100, 80), dtype=np.uint8)
    >>> dict(zip(FEATURES, frame_statistics(noise).round(1).tolist()))["sharpness_depth"]
    1.0
    """
    if frame.dtype not in (np.uint8, np.uint16) or frame.ndim != 2 or min(frame.shape) < LEAST_SIDE:  # noqa: PLR2004
        raise ScoresError(
            "frame", f"need uint8 or uint16 of at least 8 × 8, not {frame.dtype}{list(frame.shape)}"
        )
    full = np.iinfo(frame.dtype).max
    lines = frame.mean(axis=0)
    dead = lines < DEAD * np.median(lines)
    live = frame[:, ~dead] if dead.any() else frame
    x = live.astype(np.float32) / np.float32(full)
    mean, variance = float(x.mean(dtype=np.float64)), float(x.var(dtype=np.float64))
    deeper = float(x[len(x) // 2 :].mean(dtype=np.float64))
    return np.array(
        [
            mean,
            np.sqrt(variance) / max(mean, TINY),
            _floor(live, full),
            np.count_nonzero(live == full) / live.size,
            dead.mean(),
            _steps(x[1:] - x[:-1], variance),
            _steps(x[:, 1:] - x[:, :-1], variance),
            deeper / max(mean, TINY),
        ]
    )


def _steps(step: NDArray[np.float32], variance: float) -> float:
    flat = step.ravel()
    return float(flat @ flat) / flat.size / max(2 * variance, TINY)


def _floor(frame: NDArray[np.uint8] | NDArray[np.uint16], full: int) -> float:
    below = np.cumsum(np.bincount(frame.ravel(), minlength=full + 1))
    return float(np.searchsorted(below, FLOOR_QUANTILE * frame.size)) / full
