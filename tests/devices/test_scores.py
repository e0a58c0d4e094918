from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from devices.scores import LEAST_PROBABILITY, cells, log_odds
from devices.ulid import read_ulid, write_ulid


def test_log_odds_are_of_vectors_scaled_to_one_and_bounded():
    scores = log_odds(np.array([[0.2, 0.6], [1.0, 0.0]]))
    assert np.allclose(scores[0], [-np.log(3), np.log(3)])
    bound = np.log(1 / LEAST_PROBABILITY - 1)
    assert np.allclose(scores[1], [bound, -bound])


@given(st.integers(2, 4), st.integers(0, 2**32 - 1))
def test_the_mean_score_of_a_cell_lies_in_it(classes: int, seed: int):
    scores = log_odds(np.random.default_rng(seed).dirichlet(np.ones(classes), 200))
    places = cells(scores)
    for cell in np.unique(places, axis=0):
        mine = scores[(places == cell).all(axis=1)]
        assert (cells(mine.mean(axis=0, keepdims=True)) == cell).all() or np.ptp(mine, axis=0).max() < 1e-9


@given(st.binary(min_size=16, max_size=16))
def test_ulids_come_back(value: bytes):
    assert read_ulid(write_ulid(value)) == value
    assert read_ulid(write_ulid(value).lower()) == value
