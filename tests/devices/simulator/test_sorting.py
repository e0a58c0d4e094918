"""The lots of simulated units: the same at every asking, with a classifier that is as good as stated."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from devices.kinds import load_kinds
from devices.simulator.fish import EchoUnit, FishSorter
from devices.simulator.market import day_number, opening_s, working
from devices.simulator.sorting import UnknownLotError, arrivals, find_lot, lots_of, truth
from devices.simulator.sorting_scores import EFFECTS, Fault, sort
from devices.simulator.trades import COD, MACKEREL, TRADES, Trade

MONDAY = day_number(date(2026, 11, 23))
SEASON = range(MONDAY - 80, MONDAY)
SEED = 7
DAYS = 57
"""On which the market opens in the season."""
both = pytest.mark.parametrize("trade", [COD, MACKEREL], ids=["cod", "mackerel"])


def accuracy(trade: Trade, days: range, **options: object) -> float:
    lots = [sort(lot, **options) for day in days for lot in lots_of(trade, SEED, day)]  # type: ignore[arg-type]
    right = sum(int((lot.said == lot.lot.true).sum()) for lot in lots)
    return right / sum(lot.said.size for lot in lots)


@pytest.mark.parametrize("kind", TRADES)
def test_classes_are_those_of_the_product(kind: str) -> None:
    product = load_kinds()[kind].product
    assert product is not None
    assert (TRADES[kind].product, TRADES[kind].classes) == (product.name, product.names)


@both
def test_lots_come_while_the_market_works(trade: Trade) -> None:
    lots = [lot for day in SEASON for lot in lots_of(trade, SEED, day)]
    assert len({lot.code for lot in lots}) == len(lots) == trade.lots_a_day * DAYS
    for lot in lots:
        assert trade.fish[0] <= lot.true.size <= trade.fish[1]
        assert working(lot.at_ms // 1_000).all()
        assert (np.diff(lot.at_ms) > 0).all()
    assert all(first.at_ms[-1] < second.at_ms[0] for first, second in itertools.pairwise(lots))
    assert lots_of(trade, SEED, MONDAY - 1) == ()


@both
def test_truth_is_found_by_the_lots_code(trade: Trade) -> None:
    for lot in lots_of(trade, SEED, MONDAY):
        told = truth(trade, SEED, lot.code)
        assert told == {name: int((lot.true == k).sum()) for k, name in enumerate(trade.classes)}
        assert find_lot(trade, SEED, lot.code).code == lot.code
    for wrong in ("2026-11-23-99", "2026-11-22-01", "yesterday"):
        with pytest.raises(UnknownLotError, match=wrong):
            truth(trade, SEED, wrong)


def test_lots_differ_and_hybrids_are_rare() -> None:
    for trade in (COD, MACKEREL):
        shares = [
            np.array([*lot.counts.values()]) / lot.true.size
            for day in SEASON
            for lot in lots_of(trade, 1, day)
        ]
        assert np.std(shares, axis=0)[0] > 0.1
    hybrids = sum(lot.counts["hybrid"] for day in SEASON for lot in lots_of(MACKEREL, 1, day))
    fish = sum(lot.true.size for day in SEASON for lot in lots_of(MACKEREL, 1, day))
    assert hybrids / fish == pytest.approx(0.001, rel=0.3)


@pytest.mark.parametrize(("trade", "stated"), [(COD, 0.894), (MACKEREL, 0.98)], ids=["cod", "mackerel"])
def test_the_classifier_is_as_good_as_stated_and_drifts_a_little(trade: Trade, stated: float) -> None:
    assert accuracy(trade, SEASON) == pytest.approx(stated, abs=0.01)
    lots = [
        sort(lot)
        for day in SEASON
        for lot in lots_of(replace(trade, spread=(*trade.spread[:2], 0.0)), 5, day)
    ]
    by_day: dict[int, list[bool]] = {}
    for lot in lots:
        by_day.setdefault(lot.lot.day, []).extend(lot.said[lot.lot.true == 0] == 0)
    recall = np.array([np.mean(hits) for hits in by_day.values()])
    chance = np.sqrt(np.mean([np.var(hits) / len(hits) for hits in by_day.values()]))
    assert chance < np.std(recall) < chance + 0.06, "days differ more than by chance, and not by much"


@both
def test_probabilities_mean_what_they_say(trade: Trade) -> None:
    even = replace(trade, spread=(60.0, 60.0, 60.0 * (trade.rare[2] == 0)))
    lots = [sort(lot) for day in SEASON for lot in lots_of(even, SEED, day)]
    said = np.concatenate([lot.probabilities[:, 0] for lot in lots])
    true = np.concatenate([lot.lot.true == 0 for lot in lots])
    assert np.abs(np.concatenate([lot.probabilities for lot in lots]).sum(axis=1) - 1).max() < 1e-4
    for low in np.arange(0, 1, 0.2):
        some = (said >= low) & (said < low + 0.2)
        assert true[some].mean() == pytest.approx(said[some].mean(), abs=0.05)


@both
@pytest.mark.parametrize("name", EFFECTS)
def test_a_fault_begins_when_it_does_and_costs_accuracy(trade: Trade, name: str) -> None:
    lot = lots_of(trade, SEED, MONDAY)[1]
    middle = int(lot.at_ms[lot.true.size // 2])
    fault = Fault(name=name, from_s=middle / 1_000)  # type: ignore[arg-type]
    well, ill = sort(lot), sort(lot, fault=fault)
    before = lot.at_ms < middle
    assert np.array_equal(well.probabilities[before], ill.probabilities[before])
    changed = (well.probabilities[~before] != ill.probabilities[~before]).any(axis=1)
    assert changed.mean() > 0.9
    assert np.array_equal(well.weight_g, ill.weight_g)
    assert np.array_equal(well.checked, ill.checked), "who is checked at random does not depend on scores"
    always = Fault(name=name, from_s=0.0)  # type: ignore[arg-type]
    assert accuracy(trade, SEASON[:30], fault=always) < accuracy(trade, SEASON[:30]) - 0.005


@both
def test_sizes_and_bins(trade: Trade) -> None:
    lots = [sort(lot) for day in SEASON[:30] for lot in lots_of(trade, SEED, day)]
    true = np.concatenate([lot.lot.true for lot in lots])
    weight = np.concatenate([lot.weight_g for lot in lots])
    for k in range(2):
        assert weight[true == k].mean() == pytest.approx(trade.weight_g[k][0], rel=0.02)
    assert (weight > 0).all()
    length = np.concatenate([lot.fork_length_mm for lot in lots])
    condition = 100 * weight / (length / 10) ** 3
    assert np.median(condition) == pytest.approx(trade.condition, rel=0.02)
    strayed = np.concatenate([lot.bin != lot.said for lot in lots]).mean()
    assert strayed == pytest.approx(trade.misplaced or 0, abs=0.01)
    spine = np.concatenate([lot.spine_ratio for lot in lots])
    if trade.spine:
        assert (spine[true == 0] >= 0.12).mean() > 0.95
        assert (spine[true == 1] >= 0.12).mean() < 0.05
    else:
        assert np.isnan(spine).all()


@pytest.mark.parametrize("checking", ["random", "doubtful"])
def test_people_check_with_the_stated_chance(checking: str) -> None:
    lots = [sort(lot, checking=checking) for day in SEASON for lot in lots_of(COD, SEED, day)]  # type: ignore[arg-type]
    chance = np.concatenate([lot.chance for lot in lots])
    checked = np.concatenate([lot.checked for lot in lots])
    doubt = 1 - np.concatenate([lot.probabilities.max(axis=1) for lot in lots])
    assert chance.min() > 0
    assert chance.max() <= 1
    assert checked.sum() / len(lots) == pytest.approx(COD.checks, rel=0.1)
    for some in (doubt > np.median(doubt), doubt <= np.median(doubt)):
        assert checked[some].mean() == pytest.approx(chance[some].mean(), abs=0.015)
    right = np.concatenate([lot.said == lot.lot.true for lot in lots])
    corrected = (right / chance)[checked].sum() / (1 / chance)[checked].sum()
    assert corrected == pytest.approx(right.mean(), abs=0.025)
    if checking == "doubtful":
        assert right[checked].mean() < right.mean() - 0.1, "without the weights it would be off"
    assert all((lot.checked_ms > lot.lot.at_ms).all() for lot in lots)


@pytest.mark.parametrize(("feed", "trade"), [(EchoUnit(SEED), COD), (FishSorter(SEED), MACKEREL)])
def test_the_readings_count_the_same_fish(feed: EchoUnit | FishSorter, trade: Trade) -> None:
    begin = opening_s(MONDAY)
    columns = feed.columns(begin, begin + 86_400)
    fish = sum(lot.true.size for lot in lots_of(trade, SEED, MONDAY))
    assert (
        columns.values["fish_throughput"].sum() == fish == arrivals(trade, SEED, begin, begin + 86_400).size
    )
    assert columns.values["fish_throughput"].max() <= {COD: 30, MACKEREL: 300}[trade]
