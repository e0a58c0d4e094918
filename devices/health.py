"""Is a device's clock right, and is it still talking: estimated from when its messages arrive."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

BEHIND_PERIODS = 3
"""So many periods of delay may be the device's way of sending, and not its clock."""

LATE_PERIODS = 2.5
"""One sample may be lost and the next be half a period late before a device is called late."""

SILENT_PERIODS = 6
"""As long as it takes to be sure; fewer would report every restart of a mobile network."""

LEAST_LATE_S = 30.0
"""Devices that send every second are not late after two and a half."""


class ClockState(enum.StrEnum):
    """What the estimate says about a device's clock."""

    RIGHT = "right"
    AHEAD = "ahead"
    BEHIND = "behind"


class DeviceState(enum.StrEnum):
    """Whether a device is talking."""

    ONLINE = "online"
    LATE = "late"
    SILENT = "silent"
    NEVER = "never"
    REVOKED = "revoked"


class ClockEstimate(msgspec.Struct, frozen=True, kw_only=True):
    """How far a device's clock is off.

    Attributes
    ----------
    offset_s : float
        True time minus device time: positive where the clock is behind, negative where it is ahead.
    state : ClockState
    hours : int
        How many hours of receipt the estimate rests on.
    """

    offset_s: float
    state: ClockState
    hours: int


def estimate_clock_offset(
    min_delays_ms: Iterable[int | None], *, period_s: float, tolerance_s: float
) -> ClockEstimate | None:
    """Estimate the offset of a device's clock from the least delay of each hour.

    A message's delay (receipt minus its newest device time) is the clock's offset plus the time the sample
    waited and travelled. The second part is never negative and now and then almost nothing, so that the least
    delay over a window is the offset plus little (the idea of NTP's clock filter, RFC 5905 section 10, one
    way only).

    A negative estimate has no other explanation than a clock that is ahead, and is reported beyond the
    tolerance. A positive one has: **a device that always buffers looks exactly like one whose clock is
    behind.** Hence being behind is reported only beyond the tolerance plus three periods, and is a hint, not
    proof. The offset of a clock that is ahead is underestimated by the least transport time, seldom more than
    a second.

    Parameters
    ----------
    min_delays_ms : Iterable[int | None]
        Least delay per hour of receipt in the window (a day is a good one), as in the ledger; None is
        skipped. After a clock was set right the old hours count until they have left the window.
    period_s : float
        The kind's usual time between two samples.
    tolerance_s : float
        The kind's `clock_tolerance_s`.

    Returns
    -------
    ClockEstimate | None
        None where nothing was received.

    Examples
    --------
    >>> estimate_clock_offset([-3_600_000, -3_599_000], period_s=600, tolerance_s=120).state
    <ClockState.AHEAD: 'ahead'>
    """
    delays = [delay for delay in min_delays_ms if delay is not None]
    if not delays:
        return None
    offset_s = min(delays) / 1_000
    state = ClockState.RIGHT
    if offset_s < -tolerance_s:
        state = ClockState.AHEAD
    elif offset_s > tolerance_s + BEHIND_PERIODS * period_s:
        state = ClockState.BEHIND
    return ClockEstimate(offset_s=offset_s, state=state, hours=len(delays))


def state_of(
    last_received_at: datetime | None, now: datetime, *, period_s: float, revoked: bool = False
) -> DeviceState:
    """Tell from the last receipt whether a device is talking.

    Receipt counts, not device time: a device with a wrong clock or an old buffer is talking. What it cannot
    know is whether silence is meant: a unit that is switched off at night is silent then.

    Parameters
    ----------
    last_received_at : datetime | None
        When its last message arrived, aware; None where none ever did.
    now : datetime
        Aware.
    period_s : float
        The kind's usual time between two samples.
    revoked : bool
        Whether the device is cut off, which wins over all that it last said.
    """
    if revoked:
        return DeviceState.REVOKED
    if last_received_at is None:
        return DeviceState.NEVER
    quiet_s = (now - last_received_at).total_seconds()
    late_s = max(LATE_PERIODS * period_s, LEAST_LATE_S)
    if quiet_s <= late_s:
        return DeviceState.ONLINE
    silent_s = late_s * SILENT_PERIODS / LATE_PERIODS
    return DeviceState.LATE if quiet_s <= silent_s else DeviceState.SILENT
