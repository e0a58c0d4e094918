"""All risks of a planting, by crop, from emergence to ripeness."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from analytics.farm.risks.registry import evaluate
from analytics.library import risk_tables

if TYPE_CHECKING:
    from analytics.farm.risks.model import RiskSeries

BEGIN = datetime(2024, 4, 30, 15, tzinfo=UTC)  # midnight of 1 May in Japan
DAYS = 120
TEMPERATURE_RISKS = {"frost", "heat"}
BLIGHT_RISKS = {f"late_blight_{name}" for name in ("wallin", "simcast", "hyre", "hutton", "flabs")}


def season() -> tuple[np.ndarray, ...]:
    hour = np.arange(24 * DAYS)
    at = int(BEGIN.timestamp() * 1_000_000) + 3_600_000_000 * hour
    temperature = 16.0 - 6.0 * np.cos(2 * np.pi * (hour - 3) / 24)
    humidity = 80.0 + 15.0 * np.cos(2 * np.pi * (hour - 3) / 24)
    return at, temperature, humidity, np.full(hour.size, 0.1)


def risks_of(crop: str, stages: dict[int, date], **more: Any) -> dict[str, RiskSeries]:
    found = evaluate(crop, *season(), timezone="Asia/Tokyo", stages=stages, tables=risk_tables(), **more)
    return {series.risk: series for series in found}


@pytest.mark.parametrize(
    ("crop", "stages", "risks"),
    [
        ("potato", {9: date(2024, 5, 20)}, TEMPERATURE_RISKS | BLIGHT_RISKS),
        (
            "wheat",
            {31: date(2024, 4, 20), 65: date(2024, 6, 10)},
            TEMPERATURE_RISKS | {"fusarium_head_blight"},
        ),
        ("wheat", {31: date(2024, 4, 20)}, {"frost"}),
        ("garlic", {9: date(2024, 4, 1)}, {"heat"}),
        ("garlic", {9: date(2024, 4, 1), 41: date(2024, 5, 20)}, TEMPERATURE_RISKS),
        ("carrot", {9: date(2024, 5, 20)}, TEMPERATURE_RISKS),
        ("carrot", {}, set()),
        ("rice", {9: date(2024, 5, 20)}, set()),
    ],
)
def test_which_risks_a_crop_has(crop: str, stages: dict[int, date], risks: set[str]) -> None:
    assert set(risks_of(crop, stages)) == risks


def test_days_are_those_from_emergence_to_ripeness() -> None:
    got = risks_of("potato", {9: date(2024, 5, 20), 91: date(2024, 8, 10)})
    assert {(series.first_day, series.days) for series in got.values()} == {(date(2024, 5, 20), 83)}
    for series in got.values():
        lengths = {len(each) for each in (series.value, series.coverage, series.level, series.accumulated)}
        assert lengths | {len(series.reached), len(series.words()), len(series.reasons())} == {83}


def test_without_a_date_of_emergence_late_blight_is_not_known() -> None:
    got = risks_of("potato", {})
    assert set(got) == BLIGHT_RISKS
    assert {tuple(set(series.reasons())) for series in got.values()} == {("stage_missing",)}
    assert {tuple(set(series.words())) for series in got.values()} == {("unknown",)}
    assert all(np.isnan(series.value).all() and series.since is None for series in got.values())


def test_cultivars_and_fungicides_matter() -> None:
    stages = {9: date(2024, 5, 20), 65: date(2024, 6, 10)}
    plain, hardy, sprayed = (
        risks_of("potato", stages, **more)["late_blight_simcast"]
        for more in ({}, {"blight_resistance": "MR"}, {"sprayed": [date(2024, 6, 1)]})
    )
    assert plain.threshold == 30.0
    assert hardy.threshold == 40.0
    assert hardy.accumulated[-1] < plain.accumulated[-1]
    assert sprayed.accumulated[-1] < plain.accumulated[-1]
    scab = [
        risks_of("wheat", stages, scab_resistance=name)["fusarium_head_blight"].value[7]
        for name in ("VS", "S", "MS", "MR")
    ]
    assert scab == sorted(scab, reverse=True)


def test_every_reason_has_its_sentence() -> None:
    stages = {9: date(2024, 5, 20), 31: date(2024, 5, 20), 65: date(2024, 6, 10)}
    reasons = risk_tables().reasons
    for crop in ("wheat", "potato", "garlic", "carrot"):
        for series in risks_of(crop, stages).values():
            assert set(series.reasons()) <= set(reasons)


def test_without_weather_there_is_nothing_to_say() -> None:
    none = np.empty(0)
    got = evaluate(
        "potato",
        none.astype(np.int64),
        none,
        none,
        none,
        timezone="Asia/Tokyo",
        stages={9: date(2024, 5, 20)},
        tables=risk_tables(),
    )
    assert got == []


def test_a_season_takes_some_milliseconds() -> None:
    stages = {9: date(2024, 5, 20)}
    risks_of("potato", stages)
    took = []
    for _ in range(5):
        begin = time.process_time()
        risks_of("potato", stages)
        took.append(time.process_time() - begin)
    assert min(took) <= 0.02
