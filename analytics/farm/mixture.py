"""Quantiles of what an ensemble says, widened by the model's own error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.special import ndtri

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_NODES: Final = ndtri((np.arange(99) + 0.5) / 99)


def mixture_quantiles(
    days: NDArray[np.float64], spread: float, chances: Sequence[float]
) -> NDArray[np.float64]:
    """Give quantiles of the members plus a normal error; a member without an end is late beyond any day."""
    late = np.where(np.isfinite(days), days, np.inf)
    cloud = np.sort((late[:, None] + spread * _NODES).ravel())
    place = np.clip((np.asarray(chances) * len(cloud)).astype(np.int64), 0, len(cloud) - 1)
    found = cloud[place]
    return np.where(np.isfinite(found), found, np.nan)
