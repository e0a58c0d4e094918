"""ET0: FAO-56's examples, pyet to a millionth of a millimetre, and fall-backs that are told."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pytest

from analytics.farm.weather.evapotranspiration import (
    DayWeather,
    HumiditySource,
    RadiationSource,
    WindSource,
    reference_evapotranspiration,
    wind_at_2m,
)
from analytics.farm.weather.radiation import radiation_from_temperature

if TYPE_CHECKING:
    from types import ModuleType

DATA = Path(__file__).parents[5] / "shared/data/weather_debilt/debilt.csv"
DE_BILT = {"latitude": 52.1, "elevation_m": 4.0}
UCCLE = {"latitude": 50.8, "elevation_m": 100.0}
DAY = np.array(["2023-07-06"], "datetime64[D]")
field_data = pytest.mark.skipif(
    not DATA.exists() and "CI" not in os.environ,  # in CI its absence is a failure
    reason=f"no field data in {DATA}",
)


@pytest.fixture(scope="module")
def pyet() -> ModuleType:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pyet
    return pyet


@pytest.fixture(scope="module")
def debilt() -> pl.DataFrame:
    return pl.read_csv(DATA, try_parse_dates=True)


def days_of(frame: pl.DataFrame) -> np.ndarray:
    return frame["date"].to_numpy().astype("datetime64[D]")


def weather_of(frame: pl.DataFrame, **columns: str) -> DayWeather:
    wind = wind_at_2m(frame["wind10_m_s"].to_numpy(), 10.0)
    given: dict[str, Any] = {name: frame[column].to_numpy() for name, column in columns.items()}
    return DayWeather(
        minimum=frame["tmin_c"].to_numpy(), maximum=frame["tmax_c"].to_numpy(), wind=wind, **given
    )


def pyets(pyet: ModuleType, frame: pl.DataFrame, **options: Any) -> np.ndarray:
    import pandas as pd

    index = pd.DatetimeIndex(frame["date"].to_numpy())
    low, high = (pd.Series(frame[name].to_numpy(), index) for name in ("tmin_c", "tmax_c"))
    wind = pd.Series(wind_at_2m(frame["wind10_m_s"].to_numpy(), 10.0), index)
    series = {name: pd.Series(value, index) for name, value in options.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        got = pyet.pm_fao56(
            (low + high) / 2,  # FAO-56 defines the mean so; pyet takes any
            wind,
            tmax=high,
            tmin=low,
            elevation=DE_BILT["elevation_m"],
            lat=np.radians(DE_BILT["latitude"]),
            **series,
        )
    return np.asarray(got, np.float64)


@field_data
@pytest.mark.parametrize("humidity", ["measured", "from the minimum"])
def test_forty_years_of_de_bilt_are_pyets(pyet: ModuleType, debilt: pl.DataFrame, humidity: str) -> None:
    columns = {"radiation": "srad_mj_m2"} | ({"mean_humidity": "rh_pct"} if humidity == "measured" else {})
    options = {"rs": debilt["srad_mj_m2"].to_numpy()}
    if humidity == "measured":
        options["rh"] = debilt["rh_pct"].to_numpy()
    got = reference_evapotranspiration(weather_of(debilt, **columns), days_of(debilt), **DE_BILT)
    assert np.abs(got.et0 - pyets(pyet, debilt, **options)).max() < 1e-6
    source = HumiditySource.MEAN if humidity == "measured" else HumiditySource.MINIMUM_TEMPERATURE
    assert (got.humidity_source == source).all()
    assert (got.radiation_source == RadiationSource.MEASURED).all()
    assert len(got.et0) == 14_610


@field_data
def test_sunshine_and_extremes_of_humidity_are_pyets(pyet: ModuleType, debilt: pl.DataFrame) -> None:
    frame = debilt.with_columns(
        least=pl.col("rh_pct") * 0.8, greatest=pl.min_horizontal(pl.col("rh_pct") * 1.15, pl.lit(100.0))
    )
    weather = weather_of(frame, sunshine="sunshine_h", least_humidity="least", greatest_humidity="greatest")
    got = reference_evapotranspiration(weather, days_of(frame), **DE_BILT)
    theirs = pyets(
        pyet,
        frame,
        n=frame["sunshine_h"].to_numpy(),
        rhmin=frame["least"].to_numpy(),
        rhmax=frame["greatest"].to_numpy(),
    )
    assert np.abs(got.et0 - theirs).max() < 1e-6
    assert (got.radiation_source == RadiationSource.SUNSHINE).all()
    assert (got.humidity_source == HumiditySource.EXTREMES).all()


@field_data
def test_the_estimated_year_is_near_the_measured_one(debilt: pl.DataFrame) -> None:
    measured = reference_evapotranspiration(
        weather_of(debilt, radiation="srad_mj_m2", mean_humidity="rh_pct"), days_of(debilt), **DE_BILT
    )
    guessed = reference_evapotranspiration(
        DayWeather(minimum=debilt["tmin_c"].to_numpy(), maximum=debilt["tmax_c"].to_numpy()),
        days_of(debilt),
        **DE_BILT,
    )
    assert (guessed.radiation_source == RadiationSource.TEMPERATURE).all()
    assert (guessed.wind_source == WindSource.WORLD_MEAN).all()
    assert np.corrcoef(measured.et0, guessed.et0)[0, 1] > 0.9
    assert guessed.et0.mean() == pytest.approx(measured.et0.mean(), rel=0.15)


def test_each_day_uses_the_best_it_has() -> None:
    nan = np.nan
    weather = DayWeather(
        minimum=np.array([12.0, 12.0, 12.0, 12.0, nan]),
        maximum=np.array([21.0, 21.0, 21.0, 21.0, 21.0]),
        radiation=np.array([22.0, nan, nan, nan, 22.0]),
        sunshine=np.array([9.0, 9.0, nan, nan, 9.0]),
        dew_point=np.array([11.0, nan, nan, nan, nan]),
        least_humidity=np.array([60.0, 60.0, nan, nan, nan]),
        greatest_humidity=np.array([85.0, 85.0, 85.0, nan, nan]),
        mean_humidity=np.array([70.0, 70.0, 70.0, 70.0, nan]),
        wind=np.array([3.0, 3.0, nan, 3.0, 3.0]),
    )
    got = reference_evapotranspiration(weather, np.repeat(DAY, 5), **UCCLE)
    assert got.radiation_source.tolist() == [0, 1, 2, 2, 0]
    assert [HumiditySource(code).name for code in got.humidity_source] == [
        "DEW_POINT",
        "EXTREMES",
        "GREATEST",
        "MEAN",
        "MISSING",
    ]
    assert got.wind_source.tolist() == [0, 0, 1, 0, 0]
    assert np.isfinite(got.et0).tolist() == [True, True, True, True, False]
    assert ((got.et0[:4] > 2.5) & (got.et0[:4] < 5.0)).all()


def test_it_never_evaporates_backwards() -> None:
    cold = DayWeather(
        minimum=np.array([-20.0]),
        maximum=np.array([-15.0]),
        radiation=np.array([0.2]),
        mean_humidity=np.array([100.0]),
        wind=np.array([0.5]),
    )
    winter = np.array(["2023-12-21"], "datetime64[D]")
    got = reference_evapotranspiration(cold, winter, latitude=66.0, elevation_m=0.0)
    assert got.et0.tolist() == [0.0]


def test_polar_night_has_a_value() -> None:
    night = DayWeather(minimum=np.array([-10.0]), maximum=np.array([-5.0]), radiation=np.array([0.0]))
    got = reference_evapotranspiration(
        night, np.array(["2023-12-21"], "datetime64[D]"), latitude=80.0, elevation_m=0.0
    )
    assert np.isfinite(got.et0).all()


def test_radiation_from_temperature_knows_the_coast_and_its_bounds() -> None:
    inland, coast = (
        radiation_from_temperature(10.0, 20.0, 40.0, coastal=coastal) for coastal in (False, True)
    )
    assert coast / inland == pytest.approx(0.19 / 0.16)
    assert radiation_from_temperature(0.0, 40.0, 40.0) == pytest.approx(0.75 * 40.0)
    assert radiation_from_temperature(20.0, 10.0, 40.0) == 0.0
