"""Clock estimates and silence, at their edges."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from devices.health import ClockState, DeviceState, estimate_clock_offset, state_of

NOW = datetime(2026, 5, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("delays_ms", "state", "offset_s"),
    [
        ([350, 900, 120_000], ClockState.RIGHT, 0.35),
        ([-119_000, 500], ClockState.RIGHT, -119.0),
        ([-120_000], ClockState.RIGHT, -120.0),
        ([-120_001], ClockState.AHEAD, -120.001),
        ([3_600_400, 3_600_200], ClockState.BEHIND, 3600.2),
        (
            [1_920_000],
            ClockState.RIGHT,
            1920.0,
        ),  # three periods and the tolerance: perhaps its way of sending
        ([1_920_001], ClockState.BEHIND, 1920.001),
        ([86_400_000, 200], ClockState.RIGHT, 0.2),  # an old buffer came, and then a fresh sample
    ],
)
def test_the_least_delay_is_the_estimate(delays_ms: list[int], state: ClockState, offset_s: float) -> None:
    estimate = estimate_clock_offset(delays_ms, period_s=600, tolerance_s=120)
    assert estimate is not None
    assert (estimate.state, estimate.offset_s, estimate.hours) == (state, offset_s, len(delays_ms))


def test_hours_without_an_estimate_are_left_out() -> None:
    estimate = estimate_clock_offset([None, 0, None], period_s=60, tolerance_s=60)
    assert estimate is not None
    assert (estimate.offset_s, estimate.hours) == (0.0, 1)


def test_nothing_received_is_no_estimate() -> None:
    assert estimate_clock_offset([None], period_s=60, tolerance_s=60) is None


@pytest.mark.parametrize(
    ("quiet_s", "period_s", "state"),
    [
        (0, 600, DeviceState.ONLINE),
        (-5, 600, DeviceState.ONLINE),
        (1500, 600, DeviceState.ONLINE),
        (1501, 600, DeviceState.LATE),
        (3600, 600, DeviceState.LATE),
        (3601, 600, DeviceState.SILENT),
        (30, 1, DeviceState.ONLINE),
        (31, 1, DeviceState.LATE),
        (73, 1, DeviceState.SILENT),
    ],
)
def test_silence_grows_with_the_periods_missed(quiet_s: float, period_s: float, state: DeviceState) -> None:
    assert state_of(NOW - timedelta(seconds=quiet_s), NOW, period_s=period_s) is state


def test_a_device_that_never_spoke_is_not_called_silent() -> None:
    assert state_of(None, NOW, period_s=600) is DeviceState.NEVER
