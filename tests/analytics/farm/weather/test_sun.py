"""The sun against NREL's algorithm as pvlib has it: within a minute up to 66 degrees north and south."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from analytics.farm.weather.sun import (
    CIVIL_TWILIGHT_DEG,
    SUNSET_DEG,
    WOFOST_DEG,
    daylength_h,
    extraterrestrial_radiation,
    sunrise_and_sunset,
)
from analytics.farm.weather.sun_position import DELTA_T_S

if TYPE_CHECKING:
    from types import ModuleType

DAYS = np.arange("2000-01-01", "2031-01-01", 3, "datetime64[D]")
PARALLAX_DEG = 8.794 / 3_600
"""By which the sun is lower from the ground than from the earth's centre."""


@pytest.fixture(scope="module")
def spa() -> ModuleType:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pvlib import spa
    return spa


def seconds(instants: np.ndarray) -> np.ndarray:
    return instants.astype("datetime64[us]").astype(np.int64) / 1e6


@pytest.mark.parametrize("latitude", [-65.0, -45.0, -25.0, 0.0, 25.0, 35.0, 43.2, 50.0, 60.0, 65.0])
def test_daylength_is_spas_within_a_minute(spa: ModuleType, latitude: float) -> None:
    _, rise, set_ = spa.transit_sunrise_sunset(seconds(DAYS), latitude, 0.0, DELTA_T_S, 1)
    minutes = (daylength_h(latitude, DAYS) - (set_ - rise) / 3_600) * 60
    assert np.isfinite(minutes).all()
    assert np.abs(minutes).max() < 0.15  # measured: 0.07 at 65 degrees, 0.005 at 43


@pytest.mark.parametrize("latitude", [-66.0, -43.0, 25.0, 43.2, 60.0, 66.0])
@pytest.mark.parametrize("altitude", [SUNSET_DEG, WOFOST_DEG, CIVIL_TWILIGHT_DEG])
def test_at_our_sunset_spas_sun_stands_where_it_should(
    spa: ModuleType, latitude: float, altitude: float
) -> None:
    # Also where pvlib's own sunset fails, in the weeks around a grazing midsummer sun.
    days = DAYS[::5]
    for instants in sunrise_and_sunset(latitude, 143.2, days, altitude):
        there = ~np.isnat(instants)
        assert there.sum() > 200
        now, later = (elevation(spa, instants[there], latitude, after_s) for after_s in (0.0, 60.0))
        off_s = 60.0 * np.abs((now + PARALLAX_DEG - altitude) / (later - now))
        assert off_s.max() < 60.0
        assert np.median(off_s) < 1.0


def elevation(spa: ModuleType, instants: np.ndarray, latitude: float, after_s: float) -> Any:
    where: dict[str, Any] = {"lat": latitude, "lon": 143.2, "elev": 0.0, "pressure": 1013.0, "temp": 12.0}
    return spa.solar_position(
        seconds(instants) + after_s, **where, delta_t=DELTA_T_S, atmos_refract=0.5667, numthreads=1
    )[3]


def test_polar_day_and_night() -> None:
    days = np.array(["2024-06-21", "2024-12-21"], "datetime64[D]")
    assert daylength_h([80.0, -80.0, 90.0], days).tolist() == [[24.0, 0.0], [0.0, 24.0], [24.0, 0.0]]
    assert np.isnat(np.stack(sunrise_and_sunset([80.0, -80.0], 0.0, days))).all()


def test_the_day_grows_without_leaps_into_polar_day() -> None:
    days = np.arange("2024-04-01", "2024-09-10", dtype="datetime64[D]")
    length = daylength_h(np.array([66.5, 68.0, 70.0]), days, longitude=25.0)
    assert (length <= 24.0).all()
    before = length[:, days < np.datetime64("2024-06-20")]
    assert (np.diff(before) >= 0.0).all()
    assert (before[:, -1] == 24.0).all()


def test_places_and_days_span_a_table() -> None:
    latitudes, longitudes = np.array([[25.0], [43.0]]), np.array([130.0, 140.0, 150.0])
    got = daylength_h(latitudes, DAYS[:7], longitude=longitudes)
    assert got.shape == (2, 3, 7)
    assert got[1, 2] == pytest.approx(daylength_h(43.0, DAYS[:7], longitude=150.0))
    assert daylength_h(43.0, DAYS[:7]).shape == (7,)


def test_sunrise_belongs_to_the_local_day() -> None:
    rise, set_ = sunrise_and_sunset(43.2, [143.2, -143.2], np.array(["2024-03-20"], "datetime64[D]"))
    noon = np.datetime64("2024-03-20T12:00") - np.array([1, -1]) * np.timedelta64(round(143.2 * 240), "s")
    assert (rise[:, 0] < noon).all()
    assert (set_[:, 0] > noon).all()
    assert ((set_ - rise)[:, 0] < np.timedelta64(13, "h")).all()


def test_an_unknown_latitude_is_an_unknown_day() -> None:
    assert np.isnan(daylength_h(np.nan, DAYS[:3])).all()


@pytest.mark.parametrize(
    ("latitude", "day", "radiation"),
    [(-20.0, 246, 32.2), (-22.9, 135, 25.1), (50.8, 187, 41.09), (80.0, 1, 0.0)],
)
def test_radiation_above_the_atmosphere_is_faos(latitude: float, day: int, radiation: float) -> None:
    assert extraterrestrial_radiation(latitude, day) == pytest.approx(radiation, abs=0.05)
