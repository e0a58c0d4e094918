"""Hybrids: a share with an interval, and silence where nothing can be told."""

from __future__ import annotations

import numpy as np
import pytest

from analytics.fish.errors import ScoresError
from analytics.fish.hybrids import MASABA_RATIO, hybrids, is_masaba


def ratios(seed: int, share: float, n: int = 3000) -> np.ndarray:
    rng = np.random.default_rng(seed)
    kind = rng.choice(3, n, p=[0.6 * (1 - share), 0.4 * (1 - share), share])
    mean, sd = np.array([0.100, 0.135, 0.1175]), np.array([0.004, 0.005, 0.00453])
    return mean[kind] + sd[kind] * rng.standard_normal(n)


@pytest.mark.parametrize("share", [0.0, 0.001, 0.05])
def test_the_interval_holds_what_it_promises(share: float) -> None:
    told = [hybrids(ratios(seed, share)) for seed in range(12)]
    assert sum(one.low <= share <= one.high for one in told) >= 10
    apart = sum(one.told_from_zero for one in told)
    assert apart == 12 if share == 0.05 else apart <= 5


def test_fish_that_look_like_hybrids_are_not_reported() -> None:
    """Without any hybrid some fish lie at the midpoint of their parents."""
    lots = [ratios(seed, 0.0) for seed in range(100, 110)]
    looks = np.mean([np.mean(np.abs(x - 0.1175) < 0.004) for x in lots])
    told = [hybrids(x) for x in lots]
    assert looks > 0.001
    assert sum(one.told_from_zero for one in told) <= 1
    silent = next(one for one in told if not one.told_from_zero)
    assert silent.low == 0.0
    assert silent.told.startswith("cannot be told from zero, at most 0.")


def test_the_parents_are_found() -> None:
    told = hybrids(ratios(2, 0.02, n=20_000))
    np.testing.assert_allclose(told.mean, [0.100, 0.135], atol=3e-4)
    np.testing.assert_allclose(told.sd, [0.004, 0.005], atol=3e-4)
    assert told.share == pytest.approx(0.02, abs=0.004)
    assert told.told.endswith(f"({told.low:.2%} to {told.high:.2%})")


@pytest.mark.parametrize(
    ("x", "reason"),
    [
        (np.full(500, 0.1), "fewer than 100 fish of one of the species"),
        (np.random.default_rng(3).normal(0.12, 0.01, 2000), "overlap too much"),
    ],
)
def test_it_says_why_there_is_none(x: np.ndarray, reason: str) -> None:
    told = hybrids(x)
    assert reason in told.told
    assert np.isnan([told.share, told.low, told.high]).all()
    assert not told.told_from_zero


def test_the_rule_can_be_set() -> None:
    assert is_masaba([0.115]).tolist() == [False]
    assert is_masaba([0.115], threshold=0.1125).tolist() == [True]
    assert MASABA_RATIO == 0.12


def test_ratios_are_shares() -> None:
    with pytest.raises(ScoresError, match="ratio"):
        hybrids([12.0])
    assert hybrids([np.nan] * 3).fish == 0
