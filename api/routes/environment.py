"""What a planting's surroundings were, day by day: measured, filled and derived."""

from datetime import date, datetime, timedelta
from typing import Annotated, Final
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from analytics.farm.weather.environment import derive
from analytics.farm.weather.evapotranspiration import DayWeather
from analytics.library import crop as find_crop
from api.auth import Role
from api.instants import LATEST, read_instant
from api.operations import Call, Routes
from api.problems import invalid_parameter
from api.routes.plantings import Day, PlantingPath, today_at
from api.routes.sites import ZoneName
from api.wire import DeviceName, Id4, Instant, Nothing, SiteSlug
from devices.quantities import QUANTITIES
from store.daily_values import Daily, DailyKey, read_daily
from store.plantings import Planting, get_planting
from store.sites import Site, get_site

routes = Routes("plantings")

LONGEST_DAYS: Final = 800

Numbers = Annotated[
    list[float | None], Meta(description="One a day; null: not known.", examples=[[12.4, None]])
]


BaseTemperature = Annotated[
    float,
    Meta(ge=-10, le=30, description="Base of the degree days, deg C; default: the crop's.", examples=[5.0]),
]


class EnvironmentQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which days; without any, from sowing until yesterday or the end of the planting."""

    from_: Instant | None = msgspec.field(name="from", default=None)
    to: Instant | None = None
    base_c: BaseTemperature | None = None


class MeasuredView(msgspec.Struct, frozen=True, kw_only=True):
    """Daily values of a quantity, each list as long as `days`."""

    quantity: Annotated[str, Meta(examples=["air_temperature"])]
    position: Annotated[str, Meta(examples=[""])]
    unit: Annotated[str, Meta(examples=["degC"])]
    minimum: Numbers
    mean: Numbers
    maximum: Numbers
    total: Numbers
    coverage: Annotated[
        list[float], Meta(description="Share of the day that was measured, 0 to 1.", examples=[[1.0, 0.0]])
    ]
    method: Annotated[
        list[int],
        Meta(description="0 measured, greater: how it was filled, -1: nothing is known.", examples=[[0, -1]]),
    ]


class DerivedView(msgspec.Struct, frozen=True, kw_only=True):
    """A series computed from the measured ones."""

    name: Annotated[str, Meta(examples=["vapour_pressure_deficit"])]
    label_ja: Annotated[str, Meta(examples=["飽差（VPD）"])]
    label_en: Annotated[str, Meta(examples=["vapour pressure deficit"])]
    unit: Annotated[str, Meta(examples=["kPa"])]
    value: Numbers


class EnvironmentView(msgspec.Struct, frozen=True, kw_only=True):
    """A planting's surroundings."""

    planting_id: Id4
    site: Annotated[SiteSlug, Meta(description="The site whose weather it is.")]
    station: DeviceName | None
    timezone: ZoneName
    days: list[Day]
    measured: list[MeasuredView]
    derived: list[DerivedView]


@routes.get("/plantings/{planting}/environment", least=Role.VIEWER, ja="作付けの環境（日別）")
async def get_environment(call: Call[PlantingPath, EnvironmentQuery, Nothing]) -> EnvironmentView:
    """Show the daily weather and soil of a planting, and what is derived of them.

    Derived are degree days, vapour pressure deficit, dew point, light integral, day length and reference
    evapotranspiration, as far as the station's quantities allow.
    """
    planting = await get_planting(call.conn, call.path.planting, call.principal.lab)
    first, count = _days(planting, call.query)
    site = await get_site(call.conn, planting.weather_site_id)
    known = await read_daily(call.conn, site.id, first, count, device_id=planting.station_id or 0)
    days = [first + timedelta(days=number) for number in range(count)]
    return EnvironmentView(
        planting_id=planting.id,
        site=site.slug,
        station=planting.station,
        timezone=site.timezone,
        days=days,
        measured=[_measured(key, daily) for key, daily in sorted(known.items())],
        derived=_derived(
            site, days, known, _base_c(planting.crop) if call.query.base_c is None else call.query.base_c
        ),
    )


def _days(planting: Planting, query: EnvironmentQuery) -> tuple[date, int]:
    zone = ZoneInfo(planting.timezone)

    def read(name: str, text: str | None, default: date) -> date:
        if text is None:
            return default
        at: datetime = read_instant(name, text, zone, LATEST)
        return at.astimezone(zone).date()

    last = min(planting.ended_on or date.max, today_at(planting.timezone) - timedelta(days=1))
    first = read("from", query.from_, planting.sown_on)
    end = read("to", query.to, last + timedelta(days=1))
    count = (end - first).days
    if count > LONGEST_DAYS:
        raise invalid_parameter("from", f"at most {LONGEST_DAYS} days are given at once")
    if count < 0 and query.from_ is not None and query.to is not None:
        raise invalid_parameter("from", "must not lie after to")
    return first, max(count, 0)


def _measured(key: DailyKey, daily: Daily) -> MeasuredView:
    return MeasuredView(
        quantity=key.quantity,
        position=key.position,
        unit=QUANTITIES[key.quantity].unit,
        minimum=_numbers(daily.minimum),
        mean=_numbers(daily.mean),
        maximum=_numbers(daily.maximum),
        total=_numbers(daily.total),
        coverage=np.round(daily.coverage, 3).tolist(),
        method=daily.method.tolist(),
    )


def _base_c(name: str) -> float:
    """Return the base of the crop's growth after emergence; 0 where its model has none."""
    bases = [phase.values()["base"] for phase in find_crop(name).phases if "base" in phase.parameters]
    return bases[min(1, len(bases) - 1)] if bases else 0.0


def _derived(site: Site, days: list[date], known: dict[DailyKey, Daily], base_c: float) -> list[DerivedView]:
    air = known.get(DailyKey("air_temperature"))
    if air is None or not days:
        return []
    humidity = known.get(DailyKey("relative_humidity"))
    sun, photons = known.get(DailyKey("global_radiation")), known.get(DailyKey("photosynthetic_photon_flux"))
    wind = known.get(DailyKey("wind_speed"))
    weather = DayWeather(
        minimum=air.minimum,
        maximum=air.maximum,
        radiation=None if sun is None else sun.total,
        least_humidity=None if humidity is None else humidity.minimum,
        mean_humidity=None if humidity is None else humidity.mean,
        greatest_humidity=None if humidity is None else humidity.maximum,
        wind=None if wind is None else wind.mean,
    )
    series = derive(
        weather,
        np.array(days, "datetime64[D]"),
        base_c=base_c,
        latitude=site.latitude,
        elevation_m=site.elevation_m,
        photons=None if photons is None else photons.total,
    )
    return [
        DerivedView(
            name=each.name,
            label_ja=each.label_ja,
            label_en=each.label_en,
            unit=each.unit,
            value=_numbers(each.value),
        )
        for each in series
    ]


def _numbers(values: NDArray[np.float64]) -> list[float | None]:
    return [value if np.isfinite(value) else None for value in np.round(values, 4).tolist()]
