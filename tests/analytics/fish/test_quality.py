"""A unit's quality: against scikit-learn and statsmodels, and under checks that were not chosen alike."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

from analytics.fish.errors import ScoresError
from analytics.fish.proportions import wilson
from analytics.fish.quality import Quality, Refused, assess

NAMES = ["milt", "roe", "other"]
FISH = 2000
CHECKED = 200


def told(*args: Any, **named: Any) -> Quality:
    answer = assess(*args, **named)
    assert isinstance(answer, Quality)
    return answer


def some_fish(seed: int, n: int = 400) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    true = rng.choice(3, n, p=[0.5, 0.3, 0.2])
    return true, np.where(rng.random(n) < 0.85, true, rng.integers(0, 3, n))


@pytest.mark.parametrize("weighted", [False, True])
def test_measures_are_those_of_scikit_learn(weighted: bool) -> None:
    from sklearn import metrics

    true, called = some_fish(1)
    chance = np.random.default_rng(2).uniform(0.05, 1.0, 400) if weighted else None
    weight = None if chance is None else 1 / chance
    found = told(true, called, NAMES, chance=chance)
    p, r, f, _ = metrics.precision_recall_fscore_support(true, called, sample_weight=weight)
    np.testing.assert_allclose([m.value for m in found.precision], p, atol=1e-9)
    np.testing.assert_allclose([m.value for m in found.recall], r, atol=1e-9)
    np.testing.assert_allclose([m.value for m in found.f1], f, atol=1e-9)
    accuracy = metrics.accuracy_score(true, called, sample_weight=weight)
    kappa = metrics.cohen_kappa_score(true, called, sample_weight=weight)
    assert found.accuracy.value == pytest.approx(accuracy, abs=1e-9)
    assert found.kappa.value == pytest.approx(kappa, abs=1e-9)
    assert found.balanced_accuracy.value == pytest.approx(float(np.mean(r)), abs=1e-9)


def test_fish_chosen_alike_have_wilsons_interval() -> None:
    from statsmodels.stats.proportion import proportion_confint

    true, called = some_fish(3)
    found = told(true, called, NAMES, chance=np.full(400, 0.1))
    for k, measure in enumerate(found.recall):
        mine = true == k
        expected = proportion_confint((called[mine] == k).sum(), mine.sum(), method="wilson")
        assert (measure.low, measure.high) == pytest.approx(expected, abs=1e-9)
    assert found.accuracy.fish == pytest.approx(400)
    assert found.ess == pytest.approx(400)


def test_kappa_has_the_variance_of_statsmodels() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from statsmodels.stats.inter_rater import cohens_kappa

    true, called = some_fish(4)
    found = told(true, called, NAMES)
    expected = cohens_kappa(found.counts)
    assert found.kappa.value == pytest.approx(expected.kappa, abs=1e-9)
    luck = 1 - (1 - found.accuracy.value) / (1 - found.kappa.value)
    variance = found.accuracy.value * (1 - found.accuracy.value) / found.kappa.fish / (1 - luck) ** 2
    assert variance == pytest.approx(expected.var_kappa, rel=1e-9)


def unit(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Two sexes, calibrated scores, right in 89.4 % of the fish: the accuracy of the research page."""
    distance = 1.248
    true = rng.integers(0, 2, n)
    score = 2 * distance * (np.where(true == 1, distance, -distance) + rng.standard_normal(n))
    return true, 1 / (1 + np.exp(-score))


def doubtful_first(p: np.ndarray) -> np.ndarray:
    """Give the chance of being checked: the less sure the unit is, the larger, but never 0."""
    doubt = 0.02 + 1 - np.maximum(p, 1 - p)
    return np.minimum(1.0, CHECKED * doubt / doubt.sum())


def test_checking_doubtful_fish_first_does_not_fool_it() -> None:
    truth, rng, rounds = 0.894, np.random.default_rng(5), 400
    corrected, naive, values, raw = 0, 0, [], []
    for _ in range(rounds):
        true, p = unit(rng, FISH)
        called = (p > 0.5).astype(np.int64)
        chance = doubtful_first(p)
        chosen = rng.random(FISH) < chance
        found = told(true[chosen], called[chosen], NAMES[:2], chance=chance[chosen])
        corrected += found.accuracy.low <= truth <= found.accuracy.high
        low, high = wilson(found.accuracy_as_checked, found.checked)
        naive += bool(low <= truth <= high)
        values.append(found.accuracy.value)
        raw.append(found.accuracy_as_checked)
    assert 0.92 <= corrected / rounds <= 0.995
    assert naive / rounds < 0.05
    assert np.mean(values) == pytest.approx(truth, abs=0.005)
    assert np.mean(raw) < 0.78


def test_strata_with_known_numbers_of_fish_cover_too() -> None:
    truth, rng, rounds, covered = 0.894, np.random.default_rng(6), 400, 0
    for _ in range(rounds):
        true, p = unit(rng, FISH)
        called = (p > 0.5).astype(np.int64)
        stratum = called * 2 + (np.maximum(p, 1 - p) > 0.9)
        held = np.bincount(stratum, minlength=4)
        order = rng.permutation(FISH)
        chosen = np.concatenate([order[stratum[order] == h][:n] for h, n in enumerate([80, 20, 80, 20])])
        found = told(true[chosen], called[chosen], NAMES[:2], strata=stratum[chosen], stratum_fish=held)
        covered += found.accuracy.low <= truth <= found.accuracy.high
    assert 0.92 <= covered / rounds <= 0.995


def test_strata_by_called_class_are_begg_and_greenes() -> None:
    """All 90 fish called milt and 10 of 110 called roe were checked: recall of milt is 81/(81 + 2·11)."""
    true = np.repeat([0, 1, 0, 1], [81, 9, 2, 8])
    called = np.repeat([0, 0, 1, 1], [81, 9, 2, 8])
    found = told(true, called, NAMES[:2], strata=called, stratum_fish=[90, 110])
    assert found.recall[0].value == pytest.approx(81 / (81 + 2 * 11))
    assert found.matrix.sum() == pytest.approx(1.0)


def test_a_stratum_without_mistakes_is_not_certain() -> None:
    true = np.repeat([0, 1], [30, 30])
    found = told(true, true, NAMES[:2], strata=true, stratum_fish=[1000, 50])
    assert found.accuracy.value == 1.0
    assert found.accuracy.low < 0.97


@pytest.mark.parametrize(
    ("named", "reason"),
    [
        ({}, "no fish called other was checked"),
        ({"called_fish": [10, 10, 1]}, "no fish called other was checked"),
        ({"chance": [np.nan] * 4}, "nobody knows by what chance fish were chosen"),
        (
            {"strata": [0, 0, 1, 1], "stratum_fish": [5, 5, 7]},
            "none of the 7 fish of stratum 2 was checked",
        ),
    ],
)
def test_it_refuses_where_fish_had_no_chance(named: dict, reason: str) -> None:
    answer = assess([0, 0, 1, 1], [0, 0, 1, 1], NAMES, **named)
    assert isinstance(answer, Refused)
    assert answer.reason == reason


def test_no_checks_are_refused() -> None:
    assert assess([], [], NAMES) == Refused(reason="no fish was checked")


def test_a_class_nobody_met_has_no_recall_but_the_rest_is_told() -> None:
    found = told([0, 0, 1, 1], [0, 1, 1, 2], NAMES)
    assert np.isnan(found.recall[2].value)
    assert found.recall[2].reason == "no checked fish was other"
    assert found.precision[2].value == 0.0
    assert found.balanced_accuracy.reason == "no checked fish was other"


def test_fish_with_an_unknown_chance_are_left_out() -> None:
    found = told([0, 0, 1, 1], [0, 0, 1, 0], NAMES[:2], chance=[0.5, 0.5, 0.5, np.nan])
    assert (found.checked, found.left_out, found.accuracy.value) == (3, 1, 1.0)


@pytest.mark.parametrize(
    "named",
    [
        {"chance": [0.0, 1.0]},
        {"chance": [0.5]},
        {"called_fish": [1]},
        {"strata": [0, 0], "stratum_fish": [1]},
        {"strata": [0], "stratum_fish": [5]},
    ],
)
def test_what_does_not_fit_is_an_error(named: dict) -> None:
    with pytest.raises(ScoresError):
        assess([0, 1], [0, 1], NAMES[:2], **named)
