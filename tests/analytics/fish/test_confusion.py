"""The confusion matrix, against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest

from analytics.fish.confusion import confusion
from analytics.fish.errors import ScoresError


@pytest.mark.parametrize("kind", [np.int64, np.int8, np.uint8, np.int32])
@pytest.mark.parametrize("classes", [2, 3, 16, 17])
def test_it_is_that_of_scikit_learn(kind: type, classes: int) -> None:
    from sklearn.metrics import confusion_matrix

    rng = np.random.default_rng(classes)
    true, called = rng.integers(0, classes, (2, 5000)).astype(kind)
    weight = rng.random(5000)
    every = np.arange(classes)
    np.testing.assert_array_equal(
        confusion(true, called, classes), confusion_matrix(true, called, labels=every)
    )
    np.testing.assert_allclose(
        confusion(true, called, classes, weight=weight),
        confusion_matrix(true, called, labels=every, sample_weight=weight),
        rtol=1e-12,
    )


def test_no_fish_make_an_empty_matrix() -> None:
    assert confusion([], [], 3).tolist() == [[0.0] * 3] * 3


@pytest.mark.parametrize(
    ("true", "called", "name"),
    [
        ([0, 2], [0, 1], "true"),
        ([0, 1], [0, -1], "called"),
        ([0, 1], [0.0, 1.0], "called"),
        ([[0], [1]], [0, 1], "true"),
        ([0, 1], [0], "called"),
    ],
)
def test_what_are_no_classes_is_refused(true: list, called: list, name: str) -> None:
    with pytest.raises(ScoresError) as raised:
        confusion(true, called, 2)
    assert raised.value.name == name
