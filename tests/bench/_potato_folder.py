"""A folder of potato trials laid out like `potato_dssat`: phenology.csv, growth.csv, weather.csv.

Treatments of one cultivar that share station, planting and dates count once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from analytics import library
from analytics.farm.calibration.scores import bias, judge_skill, mae, rmse
from analytics.farm.calibration.stage_forecasts import fit, forecast
from analytics.farm.calibration.stage_methods import degree_days, mean_duration, ours
from analytics.farm.calibration.trials import Ground, Trials, group_sowings
from analytics.farm.growth_curves.backtest import backtest_tuber_mass
from analytics.farm.weather.sun import daylength_h
from tests.bench._wheat_folder import FolderError, read_table

if TYPE_CHECKING:
    from pathlib import Path

    from analytics.farm.calibration.stage_forecasts import Method
    from analytics.farm.calibration.trials import Sowings


def measure_potato(folder: Path) -> dict[str, Any]:
    """Judge emergence from planting, tuber initiation from emergence, tuber mass 30 days ahead."""
    day = np.datetime64
    columns = {"wsta": str, "cultivar": str, "planting": day, "emergence": day, "tuber_initiation": day}
    seen = read_table(folder / "phenology.csv", columns)
    weather = read_table(
        folder / "weather.csv", {"wsta": str, "lat": float, "date": day, "tmin_c": float, "tmax_c": float}
    ).drop_nulls(["wsta", "lat", "date"])
    crop = library.crop("potato")
    cases = {
        "emergence": ("planting", [ours(crop, "emergence"), degree_days("emergence", from_start)]),
        "tuber_initiation": ("emergence", [degree_days("tuber_initiation", from_start)]),
    }
    stages = {}
    for stage, (begin, methods) in cases.items():
        trials, ground = lay_out(seen, weather, begin, stage)
        stages[stage] = judge(trials, ground, methods)
    return {
        "data": str(folder),
        "validation": "leave one environment out",
        "stages": stages,
        "tuber_mass": tuber_mass(folder),
    }


def from_start(sowings: Sowings) -> np.ndarray:
    return sowings.start


def lay_out(seen: pl.DataFrame, weather: pl.DataFrame, begin: str, stage: str) -> tuple[Trials, Ground]:
    rows = seen.with_columns(pl.col("cultivar").str.to_uppercase()).drop_nulls(["wsta", begin, stage])
    rows = rows.unique(["wsta", "planting", "cultivar", begin, stage], maintain_order=True)
    rows = rows.filter(pl.col("wsta").is_in(weather["wsta"].to_list()))
    if rows.is_empty():
        raise FolderError(f"phenology.csv has no row with wsta, {begin}, {stage} and weather of its station")
    names = weather["wsta"].unique(maintain_order=True).to_list()
    place = {name: number for number, name in enumerate(names)}
    first = np.datetime64(min(weather["date"].min(), rows["planting"].min()), "D")
    days = np.arange(first, np.datetime64(max(weather["date"].max(), rows[stage].max()), "D") + 1)
    at = (
        (weather["date"].to_numpy().astype("datetime64[D]") - first).astype(int),
        np.array([place[name] for name in weather["wsta"]]),
    )
    grids = [np.full((len(names), len(days)), np.nan) for _ in range(2)]
    for grid, name in zip(grids, ("tmin_c", "tmax_c"), strict=True):
        grid[at[1], at[0]] = weather[name].to_numpy().astype(np.float64)
    latitude = np.array([weather.filter(pl.col("wsta") == name)["lat"][0] for name in names])
    site = np.array([place[name] for name in rows["wsta"]], np.int64)
    planted = (rows["planting"].to_numpy().astype("datetime64[D]") - first).astype(np.int64)
    _, environment = np.unique(np.stack([site, planted]), axis=1, return_inverse=True)
    _, cultivar = np.unique(rows["cultivar"].fill_null("").to_numpy().astype(str), return_inverse=True)
    start = (rows[begin].to_numpy().astype("datetime64[D]") - first).astype(np.int64)
    came = (rows[stage].to_numpy().astype("datetime64[D]") - first).astype(np.float64)
    trials = Trials(
        site=site,
        year=environment.reshape(-1).astype(np.int64),
        cultivar=cultivar.astype(np.int64),
        start=start,
        seen=came,
    )
    ground = Ground(
        first_day=first,
        tmin=grids[0],
        tmax=grids[1],
        daylength_h=daylength_h(latitude, days, -6.0),
        persistence=np.zeros(len(names)),
    )
    return trials, ground


def judge(trials: Trials, ground: Ground, methods: list[Method]) -> dict[str, Any]:
    naive = errors(trials, ground, mean_duration())
    found: dict[str, Any] = {"naive": summary(naive), "environments": len(np.unique(trials.year))}
    for method in methods:
        error = errors(trials, ground, method)
        whole = np.isfinite(error)
        skill = judge_skill(error[whole], naive[whole], trials.year[whole])
        found[method.name] = {
            **summary(error[whole]),
            "verdict": skill.verdict.value,
            "skill": skill.value,
            "skill_low": skill.low,
        }
    return found


def errors(trials: Trials, ground: Ground, method: Method) -> np.ndarray:
    found = np.full(len(trials), np.nan)
    sowings = group_sowings(trials)
    for environment in np.unique(trials.year):
        tested = trials.year == environment
        fitted = fit(method, trials, ground, ~tested)
        which = np.flatnonzero(tested)
        found[which] = (
            forecast(fitted, which, fitted.known[sowings.of[which]][:, None]).mean - trials.seen[which]
        )
    return found


def summary(error: np.ndarray) -> dict[str, float | int]:
    return {"rmse_d": rmse(error), "mae_d": mae(error), "bias_d": bias(error), "n": len(error)}


def tuber_mass(folder: Path) -> dict[str, Any]:
    growth = pl.read_csv(folder / "growth.csv", try_parse_dates=True)
    phenology = pl.read_csv(folder / "phenology.csv", try_parse_dates=True)
    got = backtest_tuber_mass(growth, phenology)
    names = (
        "n",
        "environments",
        "refused",
        "rmse",
        "mae",
        "bias",
        "naive_rmse",
        "coverage_80",
        "half_width_80",
    )
    return {
        name: value
        if isinstance(value := getattr(got, name), int)
        else (len(value) if isinstance(value, tuple) else float(value))
        for name in names
    }
