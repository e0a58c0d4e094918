"""Pooled residuals, against the formula written out in full."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.farm.calibration.pooling import learn, make_factor, make_level, take_all
from analytics.farm.calibration.variance_components import Spread, estimate_spread


def dense(residual, factors, noise, seen):
    covariance = sum((f.code[:, None] == f.code) * f.sd[:, None] * f.sd for f in factors)
    inverse = np.linalg.inv(covariance[np.ix_(seen, seen)] + noise**2 * np.eye(len(seen)))
    across = covariance[:, seen]
    return across @ inverse @ residual, covariance - across @ inverse @ across.T


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(5, 40))
def test_means_and_covariances_are_those_of_the_full_normal(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    # The full formula loses its digits under a level of thousands of days: 20 days test the same.
    level = make_factor("level", np.zeros(n, np.int64), 20.0)
    factors = [level, *(make_factor(str(k), rng.integers(0, k + 2, n), 1.0 + k) for k in range(3))]
    seen = np.arange(n - 3)
    residual = rng.normal(0.0, 3.0, len(seen))
    pool = learn(residual, take_all(factors, seen), 1.3)
    mean, covariance = dense(residual, factors, 1.3, seen)
    np.testing.assert_allclose(pool.mean(factors), mean, atol=1e-6)
    np.testing.assert_allclose(pool.covariance(factors), covariance, atol=1e-5)
    np.testing.assert_allclose(pool.variance(factors), np.diag(covariance), atol=1e-5)
    one, other = rng.integers(0, n, 9), rng.integers(0, n, 9)
    np.testing.assert_allclose(pool.between(factors, one, other), covariance[one, other], atol=1e-5)


def test_a_site_never_seen_is_not_drawn_towards_day_0() -> None:
    """Pooled dates lie a hundred days and more from 0; how sites differ must not be taken for that."""
    site = np.repeat(np.arange(5), 8)
    dates = 290.0 + np.random.default_rng(8).normal(0.0, 1.0, 40)
    factors = [make_level(41), make_factor("site", np.append(site, 5), 60.0)]
    pool = learn(dates, take_all(factors, np.arange(40)), 1.0)
    assert pool.mean(factors)[40] == pytest.approx(290.0, abs=1.0)


def test_near_sites_share_more_than_far_ones() -> None:
    apart = np.array([[1.0, 0.8, 0.1], [0.8, 1.0, 0.1], [0.1, 0.1, 1.0]])
    sites = [make_factor("site", np.array([0, 1, 2]), 2.0, apart)]
    pool = learn(np.array([3.0]), take_all(sites, np.array([0])), 1.0)
    mean = pool.mean(sites)
    assert mean[0] > mean[1] > mean[2] > 0
    np.testing.assert_allclose(mean, 3.0 * apart[0] * 4.0 / 5.0)


def test_standard_deviations_are_found_and_few_seasons_change_nothing() -> None:
    rng = np.random.default_rng(3)
    site, year = np.repeat(np.arange(20), 20), np.tile(np.arange(20), 20)
    residual = rng.normal(0, 3.0, 20)[site] + rng.normal(0, 1.0, 20)[year] + rng.normal(0, 0.7, 400) + 50.0
    factors = [make_level(400), make_factor("site", site, 1.0), make_factor("year", year, 1.0)]
    default = Spread(sd_d={"site": 1.5, "year": 1.5}, noise_sd_d=1.5)
    found = estimate_spread(residual, factors, default, seasons=20)
    assert found.sd_d["site"] == pytest.approx(3.0, rel=0.4)
    assert found.sd_d["year"] == pytest.approx(1.0, rel=0.4)
    assert found.noise_sd_d == pytest.approx(0.7, rel=0.1)
    assert estimate_spread(residual, factors, default, seasons=3) == default
