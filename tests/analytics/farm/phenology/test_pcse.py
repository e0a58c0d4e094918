"""Our stage models against PCSE's, on the same parameters and measured weather."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from analytics.farm.phenology.simulation import simulate
from analytics.farm.weather.sun import WOFOST_DEG, daylength_h
from tests.analytics.farm.phenology.pcse_reference import Order, Season, changed, run_orders

DATA = Path(__file__).parents[5] / "shared" / "data"
WINTER_WHEAT_105 = {"heading": 706.0, "flowering": 975.0}
DAYS = 360
ENDS = {"wheat": (0, 4, 5), "potato": (0, 1, 3)}

pytestmark = pytest.mark.skipif(
    not DATA.exists() and "CI" not in os.environ,  # in CI its absence is a failure
    reason=f"the field data {DATA} are not beside this checkout",
)


def cut(weather: pl.DataFrame, first_day: str, latitude: float, start: int) -> Season:
    rows = weather.filter(pl.col("date") >= date.fromisoformat(first_day)).sort("date").head(DAYS)
    assert rows.height == DAYS
    return Season(
        first_day=first_day,
        latitude=latitude,
        start=start,
        tmin=rows["tmin_c"].to_list(),
        tmax=rows["tmax_c"].to_list(),
    )


def wheat_seasons() -> list[Season]:
    """Three Swiss sites and De Bilt, several years, sown from mid September to mid November."""
    folder = DATA / "wheat_swiss"
    places = pl.read_csv(folder / "sites.csv").head(3)
    weather = pl.read_csv(folder / "weather.csv", try_parse_dates=True)
    seasons = [
        cut(weather.filter(pl.col("site") == site), f"{year}-09-10", latitude, 5 + 18 * number)
        for site, latitude in places.select("site", "lat").iter_rows()
        for number, year in enumerate(range(2000, 2012, 3))
    ]
    debilt = pl.read_csv(DATA / "weather_debilt" / "debilt.csv", try_parse_dates=True)
    return seasons + [cut(debilt, f"{year}-09-10", 52.1, 20) for year in range(1981, 2018, 12)]


def potato_seasons() -> list[Season]:
    debilt = pl.read_csv(DATA / "weather_debilt" / "debilt.csv", try_parse_dates=True)
    return [cut(debilt, f"{year}-03-01", 52.1, 20 + 5 * (year % 7)) for year in range(1981, 2018, 6)]


def warmed(season: Season, degrees: float) -> Season:
    return replace(
        season,
        tmin=[low + degrees for low in season.tmin],
        tmax=[high + degrees for high in season.tmax],
    )


@pytest.fixture(scope="module")
def orders() -> list[Order]:
    wheat = wheat_seasons()
    return [
        Order("wheat", WINTER_WHEAT_105, wheat),
        Order("potato", {}, potato_seasons()),
        # Vernalisation is cut short by VERNDVS, or never ends.
        Order("wheat", WINTER_WHEAT_105, [warmed(season, 12.0) for season in wheat[::5]]),
    ]


@pytest.fixture(scope="module")
def answers(orders: list[Order], tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    return run_orders(orders, tmp_path_factory.mktemp("pcse"))


def stage_days(order: Order, light: Any) -> np.ndarray:
    """Give our dates as PCSE writes them: the first day at whose start the stage is reached."""
    result = simulate(
        changed(order.crop, order.lengths),
        start=np.array([season.start for season in order.seasons]),
        tmin=np.array([season.tmin for season in order.seasons])[:, None],
        tmax=np.array([season.tmax for season in order.seasons])[:, None],
        daylength_h=np.array(light),
    )
    return np.ceil(result.stage_day[:, 0, ENDS[order.crop]])


@pytest.mark.parametrize("place", [0, 1, 2], ids=["winter wheat", "potato", "wheat without cold"])
def test_dates_are_those_of_pcse(orders: list[Order], answers: list[dict[str, Any]], place: int) -> None:
    expected = np.array(answers[place]["stages"], dtype=float)
    assert np.isfinite(expected[:, 0]).all()
    np.testing.assert_array_equal(stage_days(orders[place], answers[place]["daylength_h"]), expected)


def test_with_our_own_day_lengths_dates_agree_within_a_day(
    orders: list[Order], answers: list[dict[str, Any]]
) -> None:
    light = [
        daylength_h(season.latitude, np.datetime64(season.first_day) + np.arange(DAYS), WOFOST_DEG)
        for season in orders[0].seasons
    ]
    expected = np.array(answers[0]["stages"], dtype=float)
    assert expected.shape == (16, 3)
    assert np.isfinite(expected).all()
    assert np.abs(stage_days(orders[0], light) - expected).max() <= 1
