"""Run lengths: the published ones, and those that simulated charts have."""

from __future__ import annotations

import numpy as np
import pytest

from analytics.fish import charts
from analytics.fish.errors import ScoresError
from analytics.fish.run_lengths import (
    bernoulli_limit,
    bernoulli_period,
    bernoulli_run_length,
    cusum_run_length,
    ewma_run_length,
    rough_two_sided_run_length,
    two_sided_run_length,
)

CHARTS = 4000
AT_ONCE = 200
MOST = 12_000


def simulated(chart: object, sides: int, draw: object, seed: int, **named: float) -> tuple[float, float]:
    """Run many charts side by side until each has alarmed: the mean run length and its standard error."""
    rng = np.random.default_rng(seed)
    state, lengths = charts.new(CHARTS, sides=sides), np.zeros(0)
    for _ in range(MOST // AT_ONCE):
        state, alarms = chart(state, draw(rng, (AT_ONCE, len(state.seen))), **named)  # type: ignore[operator]
        lengths = np.append(lengths, [alarm.at + 1 for alarm in alarms])
        state = kept(state, ~state.alarmed)
        if not len(state.seen):
            break
    assert len(lengths) == CHARTS
    return float(lengths.mean()), float(lengths.std() / np.sqrt(CHARTS))


def kept(state: charts.State, which: np.ndarray) -> charts.State:
    return charts.State(**{name: getattr(state, name)[..., which] for name in charts.State.__slots__})


def normal(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    return rng.standard_normal(shape)


@pytest.mark.parametrize(
    ("stated", "published"),
    [
        (two_sided_run_length(0.5, 4.0), 167.7),
        (two_sided_run_length(0.5, 5.0), 465.4),
        (cusum_run_length(0.5, 5.0, shift=1.0), 10.38),
        (ewma_run_length(0.1, 2.703), 371.8),
    ],
)
def test_they_are_those_published(stated: float, published: float) -> None:
    assert stated == pytest.approx(published, rel=1e-3)


@pytest.mark.parametrize(("limit", "seed"), [(4.0, 1), (5.0, 2)])
def test_simulated_cusums_run_as_long_as_stated(limit: float, seed: int) -> None:
    length, _ = simulated(charts.cusum, 2, normal, seed, limit=limit)
    assert length == pytest.approx(two_sided_run_length(0.5, limit), rel=0.03)


def test_simulated_ewmas_run_as_long_as_stated() -> None:
    length, error = simulated(charts.ewma, 1, normal, 3)
    assert length == pytest.approx(ewma_run_length(0.1, 2.703), rel=0.03)
    assert error < 0.02 * length


@pytest.mark.parametrize("share", [0.1, 0.25])
def test_simulated_cusums_of_mistakes_run_as_long_as_stated(share: float) -> None:
    period = bernoulli_period(0.1, 0.25)
    limit = bernoulli_limit(0.1, period, 400)

    def wrong(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
        return (rng.random(shape) < share).astype(float)

    length, _ = simulated(charts.mistakes, 1, wrong, 4, period=period, limit=limit)
    assert length == pytest.approx(bernoulli_run_length(share, period, limit), rel=0.03)


@pytest.mark.parametrize("limit", [1, 4, 17])
def test_the_chain_of_mistakes_is_solved_right(limit: int) -> None:
    """By the matrix of all transitions, without its bands."""
    period, share = 6, 0.1
    passed = np.zeros((limit + 1, limit + 1))
    for state in range(limit + 1):
        passed[state, max(state - 1, 0)] += 1 - share
        if state + period - 1 <= limit:
            passed[state, state + period - 1] += share
    expected = np.linalg.solve(np.eye(limit + 1) - passed, np.ones(limit + 1))[0]
    assert bernoulli_run_length(share, period, limit) == pytest.approx(expected, rel=1e-9)


def test_a_limit_is_the_smallest_that_runs_long_enough() -> None:
    period = bernoulli_period(0.02, 0.08)
    limit = bernoulli_limit(0.02, period, 500)
    assert bernoulli_run_length(0.02, period, limit - 1) < 500 <= bernoulli_run_length(0.02, period, limit)


def test_a_bad_share_must_be_worse_than_the_usual_one() -> None:
    with pytest.raises(ScoresError, match="0 < usual < bad < 1"):
        bernoulli_period(0.2, 0.1)


@pytest.mark.parametrize("limit", [4.0, 5.5, 8.0])
@pytest.mark.parametrize("shift", [0.0, 0.2, 0.5, 1.0])
def test_the_rough_run_length_is_nearly_right(limit: float, shift: float) -> None:
    rough = float(rough_two_sided_run_length(0.5, limit, np.array([shift]))[0])
    assert rough == pytest.approx(two_sided_run_length(0.5, limit, shift=shift), rel=0.02)
