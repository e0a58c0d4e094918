"""Statistics of frames."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
import pytest

from analytics.fish.errors import ScoresError
from analytics.fish.images import FEATURES, frame_statistics

if TYPE_CHECKING:
    from collections.abc import Callable

RAMP = np.tile(np.arange(100, dtype=np.uint8)[:, None] + 50, (1, 80))


def told(frame: np.ndarray) -> dict[str, float]:
    return dict(zip(FEATURES, frame_statistics(frame).tolist(), strict=True))


def test_a_ramp_has_what_can_be_reckoned() -> None:
    found = told(RAMP)
    values = (np.arange(100) + 50) / 255
    assert found["brightness"] == pytest.approx(values.mean(), rel=1e-5)
    assert found["contrast"] == pytest.approx(values.std() / values.mean(), rel=1e-5)
    assert found["noise_floor"] == pytest.approx(54 / 255)
    assert found["sharpness_depth"] == pytest.approx((1 / 255) ** 2 / 2 / values.var(), rel=1e-4)
    assert found["sharpness_across"] == 0.0
    assert found["depth_gain"] == pytest.approx(values[50:].mean() / values.mean(), rel=1e-5)
    assert (found["saturation"], found["dead_lines"]) == (0.0, 0.0)


def test_eight_and_sixteen_bits_compare() -> None:
    small = np.random.default_rng(1).integers(0, 256, (64, 48)).astype(np.uint8)
    np.testing.assert_allclose(
        frame_statistics(small), frame_statistics(small.astype(np.uint16) * 257), rtol=1e-4, atol=1e-9
    )


def test_dead_lines_are_counted_and_left_out_of_the_rest() -> None:
    frame = RAMP.copy()
    frame[:, [3, 40]] = 0
    found, usual = told(frame), told(RAMP)
    assert found.pop("dead_lines") == pytest.approx(2 / 80)
    usual.pop("dead_lines")
    assert found == pytest.approx(usual)


def test_full_scale_is_counted() -> None:
    frame = RAMP.copy()
    frame[:10] = 255
    assert told(frame)["saturation"] == pytest.approx(0.1)


@pytest.mark.parametrize("value", [0, 255])
def test_an_even_frame_has_no_structure(value: int) -> None:
    found = frame_statistics(np.full((20, 20), value, np.uint8))
    assert np.isfinite(found).all()
    assert found[FEATURES.index("sharpness_depth")] == 0.0


@pytest.mark.parametrize(
    "frame", [np.zeros((4, 20), np.uint8), np.zeros((20, 20)), np.zeros((20, 20, 3), np.uint8)]
)
def test_what_is_no_frame_is_refused(frame: np.ndarray) -> None:
    with pytest.raises(ScoresError, match="frame"):
        frame_statistics(frame)


def test_a_frame_takes_less_than_five_milliseconds(best_of: Callable[[Callable[[], object]], float]) -> None:
    frame = np.random.default_rng(2).integers(0, 256, (407, 200)).astype(np.uint8)
    assert best_of(lambda: frame_statistics(frame)) < 0.005


@pytest.fixture
def best_of() -> Callable[[Callable[[], object]], float]:
    def best(run: Callable[[], object]) -> float:
        times = []
        for _ in range(10):
            begun = time.process_time()
            run()
            times.append(time.process_time() - begun)
        return min(times)

    return best
