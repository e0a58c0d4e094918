"""The weather keeps to Tokachi's normals, and to itself."""

from __future__ import annotations

import numpy as np
import pytest

from devices.simulator.normals import HUMIDITY, MAXIMUM, MEAN, MINIMUM, PRECIPITATION_MM, interpolate_year
from devices.simulator.weather import (
    DAY_S,
    DEPTHS_CM,
    JST_S,
    STEP_S,
    STEPS_A_DAY,
    Weather,
    _start_of,
    daily_extremes,
    redden,
    simulate,
)

SEEDS = range(12)
START, END = _start_of(2023), _start_of(2024)


@pytest.fixture(scope="module")
def years() -> list[Weather]:
    return [simulate(START, END, seed) for seed in SEEDS]


def months() -> np.ndarray:
    days = np.arange(START, END, DAY_S) + JST_S
    return days.astype("datetime64[s]").astype("datetime64[M]").astype(int) % 12


def by_month(days: np.ndarray) -> np.ndarray:
    """Mean over the days of each month; `days` is float64[years, days]."""
    return np.array([days[:, months() == month].mean() for month in range(12)])


def daily(years: list[Weather], name: str) -> np.ndarray:
    return np.array([getattr(year, name).reshape(-1, STEPS_A_DAY) for year in years])


def test_temperatures_keep_to_the_normals(years: list[Weather]) -> None:
    air = daily(years, "air_temperature")
    assert by_month(air.mean(2)) == pytest.approx(MEAN, abs=1.5)
    assert by_month(air.max(2)) == pytest.approx(MAXIMUM, abs=2.0)
    assert by_month(air.min(2)) == pytest.approx(MINIMUM, abs=2.0)
    assert air.mean() == pytest.approx(7.2, abs=0.4)


def test_extremes_of_past_years_are_those_of_the_same_sky(years: list[Weather]) -> None:
    air = daily(years, "air_temperature")
    for seed in SEEDS[:2]:
        lowest, highest = daily_extremes(2023, seed)
        assert np.array_equal(lowest, air[seed].min(1))
        assert np.array_equal(highest, air[seed].max(1))


def test_rain_and_humidity_keep_to_the_normals(years: list[Weather]) -> None:
    rain = daily(years, "rainfall").sum(2)
    assert rain.sum(1).mean() == pytest.approx(PRECIPITATION_MM.sum(), rel=0.15)
    summer, winter = ([np.isin(months(), chosen)] for chosen in ((6, 7, 8), (0, 1, 2)))
    assert rain[:, *summer].mean() > 2 * rain[:, *winter].mean()
    assert 70 < (rain >= 1).sum(1).mean() < 140
    assert by_month(daily(years, "relative_humidity").mean(2)) == pytest.approx(HUMIDITY, abs=5)


def test_radiation_follows_the_sun(years: list[Weather]) -> None:
    sun = daily(years, "global_radiation")
    assert sun.min() == 0
    assert sun.max() < 1150
    assert np.all(sun[:, :, :18] == 0), "dark until three in the morning"
    a_day = by_month(sun.sum(2) * STEP_S / 1e6)
    assert 14 < a_day[5] < 21, "MJ/m2 in June"
    assert 4.5 < a_day[11] < 8.5, "MJ/m2 in December"


def test_a_day_has_its_course(years: list[Weather]) -> None:
    course = daily(years, "air_temperature").mean((0, 1))
    assert 12 <= np.argmax(course) / 6 <= 15
    assert 2 <= np.argmin(course) / 6 <= 6
    humidity = daily(years, "relative_humidity").mean((0, 1))
    assert humidity[30] > humidity[84] + 8


def test_the_soil_follows_damped_and_late(years: list[Weather]) -> None:
    for year in years:
        swings = [np.ptp(year.soil_temperature[depth]) for depth in DEPTHS_CM]
        assert swings == sorted(swings, reverse=True)
        summer = slice(STEPS_A_DAY * 180, STEPS_A_DAY * 240)
        course = [
            year.soil_temperature[depth][summer].reshape(-1, STEPS_A_DAY).mean(0).argmax()
            for depth in (5, 20)
        ]
        assert course[1] - course[0] > 12, "two hours later at 20 cm than at 5"
        assert all(year.soil_temperature[depth].min() > -8 for depth in DEPTHS_CM)


def test_soil_water_rises_with_rain_and_falls_without(years: list[Weather]) -> None:
    for year in years:
        water = year.soil_water_content[10]
        assert water.min() >= 0.14
        assert water.max() <= 0.46
        change, rain = np.diff(water), year.rainfall[1:]
        assert change[rain > 1].mean() > 0
        dry = np.convolve(year.rainfall, np.ones(STEPS_A_DAY), "same")[1:] == 0
        assert change[dry].mean() < 0


def test_an_instant_has_one_weather_whatever_window_is_asked_for() -> None:
    whole = simulate(START - 3 * DAY_S, START + 3 * DAY_S, 5)
    part = simulate(START + 7 * STEP_S, START + 9 * STEP_S, 5)
    offset = 3 * STEPS_A_DAY + 7
    assert part.at_s.tolist() == whole.at_s[offset : offset + 2].tolist()
    assert np.array_equal(part.air_temperature, whole.air_temperature[offset : offset + 2])
    assert np.array_equal(part.soil_water_content[20], whole.soil_water_content[20][offset : offset + 2])
    assert simulate(START, START, 5).at_s.size == 0
    assert not np.array_equal(simulate(START, START + DAY_S, 6).air_temperature, part.air_temperature)


def test_the_turn_of_the_year_is_no_step() -> None:
    turn = simulate(START - DAY_S, START + DAY_S, 5)
    assert abs(np.diff(turn.air_temperature)[STEPS_A_DAY - 1]) < 1
    assert abs(np.diff(turn.soil_temperature[50])[STEPS_A_DAY - 1]) < 0.2
    assert abs(np.diff(turn.soil_water_content[10])[STEPS_A_DAY - 1]) < 0.02


def test_red_noise_has_unit_variance_and_its_memory() -> None:
    red = redden(np.random.default_rng(1).standard_normal(200_000), 50)
    assert red.std() == pytest.approx(1, abs=0.05)
    assert np.corrcoef(red[:-50], red[50:])[0, 1] == pytest.approx(np.exp(-1), abs=0.05)


def test_the_course_of_the_year_has_the_months_it_was_given() -> None:
    fine = interpolate_year(MEAN, (np.arange(12_000) + 0.5) / 12_000)
    assert fine.reshape(12, -1).mean(1) == pytest.approx(MEAN, abs=0.8)
