"""Fusarium head blight: the equation by hand, its window, and missing humidity."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from analytics.farm.risks.fusarium import fusarium
from analytics.farm.risks.hours import HourlyWeather

FIRST = date(2024, 6, 1)


def weather_of(humidity: np.ndarray) -> HourlyWeather:
    nothing = np.full(humidity.shape, np.nan)
    return HourlyWeather(first_day=FIRST, temperature=nothing, humidity=humidity, rainfall=nothing)


@pytest.mark.parametrize(
    ("resistance", "humidity", "probability", "level"),
    # 1 / (1 + exp(3.6433 - r - 0.05146 RH)) worked by hand
    [
        ("VS", 60.0, 0.3645, "high"),
        ("S", 75.0, 0.3517, "high"),
        ("MS", 80.0, 0.2675, "moderate"),
        ("MR", 80.0, 0.2019, "low"),
    ],
)
def test_the_equation(resistance: str, humidity: float, probability: float, level: str) -> None:
    got = fusarium(weather_of(np.full((30, 24), humidity)), FIRST + timedelta(days=14), resistance)
    assert got.value[7] == pytest.approx(probability, abs=1e-4)
    assert got.words()[7] == level


def test_a_week_around_flowering_as_far_as_there_is_weather() -> None:
    got = fusarium(weather_of(np.full((20, 24), 80.0)), FIRST + timedelta(days=15))
    assert got.first_day == FIRST + timedelta(days=8)
    assert got.days == 12
    assert fusarium(weather_of(np.full((20, 24), 80.0)), FIRST + timedelta(days=40)).days == 0
    assert fusarium(weather_of(np.full((20, 24), 80.0)), FIRST - timedelta(days=40)).days == 0


def test_only_the_fourteen_days_before_count() -> None:
    humidity = np.full((30, 24), 50.0)
    humidity[1:15] = 90.0
    got = fusarium(weather_of(humidity), FIRST + timedelta(days=15))
    assert int(np.nanargmax(got.value)) == 7


def test_missing_humidity() -> None:
    humidity = np.full((30, 24), 80.0)
    humidity[3:6] = np.nan
    got = fusarium(weather_of(humidity), FIRST + timedelta(days=16))
    assert got.words()[7] == "unknown"
    assert got.coverage[7] == pytest.approx(11 / 14)
    assert got.words()[-1] != "unknown"
