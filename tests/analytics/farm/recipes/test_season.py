"""Days, light, windows and stages of a planting's hours."""

from __future__ import annotations

from datetime import UTC, date, datetime

import numpy as np
import pytest

from analytics.farm.errors import RecipeError
from analytics.farm.recipes.model import Channel
from analytics.farm.recipes.season import US_PER_H, observe, season, stage_of_hours
from tests.analytics.farm.recipes.kitchen import AIR, hours_of, stage

NAN = float("nan")


def us(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000


def test_days_are_those_of_the_site() -> None:
    tokyo = season({"air_temperature": np.zeros(30)}, first=us("2026-05-31T14:00"), timezone="Asia/Tokyo")
    first = (date(2026, 5, 31) - date(1970, 1, 1)).days
    assert tokyo.day.tolist() == [first] + [first + 1] * 24 + [first + 2] * 5
    berlin = season({"air_temperature": np.zeros(48)}, first=us("2026-03-28T23:00"), timezone="Europe/Berlin")
    assert np.bincount(berlin.day - berlin.day[0]).tolist() == [23, 24, 1]
    assert tokyo.at[1] - tokyo.at[0] == US_PER_H


def test_arrays_of_different_lengths_are_refused() -> None:
    with pytest.raises(RecipeError, match="one length"):
        hours_of(air_temperature=[1.0], relative_humidity=[1.0, 2.0])
    with pytest.raises(RecipeError, match="one length"):
        season({"air_temperature": [1.0]}, first=0, timezone="UTC", light=[True, False])


def test_light_comes_from_radiation_and_a_gap_takes_the_neighbouring_day() -> None:
    radiation = np.tile(np.where((np.arange(24) >= 6) & (np.arange(24) < 18), 400.0, 2.0), 3)
    whole = hours_of(global_radiation=radiation)
    broken = radiation.copy()
    broken[:24] = NAN
    broken[48:] = NAN
    assert whole.light is not None
    assert whole.light[:24].tolist() == [6 <= hour < 18 for hour in range(24)]
    assert np.array_equal(hours_of(global_radiation=broken).light, whole.light)
    assert hours_of(global_radiation=np.full(48, NAN)).light is None
    assert hours_of(air_temperature=[1.0]).light is None


def test_a_rule_for_the_day_needs_to_know_the_light() -> None:
    day = Channel(quantity="air_temperature", when="day")
    with pytest.raises(RecipeError, match="give light"):
        observe(hours_of(air_temperature=[1.0]), day)
    lit = season({"air_temperature": [1.0, 2.0]}, first=0, timezone="UTC", light=[True, False])
    assert observe(lit, day).tolist() == pytest.approx([1.0, NAN], nan_ok=True)


@pytest.mark.parametrize(
    ("window", "expected"), [("day_mean", 11.5), ("day_minimum", 0.0), ("day_maximum", 23.0)]
)
def test_a_value_of_the_day_stands_at_each_of_its_hours(window: str, expected: float) -> None:
    hours = hours_of(air_temperature=np.tile(np.arange(24.0), 2)[:40])
    got = observe(hours, Channel(quantity="air_temperature", window=window))  # type: ignore[arg-type]
    assert got[:24].tolist() == [expected] * 24
    assert np.isnan(got[24:]).all()  # sixteen hours are no day


def test_a_day_with_a_fifth_missing_still_counts_and_one_with_more_does_not() -> None:
    values = np.tile(np.arange(24.0), 2)
    values[:4] = NAN
    values[24:30] = NAN
    got = observe(hours_of(air_temperature=values), Channel(quantity="air_temperature", window="day_minimum"))
    assert got[0] == 4.0
    assert np.isnan(got[24:]).all()


def test_a_night_minimum_looks_at_the_night_only() -> None:
    values = np.where(np.arange(24) == 12, -9.0, 5.0)
    lit = season({"air_temperature": values}, first=0, timezone="UTC", light=(np.arange(24) // 6) % 3 > 0)
    night = observe(lit, Channel(quantity="air_temperature", when="night", window="day_minimum"))
    assert set(night[~np.isnan(night)]) == {5.0}
    assert np.isnan(night).sum() == 12


def test_the_mean_of_several_days_ends_today() -> None:
    by_day = np.array([1.0, 2.0, 6.0, NAN, 4.0, 5.0])
    hours = hours_of(air_temperature=np.repeat(by_day, 24))
    got = observe(hours, Channel(quantity="air_temperature", window="days_mean", days=3))[::24]
    assert got.tolist() == pytest.approx([NAN, NAN, 3.0, NAN, NAN, NAN], nan_ok=True)


def test_a_light_integral_is_the_days_photon_flux() -> None:
    flux = hours_of(photosynthetic_photon_flux=np.full(24, 500.0))
    got = observe(flux, Channel(quantity="daily_light_integral", window="day_mean"))
    assert got[0] == pytest.approx(500 * 86_400 / 1e6)


def test_a_recipe_without_a_position_means_the_only_one() -> None:
    soil = Channel(quantity="soil_temperature")
    assert observe(hours_of(**{"soil_temperature@10cm": [7.0]}), soil)[0] == 7.0
    assert np.isnan(
        observe(hours_of(**{"soil_temperature@5cm": [7.0], "soil_temperature@10cm": [8.0]}), soil)[0]
    )
    assert np.isnan(observe(hours_of(soil_temperature=[7.0]), Channel(quantity="soil_temperature@10cm"))[0])


def test_no_hours_are_no_trouble() -> None:
    none = hours_of(air_temperature=[])
    for channel in (AIR, Channel(quantity="air_temperature", window="day_mean")):
        assert observe(none, channel).tolist() == []


def test_stages_follow_dates_and_the_code_rises_between_them() -> None:
    stages = [stage("a", 0, 10), stage("b", 10, 30), stage("c", 40, 50)]
    known = {"first": 0, "hours": 8, "codes": [0, 10, 40, 50]}
    got = stage_of_hours(stages, **known, reached=[1 * US_PER_H, 3 * US_PER_H, NAN, 7 * US_PER_H])
    # 10 at hour 3 and 50 at hour 7: 30 at hour 5, where no stage holds it, 40 at hour 6, 50 at the end.
    assert got.tolist() == [-1, 0, 0, 1, 1, -1, 2, -1]
    assert stage_of_hours(stages, **known, reached=[NAN] * 4).tolist() == [-1] * 8
    assert stage_of_hours(stages, first=0, hours=3, codes=[0, 45], reached=[0, US_PER_H]).tolist() == [
        0,
        2,
        2,
    ]


def test_an_observation_that_overtakes_a_forecast_moves_it() -> None:
    stages = [stage("a", 0, 10), stage("b", 10, 30), stage("c", 30, 50)]
    got = stage_of_hours(stages, first=0, hours=5, codes=[0, 10, 30], reached=np.array([0, 4, 2]) * US_PER_H)
    assert got.tolist() == [0, 0, 2, 2, 2]
