"""Mistakes beyond those expected: run lengths by simulation, other mixtures, doubtful fish first."""

from __future__ import annotations

import numpy as np
import pytest

from analytics.fish import charts
from analytics.fish.errors import ScoresError
from analytics.fish.risk_adjusted import limit_for, run_length
from analytics.fish.run_lengths import bernoulli_limit, bernoulli_period

CHARTS = 3000
RATIO = 2.5


def simulated(draw: object, limit: float, seed: int, worse: float = 1.0) -> float:
    """Run charts side by side until each has alarmed: the mean run length."""
    rng, state, lengths = np.random.default_rng(seed), charts.new(CHARTS, sides=1), []
    while len(state.seen):
        expected = draw(rng, (100, len(state.seen)))  # type: ignore[operator]
        true = worse * expected / (1 - expected + worse * expected)
        wrong = (rng.random(expected.shape) < true).astype(float)
        state, alarms = charts.unexpected_mistakes(state, wrong, expected, odds_ratio=RATIO, limit=limit)
        lengths += [alarm.at + 1 for alarm in alarms]
        state = charts.State(
            **{name: getattr(state, name)[..., ~state.alarmed] for name in charts.State.__slots__}
        )
    return float(np.mean(lengths))


def doubts(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return 0.5 * rng.beta(0.6, 3.0, shape)


@pytest.mark.parametrize("worse", [1.0, 2.5])
def test_simulated_charts_run_as_long_as_stated(worse: float) -> None:
    usual = doubts(np.random.default_rng(1), (20_000,))
    limit = limit_for(usual, odds_ratio=RATIO, fish_per_false_alarm=400)
    stated = run_length(usual, odds_ratio=RATIO, limit=limit, worse=worse)
    assert simulated(doubts, limit, 2, worse) == pytest.approx(stated, rel=0.03)
    if worse == 1.0:
        assert stated == pytest.approx(400, rel=1e-3)


def test_more_fish_of_the_harder_class_are_no_alarm() -> None:
    """Milt is called right in 95 %, roe in 80 %: with four roe to a milt a plain chart of mistakes alarms."""
    rng, rounds, fish = np.random.default_rng(3), 2000, 300
    easy, hard = 0.05, 0.2

    def drawn(roe: float) -> tuple[np.ndarray, np.ndarray]:
        expected = np.where(rng.random((fish, rounds)) < roe, hard, easy)
        return expected, (rng.random(expected.shape) < expected).astype(float)

    usual = 0.5 * (easy + hard)
    period = bernoulli_period(usual, 2 * usual)
    plain_limit = bernoulli_limit(usual, period, 2000)
    limit = limit_for([easy, hard], odds_ratio=RATIO, fish_per_false_alarm=2000)
    alarmed = {}
    for roe in (0.5, 0.8):
        expected, wrong = drawn(roe)
        _, plain = charts.mistakes(charts.new(rounds, sides=1), wrong, period=period, limit=plain_limit)
        _, fair = charts.unexpected_mistakes(
            charts.new(rounds, sides=1), wrong, expected, odds_ratio=RATIO, limit=limit
        )
        alarmed[roe] = len(plain) / rounds, len(fair) / rounds
    assert alarmed[0.5] == pytest.approx((0.13, 0.13), abs=0.05)
    assert alarmed[0.8][0] > 2 * alarmed[0.5][0]
    assert alarmed[0.8][1] < 1.4 * alarmed[0.5][1]


def test_checking_doubtful_fish_first_is_no_alarm() -> None:
    rng, rounds = np.random.default_rng(4), 1000
    expected = np.sort(doubts(rng, (600, rounds)), axis=0)[-200:]
    wrong = (rng.random(expected.shape) < expected).astype(float)
    usual = expected[:, :50].ravel()
    limit = limit_for(usual, odds_ratio=RATIO, fish_per_false_alarm=2000)
    _, alarms = charts.unexpected_mistakes(
        charts.new(rounds, sides=1), wrong, expected, odds_ratio=RATIO, limit=limit
    )
    assert len(alarms) / rounds < 0.15


@pytest.mark.parametrize("expected", [[], [1.2], [-0.1], [np.nan]])
def test_chances_must_be_chances(expected: list) -> None:
    with pytest.raises(ScoresError, match="expected"):
        run_length(expected, odds_ratio=2.0, limit=3.0)
