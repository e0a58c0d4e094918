"""FLABS says that its table is missing, and computes with one that is put in."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np

from analytics.farm.risks.flabs import FlabsRow, flabs
from analytics.farm.risks.hours import HourlyWeather
from analytics.library import risk_tables

FIRST = date(2024, 6, 1)
# Invented for the test: it is not FLABS's.
ROWS = (
    FlabsRow(index=3, ranges={"mean_c": (15.0, 20.0), "rain_5d_mm": (10.0, 1000.0)}),
    FlabsRow(index=1, ranges={"maximum_c": (15.0, 25.0), "minimum_c": (5.0, 20.0)}),
)


def weather_of(temperature: float, rain: float, days: int = 20) -> HourlyWeather:
    shape = (days, 24)
    return HourlyWeather(
        first_day=FIRST,
        temperature=np.full(shape, temperature),
        humidity=np.full(shape, np.nan),
        rainfall=np.full(shape, rain),
    )


def test_no_table_is_shipped_and_the_result_says_so() -> None:
    tables = risk_tables()
    assert tables.flabs is None
    got = flabs(weather_of(16.0, 1.0), tables.flabs, FIRST)
    assert got.words() == ["unknown"] * 20
    assert np.isnan(got.value).all()
    assert np.isnan(got.accumulated).all()
    assert got.since is None
    assert "table" in tables.reasons[got.reasons()[0]].en
    assert "表" in tables.reasons[got.reasons()[0]].ja


def test_rows_are_tried_in_order_and_five_days_of_rain_are_needed() -> None:
    got = flabs(weather_of(16.0, 0.1), ROWS, FIRST)
    assert np.isnan(got.value[:4]).all()
    assert got.value[4:].tolist() == [3.0] * 16
    assert flabs(weather_of(16.0, 0.01), ROWS, FIRST).value[4:].tolist() == [1.0] * 16
    assert flabs(weather_of(2.0, 0.1), ROWS, FIRST).value[4:].tolist() == [0.0] * 16


def test_reaching_the_sum_before_mid_june_gives_no_date() -> None:
    early = flabs(weather_of(16.0, 0.1), ROWS, FIRST)
    assert early.since == FIRST + timedelta(days=10)
    assert set(early.reasons()) == {"late_blight_flabs.reached_early"}
    late = flabs(weather_of(16.0, 0.1), ROWS, FIRST + timedelta(days=9))
    assert late.since == FIRST + timedelta(days=15)
    assert late.reasons()[14:16] == ["late_blight_flabs.high", "late_blight_flabs.reached"]
