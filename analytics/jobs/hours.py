"""Hourly values where a planting stands: readings -> `analytics.series.hourly`, and what is derived."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np

from analytics.farm.weather.humidity import humidity_deficit, vapour_pressure_deficit
from analytics.farm.weather.sun import sunrise_and_sunset
from analytics.series.hourly import summarise_hours
from devices.quantities import QUANTITIES
from devices.units import linear
from store import site_series
from store.batches import transaction

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from store.pool import AsyncConnectionPool
    from store.readings import Rows
    from store.site_series import SiteSeries
    from store.sites import Site

    Floats = NDArray[np.float64]

US_PER_H: Final = 3_600_000_000
US_PER_D: Final = 24 * US_PER_H
CHUNK_H: Final = 62 * 24
"""Read in one go; a year of minutes of ten quantities is 5 million readings."""
MARGIN: Final = timedelta(hours=3)
DERIVED: Final = {"vapour_pressure_deficit": vapour_pressure_deficit, "humidity_deficit": humidity_deficit}


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours:
    """What was measured, hour by hour.

    Attributes
    ----------
    first : int, Unix time in µs
    values : {quantity or quantity@position: float64[H]}, canonical units
        Also `DERIVED` quantities where temperature and humidity were measured.
    light : bool[H] | None
        Whether the sun is up; None where nobody knows where the site is.
    """

    first: int
    values: dict[str, Floats]
    light: NDArray[np.bool_] | None

    @property
    def at(self) -> NDArray[np.int64]:
        """Begin of each hour, Unix time in µs: int64[H]."""
        length = len(next(iter(self.values.values()), np.empty(0)))
        return self.first + US_PER_H * np.arange(length)

    def of(self, quantity: str) -> Floats:
        """Give a quantity without a position, or its only position; not-a-number where there is none."""
        if quantity in self.values:
            return self.values[quantity]
        several = [key for key in self.values if key.startswith(f"{quantity}@")]
        return self.values[several[0]] if len(several) == 1 else np.full(len(self.at), np.nan)

    def since(self, begin: datetime) -> Hours:
        """Leave out the hours before an instant."""
        skip = max(0, -(-(_us(begin) - self.first) // US_PER_H))
        return Hours(
            first=self.first + skip * US_PER_H,
            values={key: values[skip:] for key, values in self.values.items()},
            light=None if self.light is None else self.light[skip:],
        )


class Records(Protocol):
    """Where readings are read from, and until when they may be there."""

    @property
    def pool(self) -> AsyncConnectionPool:
        """Of the store."""

    @property
    def now(self) -> Callable[[], datetime]:
        """Gives the instant, aware."""


async def read_hours(
    desk: Records, site: Site, device_id: int, begin: datetime, *, end: datetime | None = None
) -> Hours:
    """Read all hours that are over, from an instant on, of a site or of one device that stands there."""
    first = _us(begin) // US_PER_H * US_PER_H
    until = desk.now() if end is None else min(end, desk.now())
    length = max(0, (_us(until) - first) // US_PER_H)
    values: dict[str, Floats] = {"air_temperature": np.full(length, np.nan)}
    for start in range(0, length, CHUNK_H):
        number = min(CHUNK_H, length - start)
        async with transaction(desk.pool) as conn:
            known = await site_series.site_series(conn, site.id, device_id=device_id)
            since = _instant(first + start * US_PER_H)
            ids = [each.id for each in known]
            end = since + timedelta(hours=number)
            rows = await site_series.read_columns(conn, ids, since - MARGIN, end + MARGIN)
        chunk = await asyncio.to_thread(_summarise, known, rows, first + start * US_PER_H, number)
        for key, part in chunk.items():
            values.setdefault(key, np.full(length, np.nan))[start : start + number] = part
    _derive(values)
    return Hours(first=first, values=values, light=_light(site, first, length))


def _us(at: datetime) -> int:
    return round(at.timestamp() * 1_000_000)


def _instant(at_us: int) -> datetime:
    return datetime.fromtimestamp(at_us / 1_000_000, UTC)


def _summarise(known: Sequence[SiteSeries], rows: Rows, first: int, hours: int) -> dict[str, Floats]:
    """Summarise each quantity and position; where a series has no hour, the next one of the same has it."""
    found: dict[str, Floats] = {}
    for each in known:
        mine = rows.series == each.id
        if not mine.any():
            continue
        factor, offset = linear(each.unit, QUANTITIES[each.quantity].unit)
        summary = summarise_hours(
            each.quantity,
            rows.at[mine],
            factor * rows.value[mine] + offset,
            rows.quality[mine],
            first=first,
            hours=hours,
        )
        key = f"{each.quantity}@{each.position}" if each.position else each.quantity
        before = found.get(key)
        found[key] = summary.value if before is None else np.where(np.isnan(before), summary.value, before)
    return found


def _derive(values: dict[str, Floats]) -> None:
    """Add what follows from temperature and humidity, unless it was measured itself."""
    if "relative_humidity" not in values:
        return
    for name, formula in DERIVED.items():
        if name not in values:
            values[name] = formula(values["air_temperature"], values["relative_humidity"])


def _light(site: Site, first: int, length: int) -> NDArray[np.bool_] | None:
    """Tell whether the sun is up in the middle of each hour."""
    if site.latitude is None or site.longitude is None:
        return None
    middle = first + US_PER_H // 2 + US_PER_H * np.arange(length)
    # By the sun's own clock, so that each day's rise and set belong to one day whatever the zone.
    number, which = np.unique(
        (middle + round(site.longitude / 15 * US_PER_H)) // US_PER_D, return_inverse=True
    )
    days = np.datetime64("1970-01-01") + number
    rise, set_ = (at.astype(np.int64) for at in sunrise_and_sunset(site.latitude, site.longitude, days))
    light: NDArray[np.bool_] = (middle >= rise[which]) & (middle < set_[which])
    return light
