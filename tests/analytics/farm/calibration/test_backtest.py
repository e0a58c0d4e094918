"""Back-tests on made-up trials of which the truth is known: the crop's model with other parameters."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from analytics import library
from analytics.farm.calibration.backtest import Bench, Ledger, leave_one_out, train_until
from analytics.farm.calibration.plausible import Variant, known_days, known_weather
from analytics.farm.calibration.stage_methods import mean_date, ours
from analytics.farm.calibration.trials import Ground, Trials, group_sowings
from analytics.farm.weather.sun import daylength_h

YEARS, SITES, CULTIVARS = 8, 3, 5
FIRST = np.datetime64("2000-01-01")
LATITUDE = 47.0


@dataclass(frozen=True)
class World:
    trials: Trials
    ground: Ground
    years: tuple[int, ...]


@pytest.fixture(scope="module")
def world() -> World:
    rng = np.random.default_rng(7)
    days = FIRST + np.arange(366 + YEARS * 366)
    season = 9.0 - 10.0 * np.cos(2 * np.pi * np.arange(len(days)) / 365.2425)
    noise = rng.normal(0.0, 2.0, len(days))
    for day in range(1, len(days)):
        noise[day] += 0.8 * noise[day - 1]
    mean = season + noise + np.array([[0.0], [0.7], [-1.0]])
    ground = Ground(
        first_day=FIRST,
        tmin=mean - 5.0,
        tmax=mean + 5.0,
        daylength_h=daylength_h(np.full(SITES, LATITUDE), days, -6.0),
        persistence=np.full(SITES, 0.8),
    )
    site, year, cultivar = (each.ravel() for each in np.indices((SITES, YEARS, CULTIVARS)))
    sown = (np.array([np.datetime64(f"{2000 + number}-10-15") for number in year]) - FIRST).astype(np.int64)
    trials = Trials(site=site, year=2001 + year, cultivar=cultivar, start=sown, seen=sown + 230.0)
    sowings = group_sowings(trials)
    crop = library.crop("wheat").adjust("heading", "made up", base=1.2)
    truth = known_days(
        Variant(crop=crop, stage="heading", length=790.0), known_weather(ground, sowings, 330, sowings.start)
    )[sowings.of]
    shared = rng.normal(0.0, 2.0, len(sowings))[sowings.of]
    seen = truth + shared + rng.normal(0.0, 3.0, CULTIVARS)[cultivar] + rng.normal(0.0, 1.0, len(trials))
    return World(
        trials=replace(trials, seen=np.rint(seen)), ground=ground, years=tuple(range(2000, 2001 + YEARS))
    )


def bench(world: World, method=None, *, leads=(30, 0)) -> Bench:
    method = method or ours(library.crop("wheat"), "heading")
    return Bench(
        method=replace(method, variants=method.variants[:2]),
        trials=world.trials,
        ground_of=lambda _: world.ground,
        scored=np.ones(len(world.trials), dtype=bool),
        leads=leads,
    )


@pytest.fixture(scope="module")
def ledger(world: World) -> Ledger:
    found = Ledger()
    for split in leave_one_out(world.trials, world.years):
        bench(world).run(split, found)
    return found


def test_the_model_is_better_than_the_mean_date(world: World, ledger: Ledger) -> None:
    naive = Ledger()
    dates = bench(world, mean_date(lambda s: s.start - 287, by_site=True), leads=(0,))
    for split in leave_one_out(world.trials, world.years):
        dates.run(split, naive)
    ours_rmse, naive_rmse = (each.get("lead_0").summary()["rmse_d"] for each in (ledger, naive))
    assert ours_rmse < 3.2
    assert ours_rmse < 0.75 * naive_rmse


def test_less_weather_to_come_and_a_neighbour_make_forecasts_sharper(ledger: Ledger) -> None:
    far, near, beside = (
        ledger.get(case).summary()["rmse_d"] for case in ("lead_30", "lead_0", "neighbour_any")
    )
    assert far > near > beside
    assert beside < 2.0


@pytest.mark.parametrize("case", ["lead_30", "lead_0", "neighbour_any"])
def test_four_in_five_intervals_hold(ledger: Ledger, case: str) -> None:
    assert 0.68 <= ledger.get(case).summary()["coverage_80"] <= 0.92


def test_every_trial_is_forecast_once(world: World, ledger: Ledger) -> None:
    assert np.sort(ledger.get("lead_30").place).tolist() == list(range(len(world.trials)))


def test_what_is_left_out_is_not_learnt_from(world: World) -> None:
    """Other dates in the tested years change errors by just that much: no forecast moves."""
    split = train_until(world.trials, world.years, 2005)[0]
    found = []
    for late in (0.0, 1.0):
        seen = world.trials.seen + late * split.tested
        ledger = Ledger()
        moved = replace(world, trials=replace(world.trials, seen=seen))
        naive = bench(moved, mean_date(lambda s: s.start - 287, by_site=True), leads=(0,))
        naive.run(split, ledger)
        found.append(ledger.get("lead_0"))
    np.testing.assert_allclose(found[1].error, found[0].error - 1.0, atol=1e-9)
    np.testing.assert_allclose(found[1].upper, found[0].upper - 1.0, atol=1e-6)


def test_weather_after_the_last_known_day_is_not_seen(world: World) -> None:
    split = train_until(world.trials, world.years, 2007)[0]
    last = int(world.trials.seen[split.tested].max())
    hot = world.ground.tmax.copy()
    hot[:, int(world.trials.seen[split.tested].min()) - 30 :] += 8.0
    results = []
    for ground in (world.ground, replace(world.ground, tmax=hot)):
        each = Ledger()
        replace(bench(world, leads=(60,)), ground_of=lambda _, ground=ground: ground).run(split, each)
        results.append(each.get("lead_60").error)
    assert last < world.ground.tmin.shape[1]
    np.testing.assert_allclose(results[0], results[1], atol=1e-9)
