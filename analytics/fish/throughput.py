"""Fish per hour, and where the hours went: sorting, waiting for fish, standing still."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analytics.fish.errors import ScoresError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from analytics.fish.confusion import WholeArray
    from analytics.fish.events import FloatArray

HOUR_S = 3600
# Between two fish: more is a belt that waits for fish, and still more one that stands still. Assumed, a crate
# is changed in less than five minutes.
WAITING_S = 10.0
STOPPED_S = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Throughput:
    """What a unit did in each hour, from its first fish's to its last fish's.

    Attributes
    ----------
    hour_s : int64[H]
        Begin of each hour, seconds since 1970.
    fish : int64[H]
    running_s, waiting_s, stopped_s : float64[H]
        Seconds between fish close together, far apart, and very far apart.
    longest_gap_s : float
    """

    hour_s: WholeArray
    fish: WholeArray
    running_s: FloatArray
    waiting_s: FloatArray
    stopped_s: FloatArray
    longest_gap_s: float

    def per_minute(self) -> FloatArray:
        """Tell the fish per minute while the unit ran, not-a-number in hours in which it did not."""
        return np.asarray(
            np.where(
                self.running_s > 0,
                self.fish * 60.0 / np.where(self.running_s > 0, self.running_s, 1.0),
                np.nan,
            )
        )


def throughput(at_s: ArrayLike, *, waiting_s: float = WAITING_S, stopped_s: float = STOPPED_S) -> Throughput:
    """Tell a unit's throughput.

    Parameters
    ----------
    at_s : float[n], seconds since 1970
        When each fish passed, in any order.
    waiting_s, stopped_s : float
        Gaps above the first are waiting, above the second a stop.

    Raises
    ------
    ScoresError
        Times that are not finite, or gaps that are not ``0 < waiting ≤ stopped``.

    Examples
    --------
    >>> told = throughput([0.0, 1.0, 2.0, 62.0, 4000.0, 4001.0])
    >>> told.fish.tolist(), told.waiting_s.tolist(), told.stopped_s.tolist()
    ([4, 2], [60.0, 0.0], [3538.0, 400.0])
    """
    at = np.sort(np.asarray(at_s, np.float64))
    if not np.isfinite(at).all():
        raise ScoresError("at_s", "must be finite")
    if not 0 < waiting_s <= stopped_s:
        raise ScoresError("waiting_s", f"need 0 < waiting ≤ stopped, not {waiting_s} and {stopped_s}")
    if not len(at):
        nothing, none = np.zeros(0, np.int64), np.zeros(0)
        return Throughput(
            hour_s=nothing, fish=nothing, running_s=none, waiting_s=none, stopped_s=none, longest_gap_s=0.0
        )
    gap = np.diff(at)
    hour = (at // HOUR_S).astype(np.int64)
    edges = np.arange(hour[0], hour[-1] + 2) * HOUR_S
    kinds = (gap <= waiting_s, (gap > waiting_s) & (gap <= stopped_s), gap > stopped_s)
    running, waiting, stopped = (_spent(at, np.where(kind, gap, 0.0), edges) for kind in kinds)
    return Throughput(
        hour_s=edges[:-1],
        fish=np.bincount(hour - hour[0], minlength=len(edges) - 1),
        running_s=running,
        waiting_s=waiting,
        stopped_s=stopped,
        longest_gap_s=float(gap.max(initial=0.0)),
    )


def _spent(at: FloatArray, gap: FloatArray, edges: WholeArray) -> FloatArray:
    """Share out gaps of one kind among the hours that they lie in."""
    so_far = np.concatenate([[0.0], np.cumsum(gap)])
    return np.asarray(np.diff(np.interp(edges, at, so_far)))
