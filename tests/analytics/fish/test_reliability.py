"""Scores of probabilities, against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest

from analytics.fish.errors import ScoresError
from analytics.fish.reliability import brier, calibration_error, curve, log_loss


def fish(seed: int, n: int, slope: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Make fish of three classes; with a slope of 1 their probabilities mean what they say."""
    rng = np.random.default_rng(seed)
    logs = rng.normal(0, 1.5, (n, 3))
    honest = np.exp(logs) / np.exp(logs).sum(axis=1, keepdims=True)
    true = (rng.random(n)[:, None] > np.cumsum(honest, axis=1)).sum(axis=1).clip(0, 2)
    said = np.exp(slope * logs)
    return said / said.sum(axis=1, keepdims=True), true


def test_scores_are_those_of_scikit_learn() -> None:
    from sklearn import metrics

    p, true = fish(1, 500)
    weight = np.random.default_rng(2).random(500)
    assert log_loss(p, true, weight=weight) == pytest.approx(
        metrics.log_loss(true, p, sample_weight=weight), abs=1e-9
    )
    expected = sum(metrics.brier_score_loss(true == k, p[:, k], sample_weight=weight) for k in range(3))
    assert brier(p, true, weight=weight).score == pytest.approx(expected, abs=1e-9)


def test_the_curve_is_that_of_scikit_learn() -> None:
    from sklearn.calibration import calibration_curve

    p, true = fish(3, 800)
    found, said = calibration_curve(true == 1, p[:, 1], n_bins=10)
    drawn = curve(p, true, 1)
    np.testing.assert_allclose(drawn.found, found, atol=1e-12)
    np.testing.assert_allclose(drawn.said, said, atol=1e-12)
    assert drawn.share.sum() == pytest.approx(1.0)
    assert ((drawn.low <= drawn.found) & (drawn.found <= drawn.high)).all()


def test_an_honest_unit_lies_on_the_diagonal() -> None:
    p, true = fish(4, 20_000)
    drawn = curve(p, true, 0)
    assert ((drawn.low <= drawn.said) & (drawn.said <= drawn.high)).mean() >= 0.8


def test_briers_parts_add_up() -> None:
    p, true = fish(5, 400)
    told = brier(np.round(p, 1) / np.round(p, 1).sum(axis=1, keepdims=True), true)
    total = told.reliability - told.resolution + told.uncertainty + told.within
    assert total == pytest.approx(told.score)
    assert told.uncertainty == pytest.approx(sum(q * (1 - q) for q in np.bincount(true) / 400))


def test_one_probability_a_bin_leaves_nothing_within() -> None:
    p = np.repeat([[0.85, 0.15], [0.25, 0.75]], 50, axis=0)
    assert brier(p, [0] * 40 + [1] * 60).within == pytest.approx(0.0, abs=1e-12)


def test_the_debiased_error_of_an_honest_unit_is_near_nothing() -> None:
    plain, debiased = np.mean([calibration_error(*fish(seed, 150)) for seed in range(200)], axis=0)
    assert plain > 0.06
    assert debiased < 0.65 * plain


def test_a_unit_too_sure_of_itself_is_found() -> None:
    p, true = fish(6, 5000, slope=2.5)
    plain, debiased = calibration_error(p, true)
    assert plain > 0.1
    assert debiased > 0.1


def test_weights_stand_for_fish() -> None:
    p, true = fish(7, 60)
    times = np.random.default_rng(8).integers(1, 4, 60)
    many = np.repeat(p, times, axis=0), np.repeat(true, times)
    assert log_loss(p, true, weight=times) == pytest.approx(log_loss(*many))
    assert calibration_error(p, true, weight=times)[0] == pytest.approx(calibration_error(*many)[0])


@pytest.mark.parametrize(
    ("p", "true", "weight"),
    [
        ([[0.5, 0.5]], [2], None),
        ([[0.5, 0.5]], [0, 1], None),
        ([[0.5, -0.5]], [0], None),
        (np.zeros((0, 2)), [], None),
        ([[0.5, 0.5]], [0], [0.0]),
        ([[0.5, 0.5]], [0], [-1.0]),
    ],
)
def test_what_does_not_fit_is_refused(p: object, true: object, weight: object) -> None:
    with pytest.raises(ScoresError):
        log_loss(p, true, weight=weight)
