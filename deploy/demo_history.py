"""From when on the database lacks a simulated device's samples, so that no start sends what is there."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from devices.simulator.run import history_start, make_feed
from store.series_readings import Span, page, series_of

if TYPE_CHECKING:
    from devices.simulator.run import DeviceConfig
    from store.pool import AsyncConnection


async def first_missing(
    connection: AsyncConnection, device: DeviceConfig, *, history_days: float, now: float
) -> float:
    """Return the instant of the oldest sample that the database lacks, or `now`; Unix seconds.

    The newest sample alone does not tell: what a demonstration was killed in the midst of leaves holes.
    """
    begin = history_start(device, history_days, now)
    expected = make_feed(device).columns(int(begin), int(now)).at_s.tolist()
    stored = await _stored(connection, device.name, begin, now, len(expected))
    return next((float(at_s) for at_s in expected if at_s not in stored), now)


async def _stored(connection: AsyncConnection, device: str, begin: float, end: float, most: int) -> set[int]:
    """Return the instants of the device's first series: a message is committed as a whole, or not at all."""
    series = await series_of(connection, device)
    if not series:
        return set()
    instants = [datetime.fromtimestamp(at, UTC) for at in (int(begin), end)]
    span = Span(series=[series[0].id], begin=instants[0], end=instants[1])
    readings = await page(connection, span, limit=most + 1)
    return {round(reading.at.timestamp()) for reading in readings}
