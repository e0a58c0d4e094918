"""Weather that a lab brings itself: forecasts of the coming days, and past years."""

from datetime import UTC, date, timedelta
from typing import Annotated, Final

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from api.auth import Role
from api.operations import PREFIX, Call, Created, Routes
from api.problems import FieldError, Problem
from api.routes.plantings import FIRST_DAY, Day, today_at
from api.routes.sites import SitePath
from api.wire import At, LabSlug, Line, Nothing, SiteSlug
from store.past_weather import keep_past_weather
from store.sites import Site, find_site
from store.weather_forecasts import (
    ForecastDay,
    WeatherForecast,
    add_weather_forecast,
    newest_weather_forecast,
)

routes = Routes("weather")

Celsius = Annotated[float, Meta(ge=-60, le=60, description="deg C.", examples=[12.5])]
Millimetres = Annotated[float, Meta(ge=0, le=2000, description="mm.", examples=[3.5])]
Megajoules = Annotated[float, Meta(ge=0, le=50, description="MJ/m².", examples=[18.2])]
LONGEST_DAYS: Final = 4000


class OutlookDay(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A day of a weather forecast."""

    day: Day
    tmin_c: Celsius
    tmax_c: Celsius
    rain_mm: Millimetres | None = None
    radiation_mj: Megajoules | None = None


class OutlookNew(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A weather forecast for a site."""

    source: Annotated[Line, Meta(min_length=1, description="Who made it.", examples=["気象庁 1か月予報"])]
    issued_at: At
    days: Annotated[list[OutlookDay], Meta(min_length=1, max_length=60)]


class OutlookView(msgspec.Struct, frozen=True, kw_only=True):
    """A weather forecast."""

    lab: LabSlug
    site: SiteSlug
    source: Line
    issued_at: At
    noted_at: At
    days: list[OutlookDay]


class NewestOutlookView(msgspec.Struct, frozen=True, kw_only=True):
    """The newest weather forecast of a site; null where none was fed in."""

    newest: OutlookView | None


class PastNew(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Daily temperatures of past years, as lists from a first day on; null: not known."""

    first_day: Day
    tmin_c: Annotated[list[Celsius | None], Meta(min_length=1, max_length=LONGEST_DAYS)]
    tmax_c: Annotated[list[Celsius | None], Meta(min_length=1, max_length=LONGEST_DAYS)]


class PastView(msgspec.Struct, frozen=True, kw_only=True):
    """What was taken in."""

    days: Annotated[int, Meta(ge=0, description="Days that were sent.", examples=[365])]
    kept: Annotated[
        int, Meta(ge=0, description="Days that the station had measured itself: kept.", examples=[0])
    ]
    changed: Annotated[int, Meta(ge=0, description="Days that are new or different.", examples=[365])]


@routes.post(
    "/labs/{lab}/sites/{site}/weather-forecasts", least=Role.TEAM, ja="天気予報を登録する", conflicts=True
)
async def add_outlook(call: Call[SitePath, Nothing, OutlookNew]) -> Created[OutlookView]:
    """Feed a weather forecast in; growth forecasts of the site are made anew with it."""
    call.principal.within(call.path.lab)
    days = [ForecastDay(*msgspec.structs.astuple(day)) for day in call.body.days]
    _check_days(call.body.days)
    added = await add_weather_forecast(
        call.conn,
        lab=call.path.lab,
        site=call.path.site,
        source=call.body.source,
        issued_at=call.body.issued_at.astimezone(UTC),
        days=days,
    )
    site = await find_site(call.conn, call.path.lab, call.path.site)
    return Created(
        _view(site, added), f"{PREFIX}/labs/{call.path.lab}/sites/{call.path.site}/weather-forecast"
    )


@routes.get("/labs/{lab}/sites/{site}/weather-forecast", least=Role.VIEWER, ja="最新の天気予報")
async def get_outlook(call: Call[SitePath, Nothing, Nothing]) -> NewestOutlookView:
    """Show the newest weather forecast that was fed in for a site."""
    call.principal.within(call.path.lab)
    site = await find_site(call.conn, call.path.lab, call.path.site)
    newest = await newest_weather_forecast(call.conn, site.id)
    return NewestOutlookView(newest=None if newest is None else _view(site, newest))


@routes.post("/labs/{lab}/sites/{site}/past-weather", least=Role.STAFF, ja="過去の気温（日別）を取り込む")
async def add_past_weather(call: Call[SitePath, Nothing, PastNew]) -> PastView:
    """Take in past years' daily temperatures, so that forecasts know what weather may come.

    Days that the station measured itself are kept as they are.
    """
    call.principal.within(call.path.lab)
    site = await find_site(call.conn, call.path.lab, call.path.site)
    first, low, high = call.body.first_day, _array(call.body.tmin_c), _array(call.body.tmax_c)
    _check_past(site, first, low, high)
    kept = await keep_past_weather(call.conn, site.id, first, low, high)
    return PastView(days=len(low), kept=kept.measured, changed=kept.changed)


def _array(values: list[float | None]) -> NDArray[np.float64]:
    return np.array([np.nan if value is None else value for value in values])


def _check_days(days: list[OutlookDay]) -> None:
    if len({day.day for day in days}) < len(days):
        raise _invalid("days", "the same day comes twice")
    for number, day in enumerate(days):
        if day.tmin_c > day.tmax_c:
            raise _invalid(f"days[{number}].tmin_c", "lies above tmax_c")


def _check_past(site: Site, first: date, low: NDArray[np.float64], high: NDArray[np.float64]) -> None:
    if len(low) != len(high):
        raise _invalid("tmax_c", f"has {len(high)} days, and tmin_c {len(low)}")
    wrong = np.flatnonzero(low > high)
    if len(wrong):
        raise _invalid(f"tmin_c[{wrong[0]}]", "lies above tmax_c")
    if first < FIRST_DAY or first + timedelta(days=len(low)) > today_at(site.timezone):
        raise _invalid("first_day", f"the days must lie between {FIRST_DAY} and yesterday")


def _view(site: Site, forecast: WeatherForecast) -> OutlookView:
    return OutlookView(
        lab=site.lab,
        site=site.slug,
        source=forecast.source,
        issued_at=forecast.issued_at,
        noted_at=forecast.noted_at,
        days=[_day(day) for day in forecast.days],
    )


def _day(day: ForecastDay) -> OutlookDay:
    return OutlookDay(**day._asdict())


def _invalid(field: str, detail: str) -> Problem:
    return Problem("invalid-body", f"{field}: {detail}.", errors=[FieldError(field, detail)])
