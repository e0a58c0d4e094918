"""Faults of a unit in its frames: simulated speckle, and what goes wrong with it."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from analytics.fish.errors import ScoresError
from analytics.fish.faults import FrameWatch, begin_frames, learn_frames, shrunk, watch_frames
from analytics.fish.images import FEATURES, frame_statistics
from tests.analytics.fish.frames import frame

CLEAN = 100


@cache
def sound() -> np.ndarray:
    rng = np.random.default_rng(1)
    return np.array([frame_statistics(frame(rng)) for _ in range(CLEAN + 20)])


@pytest.mark.parametrize(
    ("fault", "cause", "side"),
    [
        ({"gain_db": 3.0}, "gain", 1),
        ({"gain_db": -3.0}, "gain", -1),
        ({"dead_lines": 2}, "dead scan lines", 1),
        ({"blur": 0.8}, "focus", -1),
    ],
)
def test_a_fault_alarms_within_two_fish_and_is_named(fault: dict, cause: str, side: int) -> None:
    clean, rng = learn_frames(sound()[:CLEAN]), np.random.default_rng(2)
    state, none = watch_frames(begin_frames(), clean, sound()[CLEAN:])
    assert none == []
    broken = [frame_statistics(frame(rng, **fault)) for _ in range(2)]
    _, (found,) = watch_frames(state, clean, broken)
    assert found.frame - state.seen <= 1
    assert (found.cause, found.side) == (cause, side)
    assert found.feature in FEATURES
    assert found.t2 > found.limit


def normal(rng: np.random.Generator, n: int) -> np.ndarray:
    """Make statistics whose transformed values are normal and hang together."""
    mix = np.eye(len(FEATURES)) + 0.4 * np.random.default_rng(0).standard_normal((8, 8))
    values = 0.05 * rng.standard_normal((n, len(FEATURES))) @ mix
    share = np.isin(FEATURES, ("saturation", "dead_lines"))
    return np.where(share, (0.5 + values) ** 2, 0.5 * np.exp(values))


def test_false_alarms_are_as_rare_as_stated() -> None:
    rng, frames, alarms = np.random.default_rng(3), 0, 0
    for _ in range(30):
        clean = learn_frames(normal(rng, 200), frames_per_false_alarm=500)
        state = begin_frames()
        for row in normal(rng, 1000):
            state, found = watch_frames(state, clean, row[None])
            alarms += len(found)
            state = begin_frames() if found else state
            frames += 1
    assert frames / max(alarms, 1) > 400


def test_shrinkage_is_that_of_scikit_learn() -> None:
    from sklearn.covariance import LedoitWolf

    x = np.random.default_rng(4).standard_normal((40, 8)) @ np.diag([1, 2, 1, 1, 3, 1, 1, 0.5])
    x -= x.mean(axis=0)
    np.testing.assert_allclose(shrunk(x), LedoitWolf(assume_centered=True).fit(x).covariance_, atol=1e-9)


def test_an_alarm_is_given_once_and_batches_make_no_difference() -> None:
    clean = learn_frames(sound()[:CLEAN])
    off = sound()[CLEAN:].copy()
    off[5:, 0] *= 1.3
    whole, once = watch_frames(begin_frames(), clean, off)
    state: FrameWatch = begin_frames()
    parts = []
    for batch in np.array_split(off, 7):
        state, found = watch_frames(state, clean, batch)
        parts += found
    assert [one.frame for one in once] == [one.frame for one in parts] == [5]
    np.testing.assert_allclose(state.level, whole.level)


def test_a_start_period_needs_frames() -> None:
    with pytest.raises(ScoresError, match="at least 50 frames, not 10"):
        learn_frames(sound()[:10])
    with pytest.raises(ScoresError, match="statistics"):
        learn_frames(np.full((60, 8), np.nan))
