import warnings

import numpy as np
import pytest

from analytics.fish.counting import emq, plain, rogan_gladen
from analytics.fish.errors import ScoresError

CONFUSION = np.array([[80, 15, 5], [10, 70, 20], [2, 8, 90]])


def test_plain_counts_have_the_interval_of_statsmodels() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from statsmodels.stats.proportion import proportion_confint
    told = plain([30, 60, 10])
    for k, count in enumerate([30, 60, 10]):
        assert (told.low[k], told.high[k]) == pytest.approx(proportion_confint(count, 100, method="wilson"))


def test_rogan_gladen_agrees_with_quapy() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from quapy.method.aggregative import ACC
    q = np.array([0.4, 0.3, 0.3])
    rates = (CONFUSION / CONFUSION.sum(axis=1, keepdims=True)).T
    theirs = ACC.solve_adjustment(rates, q, method="inversion", solver="exact-raise")
    assert rogan_gladen(1000 * q, CONFUSION).share == pytest.approx(theirs)


def test_rogan_gladens_interval_holds_where_its_matrix_does() -> None:
    rng = np.random.default_rng(0)
    theta, share = CONFUSION / CONFUSION.sum(axis=1, keepdims=True), np.array([0.5, 0.3, 0.2])
    inside = []
    for _ in range(300):
        seen = np.stack([rng.multinomial(100, row) for row in theta])
        told = rogan_gladen(rng.multinomial(300, share @ theta), seen)
        inside.append((told.low <= share) & (share <= told.high))
    assert 0.92 <= np.mean(inside) <= 0.98


def test_shares_are_shares_even_where_the_matrix_contradicts() -> None:
    told = rogan_gladen([100, 0, 0], CONFUSION)
    assert told.share.sum() == pytest.approx(1)
    assert (told.share >= 0).all()


def test_a_class_never_verified_does_not_break_it() -> None:
    assert np.isfinite(rogan_gladen([5, 5, 5], [[5, 0, 0], [0, 5, 0], [0, 0, 0]]).share).all()


def test_emq_takes_cells_as_it_takes_fish() -> None:
    p = np.array([[0.9, 0.1], [0.3, 0.7]])
    one_by_one = emq(np.repeat(p, [30, 10], axis=0), np.full(2, 0.5))
    assert emq(p, np.full(2, 0.5), np.array([30.0, 10.0])).share == pytest.approx(one_by_one.share)


def test_refuses_no_fish() -> None:
    with pytest.raises(ScoresError, match="predicted"):
        plain([0, 0])
