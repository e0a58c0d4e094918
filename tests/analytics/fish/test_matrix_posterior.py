import numpy as np
import pytest
from scipy.stats import beta

from analytics.fish.errors import ScoresError
from analytics.fish.matrix_posterior import matrix_posterior


def quadrature(n: np.ndarray, seen: np.ndarray) -> tuple[float, float]:
    """Posterior mean and SD of the first prevalence, two classes."""
    grid = (np.arange(70) + 0.5) / 70
    pi, first, second = np.meshgrid((np.arange(150) + 0.5) / 150, grid, grid, indexing="ij")
    q = pi * first + (1 - pi) * second
    density = q ** n[0] * (1 - q) ** n[1]
    density *= beta.pdf(first, seen[0, 0] + 1, seen[0, 1] + 1) * beta.pdf(
        second, seen[1, 0] + 1, seen[1, 1] + 1
    )
    density /= density.sum()
    mean = (density * pi).sum()
    return mean, np.sqrt((density * (pi - mean) ** 2).sum())


@pytest.mark.parametrize(
    ("n", "seen"),
    [([30, 20], [[40, 10], [5, 45]]), ([48, 2], [[20, 4], [3, 30]]), ([10, 60], [[9, 3], [2, 14]])],
)
def test_agrees_with_quadrature(n: list[int], seen: list[list[int]]) -> None:
    mean, sd = quadrature(np.array(n), np.array(seen))
    told = [matrix_posterior(n, seen, seed=seed).prevalence[:, 0] for seed in range(4)]
    assert np.mean(told) == pytest.approx(mean, abs=0.005)
    assert np.std(told) == pytest.approx(sd, abs=0.005)


def test_gibbs_agrees_with_exact_draws() -> None:
    seen = np.array([[40, 10, 2], [5, 45, 4], [3, 6, 30]])
    exact = matrix_posterior([30, 20, 10], seen)
    # A fourth verdict that nobody ever got makes the matrix long without changing much.
    chains = matrix_posterior([30, 20, 10, 0], np.column_stack([seen, np.zeros(3)]))
    assert (exact.method, chains.method) == ("exact draws", "Gibbs")
    assert chains.share.mean(axis=0) == pytest.approx(exact.share.mean(axis=0), abs=0.02)
    assert chains.share.std(axis=0) == pytest.approx(exact.share.std(axis=0), abs=0.02)


def test_a_matrix_that_tells_nothing_is_refused_for_a_large_lot() -> None:
    with pytest.raises(ScoresError, match="too little"):
        matrix_posterior([90_000, 10_000, 0], np.zeros((2, 3)))


def test_refuses_shapes_that_do_not_fit() -> None:
    with pytest.raises(ScoresError, match="does not fit"):
        matrix_posterior([1, 2, 3], np.ones((2, 2)))
