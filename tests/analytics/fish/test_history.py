import numpy as np
import pytest

from analytics.fish.density_ratio import before_any_check
from analytics.fish.errors import ScoresError
from analytics.fish.events import checked
from analytics.fish.history import Session, doubted, learn


def day(n: int, seed: int, *, shift: float = 0.0, same_day: bool = False, age_d: float = 0.0) -> Session:
    """Fish of a unit that is right but for a bias of `shift` log-odds."""
    rng = np.random.default_rng(seed)
    odds = rng.normal(0, 2.5, n)
    true = (rng.random(n) > 1 / (1 + np.exp(-odds))).astype(int)
    p = 1 / (1 + np.exp(-(odds + shift)))
    return Session(checks=checked(np.stack([p, 1 - p], axis=1), true), same_day=same_day, age_d=age_d)


def spread(sessions: list[Session]) -> float:
    return sum(case.weight * case.shift_sd for case in learn(sessions, 2).cases)


def test_without_a_history_all_is_as_before() -> None:
    unit = learn([], 3)
    assert unit.checks is None
    assert sum(case.weight for case in unit.cases) == pytest.approx(1)
    for case in unit.cases:
        assert case.curve.mean == pytest.approx(before_any_check(3).mean)


def test_days_that_differ_are_seen_to_differ() -> None:
    alike = [day(60, seed) for seed in range(6)]
    apart = [day(60, seed, shift=(-2.5, 2.5)[seed % 2]) for seed in range(6)]
    assert spread(alike) < 0.45
    assert spread(apart) > 0.9


def test_what_is_certain_of_the_same_day_is_less_so_on_another() -> None:
    def variance(same_day: bool) -> float:
        unit = doubted(learn([day(400, 0, same_day=same_day)], 2), 0.0)
        return sum(case.weight * case.curve.covariance[0, 0] for case in unit.cases)

    assert variance(True) < 0.5 * variance(False)


def test_a_unit_that_is_right_is_learnt_to_be() -> None:
    best = max(learn([day(4000, 1, same_day=True)], 2).cases, key=lambda case: case.weight)
    slope = best.curve.mean[1] + best.curve.mean[2]
    assert slope == pytest.approx(0.5, abs=0.1)


def test_old_checks_count_less() -> None:
    def variance(age_d: float) -> float:
        return learn([day(200, 0, same_day=True, age_d=age_d)], 2).cases[0].curve.covariance[1, 1]

    assert variance(0) < variance(180) < variance(1000)


@pytest.mark.parametrize("age_d", [-1.0, float("nan")])
def test_refuses_an_age_that_is_none(age_d: float) -> None:
    with pytest.raises(ScoresError, match="age"):
        learn([day(5, 0, age_d=age_d)], 2)


def test_refuses_other_classes() -> None:
    with pytest.raises(ScoresError, match="classes"):
        learn([day(5, 0)], 3)


def test_doubt_moves_weight_to_the_cases_that_doubt() -> None:
    unit = learn([day(100, 2, same_day=True)], 2)
    weights = [
        sum(c.weight for c in doubted(unit, doubt).cases if c.doubts) for doubt in (0.0, 0.02, 0.5, 1.0)
    ]
    assert weights == sorted(weights)
    assert weights[0] == 0
    assert weights[-1] == pytest.approx(1)
    other = learn([day(100, 2)], 2)
    assert doubted(other, 0.5) is other
