"""Forecasts of a crop in a lab: store -> `analytics.farm.forecast.assembly` -> store."""

from __future__ import annotations

import asyncio
import hashlib
import json
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

import numpy as np

from analytics.farm.errors import CropError
from analytics.farm.forecast.assembly import MODEL_VERSION, forecast
from analytics.farm.forecast.result import no_model
from analytics.farm.forecast.season import Case, Outlook, Planting, Sighting, Station
from analytics.jobs import days
from analytics.library import crop as library_crop
from store import (
    daily_values,
    dues,
    forecasts,
    observations,
    plantings,
    site_series,
    sites,
    weather_forecasts,
)
from store.batches import transaction
from store.daily_values import IMPORTED, OF_SITE, DailyKey

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from analytics.farm.forecast.result import PlantingForecast
    from analytics.farm.phenology.crop import Crop
    from analytics.jobs.desk import Desk
    from store.daily_values import Daily
    from store.pool import AsyncConnection

TEMPERATURE: Final = "air_temperature"
MOST_SITES: Final = 10_000

Key = tuple[int, int]
"""Of a station: its site, and the device or `OF_SITE`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Inputs:
    """All that was read for one crop of one lab.

    Attributes
    ----------
    open : list
        Plantings that a forecast is wanted for, ascending by id.
    marks : dict[int, int]
        Read before everything else.
    """

    open: list[plantings.Planting]
    marks: dict[int, int]
    all: list[plantings.Planting]
    seen: list[observations.Observation]
    stations: dict[str, Station]
    outlooks: dict[str, Outlook]
    previous: dict[int, forecasts.Forecast]


async def forecast_crop(desk: Desk, lab: str, crop: str) -> list[int]:
    """Forecast all open plantings of a crop in a lab; the same inputs on the same day add nothing.

    Returns
    -------
    list[int]
        Plantings that have a new forecast.
    """
    async with transaction(desk.pool) as conn:
        found = await plantings.plantings_of_crop(conn, lab, crop)
    for site_id in sorted({each.weather_site_id for each in found if each.ended_on is None}):
        await days.refresh(desk, site_id)
    async with transaction(desk.pool) as conn:
        inputs = await _read(conn, lab, crop)
    made = await asyncio.to_thread(_compute, inputs, crop, desk.now())
    async with transaction(desk.pool) as conn:
        added = [each.id for each in inputs.open if await _write(conn, inputs, each, made[each.id])]
        await dues.settle(conn, inputs.marks)
    return added


async def _read(conn: AsyncConnection, lab: str, crop: str) -> _Inputs:
    """Read the marks first: what is noted from then on makes the plantings due again."""
    found = await plantings.plantings_of_crop(conn, lab, crop)
    wanted = sorted((each for each in found if each.ended_on is None), key=lambda each: each.id)
    marks = await dues.marks_of(conn, [each.id for each in wanted])
    found = await plantings.plantings_of_crop(conn, lab, crop)
    keys = {(each.weather_site_id, each.station_id or OF_SITE) for each in found}
    of_lab = await sites.list_sites(conn, lab=lab, limit=MOST_SITES)
    keys |= {(each.id, OF_SITE) for each in of_lab}
    stations = {_name(key): await _read_station(conn, key) for key in sorted(keys)}
    outlooks = {_name(key): await _read_outlook(conn, key) for key in sorted(keys)}
    return _Inputs(
        open=wanted,
        marks=marks,
        all=found,
        seen=await observations.observations_of_crop(conn, lab, crop),
        stations={key: station for key, station in stations.items() if station is not None},
        outlooks={key: outlook for key, outlook in outlooks.items() if outlook is not None},
        previous=await forecasts.newest_forecasts(conn, [each.id for each in wanted]),
    )


def _name(key: Key) -> str:
    return f"{key[0]}/{key[1]}"


async def _read_station(conn: AsyncConnection, key: Key) -> Station | None:
    """Read a station's daily temperatures, of all years; None where there are none."""
    site_id, device_id = key
    span = await daily_values.daily_span(conn, site_id, device_id=device_id)
    if span is None:
        return None
    site = await sites.get_site(conn, site_id)
    length = (span[1] - span[0]).days + 1
    measured = await site_series.site_series(conn, site_id, device_id=device_id, quantities=[TEMPERATURE])
    keys = [
        DailyKey(TEMPERATURE, position) for position in sorted({"", *(each.position for each in measured)})
    ]
    daily = await daily_values.read_daily(conn, site_id, span[0], length, keys=keys, device_id=device_id)
    tmin, tmax, brought = _extremes(daily)
    return Station(
        key=_name(key),
        name=site.slug if device_id == OF_SITE else measured[0].device if measured else site.slug,
        latitude=site.latitude,
        longitude=site.longitude,
        first_day=span[0],
        tmin=tmin,
        tmax=tmax,
        brought=brought,
    )


def _extremes(
    daily: Mapping[DailyKey, Daily],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Take the air temperature with most measured days; where it has none, what was brought here.

    Returns
    -------
    tmin, tmax : float64[n], deg C
    brought : bool[n]
    """
    best = max(daily.values(), key=lambda each: int((_known(each) & (each.method != IMPORTED)).sum()))
    brought = daily[DailyKey(TEMPERATURE)]
    known = _known(best)
    method = np.where(known, best.method, brought.method)
    tmin, tmax = (
        np.where(known, getattr(best, name), getattr(brought, name)) for name in ("minimum", "maximum")
    )
    return tmin, tmax, (method == IMPORTED) & np.isfinite(tmin) & np.isfinite(tmax)


def _known(daily: Daily) -> NDArray[np.bool_]:
    known: NDArray[np.bool_] = np.isfinite(daily.minimum) & np.isfinite(daily.maximum)
    return known


async def _read_outlook(conn: AsyncConnection, key: Key) -> Outlook | None:
    """Read the newest weather forecast of a site, on consecutive days."""
    issue = await weather_forecasts.newest_weather_forecast(conn, key[0])
    if issue is None or not issue.days:
        return None
    first = issue.days[0].day
    length = (issue.days[-1].day - first).days + 1
    tmin, tmax = np.full((2, length), np.nan)
    for each in issue.days:
        tmin[(each.day - first).days], tmax[(each.day - first).days] = each.tmin_c, each.tmax_c
    return Outlook(
        source=issue.source, issued_on=issue.issued_at.date(), first_day=first, tmin=tmin, tmax=tmax
    )


@dataclass(frozen=True, slots=True)
class _Made:
    """A forecast and the digest of what went into it."""

    forecast: PlantingForecast
    digest: bytes


def _compute(inputs: _Inputs, crop_name: str, now: datetime) -> dict[int, _Made]:
    """Forecast; plantings whose local day differs are of different cases."""
    today = {each.id: now.astimezone(ZoneInfo(each.timezone)).date() for each in inputs.open}
    made: dict[int, _Made] = {}
    for day in sorted(set(today.values())):
        mine = [each for each in inputs.open if today[each.id] == day]
        made |= _compute_day(inputs, crop_name, mine, day)
    return made


def _compute_day(
    inputs: _Inputs, crop_name: str, mine: Sequence[plantings.Planting], day: date
) -> dict[int, _Made]:
    try:
        crop = library_crop(crop_name)
    except CropError:
        digest = hashlib.sha256(f"{crop_name} {day}".encode()).digest()
        return {
            each.id: _Made(no_model(each.id, crop_name, each.cultivar, each.site, day), digest)
            for each in mine
        }
    case = _case(inputs, crop, {each.id for each in mine}, day)
    digest = _digest(case)
    made = forecast(case, previous=_medians(inputs.previous))
    return {each.planting_id: _Made(each, digest) for each in made}


def _case(inputs: _Inputs, crop: Crop, mine: set[int], day: date) -> Case:
    seen: dict[int, list[Sighting]] = {}
    for each in inputs.seen:
        seen.setdefault(each.planting_id, []).append(Sighting(bbch=each.bbch, day=each.observed_on))
    return Case(
        crop=crop,
        today=day,
        plantings=[
            Planting(
                id=each.id,
                field=each.field,
                site=each.site,
                station=_name((each.weather_site_id, each.station_id or OF_SITE)),
                cultivar=each.cultivar,
                sown_on=each.sown_on,
                sightings=tuple(seen.get(each.id, ())),
                current=each.id in mine,
            )
            for each in inputs.all
        ],
        stations=inputs.stations,
        outlooks=inputs.outlooks,
    )


def _digest(case: Case) -> bytes:
    """Hash all that a forecast rests on: SHA-256 of the case and of the model's version."""
    digest = hashlib.sha256(f"{MODEL_VERSION} {case.today} {case.crop!r} {case.plantings!r}".encode())
    for key in sorted(case.stations):
        station = case.stations[key]
        digest.update(json.dumps([key, station.latitude, station.longitude, str(station.first_day)]).encode())
        digest.update(station.tmin.tobytes() + station.tmax.tobytes())
        digest.update(b"" if station.brought is None else station.brought.tobytes())
    for key in sorted(case.outlooks):
        outlook = case.outlooks[key]
        digest.update(f"{key} {outlook.source} {outlook.issued_on} {outlook.first_day}".encode())
        digest.update(outlook.tmin.tobytes() + outlook.tmax.tobytes())
    return digest.digest()


def _medians(previous: Mapping[int, forecasts.Forecast]) -> dict[int, dict[str, date]]:
    """Take the medians out of stored forecasts."""
    return {
        planting_id: {
            stage["stage"]: date.fromisoformat(stage["median"])
            for stage in each.body.get("stages", [])
            if stage.get("median")
        }
        for planting_id, each in previous.items()
    }


async def _write(conn: AsyncConnection, inputs: _Inputs, each: plantings.Planting, made: _Made) -> bool:
    told = made.forecast
    body: dict[str, Any] = told.as_body()
    _, added = await forecasts.add_forecast(
        conn,
        each.id,
        issued_on=told.issued_on,
        model=told.model,
        model_version=told.model_version,
        data_end=_end_of(told.basis.data_end, each.timezone),
        inputs_digest=made.digest,
        body=body,
        mark=inputs.marks.get(each.id),
    )
    return added


def _end_of(day: date | None, timezone: str) -> datetime | None:
    """Give the instant at which a local day ends."""
    if day is None:
        return None
    return datetime.combine(day + timedelta(days=1), time(), ZoneInfo(timezone))
