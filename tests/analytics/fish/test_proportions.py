"""Intervals of shares, against statsmodels."""

from __future__ import annotations

import numpy as np
import pytest

from analytics.fish.proportions import kish, wilson


@pytest.mark.parametrize("level", [0.5, 0.95])
def test_wilson_is_that_of_statsmodels(level: float) -> None:
    from statsmodels.stats.proportion import proportion_confint

    right = np.array([0, 1, 37, 60, 60])
    fish = np.array([60, 60, 60, 60, 60])
    low, high = wilson(right / fish, fish, level=level)
    expected = proportion_confint(right, fish, alpha=1 - level, method="wilson")
    np.testing.assert_allclose(low, expected[0], atol=1e-12)
    np.testing.assert_allclose(high, expected[1], atol=1e-12)


def test_of_no_fish_nothing_is_known() -> None:
    low, high = wilson(0.5, 0.0)
    assert (float(low), float(high)) == (0.0, 1.0)


def test_fish_of_unlike_weights_count_less() -> None:
    assert kish(np.array([3.0, 1.0])) == pytest.approx(1.6)
