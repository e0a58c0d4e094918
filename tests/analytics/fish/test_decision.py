"""Decisions worth the most money, and a lot's worth."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.fish.decision import decide, lot_value, payoffs, threshold
from analytics.fish.errors import ScoresError


@given(p=st.floats(0, 1), gain=st.floats(1, 1000), loss=st.floats(1, 1000), base=st.floats(0, 500))
def test_two_bins_are_parted_at_the_threshold(p: float, gain: float, loss: float, base: float) -> None:
    """Roe is worth `base` in either bin's terms; milt gains in the dear bin, roe loses there."""
    payoff = [[base + gain, base], [base - loss, base]]
    border = threshold(loss, gain)
    if abs(p - border) > 1e-9:
        assert (decide([[p, 1 - p]], payoff).action[0] == 0) == (p > border)


def test_each_action_is_the_best_of_all() -> None:
    rng = np.random.default_rng(1)
    p = rng.dirichlet([1, 1, 1], 500)
    payoff, weight = payoffs([600.0, 250.0, 90.0], claim=120.0), rng.uniform(1, 6, 500)
    told = decide(p, payoff, check_cost=150.0, weight_kg=weight)
    for k in range(3):
        assert (told.worth >= p @ payoff[:, k] * weight - 1e-9).all()
    by_hand = p @ np.diag(payoff) * weight - 150.0
    assert (told.worth >= by_hand - 1e-9).all()
    np.testing.assert_allclose(told.worth[told.action == 3], by_hand[told.action == 3])
    assert 0 < (told.action == 3).mean() < 1


def test_a_sure_fish_is_not_worth_a_check() -> None:
    told = decide([[1.0, 0.0], [0.5, 0.5]], payoffs([600.0, 200.0]))
    assert told.worth_of_check.tolist() == pytest.approx([0.0, 0.0])
    told = decide([[1.0, 0.0], [0.5, 0.5]], payoffs([600.0, 200.0], claim=100.0))
    assert told.worth_of_check.tolist() == pytest.approx([0.0, 50.0])


def test_what_a_check_is_worth_is_what_it_earns() -> None:
    """Sold by what it truly is instead of by the best guess."""
    rng = np.random.default_rng(2)
    p = np.tile([0.7, 0.3], (200_000, 1))
    payoff = payoffs([600.0, 200.0], claim=150.0)
    true = (rng.random(len(p)) > 0.7).astype(int)
    told = decide(p, payoff)
    earned = np.diag(payoff)[true].mean() - payoff[true, told.action].mean()
    assert told.worth_of_check[0] == pytest.approx(earned, rel=0.02)


def test_a_lot_is_worth_its_draws() -> None:
    draws = np.random.default_rng(3).dirichlet([50, 50], 4000)
    value = lot_value(draws, 1000, weight_kg=[4.0, 5.0], price=[600.0, 200.0])
    exact = 1000 * (draws @ np.array([2400.0, 1000.0]))
    np.testing.assert_allclose(value.draws, exact)
    assert (value.low, value.high) == pytest.approx(tuple(np.quantile(exact, [0.025, 0.975])))
    assert value.of_class.sum() == pytest.approx(value.mean)


def test_unsure_weights_widen_the_interval() -> None:
    draws = np.tile([0.5, 0.5], (4000, 1))
    value = lot_value(draws, 100, weight_kg=[4.0, 5.0], weight_se=[0.4, 0.0], price=[600.0, 200.0])
    assert value.mean == pytest.approx(170_000, rel=0.005)
    assert value.high - value.low == pytest.approx(2 * 1.96 * 0.1 * 120_000, rel=0.06)


@pytest.mark.parametrize(
    ("named", "name"),
    [
        ({"weight_kg": [1.0], "price": [1.0, 1.0]}, "price"),
        ({"weight_kg": [1.0, 0.0], "price": [1.0, 1.0]}, "weight_kg"),
        ({"weight_kg": [1.0, 1.0], "price": [1.0]}, "price"),
    ],
)
def test_a_lot_needs_a_price_and_a_weight_a_class(named: dict, name: str) -> None:
    with pytest.raises(ScoresError) as raised, np.errstate(divide="ignore", invalid="ignore"):
        lot_value([[0.5, 0.5]], 10, **named)
    assert raised.value.name == name


def test_prices_must_fit() -> None:
    with pytest.raises(ScoresError, match="price"):
        payoffs([[1.0]])
    with pytest.raises(ScoresError, match="claim"):
        payoffs([1.0, 2.0], claim=[1.0])
    with pytest.raises(ScoresError, match="payoff"):
        decide([[0.5, 0.5]], np.eye(3))
