"""A planting's hours: what was measured, which local day it was, whether it was light, at which stage."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import numpy as np

from analytics.farm.errors import RecipeError
from analytics.series.daily import LEAST_COVERAGE
from analytics.series.days import EPOCH, US_PER_S, day_edges_us
from devices.units import linear

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

    from analytics.farm.recipes.model import Channel, Stage

US_PER_H: Final = 3_600 * US_PER_S
US_PER_DAY: Final = 24 * US_PER_H
HOURS_PER_DAY: Final = 24
LIGHT_FROM_W_M2: Final = 5.0
"""Assumed: by day the hour's mean global radiation is above a pyranometer's usual offset at night."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Season:
    """H consecutive hours of one planting; see `season`.

    Attributes
    ----------
    first : int, Unix time in µs
        Begin of the first hour.
    day : int64[H]
        Local calendar day of each hour, counted from 1 January 1970.
    light : bool[H] | None
        Whether the sun was up; None where nobody knows.
    values : Mapping[str, float64[H]]
        By quantity, or quantity@position, in its canonical unit; not-a-number where missing.
    """

    first: int
    day: NDArray[np.int64]
    light: NDArray[np.bool_] | None
    values: Mapping[str, NDArray[np.float64]]

    @property
    def hours(self) -> int:
        """H."""
        return len(self.day)

    @property
    def at(self) -> NDArray[np.int64]:
        """Begin of each hour, int64[H], Unix time in µs."""
        return self.first + np.arange(self.hours, dtype=np.int64) * US_PER_H


def season(
    values: Mapping[str, ArrayLike],
    *,
    first: int,
    timezone: str,
    light: ArrayLike | None = None,
) -> Season:
    """Put together the hours of a planting.

    Parameters
    ----------
    values : Mapping[str, float64[H]]
        Hourly values (`analytics.series.hourly`) by quantity or quantity@position, in canonical units.
    first : int, Unix time in µs
        Begin of the first hour.
    timezone : str
        The site's, IANA.
    light : bool[H] | None
        Whether the sun is up; None: where ``global_radiation`` is at least `LIGHT_FROM_W_M2`, an hour
        without a value being as the same hour of the nearest earlier day (or the next later one).

    Raises
    ------
    RecipeError
        The arrays differ in length.
    TimeZoneError
        There is no such zone.

    Examples
    --------
    >>> sunny = season({"global_radiation": [0.0, 300.0]}, first=0, timezone="Asia/Tokyo")
    >>> sunny.light.tolist(), sunny.day.tolist()
    ([False, True], [0, 0])
    """
    arrays = {key: np.asarray(value, np.float64) for key, value in values.items()}
    given = None if light is None else np.asarray(light, np.bool_)
    lengths = {len(array) for array in arrays.values()} | (set() if given is None else {len(given)})
    if len(lengths) != 1:
        raise RecipeError("", f"give arrays of one length, these have {sorted(lengths)}")
    hours = lengths.pop()
    if given is None and "global_radiation" in arrays:
        given = _light(arrays["global_radiation"])
    return Season(first=first, day=_local_days(first, hours, timezone), light=given, values=arrays)


def _local_days(first: int, hours: int, timezone: str) -> NDArray[np.int64]:
    # A day earlier and two later than UTC's: no zone is off by more.
    first_day = EPOCH + timedelta(days=first // US_PER_DAY - 1)
    edges = day_edges_us(timezone, first_day, hours // HOURS_PER_DAY + 4)
    at = first + np.arange(hours, dtype=np.int64) * US_PER_H
    number = np.searchsorted(edges, at, side="right") - 1
    return number.astype(np.int64) + (first_day - EPOCH).days


def _light(radiation: NDArray[np.float64]) -> NDArray[np.bool_] | None:
    days = -(-len(radiation) // HOURS_PER_DAY)
    padded = np.full(days * HOURS_PER_DAY, np.nan)
    padded[: len(radiation)] = radiation
    by_day = padded.reshape(days, HOURS_PER_DAY)
    known = np.isfinite(by_day)
    if not known.any(axis=0)[: len(radiation)].all():
        return None
    row = np.arange(days)[:, None]
    before = np.maximum.accumulate(np.where(known, row, -1), axis=0)
    after = np.minimum.accumulate(np.where(known, row, days - 1)[::-1], axis=0)[::-1]
    filled = np.take_along_axis(by_day, np.where(before >= 0, before, after), axis=0)
    return (filled.ravel() >= LIGHT_FROM_W_M2)[: len(radiation)]


def stage_of_hours(
    stages: Sequence[Stage], *, first: int, hours: int, codes: ArrayLike, reached: ArrayLike
) -> NDArray[np.int16]:
    """Tell at which stage of a recipe each hour lies.

    Between two known dates the BBCH code is taken to rise steadily; give as many dates as are known or
    forecast, so that this matters little. Before the first date, and where no stage of the recipe holds the
    code, the answer is -1. Behind the last date its code stays.

    Parameters
    ----------
    stages : Sequence[Stage]
        Of a recipe.
    first : int, Unix time in µs
    hours : int
        H.
    codes : float64[K]
        BBCH codes, ascending.
    reached : float64[K], Unix time in µs
        When each was reached, not-a-number where unknown. A code is reached no later than any above it: a
        forecast that an observation has overtaken counts as reached with it.

    Returns
    -------
    int16[H]
        Index into `stages`, -1 for none.
    """
    known = np.isfinite(when := np.asarray(reached, np.float64))
    if not known.any():
        return np.full(hours, -1, np.int16)
    at = first + np.arange(hours, dtype=np.float64) * US_PER_H
    in_order = np.minimum.accumulate(when[known][::-1])[::-1]
    code = np.interp(at, in_order, np.asarray(codes, np.float64)[known], left=-1.0)
    index = np.searchsorted([stage.bbch_from for stage in stages], code, side="right") - 1
    ends = np.array([stage.bbch_to for stage in stages])
    return np.where((index >= 0) & (code < ends[index]), index, -1).astype(np.int16)


def applies(hours: Season, channel: Channel) -> NDArray[np.bool_]:
    """Tell which hours are of a channel's time of day, bool[H].

    Raises
    ------
    RecipeError
        It asks for day or night, and nobody knows when it was light.
    """
    if channel.when == "any":
        return np.ones(hours.hours, np.bool_)
    if hours.light is None:
        raise RecipeError(
            channel.quantity, "has a rule for day or night: give light, or global_radiation that tells it"
        )
    return hours.light if channel.when == "day" else ~hours.light


def observe(hours: Season, channel: Channel) -> NDArray[np.float64]:
    """Compute what a channel's limits are compared with.

    A value of a day stands at each of the day's hours. It exists where the day has at least 80 % of its hours
    and of its values (`daily.LEAST_COVERAGE`), so that a day that is not over has none yet.

    Parameters
    ----------
    hours : Season
    channel : Channel

    Returns
    -------
    float64[H], the channel's canonical unit
        Not-a-number where missing and outside of the channel's time of day.

    Raises
    ------
    RecipeError
        It asks for day or night, and nobody knows when it was light.
    """
    mask = applies(hours, channel)
    value = np.where(mask, _measured(hours, channel), np.nan)
    if channel.window == "hour":
        return value
    by_day = _days_mean(_by_day(hours.day, value, mask, channel), channel.days)
    return np.where(mask, by_day[hours.day - hours.day[0]], np.nan) if hours.hours else value


def _measured(hours: Season, channel: Channel) -> NDArray[np.float64]:
    if channel.quantity in hours.values:
        return hours.values[channel.quantity]
    if channel.name == "daily_light_integral":
        position = channel.quantity.partition("@")
        flux = "".join(("photosynthetic_photon_flux", *position[1:]))
        if flux in hours.values:
            return hours.values[flux] * linear("umol/m2/s", channel.canonical_unit)[0]
    # A recipe that names no position means the only one there is; of several it cannot mean one.
    elsewhere = [key for key in hours.values if key.startswith(f"{channel.quantity}@")]
    if len(elsewhere) == 1:
        return hours.values[elsewhere[0]]
    return np.full(hours.hours, np.nan)


def _by_day(
    day: NDArray[np.int64], value: NDArray[np.float64], mask: NDArray[np.bool_], channel: Channel
) -> NDArray[np.float64]:
    """One value for each local day, float64[D]."""
    if len(day) == 0:
        return np.empty(0)
    number = day - day[0]
    wanted, got = np.bincount(number[mask], minlength=number[-1] + 1), np.isfinite(value)
    n = np.bincount(number[got], minlength=number[-1] + 1)
    whole = np.bincount(number) >= LEAST_COVERAGE * HOURS_PER_DAY
    counted = whole & (n > 0) & (n >= LEAST_COVERAGE * wanted)
    # Hours follow each other without a gap, hence every day has at least one.
    begins = np.flatnonzero(np.diff(number, prepend=-1))
    if channel.window == "day_minimum":
        result = np.fmin.reduceat(value, begins)
    elif channel.window == "day_maximum":
        result = np.fmax.reduceat(value, begins)
    else:
        result = np.bincount(number[got], value[got], len(n)) / np.maximum(n, 1)
    return np.where(counted, result, np.nan)


def _days_mean(by_day: NDArray[np.float64], days: int) -> NDArray[np.float64]:
    """Mean of each day and those before it, float64[D]; not-a-number where more than a fifth is missing."""
    if days == 1:
        return by_day
    sums, counts = (
        np.concatenate([np.zeros(days), np.cumsum(part)])
        for part in (np.nan_to_num(by_day), np.isfinite(by_day).astype(np.float64))
    )
    total, n = sums[days:] - sums[:-days], counts[days:] - counts[:-days]
    return np.where(n >= LEAST_COVERAGE * days, total / np.maximum(n, 1.0), np.nan)
