"""Lots: begun by their first fish, described by people, due when something changes."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from store.errors import StoreMissing
from store.lot_dues import list_due_lots, lot_marks, note_lots, put_off_lots, settle_lots
from store.lots import change_lot, close_lot, find_lot, get_lot, list_lots, reopen_lot
from store.notifications import LOTS, listen
from tests.store.market import CLASSES, NOW_US

if TYPE_CHECKING:
    from tests.store.market import Market

DAY_US = 86_400_000_000


async def test_a_lot_begins_with_the_first_fish_that_names_it(market: Market):
    await market.sort(market.fish(1), market.fish(2, lot="L2"), market.fish(1, unit="echo-2"))
    await market.sort(market.fish(3))
    one, two, other = reversed(await market.do(list_lots, lab="sendai"))
    assert [(lot.device, lot.code, lot.events) for lot in (one, two, other)] == [
        ("echo-1", "L1", 2),
        ("echo-1", "L2", 1),
        ("echo-2", "L1", 1),
    ]
    assert (one.product, one.classes, one.species, one.lab) == ("cod-sex", list(CLASSES), "マダラ", "sendai")
    assert (one.opened_at, one.last_at - one.first_at) == (one.first_at, timedelta(seconds=2))
    assert await market.do(find_lot, "echo-2", "L1") == other


async def test_lists_are_filtered_and_paged(market: Market):
    await market.sort(*(market.fish(n, lot=f"L{n}") for n in range(1, 6)))
    lots = await market.do(list_lots, device="echo-1", limit=3)
    rest = await market.do(list_lots, device="echo-1", before=lots[-1].id)
    assert [lot.code for lot in lots + rest] == ["L5", "L4", "L3", "L2", "L1"]
    await market.do(close_lot, lots[0].id)
    assert [lot.code for lot in await market.do(list_lots, closed=True)] == ["L5"]
    assert len(await market.do(list_lots, closed=False)) == 4
    assert await market.do(list_lots, product="mackerel") == []
    assert await market.do(list_lots, lab="shihoro") == []


async def test_people_describe_close_and_reopen_a_lot(market: Market):
    await market.sort(market.fish(1))
    lot = await market.do(find_lot, "echo-1", "L1")
    landed_at = datetime(2026, 11, 22, 18, tzinfo=UTC)
    told = replace(
        lot, landing_place="石巻", landed_at=landed_at, prices={"milt": 1200.0}, note="冷却", species="たら"
    )
    assert await market.do(change_lot, told, "sendai") == told
    with pytest.raises(StoreMissing, match="class 'tai'"):
        await market.do(change_lot, replace(lot, prices={"tai": 1.0}))
    with pytest.raises(StoreMissing):
        await market.do(change_lot, told, "shihoro")
    closed = await market.do(close_lot, lot.id, closed_at=datetime(2000, 1, 1, tzinfo=UTC))
    assert closed.closed_at == lot.opened_at
    await market.sort(market.fish(2))
    assert (await market.do(get_lot, lot.id)).events == 2
    assert (await market.do(reopen_lot, lot.id)).closed_at is None
    for verb in (close_lot, reopen_lot, get_lot):
        with pytest.raises(StoreMissing):
            await market.do(verb, lot.id, lab="shihoro")


async def test_what_is_noted_after_the_marks_were_read_stays_due(market: Market):
    await market.sort(market.fish(1), market.fish(2, lot="L2"))
    due = await market.do(list_due_lots)
    marks = await market.do(lot_marks, [one.lot_id for one in due])
    assert marks == {one.lot_id: one.mark for one in due}
    await market.sort(market.fish(3, lot="L2"))
    assert await market.do(settle_lots, marks) == [due[1].lot_id]
    (left,) = await market.do(list_due_lots)
    assert (left.lot_id, left.reasons, left.events, left.device) == (due[1].lot_id, ["events"], 2, "echo-1")
    assert left.since == due[1].since


async def test_a_lot_put_off_comes_back_when_something_is_noted(market: Market):
    await market.sort(market.fish(1))
    (due,) = await market.do(list_due_lots)
    await market.do(put_off_lots, [due.lot_id], datetime.now(UTC) + timedelta(hours=1))
    assert await market.do(list_due_lots) == []
    await market.do(note_lots, [due.lot_id], "lot")
    (due,) = await market.do(list_due_lots)
    assert due.reasons == ["events", "lot"]


async def test_a_check_makes_its_lot_due_and_the_units_other_open_ones(market: Market):
    old = NOW_US - 4 * DAY_US
    await market.sort(
        *(market.fish(n, lot=f"L{n}") for n in (1, 2, 3)),
        market.fish(4, lot="old", at=old),
        market.fish(1, unit="echo-2"),
    )
    lots = {(lot.device, lot.code): lot for lot in await market.do(list_lots)}
    await market.do(close_lot, lots["echo-1", "L3"].id)
    await market.do(settle_lots, await market.do(lot_marks, [lot.id for lot in lots.values()]))
    check = await market.check(lots["echo-1", "L1"], 1)
    due = {one.lot_id: one.reasons for one in await market.do(list_due_lots)}
    assert due == {
        lots["echo-1", "L1"].id: ["verification"],
        lots["echo-1", "L2"].id: ["unit_verification"],
    }
    assert check.current


async def test_workers_hear_of_it(market: Market, database_url: str):
    notices = listen(database_url, LOTS, process="test")
    try:
        async with asyncio.timeout(20):
            await anext(notices)  # that it listens
            await market.sort(market.fish(1))
            assert (await anext(notices)).payload == "lot_progress"
    finally:
        await notices.aclose()
