"""The maps of a calibration, against scikit-learn and on fish of a unit that is off by a known map."""

from __future__ import annotations

import numpy as np
import pytest

from analytics.fish.recalibration import Bcts, fit_bcts, fit_isotonic, rising


def off(seed: int, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Make probabilities that ``softmax(0.5·log p + (0.8, -0.3, 0))`` would make right."""
    rng = np.random.default_rng(seed)
    logs = rng.normal(0, 3.0, (n, 3))
    logs -= np.log(np.exp(logs).sum(axis=1, keepdims=True))
    right = Bcts(slope=0.5, bias=(0.8, -0.3, 0.0)).apply(np.exp(logs))
    true = (rng.random(n)[:, None] > np.cumsum(right, axis=1)).sum(axis=1).clip(0, 2)
    return np.exp(logs), true, right


def test_temperature_and_biases_are_found() -> None:
    p, true, _ = off(1, 20_000)
    fitted = fit_bcts(p, true, np.ones(len(p)))
    assert fitted.slope == pytest.approx(0.5, abs=0.02)
    assert fitted.bias == pytest.approx((0.8, -0.3, 0.0), abs=0.06)


def test_it_is_the_logistic_regression_of_scikit_learn() -> None:
    """With two classes: of the log-odds, when next to nothing holds the parameters."""
    from sklearn.linear_model import LogisticRegression

    p, true, _ = off(2, 3000)
    two = p[true < 2][:, :2] / p[true < 2][:, :2].sum(axis=1, keepdims=True)
    seen, weight = true[true < 2], np.random.default_rng(3).random((true < 2).sum()) * 1e4
    fitted = fit_bcts(two, seen, weight)
    odds = np.log(np.maximum(two, 1e-6))
    other = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000)
    other.fit((odds[:, 1] - odds[:, 0])[:, None], seen, weight / 1e4)
    assert fitted.slope == pytest.approx(float(other.coef_[0, 0]), rel=1e-4)
    assert -fitted.bias[0] == pytest.approx(float(other.intercept_[0]), abs=1e-4)


def test_weights_stand_for_fish() -> None:
    p, true, _ = off(4, 300)
    times = np.random.default_rng(5).integers(1, 4, 300)
    once = fit_bcts(p, true, times.astype(float))
    many = fit_bcts(np.repeat(p, times, axis=0), np.repeat(true, times), np.ones(times.sum()))
    assert once.slope == pytest.approx(many.slope, abs=1e-8)


def test_a_unit_that_never_erred_has_a_finite_calibration() -> None:
    p = np.array([[0.9, 0.1]] * 40 + [[0.1, 0.9]] * 40)
    fitted = fit_bcts(p, np.repeat([0, 1], 40), np.ones(80))
    assert np.isfinite(fitted.slope)
    assert (fitted.apply(p).max(axis=1) < 1).all()


def test_the_rising_curve_is_that_of_scikit_learn() -> None:
    from sklearn.isotonic import IsotonicRegression

    p, true, _ = off(6, 500)
    weight = np.random.default_rng(7).random(500)
    said, found = rising(p[:, 0], (true == 0).astype(float), weight)
    other = IsotonicRegression(out_of_bounds="clip").fit(p[:, 0], true == 0, weight)
    at = np.linspace(0, 1, 400)
    np.testing.assert_allclose(np.interp(at, said, found), other.predict(at), atol=1e-9)


@pytest.mark.parametrize("classes", [2, 3])
def test_curves_make_probabilities(classes: int) -> None:
    p, true, right = off(8, 6000)
    p, right = p[:, :classes], right[:, :classes]
    keep = true < classes
    p, true, right = (
        p[keep] / p[keep].sum(1, keepdims=True),
        true[keep],
        right[keep] / right[keep].sum(1, keepdims=True),
    )
    mapped = fit_isotonic(p, true, np.ones(len(p))).apply(p)
    np.testing.assert_allclose(mapped.sum(axis=1), 1.0)
    assert (mapped > 0).all()
    assert np.abs(mapped - right).mean() < 0.3 * np.abs(p - right).mean()
