"""A calibration replaces another only if it is better on fish that it was not fitted to."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import numpy as np
import pytest

from analytics.fish.calibration import Calibration, Kept, calibrate, stored_map
from analytics.fish.errors import ScoresError
from analytics.fish.recalibration import Bcts
from analytics.fish.reliability import log_loss

AT = datetime(2026, 1, 1, tzinfo=UTC)


def fish(seed: int, n: int, slope: float) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    logs = rng.normal(0, 2.0, (n, 3))
    honest = np.exp(logs) / np.exp(logs).sum(axis=1, keepdims=True)
    true = (rng.random(n)[:, None] > np.cumsum(honest, axis=1)).sum(axis=1).clip(0, 2)
    said = np.exp(slope * logs)
    return said / said.sum(axis=1, keepdims=True), true


@pytest.mark.parametrize("method", ["bcts", "isotonic"])
def test_a_unit_too_sure_of_itself_is_corrected(method: str) -> None:
    made = calibrate(*fish(1, 800, 2.5), fitted_at=AT, method=method)  # type: ignore[arg-type]
    assert isinstance(made, Calibration)
    assert (made.version, made.fish, made.fitted_at) == (1, 800, AT)
    p, true = fish(2, 4000, 2.5)
    outside = log_loss(made.apply(p), true)
    assert outside < 0.9 * log_loss(p, true)
    assert made.log_loss == pytest.approx(outside, abs=0.05)


def test_an_honest_unit_stays_as_it_is() -> None:
    kept = [calibrate(*fish(seed, 200, 1.0), fitted_at=AT) for seed in range(20)]
    assert sum(isinstance(one, Kept) for one in kept) >= 17
    assert "not better" in next(one.reason for one in kept if isinstance(one, Kept))


def test_the_one_in_use_is_replaced_when_the_unit_changes() -> None:
    first = calibrate(*fish(3, 600, 2.5), fitted_at=AT)
    assert isinstance(first, Calibration)
    assert isinstance(calibrate(*fish(4, 600, 2.5), fitted_at=AT, present=first), Kept)
    second = calibrate(*fish(5, 600, 0.5), fitted_at=AT, present=first)
    assert isinstance(second, Calibration)
    assert second.version == 2


def test_chances_correct_for_checking_doubtful_fish_first() -> None:
    """Too sure where it is sure: with doubtful fish checked first this shows only by their weights."""
    p, true = fish(6, 40_000, 2.5)
    chance = np.where(p.max(axis=1) < 0.7, 0.2, 0.01)
    chosen = np.random.default_rng(7).random(len(p)) < chance
    made = calibrate(p[chosen], true[chosen], fitted_at=AT, chance=chance[chosen])
    assert isinstance(made, Calibration)
    assert made.effective_fish < chosen.sum() / 2
    assert made.uncalibrated_log_loss == pytest.approx(log_loss(p, true), abs=0.1)


def test_whole_sessions_are_left_out() -> None:
    """Each day needs biases of its own: a day says nothing of the others."""
    rng = np.random.default_rng(8)
    day = np.repeat(np.arange(10), 60)
    p, true = fish(9, 600, 1.0)
    shift = np.exp(rng.normal(0, 1.5, (10, 3)))[day]
    p = p * shift / (p * shift).sum(axis=1, keepdims=True)
    apart, mixed = calibrate(p, true, fitted_at=AT, session=day), calibrate(p, true, fitted_at=AT)
    assert apart.log_loss > mixed.log_loss


@pytest.mark.parametrize("method", ["bcts", "isotonic"])
def test_what_is_stored_is_what_was_fitted(method: str) -> None:
    p, true = fish(10, 600, 2.5)
    made = calibrate(p, true, fitted_at=AT, method=method)  # type: ignore[arg-type]
    assert isinstance(made, Calibration)
    again = stored_map(method, json.loads(json.dumps(made.parameters())))
    np.testing.assert_array_equal(again.apply(p), made.apply(p))


def test_the_seed_decides() -> None:
    p, true = fish(11, 300, 2.0)
    one, two = (calibrate(p, true, fitted_at=AT, seed=4) for _ in range(2))
    assert one == two


@pytest.mark.parametrize(
    ("method", "parameters"),
    [("bcts", {"slope": 1.0}), ("isotonic", {"said": 3, "found": 4, "least": 0}), ("platt", {})],
)
def test_a_stored_map_must_be_one(method: str, parameters: dict) -> None:
    with pytest.raises(ScoresError):
        stored_map(method, parameters)


def test_chances_must_be_chances() -> None:
    with pytest.raises(ScoresError, match="chance"):
        calibrate([[0.5, 0.5]], [0], fitted_at=AT, chance=[0.0])


def test_nothing_moves_where_the_map_is_the_identity() -> None:
    p, _ = fish(12, 50, 1.0)
    np.testing.assert_allclose(Bcts(slope=1.0, bias=(0.0, 0.0, 0.0)).apply(p), p, atol=1e-6)
