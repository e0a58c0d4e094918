"""What people find out about fish: the last word holds, what was said stays."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import psycopg
import pytest

from store.errors import StoreMissing
from store.lot_cells import read_cells
from store.lot_counts import unchecked_cells
from store.lots import find_lot
from store.sort_pages import page_of_lot
from store.verifications import (
    get_verification,
    list_verifications,
    restore_verification,
    withdraw_verification,
)
from store.verified import verified_of_lot, verified_of_unit
from tests.store.market import CLASSES, NOW_US

if TYPE_CHECKING:
    from tests.store.market import Market

NOON = datetime(2026, 11, 23, 3, tzinfo=UTC)


async def begin(market: Market, count: int = 10) -> object:
    vectors = np.random.default_rng(1).dirichlet((3, 2, 1), count)
    await market.sort(
        *(
            market.fish(n + 1, probabilities=tuple(vector), cls=vector.index(max(vector)))
            for n, vector in enumerate(vectors.tolist())
        )
    )
    return await market.do(find_lot, "echo-1", "L1")


async def test_the_last_word_holds_and_gives_its_place_back(market: Market):
    lot = await begin(market)
    first = await market.check(lot, 3, "milt", at=NOON, operator="佐藤", note="cut")
    second = await market.check(lot, 3, "roe", at=NOON + timedelta(hours=1), method="dna", reason="doubtful")
    assert (first.current, first.fish, first.noted_by, first.operator) == (True, 3, None, "佐藤")
    assert [one.id for one in await market.do(list_verifications, lot.id)] == [second.id]
    assert not (await market.do(get_verification, first.id)).current
    assert {fish.fish: fish.verified for fish in await market.do(page_of_lot, lot.id, limit=20)}[3] == "roe"

    withdrawn = await market.do(withdraw_verification, second.id, "sendai")
    assert (withdrawn.current, withdrawn.withdrawn_at is None) == (False, False)
    assert [one.id for one in await market.do(list_verifications, lot.id)] == [first.id]
    history = await market.do(list_verifications, lot.id, everything=True)
    assert [one.id for one in history] == [first.id, second.id]
    assert (await market.do(restore_verification, second.id)).current


async def test_what_is_not_there_or_anothers_cannot_be_checked(market: Market):
    lot = await begin(market)
    check = await market.check(lot, 1)
    with pytest.raises(StoreMissing, match="class 'tai'"):
        await market.check(lot, 1, "tai")
    with pytest.raises(StoreMissing, match="event"):
        await market.check(lot, 1, lab="shihoro")
    for verb in (get_verification, withdraw_verification, restore_verification):
        with pytest.raises(StoreMissing):
            await market.do(verb, check.id, "shihoro")
    assert await market.do(list_verifications, lot.id, lab="shihoro") == []
    for wrong in ({"selection_probability": 0}, {"method": "guess"}, {"reason": "By chance"}):
        with pytest.raises(psycopg.errors.CheckViolation):
            await market.check(lot, 1, **wrong)


async def test_checked_fish_come_as_columns_each_once(market: Market):
    lot = await begin(market)
    await market.check(lot, 5, "roe", at=NOON, selection_probability=0.5)
    await market.check(lot, 2, "other", at=NOON)
    await market.check(lot, 2, "milt", at=NOON + timedelta(hours=1), reason="doubtful")
    await market.sort(market.fish(30, lot="L2"))
    other = await market.do(find_lot, "echo-1", "L2")
    await market.check(other, 30, "roe")
    mine = await market.do(verified_of_lot, lot.id)
    assert (mine.seq.tolist(), mine.true.tolist(), mine.chance.tolist()) == ([2, 5], [0, 1], [0.2, 0.5])
    assert (mine.reason, mine.method) == (["doubtful", "random"], ["cut", "cut"])
    assert mine.event_at.tolist() == [market.fish(2).at, market.fish(5).at]
    assert mine.at.tolist()[1] == int(NOON.timestamp() * 1e6)
    assert mine.weight_g.tolist() == [2002, 2005]
    unit = market.ids["echo-1"]
    everything = await market.do(verified_of_unit, unit, product="cod-sex", classes=CLASSES)
    past = await market.do(verified_of_unit, unit, product="cod-sex", classes=CLASSES, except_lot=lot.id)
    assert (everything.seq.tolist(), past.seq.tolist()) == ([2, 5, 30], [30])
    end = datetime.fromtimestamp(market.fish(5).at / 1e6, UTC)
    early = await market.do(verified_of_unit, unit, product="cod-sex", classes=CLASSES, end=end)
    assert early.seq.tolist() == [2]
    nothing = await market.do(verified_of_unit, unit, product="cod-sex", classes=("a", "b"))
    assert (len(nothing), nothing.probabilities.shape[0]) == (0, 0)


async def test_a_lot_is_parted_into_checked_and_unchecked_fish(market: Market):
    lot = await begin(market, 200)
    before, nobody = await market.do(unchecked_cells, lot.id)
    assert (before.fish.sum(), len(nobody)) == (200, 0)
    for fish in (1, 7, 50, 51):
        await market.check(lot, fish, "roe")
    everything = await market.do(read_cells, lot.id)
    left, checked = await market.do(unchecked_cells, lot.id)
    assert (everything.fish.sum(), left.fish.sum(), len(checked)) == (200, 196, 4)
    total = everything.scores.sum(axis=0) - left.scores.sum(axis=0)
    p = checked.probabilities / checked.probabilities.sum(axis=1, keepdims=True)
    assert np.allclose(total, (np.log(p) - np.log1p(-p)).sum(axis=0))
    assert everything.weight_sum.sum() - left.weight_sum.sum() == pytest.approx(4 * 2000 + 1 + 7 + 50 + 51)
    assert (left.fish > 0).all()


async def test_a_score_at_the_edge_of_a_cell_is_taken_out_of_the_one_beside(market: Market):
    lot = await begin(market, 30)
    await market.check(lot, 4)
    before, _ = await market.do(unchecked_cells, lot.id)
    # As a gateway on another processor might have counted the very same fish.
    await market.rows("UPDATE lot_cells SET cell[1] = cell[1] + 40 RETURNING 1")
    after, _ = await market.do(unchecked_cells, lot.id)
    assert (before.fish.sum(), after.fish.sum()) == (29, 29)
    assert np.allclose(before.scores.sum(axis=0), after.scores.sum(axis=0))


async def test_a_lot_all_of_whose_fish_are_checked(market: Market):
    lot = await begin(market, 2)
    await market.check(lot, 1)
    await market.check(lot, 2)
    left, checked = await market.do(unchecked_cells, lot.id)
    assert (len(left.fish), len(checked)) == (0, 2)
    assert checked.event_at.max() < NOW_US
