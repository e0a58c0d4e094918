import warnings

import numpy as np
import pytest

from analytics.fish.counting import emq
from analytics.fish.prevalence import best, log_mixture, softmax


def lot(classes: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.dirichlet(np.full(classes, 0.7), 200), rng.dirichlet(np.full(classes, 4.0))


def quapy_emq(p: np.ndarray, prior: np.ndarray) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from quapy.method.aggregative import EMQ

        return EMQ.EM(prior, p, epsilon=1e-9)[0]


@pytest.mark.parametrize("classes", [2, 3, 5])
@pytest.mark.parametrize("seed", range(4))
def test_agrees_with_quapy(classes: int, seed: int) -> None:
    p, prior = lot(classes, seed)
    theirs = quapy_emq(p, prior)
    newton = best((p / prior).T[None], np.ones(200), np.full(classes, 1e-6), np.zeros((1, classes - 1)), 60)
    assert softmax(newton.at)[0] == pytest.approx(theirs, abs=1e-3)
    assert emq(p, prior).share == pytest.approx(theirs, abs=1e-3)


def test_many_curves_at_once_are_as_each_alone() -> None:
    rng = np.random.default_rng(3)
    ratio, fish, pseudo = (
        rng.gamma(0.5, size=(20, 4, 30)) + 1e-3,
        rng.integers(1, 9, 30) * 1.0,
        np.full(4, 0.5),
    )
    together = best(ratio, fish, pseudo, np.zeros((20, 3)), 60)
    alone = [best(one[None], fish, pseudo, np.zeros((1, 3)), 60).value[0] for one in ratio]
    assert together.value == pytest.approx(alone, abs=1e-3)


def test_nothing_nearby_is_better() -> None:
    rng = np.random.default_rng(4)
    ratio, fish = rng.gamma(0.5, size=(1, 3, 40)) + 1e-3, np.full(40, 5.0)
    found = best(ratio, fish, np.full(3, 1e-6), np.zeros((1, 2)), 60)
    for direction in np.vstack([np.eye(2), -np.eye(2)]):
        assert log_mixture(ratio, fish, softmax(found.at + 0.05 * direction))[0] < found.value[0]


def test_a_class_that_is_not_there_ends_at_none() -> None:
    ratio = np.array([[[1.0, 1.0], [0.2, 0.1]]])
    found = best(ratio, np.array([50.0, 50.0]), np.full(2, 1e-3), np.zeros((1, 1)), 60)
    assert softmax(found.at)[0, 1] < 1e-3
