"""Sizes by class when classes are not sure."""

from __future__ import annotations

import numpy as np
import pytest

from analytics.fish.errors import ScoresError
from analytics.fish.sizes import belonging, sizes


def test_sure_fish_have_plain_statistics() -> None:
    rng = np.random.default_rng(1)
    weight, true = rng.gamma(20, 0.2, 300), rng.integers(0, 2, 300)
    told = sizes(weight, np.eye(2)[true], quantiles=[0.1, 0.5, 0.9])
    for k in range(2):
        mine = weight[true == k]
        assert told.mean[k] == pytest.approx(mine.mean())
        assert told.se[k] == pytest.approx(mine.std(ddof=1) / np.sqrt(len(mine)))
        assert (told.fish[k], told.effective_fish[k]) == pytest.approx((len(mine), len(mine)))
        np.testing.assert_allclose(told.quantiles[k], np.quantile(mine, [0.1, 0.5, 0.9], method="hazen"))


def test_it_is_the_regression_of_statsmodels() -> None:
    from statsmodels.api import OLS

    rng = np.random.default_rng(2)
    weight, share = rng.gamma(20, 0.2, 200), rng.random(200)
    p = np.stack([share, 1 - share], axis=1)
    told, fitted = sizes(weight, p), OLS(weight, p).fit(cov_type="HC2")
    np.testing.assert_allclose(told.mean, fitted.params, atol=1e-9)
    np.testing.assert_allclose(told.se, fitted.bse, atol=1e-9)


def test_classes_are_told_apart_where_verdicts_mix_them() -> None:
    """Two classes of 4 and 5 kg, 84 % called right: what fish were called pulls their means together."""
    rng, covered, means, middles, rounds = np.random.default_rng(3), 0, [], [], 300
    for _ in range(rounds):
        true = rng.integers(0, 2, 400)
        p = 1 / (1 + np.exp(-2 * (np.where(true == 1, 1.0, -1.0) + rng.standard_normal(400))))
        weight = np.where(true == 1, 5.0, 4.0) + 0.5 * rng.standard_normal(400)
        told, called = sizes(weight, np.stack([1 - p, p], axis=1)), weight[p > 0.5].mean()
        covered += told.low[1] <= 5.0 <= told.high[1]
        means.append((called, told.mean[1]))
        middles.append(told.quantiles[1, 2])
    assert np.mean(means, axis=0) == pytest.approx([4.84, 5.0], abs=0.01)
    assert np.mean(middles) == pytest.approx(5.0, abs=0.02)
    assert 0.92 <= covered / rounds <= 0.98


def test_quantiles_of_mixed_classes_are_their_own() -> None:
    rng = np.random.default_rng(4)
    true = rng.integers(0, 2, 40_000)
    p = 1 / (1 + np.exp(-2 * (np.where(true == 1, 1.0, -1.0) + rng.standard_normal(40_000))))
    weight = np.where(true == 1, 5.0, 4.0) + 0.5 * rng.standard_normal(40_000)
    told = sizes(weight, np.stack([1 - p, p], axis=1), quantiles=[0.1, 0.25, 0.75, 0.9])
    np.testing.assert_allclose(
        told.quantiles[0], 4 + 0.5 * np.array([-1.2816, -0.6745, 0.6745, 1.2816]), atol=0.05
    )


def test_unmeasured_fish_are_left_out() -> None:
    told = sizes([1.0, np.nan, 3.0], [[1, 0], [1, 0], [1, 0]])
    assert told.mean[0] == 2.0
    assert np.isnan(told.mean[1])
    assert np.isnan(told.quantiles[1]).all()
    assert told.effective_fish.tolist() == [2.0, 0.0]


def test_one_fish_has_no_standard_error() -> None:
    assert not np.isfinite(sizes([2.0], [[1.0, 0.0]]).se[0])


def test_another_composition_moves_doubtful_fish() -> None:
    told = belonging([[0.5, 0.5], [1.0, 0.0]], [0.25, 0.75], [0.75, 0.25])
    np.testing.assert_allclose(told, [[0.9, 0.1], [1.0, 0.0]])


def test_shapes_must_fit() -> None:
    with pytest.raises(ScoresError, match="measured"):
        sizes([1.0, 2.0], [[1.0, 0.0]])
