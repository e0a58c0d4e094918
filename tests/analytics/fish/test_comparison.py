"""Two lots compared, against scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from analytics.fish.comparison import compare_compositions, compare_sizes
from analytics.fish.errors import ScoresError


def two(seed: int, shift: float = 0.3, n: int = 150, m: int = 90) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return np.round(rng.normal(4, 1, n), 1), np.round(rng.normal(4 + shift, 1, m), 1)


def test_the_distance_is_that_of_scipy() -> None:
    a, b = two(1)
    told, expected = compare_sizes(a, b), stats.ks_2samp(a, b, method="asymp")
    assert told.distance == pytest.approx(expected.statistic, abs=1e-12)
    assert told.chance == pytest.approx(expected.pvalue, abs=1e-12)


def test_dominance_is_that_of_mann_and_whitney() -> None:
    a, b = two(2)
    pairs = stats.mannwhitneyu(b, a).statistic / (len(a) * len(b))
    told = compare_sizes(a, b)
    assert told.dominance == pytest.approx(2 * pairs - 1, abs=1e-12)
    assert told.median_difference == pytest.approx(np.median(b) - np.median(a), abs=0.06)


def test_its_interval_holds() -> None:
    truth = 2 * stats.norm.cdf(0.3 / np.sqrt(2)) - 1
    rounds = [compare_sizes(*two(seed)) for seed in range(400)]
    covered = np.mean([one.low <= truth <= one.high for one in rounds])
    assert 0.925 <= covered <= 0.975


def test_weights_stand_for_fish() -> None:
    a, b = two(3)
    times = np.random.default_rng(4).integers(1, 4, len(a))
    once, many = compare_sizes(a, b, first_weight=times), compare_sizes(np.repeat(a, times), b)
    assert (once.distance, once.dominance) == pytest.approx((many.distance, many.dominance), abs=1e-12)


def test_compositions_that_differ_do() -> None:
    rng = np.random.default_rng(5)
    a, b = rng.dirichlet([60, 40], 2000), rng.dirichlet([120, 30], 600)
    told = compare_compositions(a, b)
    assert told.mean[0] == pytest.approx(0.2, abs=0.01)
    sd = np.sqrt(0.6 * 0.4 / 101 + 0.8 * 0.2 / 151)
    assert told.high[0] - told.low[0] == pytest.approx(2 * 1.96 * sd, rel=0.08)
    assert told.more[0] > 0.98


def test_a_lot_does_not_differ_from_itself() -> None:
    a = np.random.default_rng(6).dirichlet([60, 40], 2000)
    told = compare_compositions(a, a)
    assert (told.low < 0).all()
    assert (told.high > 0).all()
    assert told.more.tolist() == pytest.approx([0.5, 0.5], abs=0.05)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ScoresError, match="second"):
        compare_compositions([[1.0, 0.0]], [[1.0]])
    with pytest.raises(ScoresError, match="first"):
        compare_sizes([], [1.0])
    with pytest.raises(ScoresError, match="second_weight"):
        compare_sizes([1.0], [1.0], second_weight=[0.0])
