import numpy as np
import pytest
from scipy.special import logsumexp

from analytics.fish.density_ratio import Gaussian, design
from analytics.fish.history import Case, Unit
from analytics.fish.posterior import draw

CURVE = Gaussian(mean=np.array([0.3, 0.45, 0.2]), covariance=np.diag([0.5, 0.08, 0.2]) ** 2)
UNIT = Unit(classes=2, cases=(Case(weight=1.0, shift_sd=0.0, curve=CURVE),), checks=None)
ODDS = np.linspace(-4, 4, 9)
SCORES = np.stack([ODDS, -ODDS], axis=1)
FISH = np.array([9.0, 7, 4, 2, 2, 3, 6, 12, 15])
NONE = np.zeros((9, 2))
SOME = np.zeros((9, 2))
SOME[[1, 2, 5, 7, 7], [1, 1, 1, 0, 0]] = 1


def quadrature(true: np.ndarray) -> tuple[float, float]:
    """Posterior mean and SD of the first class's prevalence on a grid of all four unknowns."""
    axes = [
        m + s * np.linspace(-3.6, 3.6, 15)
        for m, s in zip(CURVE.mean, np.sqrt(np.diag(CURVE.covariance)), strict=True)
    ]
    theta = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    eta = np.einsum("bkp,mp->mbk", design(SCORES), theta)
    pi = (np.arange(160) + 0.5) / 160
    both = np.stack([np.log(pi), np.log1p(-pi)])
    mixed = logsumexp(eta[:, :, :, None] + both[None, None], axis=2)
    value = np.einsum("b,mbp->mp", FISH, mixed) + true.sum(axis=0) @ both
    value += np.einsum("bk,mbk->m", true, eta)[:, None]
    value -= np.einsum("b,mbp->mp", FISH + true.sum(axis=1), mixed).max(axis=1, keepdims=True)
    away = theta - CURVE.mean
    value += -0.5 * np.einsum("mi,ij,mj->m", away, np.linalg.inv(CURVE.covariance), away)[:, None]
    weight = np.exp(value - value.max())
    weight /= weight.sum()
    mean = (weight * pi).sum()
    return mean, np.sqrt((weight * (pi - mean) ** 2).sum())


@pytest.mark.parametrize("true", [NONE, SOME], ids=["unchecked", "five checked"])
def test_agrees_with_quadrature(true: np.ndarray) -> None:
    mean, sd = quadrature(true)
    found = []
    for seed in range(8):
        told = draw(SCORES, FISH, true, UNIT, np.random.default_rng(seed))
        first = told.weight @ told.prevalence[:, 0]
        found.append((first, np.sqrt(told.weight @ (told.prevalence[:, 0] - first) ** 2)))
    assert np.mean(found, axis=0) == pytest.approx([mean, sd], abs=0.005)


def test_many_checks_are_reached_from_a_wide_prior() -> None:
    wide = Gaussian(mean=CURVE.mean, covariance=np.diag([2.0, 1.0, 1.0]) ** 2)
    unit = Unit(classes=2, cases=(Case(weight=1.0, shift_sd=0.0, curve=wide),), checks=None)
    true = np.zeros((9, 2))
    true[:, 0], true[:, 1] = np.linspace(0, 30, 9), np.linspace(30, 0, 9)
    told = draw(SCORES, FISH, true, unit, np.random.default_rng(0))
    assert told.ess > 100


def test_the_case_that_explains_the_checks_gains() -> None:
    far = Gaussian(mean=CURVE.mean + np.array([3.0, 0, 0]), covariance=CURVE.covariance)
    cases = (Case(weight=0.5, shift_sd=0.0, curve=CURVE), Case(weight=0.5, shift_sd=1.0, curve=far))
    told = draw(SCORES, FISH, 4 * SOME, Unit(classes=2, cases=cases, checks=None), np.random.default_rng(0))
    assert told.case.sum() == pytest.approx(1)
    assert told.case[0] > 0.6 or told.case[1] > 0.6
