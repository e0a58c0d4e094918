"""Scores and intervals, against simulation."""

from __future__ import annotations

import numpy as np
import pytest

from analytics.farm.calibration.ensemble import Record, spread_members
from analytics.farm.calibration.intervals import conformal_scale, mixture_quantiles
from analytics.farm.calibration.plausible import SETS, plausible_crops
from analytics.farm.calibration.scores import Verdict, crps_ensemble, crps_gaussian, crps_mixture, judge_skill
from analytics.library import crop


def test_the_mixtures_score_is_that_of_many_draws() -> None:
    rng = np.random.default_rng(0)
    members, observed = np.array([[1.0, 4.0, 9.0]]), np.array([5.0])
    draws = (members[0][rng.integers(0, 3, 3000)] + rng.normal(0, 1.5, 3000))[None]
    exact = crps_mixture(members, np.array([1.5]), observed)
    assert exact[0] == pytest.approx(crps_ensemble(draws, observed)[0], rel=0.05)


def test_the_truth_scores_best() -> None:
    y = np.random.default_rng(1).normal(0.0, 2.0, 4000)
    at = lambda sd, shift=0.0: crps_gaussian(np.full(4000, shift), np.full(4000, sd), y).mean()  # noqa: E731
    assert at(2.0) < min(at(1.4), at(2.8), at(2.0, 0.8))


def test_quantiles_of_a_mixture_hold_their_share() -> None:
    members = np.array([[0.0, 3.0, 10.0]])
    low, high = mixture_quantiles(members, np.array([1.0]), [0.1, 0.9])[0]
    draws = np.random.default_rng(2).choice(members[0], 200_000) + np.random.default_rng(3).normal(
        0, 1, 200_000
    )
    assert np.mean(draws < low) == pytest.approx(0.1, abs=0.005)
    assert np.mean(draws > high) == pytest.approx(0.1, abs=0.005)


def test_scale_widens_what_is_too_narrow_the_more_seasons_say_so() -> None:
    missed = np.random.default_rng(4).normal(0.0, 2.0 / 1.2816, 4000)
    many, few = (conformal_scale(missed, np.arange(4000) % seasons) for seasons in (40, 2))
    assert 1.8 < many < 2.05
    assert 1.0 < few < 1.6


def test_a_single_good_season_is_no_skill() -> None:
    naive = np.random.default_rng(5).normal(0.0, 5.0, 200)
    year = np.repeat(np.arange(10), 20)
    error = np.where(year == 3, naive * 0.1, naive * 1.02)
    assert judge_skill(error, naive, year).verdict is Verdict.NO_SKILL
    assert judge_skill(naive[:40], naive[:40], year[:40]).verdict is Verdict.NOT_ENOUGH_SEASONS


def test_members_keep_the_season_so_far_and_a_forecast() -> None:
    values = np.random.default_rng(6).normal(10.0, 3.0, 1200)
    record = Record(first_day=np.datetime64("2020-01-01"), tmin=values - 4, tmax=values + 4)
    told = np.full((1, 30), np.nan)
    told[0, 12:15] = 33.0
    start, known = np.array([800]), np.array([812])
    got = spread_members(
        record, start=start, known=known, length=30, years=[-2, -1], persistence=0.7, outlook=(told, told)
    )
    assert got.tmin.shape == (1, 2, 30)
    np.testing.assert_array_equal(got.tmin[0, :, :12], np.broadcast_to(values[800:812] - 4, (2, 12)))
    np.testing.assert_array_equal(got.tmin[0, :, 12:15], 33.0)
    past = values[800 - 365 + 29] - 4
    assert got.tmin[0, 1, 29] == pytest.approx(past, abs=0.5)
    assert got.tmin[0, 1, 15] > got.tmin[0, 1, 29] or abs(got.tmin[0, 1, 15] - 33.0 * 0.7) < 12


def test_plausible_parameters_lie_in_their_ranges() -> None:
    crops = plausible_crops(crop("wheat"))
    bases = [each.phases[1].values()["base"] for each in crops]
    assert len(crops) == SETS
    assert min(bases) >= 0.0
    assert max(bases) <= 3.0
    assert [each.phases[0].values()["base"] for each in crops] == bases
    assert plausible_crops(crop("garlic")) == (crop("garlic"),)
