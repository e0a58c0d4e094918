"""Frost and heat by stage."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from analytics.farm.risks.hours import HourlyWeather
from analytics.farm.risks.temperature import frost, heat, limits_by_day
from analytics.library import risk_tables

FIRST = date(2024, 5, 1)


def weather_of(temperature: np.ndarray) -> HourlyWeather:
    nothing = np.full(temperature.shape, np.nan)
    return HourlyWeather(first_day=FIRST, temperature=temperature, humidity=nothing, rainfall=nothing)


def day_after(day: int) -> date:
    return FIRST + timedelta(days=day)


def test_limits_follow_the_stages() -> None:
    stages = {21: day_after(-200), 31: day_after(2), 55: day_after(4), 65: day_after(5), 89: day_after(50)}
    limit, hours = limits_by_day(weather_of(np.zeros((7, 24))), risk_tables().frost["wheat"], stages)
    assert np.isnan(limit[:2]).all()
    assert limit[2:].tolist() == [-4.0, -4.0, -1.0, -1.0, -1.0]
    assert hours[2:].tolist() == [2] * 5


def test_a_hardened_crop_under_snow_is_not_alarmed_over() -> None:
    limits, cold = risk_tables().frost["wheat"], weather_of(np.full((3, 24), -20.0))
    got = frost(cold, limits, {21: FIRST, 31: day_after(2)})
    assert got.first_day == day_after(2)
    assert got.words() == ["high"]
    assert got.accumulated.tolist() == [24.0]
    winter = frost(cold, limits, {21: FIRST})
    assert winter.days == 0
    assert winter.threshold is None


def test_four_hours_without_data_may_hide_the_minimum() -> None:
    temperature = np.full((2, 24), 8.0)
    temperature[0, 3:6] = temperature[1, 3:7] = np.nan
    got = frost(weather_of(temperature), risk_tables().frost["potato"], {9: FIRST})
    assert got.words() == ["none", "unknown"]


def test_before_the_first_stage_with_a_limit_there_is_none() -> None:
    limit, _ = limits_by_day(weather_of(np.zeros((2, 24))), risk_tables().frost["potato"], {9: day_after(1)})
    assert np.isnan(limit[0])
    assert limit[1] == -2.0


@pytest.mark.parametrize(
    ("coldest", "hours", "afternoon", "level"),
    [
        (-1.0, 2, 5.0, "high"),
        (-1.0, 1, 5.0, "moderate"),
        (1.9, 1, 12.0, "moderate"),
        (1.9, 1, 8.0, "low"),
        (2.1, 1, 20.0, "none"),
    ],
)
def test_frost_at_flowering_of_wheat(coldest: float, hours: int, afternoon: float, level: str) -> None:
    temperature = np.full((2, 24), 5.0)
    temperature[0, 14] = afternoon
    temperature[1, 4 : 4 + hours] = coldest
    got = frost(weather_of(temperature), risk_tables().frost["wheat"], {65: FIRST})
    assert got.words()[1] == level
    assert got.value[1] == coldest
    assert got.accumulated[1] == (hours if coldest <= -1.0 else 0)
    assert got.threshold == -1.0


def test_a_night_without_data_is_unknown_unless_it_is_known_to_be_cold_enough() -> None:
    temperature = np.full((2, 24), 12.0)
    temperature[:, :8] = np.nan
    temperature[1, 7] = -3.0
    got = frost(weather_of(temperature), risk_tables().frost["potato"], {9: FIRST})
    assert got.words() == ["unknown", "high"]
    assert np.isnan(got.value[0])
    assert got.value[1] == -3.0


@pytest.mark.parametrize(("hours", "level"), [(0, "none"), (1, "low"), (3, "moderate"), (6, "high")])
def test_heat_by_its_hours(hours: int, level: str) -> None:
    temperature = np.full((1, 24), 31.0)
    temperature[0, 10 : 10 + hours] = 31.1
    got = heat(weather_of(temperature), risk_tables().heat["wheat"], {65: FIRST})
    assert got.words() == [level]
    assert got.value.tolist() == got.accumulated.tolist() == [hours]


def test_heat_with_hours_missing() -> None:
    temperature = np.full((2, 24), 35.0)
    temperature[0, 4:] = np.nan
    temperature[1, 6:] = np.nan
    got = heat(weather_of(temperature), risk_tables().heat["potato"], {9: FIRST})
    assert got.words() == ["unknown", "high"]
