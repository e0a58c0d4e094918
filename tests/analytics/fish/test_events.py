import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.fish.errors import ScoresError
from analytics.fish.events import MAX_CELLS, add, checked, log_odds, tally


def probabilities(n: int, classes: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet(np.full(classes, 0.5), n)


def test_a_small_lot_keeps_each_fish() -> None:
    p = probabilities(MAX_CELLS, 3)
    told = tally(p)
    assert np.array_equal(told.scores, log_odds(p))
    assert told.fish.tolist() == [1.0] * MAX_CELLS


@given(st.integers(1, 3000), st.integers(2, 12), st.integers(0, 5))
def test_cells_are_few_and_keep_number_and_mean(n: int, classes: int, seed: int) -> None:
    p = probabilities(n, classes, seed)
    told = tally(p)
    assert len(told.fish) <= MAX_CELLS
    assert told.fish.sum() == n
    assert np.allclose(told.fish @ told.scores, log_odds(p).sum(axis=0))
    assert (told.fish > 0).all()


def test_adding_keeps_number_and_mean() -> None:
    p = probabilities(5000, 3)
    whole, parts = tally(p), add(tally(p[:100]), tally(p[100:3000]), tally(p[3000:]))
    assert parts.fish.sum() == whole.fish.sum()
    assert np.allclose(parts.fish @ parts.scores, whole.fish @ whole.scores)


def test_nobody_is_a_lot_too() -> None:
    assert tally(np.zeros((0, 3))).fish.tolist() == []
    assert checked(np.zeros((0, 3)), np.zeros(0, int), chance=[]).true.sum() == 0


def test_checks_count_by_class() -> None:
    p, true = probabilities(400, 3), np.random.default_rng(1).integers(0, 3, 400)
    assert checked(p, true).true.sum(axis=0).tolist() == np.bincount(true).tolist()


def test_weights_are_the_chances_inverse_at_the_effective_number() -> None:
    p, chance = probabilities(4, 2), np.array([1.0, 0.5, 0.25, 1.0])
    weight = checked(p, [0, 1, 0, 1], chance=chance).true.sum(axis=1)
    assert weight / weight[0] == pytest.approx([1, 2, 4, 1])
    assert weight.sum() == pytest.approx((1 + 2 + 4 + 1) ** 2 / (1 + 4 + 16 + 1))


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ([0.5, 0.5], "shape"),
        ([[1.0]], "shape"),
        ([[0.7, -0.1]], "negative"),
        ([[np.nan, 1.0]], "finite"),
        ([[0.7, 0.7]], "add up"),
    ],
)
def test_refuses_what_are_no_probabilities(given: list, word: str) -> None:
    with pytest.raises(ScoresError, match=word):
        tally(given)


@pytest.mark.parametrize("true", [[0], [0, 2], [0, -1], [0.5, 0.5]])
def test_refuses_classes_that_are_not(true: list) -> None:
    with pytest.raises(ScoresError, match="true_class"):
        checked([[0.5, 0.5]] * 2, true)


@pytest.mark.parametrize("chance", [[0.0, 1.0], [0.5], [2.0, 1.0], [np.nan, 1.0]])
def test_refuses_chances_that_are_not(chance: list) -> None:
    with pytest.raises(ScoresError, match="chance"):
        checked([[0.5, 0.5]] * 2, [0, 1], chance=chance)


def test_a_million_fish_are_summed_up_in_a_moment() -> None:
    p = probabilities(1_000_000, 3)
    begun = time.process_time()
    tally(p)
    assert time.process_time() - begun < 5.0
