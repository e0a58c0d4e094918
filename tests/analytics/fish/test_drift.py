"""A unit's confidence: no alarm at another sex ratio, an alarm when the unit gets worse."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from scipy.special import ndtr, ndtri

from analytics.fish import charts, drift
from analytics.fish.confidence import _statistics
from analytics.fish.errors import ScoresError

SCORES = Path(__file__).parents[4] / "shared/data/classifier_scores/scores_open.npz"
field_data = pytest.mark.skipif(
    not SCORES.is_file() and "CI" not in os.environ,  # in CI its absence is a failure
    reason="needs ../shared/data/classifier_scores",
)
SEXES = ["milt", "roe"]
GOOD = 1.25  # right in 89.4 % of the fish


def fish(
    rng: np.random.Generator, n: int, milt: float, *, loss: float = 0.0, good: float = GOOD
) -> np.ndarray:
    """Make probabilities as a unit gives them that learnt when it was good; `loss` of accuracy since."""
    now = float(ndtri(ndtr(good) - loss))
    sign = np.where(rng.random(n) < milt, -1.0, 1.0)
    roe = 1 / (1 + np.exp(-2 * good * (sign * now + rng.standard_normal(n))))
    return np.stack([1 - roe, roe], axis=1)


def alarms_in(start: drift.Baseline, p: np.ndarray) -> int:
    """Count alarms, all of a unit's charts being set back after each."""
    z, state, count = drift.points(start, p), charts.new(len(start.names) + 1), 0
    while len(z):
        _, alarms = charts.cusum(state, z, limit=start.limit)
        if not alarms:
            break
        count += 1
        z = z[min(alarm.at for alarm in alarms) + 1 :]
    return count


@pytest.mark.parametrize("milt", [0.5, 0.8, 0.95])
def test_another_sex_ratio_is_no_alarm(milt: float) -> None:
    """False alarms come no more often than stated, whatever the mixture: one in 20,000 fish."""
    rng, fishes, count = np.random.default_rng(1), 0, 0
    for _ in range(40):
        start = drift.baseline(fish(rng, 20_000, 0.5), SEXES)
        count += alarms_in(start, fish(rng, 40_000, milt))
        fishes += 40_000
    assert fishes / max(count, 1) > 20_000


def test_a_naive_chart_of_confidence_alarms_at_another_sex_ratio() -> None:
    """What is avoided: the same chart of the mean confidence of fish called milt, uncorrected."""
    rng = np.random.default_rng(2)
    p = fish(rng, 20_000, 0.5)
    start = drift.baseline(p, SEXES)
    blunt = drift.Baseline(
        names=start.names,
        middle=start.middle,
        level=np.zeros_like(start.level),
        spread=np.tile(_statistics(p, start.middle).var(axis=0), (2, 1)),
        variance=start.variance,
        fish=start.fish,
        group=start.group,
        limit=start.limit,
    )
    moved = fish(rng, 40_000, 0.95)
    assert alarms_in(blunt, moved) > 10 * max(alarms_in(start, moved), 1)


def test_a_short_start_period_is_allowed_for() -> None:
    rng, count = np.random.default_rng(3), 0
    for _ in range(80):
        count += alarms_in(drift.baseline(fish(rng, 2000, 0.5), SEXES), fish(rng, 20_000, 0.8))
    assert 80 * 20_000 / max(count, 1) > 20_000


@pytest.mark.parametrize("good", [1.25, 1.9])
def test_fifteen_points_of_accuracy_are_missed_soon(good: float) -> None:
    rng, at, began = np.random.default_rng(4), [], []
    start = drift.baseline(fish(rng, 20_000, 0.5, good=good), SEXES)
    for _ in range(100):
        state, _ = drift.watch(drift.begin(start), start, fish(rng, 1000, 0.5, good=good))
        _, found = drift.watch(state, start, fish(rng, 2000, 0.8, loss=0.15, good=good))
        assert found
        first = min(found, key=lambda one: one.at_fish)
        assert first.side == -1
        at.append(first.at_fish - 1000)
        began.append(first.began_fish - 1000)
    assert np.quantile(at, 0.95) <= 300
    assert np.median(began) == pytest.approx(0, abs=50)


def test_an_alarm_names_the_class_and_the_size() -> None:
    """Only fish that are truly roe lose a third of their log-odds."""
    rng = np.random.default_rng(5)
    sign = np.where(rng.random(60_000) < 0.5, -1.0, 1.0)
    score = 2 * 2.0 * (sign * 2.0 + rng.standard_normal(60_000))
    duller = np.where((np.arange(60_000) >= 30_000) & (sign > 0), score * 0.67, score)
    roe = 1 / (1 + np.exp(-duller))
    p = np.stack([1 - roe, roe], axis=1)
    start = drift.baseline(p[:30_000], SEXES)
    _, found = drift.watch(drift.begin(start), start, p[30_000:])
    sizes = {one.called: one for one in found}
    assert sizes["roe"].side == -1
    assert sizes["roe"].size < -0.05
    assert sizes["roe"].at_fish < 2000
    assert "milt" not in sizes or abs(sizes["milt"].in_sd) < abs(sizes["roe"].in_sd)


def test_batches_make_no_difference() -> None:
    rng = np.random.default_rng(6)
    start = drift.baseline(fish(rng, 2000, 0.5), SEXES)
    p = fish(rng, 999, 0.5, loss=0.1)
    whole, found = drift.watch(drift.begin(start), start, p)
    state, parts = drift.begin(start), []
    for batch in np.array_split(p, 13):
        state, some = drift.watch(state, start, batch)
        parts += some
    np.testing.assert_allclose(state.charts.level, whole.charts.level, atol=1e-9)
    assert len(state.waiting) == 999 % drift.GROUP
    told = {(one.called, one.side, one.at_fish, one.began_fish, round(one.size, 9)) for one in found}
    assert told
    assert {(one.called, one.side, one.at_fish, one.began_fish, round(one.size, 9)) for one in parts} == told


@field_data
@pytest.mark.parametrize("checked", [0, 150, 20_000])
@pytest.mark.parametrize("name", ["busi", "aedes"])
def test_a_real_classifier_does_not_alarm_at_another_mixture(name: str, checked: int) -> None:
    """Real scores drawn anew, not even calibrated, few or no fish of the start period checked."""
    with np.load(SCORES) as file:
        p, true = file[f"{name}_P"].astype(float), file[f"{name}_y"].astype(np.int64)
    rng, classes = np.random.default_rng(7), p.shape[1]
    skew = np.append(0.8, np.full(classes - 1, 0.2 / (classes - 1)))
    weight = skew[true] / np.bincount(true)[true]
    count = 0
    for _ in range(8):
        usual = rng.choice(len(true), 20_000)
        seen = np.where(rng.random(20_000) < checked / 20_000, true[usual], -1)
        start = drift.baseline(p[usual], [str(k) for k in range(classes)], true=seen)
        count += alarms_in(start, p[rng.choice(len(true), 20_000, p=weight / weight.sum())])
    assert count <= 8


def test_checks_correct_probabilities_that_are_off() -> None:
    """A unit too sure of roe: other mixtures move the uncorrected statistic, less so with checked fish."""
    rng = np.random.default_rng(8)

    def off(n: int, milt: float) -> tuple[np.ndarray, np.ndarray]:
        true = (rng.random(n) >= milt).astype(np.int64)
        score = 2 * GOOD * (np.where(true == 1, GOOD, -GOOD) + rng.standard_normal(n))
        roe = 1 / (1 + np.exp(-np.where(score > 0, 2 * score, 0.7 * score) - 0.5))
        return np.stack([1 - roe, roe], axis=1), true

    p, true = off(20_000, 0.5)
    later, _ = off(20_000, 0.9)
    moved = {}
    for checked in (0, 300, 20_000):
        seen = np.where(np.arange(20_000) < checked, true, -1)
        start = drift.baseline(p, SEXES, true=seen)
        raw = _statistics(later, start.middle) - later @ start.level
        moved[checked] = np.abs(raw.mean(axis=0) / np.sqrt(start.variance)).max()
    assert moved[20_000] < 0.03
    assert moved[20_000] < moved[300] < 0.7 * moved[0]


def test_what_is_stored_is_the_same_baseline() -> None:
    rng = np.random.default_rng(9)
    start, p = drift.baseline(fish(rng, 2000, 0.5), SEXES), fish(rng, 1000, 0.8)
    again = drift.read(json.loads(json.dumps(start.stored())))
    np.testing.assert_array_equal(drift.points(again, p), drift.points(start, p))


@pytest.mark.parametrize(
    ("p", "named", "text"),
    [
        (np.full((10, 2), 0.5), {}, "at least 1000 fish, not 10"),
        (np.tile([0.9, 0.1], (2000, 1)), {}, "fish of every class"),
        (np.tile([[0.9, 0.1], [0.1, 0.9]], (1000, 1)), {"true": np.zeros(3)}, "true"),
        (np.full((2000, 2), 0.7), {}, "add up to one"),
    ],
)
def test_what_makes_no_start_period_is_refused(p: np.ndarray, named: dict, text: str) -> None:
    with pytest.raises(ScoresError, match=text):
        drift.baseline(p, SEXES, **named)
