"""Charts that go on from where they stopped."""

from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.fish import charts


def plain_cusum(z: np.ndarray, slack: float, limit: float) -> tuple[float, float, int | None]:
    """Carry one chart on value by value."""
    high = low = 0.0
    first = None
    for number, one in enumerate(z[np.isfinite(z)]):
        high, low = max(0.0, high + one - slack), max(0.0, low - one - slack)
        if first is None and max(high, low) > limit:
            first = number
    return high, low, first


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), cuts=st.lists(st.integers(0, 120), max_size=4))
def test_batches_make_no_difference(seed: int, cuts: list[int]) -> None:
    rng = np.random.default_rng(seed)
    z = rng.normal(0.3, 1.0, (120, 3))
    z[rng.random(z.shape) < 0.1] = np.nan
    state, alarms = charts.new(3), []
    edges = [0, *sorted(cuts), 120]
    for start, stop in pairwise(edges):
        state, some = charts.cusum(charts.read(json.loads(json.dumps(state.stored()))), z[start:stop])
        alarms += some
    whole, at_once = charts.cusum(charts.new(3), z)
    for name in charts.State.__slots__:
        np.testing.assert_allclose(getattr(state, name), getattr(whole, name), atol=1e-9)
    assert [(a.chart, a.at, a.began) for a in sorted(alarms, key=lambda a: a.chart)] == [
        (a.chart, a.at, a.began) for a in at_once
    ]
    for chart in range(3):
        high, low, first = plain_cusum(z[:, chart], charts.SLACK, charts.CUSUM_LIMIT)
        np.testing.assert_allclose(whole.level[:, chart], [high, low], atol=1e-9)
        assert [a.at for a in at_once if a.chart == chart] == ([] if first is None else [first])


def test_ewmas_in_batches_are_the_same() -> None:
    z = np.random.default_rng(1).normal(0, 1.2, (300, 4))
    whole, at_once = charts.ewma(charts.new(4, sides=1), z)
    state, first = charts.ewma(charts.new(4, sides=1), z[:133])
    state, second = charts.ewma(charts.read(state.stored()), z[133:])
    np.testing.assert_allclose(state.level, whole.level)
    assert [*first, *second] == at_once


def test_an_alarm_says_what_when_and_how_much() -> None:
    rng, found = np.random.default_rng(2), []
    for _ in range(200):
        z = rng.standard_normal((120, 3))
        z[60:, 1] -= 1.5
        _, alarms = charts.cusum(charts.new(3), z, limit=14.0)
        found += [alarm for alarm in alarms if alarm.at >= 60]
    assert {(alarm.chart, alarm.side) for alarm in found} == {(1, -1)}
    assert np.median([alarm.began for alarm in found]) == pytest.approx(60, abs=1)
    assert np.mean([alarm.size for alarm in found]) == pytest.approx(-1.5, abs=0.2)


def test_a_change_that_is_over_before_a_batch_is_still_dated() -> None:
    state, _ = charts.cusum(charts.new(1), np.array([[0.0], [2.0], [2.0]]))
    _, (alarm,) = charts.cusum(state, np.array([[2.0], [2.0]]))
    assert (alarm.began, alarm.at, alarm.size) == (1, 4, 2.0)


def test_an_alarm_is_given_once_until_it_is_answered() -> None:
    state, first = charts.cusum(charts.new(2), np.full((5, 2), 3.0))
    state, again = charts.cusum(state, np.full((5, 2), 3.0))
    assert (len(first), len(again)) == (2, 0)
    state, third = charts.cusum(charts.restarted(state, [1]), np.full((5, 2), 3.0))
    assert [(alarm.chart, alarm.began) for alarm in third] == [(1, 10)]


def test_mistakes_alarm_when_there_are_more() -> None:
    rng = np.random.default_rng(3)
    wrong = (rng.random((400, 50)) < np.where(np.arange(400) < 200, 0.05, 0.3)[:, None]).astype(float)
    _, alarms = charts.mistakes(charts.new(50, sides=1), wrong, period=7, limit=45)
    late = [alarm for alarm in alarms if alarm.at >= 200]
    assert len(late) > 40
    assert np.median([alarm.at for alarm in late]) < 260
    assert np.mean([alarm.size for alarm in late]) == pytest.approx(0.3, abs=0.12)


def test_no_values_change_nothing() -> None:
    state = charts.new(2)
    assert charts.cusum(state, np.zeros((0, 2))) == (state, [])
    same, _ = charts.cusum(state, np.full((3, 2), np.nan))
    assert same.seen.tolist() == [0, 0]
    assert same.level.tolist() == state.level.tolist()
