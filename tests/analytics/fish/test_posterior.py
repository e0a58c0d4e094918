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
    value -= logsumexp(np.einsum("b,mbp->mp", FISH + true.sum(axis=1), mixed), axis=1, keepdims=True)
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


def three_classes() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores, unchecked and checked fish of three classes, seen each by one number."""
    rng = np.random.default_rng(5)
    true = np.repeat([0, 1, 2], [14, 9, 7])
    logs = 1.2 * np.eye(3)[true] + rng.normal(0, 0.8, (30, 3))
    p = np.exp(logs) / np.exp(logs).sum(axis=1, keepdims=True)
    hand = np.zeros((30, 3))
    hand[[0, 5, 16, 25], [0, 0, 1, 2]] = 1
    return np.log(p / (1 - p)), 1.0 - hand.sum(axis=1), hand


@pytest.mark.parametrize("checked", [False, True])
def test_agrees_with_quadrature_of_three_classes(checked: bool) -> None:
    """A bias and the slope are not known, all else is: on a grid of both and of the simplex."""
    scores, fish, true = three_classes()
    if not checked:
        fish, true = fish + true.sum(axis=1), 0 * true
    middle, sd = np.array([0.2, -0.1, 0.8, 0.2, 0.0, 0.0, 0.0]), np.array([0.6, 0, 0.25, 0, 0, 0, 0])
    z = np.linspace(-3.6, 3.6, 13)
    theta = middle + np.stack(np.meshgrid(z, z), axis=-1).reshape(-1, 2) @ np.diag(sd)[[0, 2]]
    eta = np.einsum("bkp,mp->mbk", design(scores), theta)
    side = (np.arange(30) + 0.5) / 30
    pi = np.array([(a, b, 1 - a - b) for a in side for b in side if a + b < 0.999])
    mixed = np.log(np.einsum("mbk,gk->mbg", np.exp(eta), pi))
    value = np.einsum("b,mbg->mg", fish, mixed) + np.log(pi) @ true.sum(axis=0)
    value += np.einsum("bk,mbk->m", true, eta)[:, None]
    value -= logsumexp(np.einsum("b,mbg->mg", fish + true.sum(axis=1), mixed), axis=1, keepdims=True)
    value -= 0.5 * (((theta - middle)[:, [0, 2]] / sd[[0, 2]]) ** 2).sum(axis=1)[:, None]
    weight = np.exp(value - value.max())
    expected = (weight.sum(axis=0) / weight.sum()) @ pi
    curve = Gaussian(mean=middle, covariance=np.diag(np.maximum(sd, 1e-4)) ** 2)
    unit = Unit(classes=3, cases=(Case(weight=1.0, shift_sd=0.0, curve=curve),), checks=None)
    found = []
    for seed in range(16):
        told = draw(scores, fish, true, unit, np.random.default_rng(seed))
        found.append(told.weight @ told.prevalence)
    assert np.mean(found, axis=0) == pytest.approx(expected, abs=0.005)


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
