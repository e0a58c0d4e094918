"""Fish to be checked: at random, with a chance that is known and never 0."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.fish.errors import ScoresError
from analytics.fish.quality import Quality, assess
from analytics.fish.sampling import LEAST, choose, strata


def lot(seed: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.choice(3, n, p=[0.75, 0.22, 0.03]), 1 - 0.5 * rng.beta(0.5, 3.0, n)


@given(n=st.integers(0, 200), count=st.integers(0, 250), seed=st.integers(0, 5))
def test_each_fish_had_a_chance_and_the_number_is_right(n: int, count: int, seed: int) -> None:
    called, sure = lot(seed, n)
    chosen = choose(called, sure, count, classes=3, seed=seed)
    held = np.bincount(strata(called, sure, 3), minlength=9)
    assert len(np.unique(chosen.index)) == len(chosen.index)
    np.testing.assert_array_equal(chosen.stratum_fish, held)
    if not count:
        assert chosen.index.size == 0
        return
    least = int(np.minimum(held, LEAST).sum())
    assert len(chosen.index) == max(least, min(count, n))
    assert set(chosen.stratum.tolist()) == set(np.flatnonzero(held).tolist())
    taken = np.bincount(chosen.stratum, minlength=9)
    np.testing.assert_allclose(chosen.chance, (taken / np.maximum(held, 1))[chosen.stratum])


def test_the_chance_told_is_the_chance_there_is() -> None:
    called, sure = lot(1, 120)
    times, told = np.zeros(120), np.zeros(120)
    rng = np.random.default_rng(2)
    for _ in range(3000):
        chosen = choose(called, sure, 20, classes=3, seed=rng)
        times[chosen.index] += 1
        told[chosen.index] = chosen.chance
    np.testing.assert_allclose(times / 3000, told, atol=0.035)


def test_doubtful_fish_are_chosen_more_often_than_sure_ones() -> None:
    called, sure = lot(3, 3000)
    chosen = choose(called, sure, 300, classes=3, seed=1)
    chance = dict(zip(chosen.stratum.tolist(), chosen.chance.tolist(), strict=True))
    assert chance[0] > 2 * chance[2]


def test_the_seed_decides() -> None:
    called, sure = lot(4, 300)
    one, two, other = (choose(called, sure, 30, classes=3, seed=seed).index for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, two)
    assert one.tolist() != other.tolist()


def test_what_it_chooses_can_be_assessed() -> None:
    rng, covered, rounds = np.random.default_rng(5), 0, 200
    for seed in range(rounds):
        called, sure = lot(seed, 2000)
        true = np.where(rng.random(2000) < sure, called, (called + 1) % 3)
        chosen = choose(called, sure, 150, classes=3, seed=rng)
        found = assess(true[chosen.index], called[chosen.index], "abc", chance=chosen.chance)
        assert isinstance(found, Quality)
        covered += found.accuracy.low <= sure.mean() <= found.accuracy.high
    assert covered / rounds > 0.92


@pytest.mark.parametrize(
    ("called", "sure", "count"), [([0], [1.5], 1), ([0, 1], [0.5], 1), ([3], [0.5], 1), ([0], [0.5], -1)]
)
def test_what_does_not_fit_is_refused(called: list, sure: list, count: int) -> None:
    with pytest.raises(ScoresError):
        choose(called, sure, count, classes=3, seed=0)
