import numpy as np
import pytest

from analytics.fish.checking import more_checks
from analytics.fish.composition import compose
from analytics.fish.errors import ScoresError
from analytics.fish.events import Checks, Tally, checked, tally
from analytics.fish.fit import misfit
from analytics.fish.history import Session, Unit, learn


def fish(counts: list[int], rng: np.random.Generator, *, shift: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Fish of a unit that sees one number a class, with noise, and is calibrated at equal numbers."""
    classes = len(counts)
    true = np.repeat(np.arange(classes), counts)
    seen = 2.0 * np.eye(classes)[true] + rng.normal(0, 1.0, (len(true), classes))
    logs = 2.0 * seen + shift * np.arange(classes)
    p = np.exp(logs - logs.max(axis=1, keepdims=True))
    return p / p.sum(axis=1, keepdims=True), true


def unit(classes: int, rng: np.random.Generator, n: int = 60) -> Unit:
    p, true = fish([n] * classes, rng)
    return learn([Session(checks=checked(p, true), same_day=True)], classes)


@pytest.mark.parametrize("classes", [2, 3, 4])
def test_shares_are_of_whole_fish_and_add_up(classes: int) -> None:
    rng = np.random.default_rng(0)
    p, _ = fish([20] * classes, rng)
    told = compose(tally(p), unit(classes, rng))
    assert told.draws.sum(axis=1) == pytest.approx(1)
    assert told.draws * told.fish == pytest.approx(np.rint(told.draws * told.fish))
    assert told.share.sum() == pytest.approx(1)
    assert (told.low <= told.share).all()
    assert (told.share <= told.high).all()


def test_a_lot_checked_to_the_last_fish_is_known() -> None:
    rng = np.random.default_rng(1)
    p, true = fish([10, 20, 5], rng)
    told = compose(tally(p[:0]), unit(3, rng), checks=checked(p, true))
    for share in (told.share, told.low, told.high):
        assert share * 35 == pytest.approx([10, 20, 5])
    assert (told.fish, told.checked) == (35, 35)


def test_the_same_seed_tells_the_same() -> None:
    rng = np.random.default_rng(2)
    p, _ = fish([30, 30], rng)
    one = unit(2, rng)
    assert np.array_equal(compose(tally(p), one, seed=5).draws, compose(tally(p), one, seed=5).draws)


@pytest.mark.parametrize(("checks", "doubtful_first"), [(0, False), (15, False), (15, True)])
def test_intervals_hold_what_they_promise(checks: int, doubtful_first: bool) -> None:
    rng = np.random.default_rng(3)
    inside = []
    for number in range(50):
        counts = rng.multinomial(80, rng.dirichlet(np.ones(2))).tolist()
        p, true = fish(counts, rng)
        order = np.argsort(p.max(axis=1)) if doubtful_first else rng.permutation(80)
        hand, rest = order[:checks], order[checks:]
        told = compose(tally(p[rest]), unit(2, rng, 40), checks=checked(p[hand], true[hand]), seed=number)
        truth = np.array(counts) / 80
        inside.append(bool((told.low - 1e-9 <= truth).all() and (truth <= told.high + 1e-9).all()))
    # Three standard errors of 50 lots below .95.
    assert np.mean(inside) >= 0.857


def test_checks_narrow_the_interval_and_count_exactly() -> None:
    rng = np.random.default_rng(4)
    p, true = fish([60, 60], rng, shift=1.5)
    one = learn([], 2)
    alone = compose(tally(p), one)
    helped = compose(
        tally(p[30:-30]), one, checks=checked(np.delete(p, slice(30, 90), 0), np.delete(true, slice(30, 90)))
    )
    assert (helped.high - helped.low < alone.high - alone.low).all()
    assert (helped.draws * 120 >= 30 - 1e-9).all()


def test_cells_tell_what_single_fish_do() -> None:
    rng = np.random.default_rng(5)
    p, _ = fish([300, 150, 50], rng)
    one = unit(3, rng)
    single = [compose(tally(p, max_cells=500), one, seed=seed).share for seed in range(4)]
    cells = [compose(tally(p), one, seed=seed).share for seed in range(4)]
    assert np.mean(cells, axis=0) == pytest.approx(np.mean(single, axis=0), abs=0.01)


def test_warns_of_an_unknown_unit_and_of_scores_like_none_before() -> None:
    rng = np.random.default_rng(6)
    p, _ = fish([40, 40], rng)
    assert any("verified" in word for word in compose(tally(p), learn([], 2)).warnings)
    one = unit(2, rng, 150)
    assert compose(tally(p), one).warnings == ()
    dull = np.tile([[0.55, 0.45], [0.45, 0.55]], (60, 1))
    assert any("unlike" in word for word in compose(tally(dull), one).warnings)


def test_misfit_does_not_mind_another_composition() -> None:
    rng = np.random.default_rng(7)
    past, true = fish([150, 150], rng)
    history = checked(past, true)
    found = [misfit(tally(fish([110, 10], rng)[0]), history) for _ in range(80)]
    assert np.mean(np.array(found) < 0.05) < 0.15
    assert np.isnan(misfit(tally(past), None))


def test_so_many_more_checks_bring_the_width() -> None:
    rng = np.random.default_rng(8)
    p, true = fish([100, 100], rng, shift=1.0)
    one = learn([], 2)
    order = rng.permutation(200)
    first = order[:20]
    now = compose(tally(np.delete(p, first, 0)), one, checks=checked(p[first], true[first]))
    wanted = 0.6 * float((now.high - now.low)[0])
    more = int(more_checks(now, width=wanted)[0])
    assert 0 < more < 180
    hand = order[: 20 + more]
    then = compose(tally(np.delete(p, hand, 0)), one, checks=checked(p[hand], true[hand]))
    assert float((then.high - then.low)[0]) == pytest.approx(wanted, rel=0.35)
    assert more_checks(now, width=0.01)[0] >= more_checks(now, width=0.05)[0] >= more
    with pytest.raises(ScoresError, match="width"):
        more_checks(now, width=0.0)


def test_refuses_no_fish_and_other_classes() -> None:
    nobody = Tally(scores=np.zeros((0, 2)), fish=np.zeros(0))
    with pytest.raises(ScoresError, match="no fish"):
        compose(nobody, learn([], 2))
    with pytest.raises(ScoresError, match="classes"):
        compose(nobody, learn([], 3))
    with pytest.raises(ScoresError, match="checks"):
        compose(nobody, learn([], 2), checks=Checks(scores=np.zeros((1, 3)), true=np.ones((1, 3))))
