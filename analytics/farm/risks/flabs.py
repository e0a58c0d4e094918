"""FLABS, Hokkaido's forecast of the first late blight: by a table of daily indices where there is one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from analytics.farm.risks.hours import least_known, mean_of_known, minimum_of_known, share_known
from analytics.farm.risks.model import Level, RiskSeries, accumulate, grade

if TYPE_CHECKING:
    from datetime import date

    from numpy.typing import NDArray

    from analytics.farm.risks.hours import HourlyWeather

    Floats = NDArray[np.float64]

DANGER: Final = 21.0
"""Accumulated index of the danger date; the first outbreak follows about 14 days later."""

EARLIEST: Final = (6, 15)
"""Month and day before which reaching `DANGER` says nothing."""

RAIN_DAYS: Final = 5
QUANTITIES: Final = ("mean_c", "maximum_c", "minimum_c", "rain_5d_mm")


@dataclass(frozen=True, slots=True, kw_only=True)
class FlabsRow:
    """A day's index, and the half-open ranges of weather that give it.

    Attributes
    ----------
    index : int
        0 to 3.
    ranges : dict of quantity (`QUANTITIES`) to (least, below)
        A quantity that is not named does not matter.
    """

    index: int
    ranges: dict[str, tuple[float, float]]


def flabs(weather: HourlyWeather, rows: tuple[FlabsRow, ...] | None, emerged: date) -> RiskSeries:
    """FLABS [Flabs]_: daily indices 0 to 3 added up from emergence; the danger date is at 21.

    The index depends on the day's mean, maximum and minimum temperature and the rain of five days by a
    table that is not shipped, since it was not found in print. Without it every day is unknown and the note
    says why.

    Parameters
    ----------
    weather : HourlyWeather
    rows : tuple of FlabsRow, or None
        The first row that fits gives the index; a day that fits none is 0.
    emerged : date

    Returns
    -------
    RiskSeries
        Value 0 to 3. Reaching 21 before 15 June gives no date; the note then says so.
    """
    coverage = share_known(weather.temperature, weather.rainfall)
    value = np.full(weather.days, np.nan) if rows is None else _indices(weather, rows)
    start = max(0, (emerged - weather.first_day).days)
    accumulated = accumulate(value, start)
    reached = accumulated >= DANGER
    return RiskSeries(
        risk="late_blight_flabs",
        first_day=weather.first_day,
        value=value,
        unit="index",
        coverage=coverage,
        level=grade(value, (1.0, 2.0, 3.0)) if rows else np.full(weather.days, Level.UNKNOWN, np.int8),
        accumulated=accumulated if rows else np.full(weather.days, np.nan),
        threshold=DANGER,
        reached=reached,
        note=_note(weather, rows, reached),
    )


def _note(weather: HourlyWeather, rows: tuple[FlabsRow, ...] | None, reached: NDArray[np.bool_]) -> str:
    if rows is None:
        return "late_blight_flabs.table_missing"
    if not reached.any():
        return ""
    day = (np.datetime64(weather.first_day, "D") + int(np.argmax(reached))).item()
    return "late_blight_flabs.reached_early" if (day.month, day.day) < EARLIEST else ""


def _indices(weather: HourlyWeather, rows: tuple[FlabsRow, ...]) -> Floats:
    mean, rain = (
        mean_of_known(weather.temperature),
        mean_of_known(weather.rainfall) * weather.rainfall.shape[1],
    )
    padded = np.concatenate([np.full(RAIN_DAYS - 1, np.nan), rain])
    measured = {
        "mean_c": mean,
        "maximum_c": np.where(np.isfinite(mean), -least_known(-weather.temperature), np.nan),
        "minimum_c": minimum_of_known(weather.temperature),
        "rain_5d_mm": np.lib.stride_tricks.sliding_window_view(padded, RAIN_DAYS).sum(axis=1),
    }
    fits = [
        np.logical_and.reduce(
            [(measured[name] >= a) & (measured[name] < b) for name, (a, b) in row.ranges.items()]
        )
        for row in rows
    ]
    known = np.logical_and.reduce([np.isfinite(each) for each in measured.values()])
    return np.where(known, np.select(fits, [float(row.index) for row in rows], 0.0), np.nan)
