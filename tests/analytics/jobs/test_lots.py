"""Lots end to end: sorted fish in the table, descriptions in the table."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
import pytest

from analytics.fish.errors import ScoresError
from analytics.jobs import lots
from analytics.jobs.lots import describe_lots, slice_of
from store.lot_descriptions import newest_description, newest_descriptions
from store.lot_dues import list_due_lots
from store.lots import close_lot
from store.unit_watches import list_due_watches
from tests.analytics.jobs.market import Market

if TYPE_CHECKING:
    from analytics.jobs.desk import Desk
    from store.lot_descriptions import Description
    from store.pool import AsyncConnectionPool

UNIT = "kuji-echo-0"


@pytest.fixture
async def market(pool: AsyncConnectionPool) -> Market:
    return await Market.make(pool)


async def described(market: Market, lot_id: int) -> Description:
    async with market.pool.connection() as conn:
        found = await newest_description(conn, lot_id)
    assert found is not None
    return found


async def describe(desk: Desk, number: int, **how: float) -> list[int]:
    """Describe what is due; gives the lots that have a new description."""
    async with desk.pool.connection() as conn:
        due = [lot.lot_id for lot in await lots.due_of_slice(conn, number)]
        before = await newest_descriptions(conn, due)
        await describe_lots(desk, number, **{"budget_s": 60.0, **how})
        after = await newest_descriptions(conn, due)
    return sorted(lot for lot, told in after.items() if lot not in before or told.mark > before[lot].mark)


def intervals(description: Description, level: int = 95) -> np.ndarray:
    """float64[K, 2]."""
    found = [
        (one["low"], one["high"])
        for part in description.body["classes"]
        for one in part["intervals"]
        if one["level"] == level
    ]
    return np.array(found)


async def test_from_fish_to_a_description(market: Market) -> None:
    lot_id = await market.sort(UNIT, "l1", 300)
    desk, number = market.desk(), slice_of(market.devices[UNIT])
    assert await describe(desk, number + 1) == []
    assert await describe(desk, number) == [lot_id]
    told = await described(market, lot_id)
    low, high = intervals(told).T
    assert ((low <= market.share("l1")) & (market.share("l1") <= high)).all()
    assert [one["method"] for one in told.body["beside"]] == ["counts"]
    assert [one["doubt"] for one in told.body["warnings"]][:2] == ["no_checks", "few_checks"]
    assert told.body["wanted"][-1]["fish"] > told.body["wanted"][0]["fish"]
    assert told.body["per_hour"] == pytest.approx(18_000)
    assert told.body["classes"][0]["weight_g"]["mean"] == pytest.approx(3000, abs=100)
    assert told.counts(3).sum(axis=1).tolist() == [300] * 200
    async with market.pool.connection() as conn:
        assert await list_due_lots(conn) == []
        assert await list_due_watches(conn, every_s=30) == [(market.devices[UNIT], "cod-sex")]


async def test_the_same_inputs_add_nothing(market: Market) -> None:
    lot_id = await market.sort(UNIT, "l1", 50)
    desk, number = market.desk(), slice_of(market.devices[UNIT])
    await describe(desk, number)
    async with market.pool.connection() as conn:
        await close_lot(conn, lot_id)
        assert len(await list_due_lots(conn)) == 1
    assert await describe(desk, number) == []
    assert await describe(market.desk(), number) == []


async def test_checks_narrow_and_a_late_one_computes_again(market: Market) -> None:
    desk, number = market.desk(), slice_of(market.devices[UNIT])
    past = await market.sort(UNIT, "past", 400, first_at=time.time() - 5 * 86400)
    lot_id = await market.sort(UNIT, "l1", 300)
    await describe(desk, number)
    await market.check("past", 100)
    assert await describe(desk, number) == [past, lot_id]
    by_history = await described(market, lot_id)
    assert (by_history.body["history_fish"], by_history.body["history_days"]) == (100, 1)
    assert [one["method"] for one in by_history.body["beside"]] == ["counts", "rogan_gladen", "emq"]
    await market.check("l1", 40)
    assert await describe(desk, number) == [lot_id]  # nobody waits for the old one any more
    both = await described(market, lot_id)
    assert (both.body["checked"], both.body["warnings"]) == (40, [])
    assert np.ptp(intervals(by_history), axis=1).sum() > np.ptp(intervals(both), axis=1).sum()
    # Another worker, which remembers nothing, says the same.
    async with market.pool.connection() as conn:
        await close_lot(conn, lot_id)
    assert await describe(market.desk(), number) == []


async def test_fish_of_another_model_are_left_out_and_told(market: Market) -> None:
    await market.sort(UNIT, "past", 100, first_at=time.time() - 86400, model="m0")
    await market.check("past", 40)
    lot_id = await market.sort(UNIT, "l1", 100)
    await describe(market.desk(), slice_of(market.devices[UNIT]))
    told = (await described(market, lot_id)).body
    assert told["history_fish"] == 0
    assert {one["doubt"]: one["facts"] for one in told["warnings"]}["other_model"] == {"fish": 40}


async def test_one_lot_that_fails_does_not_keep_the_others_waiting(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, good = await market.sort(UNIT, "bad", 30), await market.sort(UNIT, "good", 30)
    real = lots.describe

    def fail(*given: object, seed: int, **how: object) -> object:
        if seed == bad:
            raise ScoresError("lot", "smells")
        return real(*given, seed=seed, **how)

    monkeypatch.setattr(lots, "describe", fail)
    desk, number = market.desk(), slice_of(market.devices[UNIT])
    with pytest.raises(ScoresError, match="smells"):
        await describe(desk, number)
    assert (await described(market, good)).events == 30
    async with market.pool.connection() as conn:
        assert await list_due_lots(conn) == []
    await market.sort(UNIT, "bad", 1)
    async with market.pool.connection() as conn:
        assert [lot.lot_id for lot in await list_due_lots(conn)] == [bad]


async def test_in_a_rush_compositions_are_carried_on(market: Market) -> None:
    """Both lots keep up with their fish; the one that changed less stays due for a whole composition."""
    quiet, busy = await market.sort(UNIT, "quiet", 200), await market.sort(UNIT, "busy", 200)
    desk, number = market.desk(), slice_of(market.devices[UNIT])
    await describe(desk, number)
    await market.sort(UNIT, "quiet", 5)
    await market.sort(UNIT, "busy", 20)
    assert await describe_lots(desk, number, budget_s=0.0) == [quiet]
    told = (await described(market, quiet)).body
    assert (told["fish"], told["carried"], told["classes"][0]["said"]) == (205, 5, pytest.approx(90, abs=30))
    assert (
        (await described(market, busy)).body["fish"],
        (await described(market, busy)).body["carried"],
    ) == (220, 0)
    assert await describe_lots(desk, number, budget_s=0.0) == []
    assert (await described(market, quiet)).body["carried"] == 0
