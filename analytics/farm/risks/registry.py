"""Which risks a crop has, and all of them for one planting."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Final

import numpy as np

from analytics.farm.risks.flabs import flabs
from analytics.farm.risks.fusarium import fusarium
from analytics.farm.risks.hours import lay_out
from analytics.farm.risks.late_blight import hutton, hyre, simcast, wallin
from analytics.farm.risks.model import Level, RiskSeries
from analytics.farm.risks.temperature import frost, heat

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from analytics.farm.risks.hours import HourlyWeather
    from analytics.farm.risks.tables import RiskTables

    Floats = NDArray[np.float64]

FLOWERING_BBCH: Final = (61, 65)
EMERGENCE_BBCH: Final = (9, 10)
RIPE_BBCH: Final = {"wheat": 89, "potato": 91, "garlic": 48, "carrot": 49}
"""The stage from which nothing is at risk any more: the last one of each crop's file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Planting:
    """What the risks need to know of a planting besides its weather.

    Attributes
    ----------
    crop : str
    stages : mapping of BBCH code to date
        Observed or forecast; what is not known is left out.
    blight_resistance : str
        Of potatoes to late blight: S, MS or MR.
    scab_resistance : str
        Of wheat to Fusarium head blight: VS, S, MS or MR.
    sprayed : sequence of date
        When fungicides against late blight were applied.
    """

    crop: str
    stages: Mapping[int, date]
    blight_resistance: str = "S"
    scab_resistance: str = "S"
    sprayed: Sequence[date] = ()

    def first_of(self, codes: Sequence[int]) -> date | None:
        """Give the date of the first of some stages that is known."""
        return next((self.stages[code] for code in codes if code in self.stages), None)


def _temperature(weather: HourlyWeather, planting: Planting, tables: RiskTables) -> list[RiskSeries]:
    return [
        index(weather, limits[planting.crop], planting.stages)
        for index, limits in ((frost, tables.frost), (heat, tables.heat))
        if planting.crop in limits
    ]


def _late_blight(weather: HourlyWeather, planting: Planting, tables: RiskTables) -> list[RiskSeries]:
    emerged = planting.first_of(EMERGENCE_BBCH)
    table = tables.simcast[planting.blight_resistance]
    # Computed as if from the first day, and withheld, where emergence is not known.
    since = emerged or weather.first_day
    found = [
        wallin(weather, tables.wallin, since),
        simcast(weather, table, since, planting.sprayed),
        hyre(weather, since),
        hutton(weather, since),
        flabs(weather, tables.flabs, since),
    ]
    return found if emerged else [_withheld(series, "stage_missing") for series in found]


def _fusarium(weather: HourlyWeather, planting: Planting, _tables: RiskTables) -> list[RiskSeries]:
    flowering = planting.first_of(FLOWERING_BBCH)
    return [fusarium(weather, flowering, planting.scab_resistance)] if flowering else []


RISKS: Final[dict[str, tuple[Callable[[HourlyWeather, Planting, RiskTables], list[RiskSeries]], ...]]] = {
    "wheat": (_temperature, _fusarium),
    "potato": (_temperature, _late_blight),
    "garlic": (_temperature,),
    "carrot": (_temperature,),
}
"""By crop; other crops have none, since no limits are known for them."""


def evaluate(
    crop: str,
    at: NDArray[np.int64],
    air_temperature: Floats,
    relative_humidity: Floats,
    rainfall: Floats,
    *,
    timezone: str,
    stages: Mapping[int, date],
    tables: RiskTables,
    blight_resistance: str = "S",
    scab_resistance: str = "S",
    sprayed: Sequence[date] = (),
) -> list[RiskSeries]:
    """Compute all risks of a planting, from emergence to the day it is ripe.

    Parameters
    ----------
    crop : str
        A key of `RISKS`; another has none.
    at : int64[n], Unix time in µs
        Begin of each hour (`analytics.series.hourly`).
    air_temperature : float64[n], deg C
    relative_humidity : float64[n], %
    rainfall : float64[n], mm
        Of the hour. Not-a-number where there is no value.
    timezone : str
        IANA name: the days are its calendar days.
    stages : mapping of BBCH code to date
        Observed or forecast; what is not known is left out.
    tables : RiskTables
        `analytics.library.risk_tables`.
    blight_resistance, scab_resistance, sprayed
        As for `Planting`.

    Returns
    -------
    list of RiskSeries
        Without those whose season has not come: frost and heat before the first stage with a limit, Fusarium
        head blight without a date of flowering or with no weather near it.

    Raises
    ------
    TimeZoneError
        There is no such zone.
    """
    planting = Planting(
        crop=crop,
        stages=stages,
        blight_resistance=blight_resistance,
        scab_resistance=scab_resistance,
        sprayed=sprayed,
    )
    weather = lay_out(at, air_temperature, relative_humidity, rainfall, timezone)
    found = [series for index in RISKS.get(crop, ()) for series in index(weather, planting, tables)]
    end = stages.get(RIPE_BBCH.get(crop, -1))
    within = [_between(series, planting.first_of(EMERGENCE_BBCH), end) for series in found]
    return [series for series in within if series.days]


def _withheld(series: RiskSeries, note: str) -> RiskSeries:
    nothing = np.full(series.days, np.nan)
    return replace(
        series,
        value=nothing,
        accumulated=nothing,
        level=np.full(series.days, Level.UNKNOWN, np.int8),
        reached=np.zeros(series.days, bool),
        note=note,
    )


def _between(series: RiskSeries, first: date | None, last: date | None) -> RiskSeries:
    """Keep the days from emergence to ripeness, as far as they are known."""
    begin = 0 if first is None else min(max(0, (first - series.first_day).days), series.days)
    end = series.days if last is None else max(begin, (last - series.first_day).days + 1)
    return replace(
        series,
        first_day=series.first_day + timedelta(days=begin),
        value=series.value[begin:end],
        coverage=series.coverage[begin:end],
        level=series.level[begin:end],
        accumulated=series.accumulated[begin:end],
        reached=series.reached[begin:end],
    )
