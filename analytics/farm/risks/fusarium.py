"""Fusarium head blight of wheat: the risk by the humidity of the 14 days before flowering."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

import numpy as np

from analytics.farm.risks.hours import HOURS
from analytics.farm.risks.model import RiskSeries, grade
from analytics.series.daily import LEAST_COVERAGE

if TYPE_CHECKING:
    from datetime import date

    from analytics.farm.risks.hours import HourlyWeather

INTERCEPT: Final = -3.6433
PER_PERCENT: Final = 0.05146
RESISTANCE: Final = {"VS": 0.0, "S": -0.828, "MS": -1.481, "MR": -1.848}
"""Very susceptible, susceptible, moderately susceptible, moderately resistant cultivars."""

DAYS_BEFORE: Final = 14
MODERATE: Final = 0.24
HIGH: Final = 0.32
WINDOW_D: Final = 7
"""How far around flowering the risk is shown: ours, since fields flower over days and dates err."""


def fusarium(weather: HourlyWeather, flowering: date, resistance: str = "S") -> RiskSeries:
    r"""Risk of an epidemic of Fusarium head blight [DeWolf2003]_ [FusariumTool]_.

    .. math:: \operatorname{logit} p = -3.6433 + r + 0.05146\, \overline{RH}_{14}

    with the mean relative humidity (%) of the 14 days before flowering and r of the cultivar's resistance.
    Given for each day within a week of the date of flowering, as if the field flowered on it; medium from
    0.24, high from 0.32.

    Parameters
    ----------
    weather : HourlyWeather
    flowering : date
        Observed or forecast, BBCH 61 to 65.
    resistance : str
        A key of `RESISTANCE`.

    Returns
    -------
    RiskSeries
        Value the probability, 0 to 1; of the days of the window for which there is weather.

    Examples
    --------
    >>> from datetime import date
    >>> from analytics.farm.risks.hours import HourlyWeather
    >>> humid, none = np.full((20, 24), 75.0), np.full((20, 24), np.nan)
    >>> weather = HourlyWeather(first_day=date(2024, 6, 1), temperature=none, humidity=humid, rainfall=none)
    >>> series = fusarium(weather, date(2024, 6, 15), "MS")
    >>> series.first_day, series.value[[0, 7]].round(3).tolist(), series.words()[7]
    (datetime.date(2024, 6, 8), [nan, 0.22], 'low')
    """
    first = max(weather.first_day, flowering - timedelta(days=WINDOW_D))
    begin = (first - weather.first_day).days
    end = min(weather.days, (flowering - weather.first_day).days + WINDOW_D + 1)
    mean, coverage = _humidity_before(weather, np.arange(begin, max(begin, end)))
    value = 1.0 / (1.0 + np.exp(-(INTERCEPT + RESISTANCE[resistance] + PER_PERCENT * mean)))
    return RiskSeries(
        risk="fusarium_head_blight",
        first_day=first,
        value=value,
        unit="probability",
        coverage=coverage,
        level=grade(value, (0.0, MODERATE, HIGH)),
        accumulated=np.full(value.size, np.nan),
        threshold=HIGH,
        reached=np.zeros(value.size, bool),
    )


def _humidity_before(
    weather: HourlyWeather, days: np.ndarray[tuple[int], np.dtype[np.int64]]
) -> tuple[np.ndarray[tuple[int], np.dtype[np.float64]], np.ndarray[tuple[int], np.dtype[np.float64]]]:
    """Average the 14 days before each; not-a-number where too few of their hours are known."""
    known = np.isfinite(weather.humidity)
    count = np.concatenate([[0], np.cumsum(known.sum(axis=1))])
    total = np.concatenate([[0.0], np.cumsum(np.where(known, weather.humidity, 0.0).sum(axis=1))])
    since = np.maximum(days - DAYS_BEFORE, 0)
    heard = count[days] - count[since]
    coverage = heard / (DAYS_BEFORE * HOURS)
    mean = (total[days] - total[since]) / np.maximum(heard, 1)
    return np.where(coverage >= LEAST_COVERAGE, mean, np.nan), coverage
