"""A folder of cereal trials laid out like `wheat_swiss`: obs.csv, sites.csv, weather.csv."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from analytics.farm.calibration.ensemble import fit_persistence
from analytics.farm.calibration.trials import Ground, Trials
from analytics.farm.weather.sun import daylength_h
from analytics.series.climatology import fit_climatology
from analytics.series.errors import ClimatologyError
from analytics.series.gaps import fill_days

if TYPE_CHECKING:
    from pathlib import Path

NEAR_KM = 100.0
"""Within which a site without weather takes another's."""
EARTH_KM = 6371.0
WHOLE_YEAR_D = 330
"""Measured days that make a calendar year's weather fit to stand for another's."""


class FolderError(Exception):
    """What is wrong with a folder, in one line."""


@dataclass(frozen=True, kw_only=True)
class Folder:
    trials: Trials
    ground: Ground
    weather_years: tuple[int, ...]
    sites: tuple[str, ...]
    cultivars: tuple[str, ...]
    notes: tuple[str, ...]
    jan1: np.ndarray  # by year from first_year, day index
    first_year: int
    latitude: np.ndarray

    def january(self, years: np.ndarray) -> np.ndarray:
        return self.jan1[years - self.first_year]

    def without(self, years: frozenset[int]) -> Ground:
        """Give the ground, with persistence learnt from the calendar years given."""
        days = self.ground.first_day + np.arange(self.ground.tmin.shape[1])
        allowed = np.isin(days.astype("datetime64[Y]").astype(int) + 1970, sorted(years))
        persistence = np.array(
            [fit_persistence(self.ground.record(site), allowed) for site in range(len(self.sites))]
        )
        return Ground(
            first_day=self.ground.first_day,
            tmin=self.ground.tmin,
            tmax=self.ground.tmax,
            daylength_h=self.ground.daylength_h,
            persistence=persistence,
        )


def read_table(path: Path, needed: dict[str, type], wanted: dict[str, type] | None = None) -> pl.DataFrame:
    if not path.is_file():
        raise FolderError(f"{path} is missing")
    try:
        table = pl.read_csv(path, infer_schema=False)
    except (pl.exceptions.PolarsError, UnicodeDecodeError) as error:
        raise FolderError(f"{path} cannot be read: {str(error).splitlines()[0]}") from None
    missing = [name for name in needed if name not in table.columns]
    if missing:
        raise FolderError(f"{path} has no column {', '.join(missing)} (it has {', '.join(table.columns)})")
    there = needed | {name: kind for name, kind in (wanted or {}).items() if name in table.columns}
    for name, kind in there.items():
        table = table.with_columns(_parse(path, table[name].str.strip_chars().replace("", None), kind))
    absent = [pl.lit(None, pl.Float64).alias(name) for name in wanted or {} if name not in there]
    return table.select(*there, *absent)


def _parse(path: Path, column: pl.Series, kind: type) -> pl.Series:
    if kind is str:
        return column
    parsed = (
        column.str.slice(0, 10).str.to_date("%Y-%m-%d", strict=False)
        if kind is np.datetime64
        else column.cast(pl.Float64, strict=False)
    )
    bad = column.filter(parsed.is_null() & column.is_not_null() & ~column.is_in(["NA", "nan", "NaN"]))
    if len(bad):
        what = "a date such as 2014-06-01" if kind is np.datetime64 else "a number"
        raise FolderError(f"{path}: column {column.name} holds {bad[0]!r}, which is not {what}")
    return parsed


def read_folder(folder: Path, altitude_deg: float) -> Folder:
    obs = read_table(
        folder / "obs.csv",
        {
            "site": str,
            "harvest_year": float,
            "variety": str,
            "sowing": np.datetime64,
            "heading": np.datetime64,
        },
        {"heading_doy": float},
    )
    sites = (
        read_table(folder / "sites.csv", {"site": str, "lat": float, "lon": float})
        .drop_nulls()
        .unique("site", keep="first", maintain_order=True)
    )
    weather = read_table(
        folder / "weather.csv", {"site": str, "date": np.datetime64, "tmin_c": float, "tmax_c": float}
    ).drop_nulls(["site", "date"])
    notes: list[str] = []
    whole = obs.drop_nulls(["site", "harvest_year", "variety", "sowing", "heading"])
    _note(notes, len(obs) - len(whole), "rows without site, year, variety, sowing or heading")
    known = whole.filter(pl.col("site").is_in(sites["site"].to_list()))
    _note(notes, len(whole) - len(known), "rows of sites that sites.csv does not have")
    sane = known.filter((pl.col("heading") - pl.col("sowing")).dt.total_days().is_between(20, 400))
    _note(notes, len(known) - len(sane), "rows in which heading is not 20 to 400 days after sowing")
    if sane.is_empty():
        raise FolderError(f"{folder}: no usable row in obs.csv ({'; '.join(notes) or 'it is empty'})")
    weather = weather.filter(pl.col("site").is_in(sites["site"].to_list()))
    if weather.is_empty():
        raise FolderError(f"{folder}: weather.csv has no day of any site in sites.csv")
    return _lay_out(sane, sites, weather, notes, altitude_deg)


def _note(notes: list[str], count: int, what: str) -> None:
    if count:
        notes.append(f"left out {count} {what}")


def _lay_out(
    obs: pl.DataFrame, sites: pl.DataFrame, weather: pl.DataFrame, notes: list[str], altitude_deg: float
) -> Folder:
    names = sites["site"].to_list()
    first = np.datetime64(min(weather["date"].min(), obs["sowing"].min()), "D")
    last = np.datetime64(max(weather["date"].max(), obs["heading"].max()), "D")
    days = np.arange(first, last + 1)
    tmin, tmax = _grid(weather, names, first, len(days))
    latitude, longitude = sites["lat"].to_numpy(), sites["lon"].to_numpy()
    years = days.astype("datetime64[Y]").astype(int) + 1970
    measured = np.isfinite(tmin + tmax).any(axis=0)
    weather_years = tuple(int(y) for y in np.unique(years) if measured[years == y].sum() >= WHOLE_YEAR_D)
    tmin, tmax, borrowed = _borrow(tmin, tmax, latitude, longitude, names)
    notes.extend(borrowed)
    tmin, tmax = _fill(days, tmin), _fill(days, tmax)
    first_year, end = int(years[0]) - 2, int(years[-1]) + 3
    january = np.array(
        [(np.datetime64(f"{year:04d}-01-01", "D") - first).astype(int) for year in range(first_year, end)]
    )
    cultivars, code = np.unique(obs["variety"].to_numpy().astype(str), return_inverse=True)
    place = {name: number for number, name in enumerate(names)}
    trials = Trials(
        site=np.array([place[name] for name in obs["site"]], np.int64),
        year=obs["harvest_year"].to_numpy().astype(np.int64),
        cultivar=code.astype(np.int64),
        start=(obs["sowing"].to_numpy().astype("datetime64[D]") - first).astype(np.int64),
        seen=_heading(obs, first),
    )
    ground = Ground(
        first_day=first,
        tmin=tmin,
        tmax=tmax,
        daylength_h=daylength_h(latitude, days, altitude_deg),
        persistence=np.zeros(len(names)),
    )
    bare = ~np.isfinite(tmin).any(axis=1)[trials.site]
    _note(notes, int(bare.sum()), f"rows of sites without weather within {NEAR_KM:.0f} km")
    trials = trials.take(~bare)
    if not len(trials):
        raise FolderError("no observation is at a site with weather")
    return Folder(
        trials=trials,
        ground=ground,
        weather_years=weather_years,
        sites=tuple(names),
        cultivars=tuple(map(str, cultivars)),
        notes=tuple(notes),
        jan1=january,
        first_year=first_year,
        latitude=latitude,
    )


def _heading(obs: pl.DataFrame, first: np.datetime64) -> np.ndarray:
    """Give the day of heading; where a day of the year with its fraction agrees with the date, that one."""
    whole = (obs["heading"].to_numpy().astype("datetime64[D]") - first).astype(np.float64)
    fraction = (obs["heading_doy"] - obs["heading"].dt.ordinal_day()).to_numpy().astype(np.float64)
    return whole + np.where(np.abs(fraction) <= 1.0, fraction, 0.0)


def _grid(
    weather: pl.DataFrame, names: list[str], first: np.datetime64, days: int
) -> tuple[np.ndarray, np.ndarray]:
    place = {name: number for number, name in enumerate(names)}
    rows = np.array([place[name] for name in weather["site"]])
    columns = (weather["date"].to_numpy().astype("datetime64[D]") - first).astype(int)
    grids = []
    for name in ("tmin_c", "tmax_c"):
        grid = np.full((len(names), days), np.nan)
        values = weather[name].to_numpy().astype(np.float64)
        grid[rows, columns] = np.where(np.abs(values) < 70, values, np.nan)
        grids.append(grid)
    low, high = np.minimum(*grids), np.maximum(*grids)
    return low, high


def _borrow(
    tmin: np.ndarray, tmax: np.ndarray, latitude: np.ndarray, longitude: np.ndarray, names: list[str]
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Fill days that a site lacks with those of the nearest one, moved by how they differ on common days."""
    notes = []
    phi, lam = np.radians(latitude), np.radians(longitude)
    half = (
        np.sin((phi[:, None] - phi) / 2) ** 2
        + np.cos(phi[:, None]) * np.cos(phi) * np.sin((lam[:, None] - lam) / 2) ** 2
    )
    apart = 2 * EARTH_KM * np.arcsin(np.sqrt(half))
    filled = [each.copy() for each in (tmin, tmax)]
    for site in range(len(names)):
        for other in np.argsort(apart[site])[1:]:
            if apart[site, other] > NEAR_KM or np.isfinite(filled[0][site] + filled[1][site]).all():
                break
            if not np.isfinite(tmin[site]).any() and np.isfinite(tmin[other]).any():
                notes.append(
                    f"site {names[site]} has no weather: {names[other]}'s, {apart[site, other]:.0f} km away"
                )
            for mine, source in zip(filled, (tmin, tmax), strict=True):
                common = np.isfinite(source[site]) & np.isfinite(source[other])
                shift = float((source[site] - source[other])[common].mean()) if common.sum() >= 30 else 0.0
                mine[site] = np.where(np.isfinite(mine[site]), mine[site], source[other] + shift)
            if not np.isfinite(tmin[site]).any() and np.isfinite(filled[0][site]).any():
                break
    return filled[0], filled[1], notes


def _fill(days: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Fill what is left of gaps, within each site's own years."""
    found = values.copy()
    for site, row in enumerate(values):
        there = np.flatnonzero(np.isfinite(row))
        if not len(there):
            continue
        inside = slice(there[0], there[-1] + 1)
        try:
            normals = fit_climatology(days[inside], row[inside])
        except ClimatologyError:
            normals = None
        found[site, inside] = fill_days(days[inside], row[inside], climatology=normals).value
    return found
