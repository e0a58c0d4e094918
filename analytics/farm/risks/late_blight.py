"""Potato late blight: Wallin's severity values, SIMCAST, Hyre's days and the Hutton criteria."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from analytics.farm.risks.hours import HOURS, least_known, mean_of_known, minimum_of_known, share_known
from analytics.farm.risks.model import Level, RiskSeries, accumulate, grade
from analytics.farm.risks.wetness import WET_HUMIDITY, all_wet_hours, each_wet_spell, wet_index

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from numpy.typing import NDArray

    from analytics.farm.risks.hours import HourlyWeather
    from analytics.farm.risks.wetness import SeverityTable

    Floats = NDArray[np.float64]

# 1 minimal, 2 slight, 3 moderate, 4 severe [Baker2002].
_WALLIN_LEAST: Final = (1.0, 3.0, 4.0)
# A third each of the table's 0 to 7; ours.
_SIMCAST_LEAST: Final = (1.0, 3.0, 5.0)

HYRE_MEAN_C: Final = 25.5
HYRE_MINIMUM_C: Final = 7.2
HYRE_RAIN_MM: Final = 30.0
HYRE_MEAN_DAYS: Final = 5
HYRE_RAIN_DAYS: Final = 10
HYRE_ALARM_DAYS: Final = 10

HUTTON_MINIMUM_C: Final = 10.0
HUTTON_WET_H: Final = 6
HUTTON_ALARM_DAYS: Final = 2


def wallin(weather: HourlyWeather, table: SeverityTable, emerged: date) -> RiskSeries:
    r"""Severity values of late-blight weather [Wallin1962]_, added up from emergence; the alarm is at 18.

    .. math:: S = \sum_d s(h_d, \bar T_d)

    with h the hours of at least 90 % relative humidity from noon of day d to noon of the next, T their mean
    temperature, and s the table. All wet hours of the 24 count, in one spell or several; the value is the
    day's on which the 24 hours begin. So read, Obihiro's June to September 2016 give 159, and 18 on 17
    June.

    Parameters
    ----------
    weather : HourlyWeather
    table : SeverityTable
        ``wallin.toml``.
    emerged : date
        Emergence of the potatoes.

    Returns
    -------
    RiskSeries
        Value in severity values a day, 0 to 4.
    """
    value, coverage = wet_index(weather, all_wet_hours(table))
    accumulated = accumulate(value, _start(weather, emerged))
    return RiskSeries(
        risk="late_blight_wallin",
        first_day=weather.first_day,
        value=value,
        unit="severity values",
        coverage=coverage,
        level=grade(value, _WALLIN_LEAST),
        accumulated=accumulated,
        threshold=table.alarm,
        reached=accumulated >= table.alarm,
    )


def simcast(
    weather: HourlyWeather, table: SeverityTable, emerged: date, sprayed: Sequence[date] = ()
) -> RiskSeries:
    r"""SIMCAST's blight units [Fry1983]_ [Grunwald2002]_, added up since emergence or the last fungicide.

    .. math:: B = \sum_d \sum_{i \in d} b(h_i, \bar T_i)

    with h the length and T the mean temperature of each spell i of at least 90 % relative humidity between
    noon of day d and noon of the next; a spell across noon is two. The next fungicide is due at 30, 35 or
    40 units for susceptible, moderately susceptible and moderately resistant cultivars. (SIMCAST's other
    half, the fungicide units for what rain washes off, is not computed.) Obihiro's June to September 2016
    give 497 for S.

    Parameters
    ----------
    weather : HourlyWeather
    table : SeverityTable
        The cultivar's class of ``simcast.toml``.
    emerged : date
    sprayed : sequence of date
        When fungicides were applied: the units begin anew after each.

    Returns
    -------
    RiskSeries
        Value in blight units a day.
    """
    value, coverage = wet_index(weather, each_wet_spell(table))
    resets = tuple((day - weather.first_day).days for day in sprayed)
    accumulated = accumulate(value, _start(weather, emerged), resets)
    return RiskSeries(
        risk="late_blight_simcast",
        first_day=weather.first_day,
        value=value,
        unit="blight units",
        coverage=coverage,
        level=grade(value, _SIMCAST_LEAST),
        accumulated=accumulated,
        threshold=table.alarm,
        reached=accumulated >= table.alarm,
    )


def hyre(weather: HourlyWeather, emerged: date) -> RiskSeries:
    """Hyre's rain-favourable days [Hyre1954]_ [Krause1975]_: late blight may appear after ten in a row.

    A day is favourable where the mean temperature of its five days is below 25.5 deg C, the rain of its ten
    days at least 30 mm and its minimum at least 7.2 deg C. Days are calendar days, with the four and nine
    before. A day of which a fifth of the hours is not known counts by the mean of the others.

    Parameters
    ----------
    weather : HourlyWeather
    emerged : date

    Returns
    -------
    RiskSeries
        Value 0 or 1; accumulated is the number of favourable days in a row since emergence. An unknown day
        interrupts it.
    """
    mean = _trailing(mean_of_known(weather.temperature), HYRE_MEAN_DAYS) / HYRE_MEAN_DAYS
    rain = _trailing(mean_of_known(weather.rainfall) * HOURS, HYRE_RAIN_DAYS)
    coverage = share_known(weather.temperature, weather.rainfall)
    lowest = minimum_of_known(weather.temperature)
    met = (mean < HYRE_MEAN_C) & (rain >= HYRE_RAIN_MM) & (lowest >= HYRE_MINIMUM_C)
    # One condition that is known to fail is enough for a no.
    failed = (mean >= HYRE_MEAN_C) | (rain < HYRE_RAIN_MM) | (lowest < HYRE_MINIMUM_C)
    value = np.where(met, 1.0, np.where(failed, 0.0, np.nan))
    row = _in_a_row(value == 1.0, _start(weather, emerged))
    level = np.where(row >= HYRE_ALARM_DAYS, Level.HIGH, np.where(value == 1.0, Level.LOW, Level.NONE))
    return RiskSeries(
        risk="late_blight_hyre",
        first_day=weather.first_day,
        value=value,
        unit="favourable days",
        coverage=coverage,
        level=np.where(np.isnan(value), Level.UNKNOWN, level).astype(np.int8),
        accumulated=row,
        threshold=float(HYRE_ALARM_DAYS),
        reached=row >= HYRE_ALARM_DAYS,
    )


def hutton(weather: HourlyWeather, emerged: date) -> RiskSeries:
    """Hutton criteria of Great Britain [Hutton2017]_: two days in a row, each warm and with six wet hours.

    A day meets them with a minimum of at least 10 deg C and at least 6 hours of at least 90 % relative
    humidity, from midnight to midnight.

    Parameters
    ----------
    weather : HourlyWeather
    emerged : date

    Returns
    -------
    RiskSeries
        Value 0 or 1; accumulated is the number of such days in a row since emergence.
    """
    wet = (weather.humidity >= WET_HUMIDITY).sum(axis=1)
    unheard = np.isnan(weather.humidity).sum(axis=1)
    lowest, coldest = minimum_of_known(weather.temperature), least_known(weather.temperature)
    met = (lowest >= HUTTON_MINIMUM_C) & (wet >= HUTTON_WET_H)
    failed = (coldest < HUTTON_MINIMUM_C) | (wet + unheard < HUTTON_WET_H)
    value = np.where(met, 1.0, np.where(failed, 0.0, np.nan))
    row = _in_a_row(value == 1.0, _start(weather, emerged))
    level = np.where(row >= HUTTON_ALARM_DAYS, Level.HIGH, np.where(value == 1.0, Level.LOW, Level.NONE))
    return RiskSeries(
        risk="late_blight_hutton",
        first_day=weather.first_day,
        value=value,
        unit="days that meet the criteria",
        coverage=share_known(weather.temperature, weather.humidity),
        level=np.where(np.isnan(value), Level.UNKNOWN, level).astype(np.int8),
        accumulated=row,
        threshold=float(HUTTON_ALARM_DAYS),
        reached=row >= HUTTON_ALARM_DAYS,
    )


def _start(weather: HourlyWeather, emerged: date) -> int:
    return max(0, (emerged - weather.first_day).days)


def _trailing(daily: Floats, days: int) -> Floats:
    """Add up each day and those before it; not-a-number where one of them is."""
    padded = np.concatenate([np.full(days - 1, np.nan), daily])
    if padded.size < days:
        return np.empty(0)
    return np.asarray(np.lib.stride_tricks.sliding_window_view(padded, days).sum(axis=1))


def _in_a_row(met: NDArray[np.bool_], start: int) -> Floats:
    """Count the days in a row up to each, from a day on.

    >>> _in_a_row(np.array([True, True, False, True]), 1).tolist()
    [nan, 1.0, 0.0, 1.0]
    """
    index = np.arange(met.size)
    counted = met & (index >= start)
    broken = np.maximum.accumulate(np.where(counted, -1, index)) if met.size else index
    return np.where(index < start, np.nan, np.where(counted, index - broken, 0).astype(np.float64))
