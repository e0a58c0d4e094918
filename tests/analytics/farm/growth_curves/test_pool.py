"""What a pool learns from seasons that were drawn from a known distribution."""

from __future__ import annotations

import numpy as np
import pytest

from analytics.farm.errors import TooFewSeasonsError
from analytics.farm.growth_curves import CURVES, GrowthSeries, fit_pool, growth
from analytics.farm.growth_curves.pool import _widening
from analytics.farm.growth_curves.posterior import fit_parameters
from analytics.farm.growth_curves.series import Batch

DAYS = np.arange(50.0, 151.0, 10.0)
MEAN = np.array([np.log(15.0), np.log(0.1), 95.0])
SPREAD = np.array([0.2, 0.15, 6.0])
NOISE = 0.5


def draw_seasons(count: int, curve: str = "logistic", seed: int = 1) -> list[GrowthSeries]:
    random = np.random.default_rng(seed)
    return [
        GrowthSeries(
            time=DAYS,
            mass=growth(curve, MEAN + SPREAD * random.normal(size=3), DAYS)
            + NOISE * random.normal(size=DAYS.size),
            environment=f"site {number}",
        )
        for number in range(count)
    ]


@pytest.mark.parametrize("curve", CURVES)
def test_a_pool_finds_the_distribution_it_was_drawn_from(curve: str) -> None:
    pool = fit_pool(draw_seasons(40, curve), curve=curve)
    assert pool.mean == pytest.approx(MEAN, abs=float(3 * SPREAD.max() / np.sqrt(40)))
    assert np.abs(pool.mean - MEAN) / SPREAD == pytest.approx(np.zeros(3), abs=0.5)
    assert np.sqrt(np.diag(pool.covariance)) == pytest.approx(SPREAD, rel=0.4)
    assert pool.noise_sd == pytest.approx(NOISE, rel=0.15)
    assert (pool.n_series, pool.n_environments, pool.last_time) == (40, 40, 150.0)


def test_environments_weigh_the_same_however_many_series_they_have() -> None:
    few = draw_seasons(6)
    often = GrowthSeries(time=few[0].time, mass=few[0].mass, environment="site 0")
    assert fit_pool([*few, often, often, often]).mean == pytest.approx(fit_pool(few).mean, abs=0.35)


def test_two_environments_are_too_few() -> None:
    with pytest.raises(TooFewSeasonsError, match=r"2 environments .* 3 are needed") as error:
        fit_pool([*draw_seasons(2), *draw_seasons(2)])
    assert (error.value.found, error.value.needed) == (2, 3)


def test_gaps_and_empty_series_are_left_out() -> None:
    seasons = draw_seasons(4)
    gappy = GrowthSeries(
        time=np.append(seasons[0].time, 200.0), mass=np.append(seasons[0].mass, np.nan), environment="site 0"
    )
    empty = GrowthSeries(time=np.array([70.0]), mass=np.array([np.nan]), environment="elsewhere")
    pool, whole = fit_pool([gappy, *seasons[1:], empty]), fit_pool(seasons)
    assert pool.mean == pytest.approx(whole.mean)
    assert pool.covariance == pytest.approx(whole.covariance)
    assert (pool.n_series, pool.last_time) == (4, 150.0)


def test_without_samples_the_posterior_is_the_prior() -> None:
    pool = fit_pool(draw_seasons(6))
    nothing = GrowthSeries(time=np.empty(0), mass=np.empty(0), environment="new")
    some = GrowthSeries(time=DAYS[:3], mass=np.array([0.2, 0.5, 1.3]), environment="new")
    parameters, covariance = fit_parameters(Batch.of([nothing, some]), pool)
    assert parameters[0] == pytest.approx(pool.mean)
    assert covariance[0] == pytest.approx(pool.covariance)
    assert np.all(np.diag(covariance[1]) <= np.diag(pool.covariance))


def test_the_posterior_is_the_least_of_the_penalised_misfit() -> None:
    seasons = draw_seasons(6)
    pool = fit_pool(seasons)
    early = seasons[0].until(100.0)
    best = fit_parameters(Batch.of([early]), pool)[0][0]

    def misfit(at: np.ndarray) -> float:
        rest = (early.mass - growth("logistic", at, early.time)) / pool.noise_sd
        return float(rest @ rest + (at - pool.mean) @ np.linalg.solve(pool.covariance, at - pool.mean))

    for number in range(3):
        for sign in (-1.0, 1.0):
            step = np.zeros(3)
            step[number] = sign * 0.05 * SPREAD[number]
            assert misfit(best) < misfit(best + step)


def test_intervals_are_widened_to_hold_eighty_percent() -> None:
    normal = 1.2815515655446004
    assert _widening([]) == 1.0
    assert _widening([np.full(3, 0.1), np.full(3, 0.2)]) == 1.0
    assert _widening([np.array([-2.0 * normal]), *[np.zeros(1)] * 4]) == 1.0
    assert _widening([np.array([-2.0 * normal]), *[np.zeros(1)] * 3]) == pytest.approx(2.0)
