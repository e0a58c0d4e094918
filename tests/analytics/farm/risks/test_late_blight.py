"""Late blight: the tables, the figures of Obihiro 2016, and days that hours without data leave unknown."""

from __future__ import annotations

import os
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from analytics.farm.risks.hours import HourlyWeather, lay_out
from analytics.farm.risks.late_blight import hutton, hyre, simcast, wallin
from analytics.library import risk_tables

DATA = Path(__file__).parents[5] / "shared/data/weather_tokachi/jma_hourly.csv"
field_data = pytest.mark.skipif(
    not DATA.exists() and "CI" not in os.environ,  # in CI its absence is a failure
    reason=f"no field data in {DATA}",
)
FIRST = date(2024, 6, 1)
JMA_NORMAL = 8


@pytest.fixture(scope="module")
def obihiro() -> HourlyWeather:
    """June to September 2016; the hours 1 to 24 of the Japan Meteorological Agency are those that end."""
    normal = pl.when(pl.col("rh_quality") == JMA_NORMAL, pl.col("temp_quality") == JMA_NORMAL)
    rows = pl.read_csv(DATA, try_parse_dates=True).filter(
        pl.col("station") == "obihiro", pl.col("timestamp") <= pl.datetime(2016, 10, 1, 12)
    )
    at = (
        rows["timestamp"].dt.replace_time_zone("Asia/Tokyo").dt.offset_by("-1h").dt.timestamp("us").to_numpy()
    )
    temperature, humidity = (
        rows.select(normal.then(pl.col(name)).cast(pl.Float64)).to_series().to_numpy()
        for name in ("temp_c", "rh_pct")
    )
    return lay_out(at, temperature, humidity, np.zeros(at.size), "Asia/Tokyo")


@field_data
def test_obihiro_2016(obihiro: HourlyWeather) -> None:
    tables, season = risk_tables(), slice(0, 122)
    severity = wallin(obihiro, tables.wallin, date(2016, 6, 1))
    blight = simcast(obihiro, tables.simcast["S"], date(2016, 6, 1))
    assert severity.first_day == date(2016, 6, 1)
    assert severity.value[season].sum() == 159
    assert severity.since == date(2016, 6, 17)
    assert blight.value[season].sum() == 497
    assert (severity.level[season] >= 0).all()
    assert (blight.level[season] >= 0).all()


@field_data
def test_resistant_cultivars_have_fewer_blight_units(obihiro: HourlyWeather) -> None:
    tables = risk_tables().simcast
    units = [simcast(obihiro, tables[name], date(2016, 6, 1)).accumulated[-1] for name in ("S", "MS", "MR")]
    assert units[0] > units[1] > units[2] > 0


def days(humidity: np.ndarray, temperature: float | np.ndarray, rain: float = 0.0) -> HourlyWeather:
    shape = humidity.shape
    return HourlyWeather(
        first_day=FIRST,
        temperature=np.broadcast_to(np.asarray(temperature, np.float64), shape).copy(),
        humidity=humidity,
        rainfall=np.full(shape, rain),
    )


def one_night(hours: int, temperature: float) -> HourlyWeather:
    """Make two days, dry but for some hours from noon of the first."""
    humidity = np.full((2, 24), 50.0)
    humidity.ravel()[12 : 12 + hours] = 90.0
    return days(humidity, temperature)


@pytest.mark.parametrize(
    ("hours", "temperature", "severity"),
    [
        *((15, 7.2, 0), (16, 7.2, 1), (19, 11.6, 2), (22, 11.6, 3), (24, 7.1, 0)),
        *((12, 11.7, 0), (13, 11.7, 1), (16, 15.0, 2), (19, 15.0, 3), (22, 15.0, 4)),
        *((9, 15.1, 0), (10, 15.1, 1), (13, 26.6, 2), (16, 26.6, 3), (19, 26.6, 4), (24, 26.7, 0)),
    ],
)
def test_wallins_table(hours: int, temperature: float, severity: int) -> None:
    assert wallin(one_night(hours, temperature), risk_tables().wallin, FIRST).value[0] == severity


@pytest.mark.parametrize(
    ("resistance", "temperature", "units"),
    [
        # units for spells of 6, 7, 8, 9, 10, 11, 12, 13, 15, 16, 18, 19 and 24 hours
        ("S", 5.0, (0, 0, 0, 0, 1, 1, 1, 2, 2, 3, 3, 4, 4)),
        ("S", 10.0, (0, 1, 2, 2, 3, 4, 4, 5, 5, 6, 6, 6, 6)),
        ("S", 18.0, (0, 5, 5, 5, 6, 6, 6, 7, 7, 7, 7, 7, 7)),
        ("S", 25.0, (0, 1, 1, 1, 2, 2, 2, 3, 3, 4, 4, 5, 5)),
        ("MS", 5.0, (0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1)),
        ("MS", 10.0, (0, 1, 1, 1, 2, 2, 2, 3, 3, 4, 4, 5, 5)),
        ("MS", 18.0, (0, 1, 2, 3, 4, 5, 5, 6, 6, 6, 6, 6, 6)),
        ("MS", 25.0, (0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 2, 2)),
        ("MR", 5.0, (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1)),
        ("MR", 10.0, (0, 0, 0, 0, 1, 1, 1, 2, 2, 3, 3, 3, 3)),
        ("MR", 18.0, (0, 1, 2, 3, 4, 4, 4, 5, 5, 5, 5, 5, 5)),
        ("MR", 25.0, (0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1)),
        ("S", 2.9, (0,) * 13),
        ("S", 27.1, (0,) * 13),
    ],
)
def test_simcasts_table(resistance: str, temperature: float, units: tuple[int, ...]) -> None:
    table = risk_tables().simcast[resistance]
    lengths = (6, 7, 8, 9, 10, 11, 12, 13, 15, 16, 18, 19, 24)
    got = [simcast(one_night(hours, temperature), table, FIRST).value[0] for hours in lengths]
    assert tuple(got) == units


def test_temperatures_between_simcasts_classes_are_rounded() -> None:
    table = risk_tables().simcast["S"]
    got = [simcast(one_night(9, mean), table, FIRST).value[0] for mean in (7.5, 7.6, 12.5, 12.6, 22.5, 22.6)]
    assert got == [0, 2, 2, 5, 5, 1]


def test_wallin_counts_all_wet_hours_and_simcast_each_spell() -> None:
    humidity = np.full((2, 24), 50.0)
    humidity.ravel()[[*range(13, 21), *range(22, 30)]] = 95.0
    weather = days(humidity, 18.0)
    assert wallin(weather, risk_tables().wallin, FIRST).value[0] == 3  # 16 hours
    assert simcast(weather, risk_tables().simcast["S"], FIRST).value[0] == 10  # twice 8


def test_an_hour_without_data_is_not_a_dry_hour() -> None:
    table = risk_tables().wallin
    weather = one_night(10, 18.0)
    weather.humidity[0, 21] = np.nan  # 9 or 10 hours: 0 or 1
    assert np.isnan(wallin(weather, table, FIRST).value[0])
    assert wallin(weather, table, FIRST).words()[0] == "unknown"
    weather.humidity[0, 22] = 95.0  # 10 or 11 hours, which is the same
    got = wallin(weather, table, FIRST)
    assert got.value[0] == 1
    assert got.coverage[0] == pytest.approx(23 / 24)


def test_a_gap_may_join_two_spells() -> None:
    weather = one_night(14, 18.0)
    weather.humidity[0, 19] = np.nan  # 7 and 6 hours, or 14
    assert np.isnan(simcast(weather, risk_tables().simcast["S"], FIRST).value[0])


def test_a_day_with_too_few_hours_is_unknown_even_if_it_is_too_cold_for_blight() -> None:
    weather = one_night(0, 1.0)
    weather.humidity.ravel()[12:26] = np.nan
    assert np.isnan(wallin(weather, risk_tables().wallin, FIRST).value[0])


def test_a_day_that_is_not_over_is_unknown() -> None:
    got = wallin(one_night(24, 18.0), risk_tables().wallin, FIRST)
    assert got.words() == ["high", "unknown"]
    assert got.accumulated.tolist() == [4.0, 4.0]


def test_blight_units_begin_anew_after_a_fungicide() -> None:
    weather = days(np.full((9, 24), 95.0), 18.0)
    table = risk_tables().simcast["S"]
    sprayed = FIRST + timedelta(days=4)
    assert simcast(weather, table, FIRST).since == sprayed
    again = simcast(weather, table, FIRST, [sprayed])
    assert again.accumulated[:8].tolist() == [7.0, 14.0, 21.0, 28.0, 35.0, 7.0, 14.0, 21.0]
    assert simcast(weather, table, FIRST + timedelta(days=2)).accumulated[:4].tolist()[2:] == [7.0, 14.0]


def test_hyre_needs_ten_favourable_days_in_a_row() -> None:
    weather = days(np.full((30, 24), 80.0), 15.0, rain=0.2)  # 48 mm in ten days
    got = hyre(weather, FIRST)
    assert np.isnan(got.value[:9]).all()
    assert (got.value[9:] == 1.0).all()
    assert got.since == FIRST + timedelta(days=18)
    assert got.words()[17:19] == ["low", "high"]


@pytest.mark.parametrize(
    ("temperature", "rain", "value"),
    [(25.4, 0.125, 1.0), (25.5, 0.125, 0.0), (7.2, 0.125, 1.0), (7.1, 0.125, 0.0), (15.0, 0.124, 0.0)],
)
def test_hyres_bounds(temperature: float, rain: float, value: float) -> None:
    got = hyre(days(np.full((10, 24), 80.0), temperature, rain=rain), FIRST)
    assert got.value[9] == value


def test_one_condition_known_to_fail_is_enough_for_hyre() -> None:
    weather = days(np.full((10, 24), 80.0), 5.0, rain=np.nan)
    assert hyre(weather, FIRST).words() == ["none"] * 10
    assert hyre(days(np.full((10, 24), 80.0), 15.0, rain=np.nan), FIRST).words() == ["unknown"] * 10


@pytest.mark.parametrize(("wet", "minimum", "value"), [(6, 10.0, 1.0), (5, 10.0, 0.0), (6, 9.9, 0.0)])
def test_huttons_bounds(wet: int, minimum: float, value: float) -> None:
    humidity = np.full((2, 24), 60.0)
    humidity[:, :wet] = 90.0
    temperature = np.full((2, 24), 15.0)
    temperature[:, 3] = minimum
    got = hutton(days(humidity, temperature), FIRST)
    assert got.value.tolist() == [value, value]
    assert got.words() == (["low", "high"] if value else ["none", "none"])
    assert got.since == (FIRST + timedelta(days=1) if value else None)


def test_hutton_with_hours_missing() -> None:
    humidity = np.full((1, 24), 60.0)
    humidity[0, :5], humidity[0, 5] = 95.0, np.nan
    assert hutton(days(humidity, 15.0), FIRST).words() == ["unknown"]
    assert hutton(days(humidity, 9.0), FIRST).words() == ["none"]
    humidity[0, 6] = 95.0
    assert hutton(days(humidity, 15.0), FIRST).words() == ["low"]
