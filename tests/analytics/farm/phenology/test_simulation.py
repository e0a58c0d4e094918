"""Stages of many plantings at once: against a plain loop, in order, over gaps and from observed stages on."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.farm.errors import CropError, PlantingError
from analytics.farm.phenology import plantings as plantings_module
from analytics.farm.phenology.crop import Crop, parse_crop
from analytics.farm.phenology.simulation import Outcome, development, simulate
from analytics.farm.phenology.stage_models import MODELS, is_vernalised, rate
from analytics.library import crop, crops
from tests.analytics.farm.phenology.crop_texts import STRECK

DAYS = 400
NAMES = sorted(crops())
LAST = {name: len(crop(name).stages) - 1 for name in NAMES}


def climate(seed: int, members: int = 1, rows: int = 1, first_day_of_year: int = 253) -> np.ndarray:
    """Daily means of winters near Obihiro's, from 10 September on."""
    wave = 8.0 - 12.0 * np.cos(2.0 * np.pi * (np.arange(DAYS) + first_day_of_year - 22) / 365.0)
    noise = np.random.default_rng(seed).normal(0.0, 3.0, (rows, members, DAYS))
    return wave + noise


def light(rows: int = 1, first_day_of_year: int = 253, latitude: float = 43.0) -> np.ndarray:
    declination = -np.radians(23.45) * np.cos(
        2.0 * np.pi * (np.arange(DAYS) + first_day_of_year + 10) / 365.0
    )
    tangent = np.tan(np.radians(latitude)) * np.tan(declination)
    return np.repeat((24.0 / np.pi * np.arccos(-tangent))[None], rows, axis=0)


def run(model: Crop, mean: np.ndarray, start: np.ndarray | None = None, **more: object):
    return simulate(
        model,
        start=np.zeros(len(mean), dtype=np.int64) if start is None else start,
        tmin=mean - 5.0,
        tmax=mean + 5.0,
        daylength_h=more.pop("daylength_h", light()),
        **more,
    )


def stepped(model: Crop, start: int, mean: np.ndarray, day_length: np.ndarray) -> list[float]:
    """Tell the stage days of one planting, day after day, without sums or searches."""
    days, day = [], start
    for phase in model.phases:
        values, shares = phase.values(), [share.value for share in phase.shares.values()]
        daily = rate(MODELS[phase.model], values, mean.copy(), day_length)
        cold = MODELS[phase.model].cold(mean, values)
        grown = frozen = 0.0
        while shares and day < mean.size:
            factor = 1.0
            if is_vernalised(values) and grown < values["vernalisation_until"] * values["length"]:
                factor = float(MODELS[phase.model].vernalised(np.array([frozen]), values)[0])
            gain = daily[day] * factor
            while shares and grown + gain >= shares[0] * values["length"]:
                days.append(day + (shares.pop(0) * values["length"] - grown) / gain)
            grown, frozen, day = grown + gain, frozen + cold[day], day + 1
        if shares:
            break
    return days + [np.nan] * (len(model.stages) - len(days))


@pytest.mark.parametrize("name", [*NAMES, "streck"])
def test_agrees_with_a_plain_loop(name: str) -> None:
    model = parse_crop(STRECK, "streck") if name == "streck" else crop(name)
    mean = climate(1, members=2, rows=6)
    start = np.array([0, 7, 20, 33, 150, 260])
    result = run(model, mean, start)
    for row, begin in enumerate(start):
        for member in range(2):
            expected = stepped(model, begin, mean[row, member], light()[0])
            np.testing.assert_allclose(result.stage_day[row, member], expected, atol=1e-9)
    assert np.isfinite(result.stage_day).any(axis=(0, 1)).all()


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    name=st.sampled_from(NAMES),
    start=st.integers(0, DAYS + 50),
    missing=st.lists(st.integers(0, DAYS - 1), max_size=3),
)
def test_stages_come_in_order_and_gaps_hide_what_lies_behind_them(
    seed: int, name: str, start: int, missing: list[int]
) -> None:
    mean = climate(seed, members=3)
    whole = run(crop(name), mean, np.array([start]))
    mean[..., missing] = np.nan
    holed = run(crop(name), mean, np.array([start]))
    behind = min((day for day in missing if day >= start), default=DAYS)
    expected = np.where(whole.stage_day < behind, whole.stage_day, np.nan)
    np.testing.assert_allclose(holed.stage_day, expected, rtol=0, atol=1e-9)
    assert (np.isnan(holed.stage_day) == (holed.outcome != Outcome.REACHED)).all()
    assert ((holed.outcome == Outcome.NO_WEATHER) == (np.isnan(expected) & (behind < DAYS))).all()
    known = np.nan_to_num(whole.stage_day, nan=np.inf)
    assert (known[..., 1:] >= known[..., :-1]).all()
    assert (known >= start).all()


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    mean = climate(3, members=4, rows=5)
    rng = np.random.default_rng(0)
    start, row = rng.integers(0, 60, 40), rng.integers(0, 5, 40)
    lengths = {"heading": rng.uniform(500.0, 900.0, 40)}
    day_length = light(5)
    whole = run(crop("wheat"), mean, start, weather_row=row, lengths=lengths, daylength_h=day_length)
    monkeypatch.setattr(plantings_module, "BLOCK_PLANTINGS", 12)
    monkeypatch.setattr(plantings_module, "BLOCK_WEATHER", 4 * DAYS)
    parts = run(crop("wheat"), mean, start, weather_row=row, lengths=lengths, daylength_h=day_length)
    np.testing.assert_array_equal(parts.stage_day, whole.stage_day)
    np.testing.assert_array_equal(parts.outcome, whole.outcome)
    own = run(crop("wheat"), mean[row], start, lengths=lengths, daylength_h=day_length[row])
    np.testing.assert_array_equal(own.stage_day, whole.stage_day)
    one = run(crop("wheat"), mean[row[7:8]], start[7:8], lengths={"heading": lengths["heading"][7:8]})
    np.testing.assert_array_equal(one.stage_day[0], whole.stage_day[7])


@pytest.mark.parametrize("degrees", [6.0, 8.1, 10.0])
def test_weather_that_is_always_the_same_gives_everybody_the_same_day(degrees: float) -> None:
    """Stages that fall on the very end of a day: the place in the block must not decide."""
    mean = np.full((40, 3, DAYS), degrees)
    mean[1::2] += np.random.default_rng(0).normal(0.0, 3.0, (20, 3, DAYS))
    result = run(crop("wheat"), mean)
    assert len(np.unique(result.stage_day[::2, :, 0])) == 1
    alone = run(crop("wheat"), mean[:1])
    np.testing.assert_array_equal(result.stage_day[::2], np.broadcast_to(alone.stage_day, (20, 3, 7)))


def test_a_cultivar_has_its_own_lengths_and_an_unknown_one_the_crop_s() -> None:
    mean = np.repeat(climate(5), 4, axis=0)
    result = run(crop("wheat"), mean, cultivar=["kitahonami", "never heard of", None, "kitahonami"])
    heading = result.stage_day[:, 0, crop("wheat").place("heading")]
    assert heading[0] == heading[3] < heading[1] == heading[2]
    given_length = run(crop("wheat"), mean[:1], lengths={"heading": np.array([620.0])})
    assert given_length.stage_day[0, 0, 4] == heading[0]


def test_goes_on_from_the_last_stage_observed() -> None:
    model, mean = crop("wheat"), climate(7, members=3)
    free = run(model, mean)
    heading, flowering = model.place("heading"), model.place("flowering")
    seen = np.full((1, len(model.stages)), np.nan)
    seen[0, heading] = np.ceil(free.stage_day[0, 0, heading]) + 10
    result = run(model, mean, reached=seen)
    assert (result.stage_day[..., heading] == seen[0, heading]).all()
    assert result.outcome[0, :, heading].tolist() == [Outcome.OBSERVED] * 3
    assert (result.outcome[..., :heading] == Outcome.PASSED).all()
    assert np.isnan(result.stage_day[..., :heading]).all()
    assert (result.stage_day[0, 0, flowering:] > free.stage_day[0, 0, flowering:] + 3).all()
    assert (result.stage_day[..., flowering] > seen[0, heading]).all()


@pytest.mark.parametrize("stage", ["emergence", "tillering", "stem_elongation", "heading"])
def test_observing_what_was_expected_changes_little(stage: str) -> None:
    """An observer writes the day after the computed one; what follows moves by less than a day."""
    model, mean = crop("wheat"), climate(8)
    free = run(model, mean)
    place = model.place(stage)
    seen = np.full((1, len(model.stages)), np.nan)
    seen[0, place] = np.ceil(free.stage_day[0, 0, place])
    result = run(model, mean, reached=seen)
    moved = result.stage_day[0, 0, place + 1 :] - free.stage_day[0, 0, place + 1 :]
    assert np.abs(moved).max() < 1.0


def test_an_observation_stands_for_the_weather_that_is_missing_before_it() -> None:
    model, mean = crop("potato"), climate(9, first_day_of_year=120)
    mean[..., 10] = np.nan
    assert run(model, mean).outcome[0, 0, 0] == Outcome.NO_WEATHER
    seen = np.array([[30.0, np.nan, np.nan, np.nan]])
    result = run(model, mean, reached=seen)
    assert result.outcome[0, 0].tolist() == [Outcome.OBSERVED, *[Outcome.REACHED] * 3]


def test_half_a_year_later_on_the_other_half_of_the_globe_nothing_is_different() -> None:
    model, mean = crop("wheat"), climate(11, members=2)
    north = run(model, mean, np.array([10]), daylength_h=light(latitude=43.0))
    south_light = light(latitude=-43.0, first_day_of_year=253 + 182)
    south = run(model, mean, np.array([10]), daylength_h=south_light)
    assert np.abs(south.stage_day - north.stage_day).max() < 2.0
    wrong = run(model, mean, np.array([10]), daylength_h=light(latitude=-43.0))
    assert (wrong.stage_day[..., 4] - north.stage_day[..., 4]).min() > 20.0


def test_too_few_days_say_that_the_stage_is_ahead() -> None:
    mean = climate(12)[..., :200]
    result = run(crop("wheat"), mean, daylength_h=light()[:, :200])
    assert result.outcome[0, 0, [0, -1]].tolist() == [Outcome.REACHED, Outcome.AHEAD]
    later = run(crop("wheat"), mean, np.array([500]), daylength_h=light()[:, :200])
    assert (later.outcome == Outcome.AHEAD).all()


def test_no_plantings_are_no_trouble() -> None:
    result = run(crop("wheat"), climate(1)[:0], daylength_h=light())
    assert result.stage_day.shape == (0, 1, 7)
    assert development(result, 3).share.shape == (0, 1)


def test_development_meets_the_stages() -> None:
    model, mean = crop("wheat"), climate(13, members=2, rows=3)
    result = run(model, mean, np.array([0, 10, 20]))
    for day in (0, 15, 40, 120, 200, 240, 260, 300):
        now = development(result, day)
        expected = (result.stage_day <= day).sum(axis=-1) - 1
        np.testing.assert_array_equal(now.stage, expected)
        sown = np.array([0, 10, 20]) <= day
        inside = (expected < LAST["wheat"]) & sown[:, None]
        np.testing.assert_array_equal(np.isfinite(now.share), inside)
        assert ((now.share[inside] >= 0) & (now.share[inside] <= 1)).all()


def test_development_grows_from_stage_to_stage() -> None:
    result = run(crop("wheat"), climate(14))
    heading = result.stage_day[0, 0, 4]
    shares = [development(result, int(heading) - back).share[0, 0] for back in range(10)]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] > 0.9
    half = np.full((1, 1, 100), 10.0)
    potato = run(crop("potato"), half, daylength_h=None)
    now = development(potato, 12)
    assert now.stage[0, 0] == -1
    assert now.share[0, 0] == pytest.approx(12 * 7.0 / 170.0)


def test_development_from_an_observation_and_behind_a_gap() -> None:
    model, mean = crop("potato"), climate(9, first_day_of_year=120)
    seen = np.array([[30.0, np.nan, np.nan, np.nan]])
    observed = run(model, mean, reached=seen)
    now = development(observed, 30)
    assert (now.stage[0, 0], now.share[0, 0]) == (0, 0.0)
    only_flowering = run(model, mean, reached=np.array([[np.nan, np.nan, 70.0, np.nan]]))
    now = development(only_flowering, 75)
    assert now.stage[0, 0] == 2
    assert 0.0 < now.share[0, 0] < 0.2
    assert np.isnan(development(only_flowering, 60).share[0, 0])
    mean[..., 40] = np.nan
    behind = development(run(model, mean, reached=seen), 45)
    assert np.isnan(behind.share).all()


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"start": np.array([3, -1])}, r"sown before the first day of weather \(plantings 1\)"),
        ({"reached": np.array([[20.0, 10.0] + [np.nan] * 5] * 2)}, "stages observed out of order"),
        ({"reached": np.array([[20.0, np.nan, 10.0] + [np.nan] * 4] * 2)}, "stages observed out of order"),
        ({"reached": np.array([[-2.0] + [np.nan] * 6] * 2)}, "a stage observed before sowing"),
        ({"reached": np.zeros((2, 3))}, "reached must be"),
        ({"cultivar": ["kitahonami"]}, "1 cultivars for 2 plantings"),
        ({"weather_row": np.array([0, 2])}, "weather_row outside the 2 rows of weather"),
        ({"weather_row": np.array([0])}, "weather_row must be"),
        ({"daylength_h": None}, "responds to the length of the day"),
        ({"daylength_h": light(3)}, "daylength_h must be"),
        ({"lengths": {"heading": np.array([600.0, 0.0])}}, r"must be above 0 \(plantings 1\)"),
        ({"start": np.zeros((2, 2), dtype=np.int64)}, "start must be"),
    ],
)
def test_what_does_not_fit_is_named(changes: dict[str, object], complaint: str) -> None:
    with pytest.raises(PlantingError, match=complaint):
        run(crop("wheat"), climate(1, rows=2), **{"start": np.array([0, 5])} | changes)


def test_weather_and_lengths_that_do_not_fit_are_named() -> None:
    with pytest.raises(PlantingError, match="say by weather_row"):
        run(crop("potato"), climate(1, rows=3), np.array([0, 1]), daylength_h=None)
    with pytest.raises(PlantingError, match="tmin and tmax must both"):
        simulate(crop("potato"), start=np.array([0]), tmin=np.zeros((1, 1, 9)), tmax=np.zeros((1, 9)))
    with pytest.raises(PlantingError, match="no day of weather"):
        simulate(crop("potato"), start=np.array([0]), tmin=np.zeros((1, 1, 0)), tmax=np.zeros((1, 1, 0)))
    with pytest.raises(CropError, match="no phase ends with that stage"):
        run(crop("wheat"), climate(1), lengths={"tillering": np.array([3.0])})
    with pytest.raises(PlantingError, match="outside the 400 days"):
        development(run(crop("wheat"), climate(1)), 401)
