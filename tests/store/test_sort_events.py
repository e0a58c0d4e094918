"""Sorted fish: each number of a boot once, whoever writes it and when; read back as columns and pages."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest

from store.errors import StoreMissing
from store.lot_cells import read_many_cells
from store.lots import find_lot
from store.readings import Fate
from store.sort_boots import MOST_RUNS
from store.sort_columns import read_lot, read_unit
from store.sort_pages import get_event, page_of_lot, page_of_unit
from store.unit_spans import read_unit_spans
from tests.store.market import CLASSES, NOW_US

if TYPE_CHECKING:
    from tests.store.market import Market

WEEK_US = 7 * 86_400_000_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def fates(verdicts: list) -> list[Fate]:
    return [verdict.fate for verdict in verdicts]


async def test_gateways_that_write_the_same_fish_at_once(market: Market):
    batches = [
        [market.fish(n, at=NOW_US - WEEK_US * (turn % 3) - n) for n in range(turn, turn + 40)]
        for turn in range(12)
    ]
    done = await asyncio.gather(*(market.sort(*batch) for batch in batches))
    committed = sum(fates(verdicts).count(Fate.COMMITTED) for verdicts in done)
    rows = await market.rows("SELECT count(*), count(DISTINCT seq) FROM sort_events")
    assert rows == [(51, 51)]
    assert committed == 51
    assert await market.rows("SELECT sum(fish)::int FROM lot_cells") == [(51,)]
    assert await market.rows("SELECT seqs::text, events FROM sort_boots") == [("{[0,51)}", 51)]


async def test_a_boot_with_more_gaps_than_are_kept_still_takes_each_number_once(market: Market):
    odd = [market.fish(2 * n + 1) for n in range(MOST_RUNS + 5)]
    assert set(fates(await market.sort(*odd))) == {Fate.COMMITTED}
    ((runs,),) = await market.rows("SELECT count(*) FROM sort_boots, unnest(seqs)")
    assert runs == 1
    even = [market.fish(2 * n + 2) for n in range(20)]
    again = [market.fish(2 * n + 1, at=NOW_US - WEEK_US) for n in range(20)]
    assert fates(await market.sort(*even, *again)) == [Fate.COMMITTED] * 20 + [Fate.CONFLICTING] * 20


async def test_another_class_list_needs_another_lot(market: Market):
    other = {"classes": ("milt", "roe"), "probabilities": (0.9, 0.1)}
    assert fates(
        await market.sort(market.fish(1), market.fish(2, **other), market.fish(3, lot="L2", **other))
    ) == [
        Fate.COMMITTED,
        Fate.REFUSED,
        Fate.COMMITTED,
    ]
    (verdict,) = await market.sort(market.fish(2, **other))
    assert (verdict.reason, "milt roe other" in verdict.detail) == ("product_changed", True)


async def test_columns_of_a_lot_are_what_was_stored(market: Market):
    fish = [
        market.fish(
            n,
            cls=n % 3,
            probabilities=(0.5, 0.25 + n / 128, 0.25 - n / 128),
            weight_g=None if n % 4 else 100.0 * n,
            bin_commanded="A",
            bin_confirmed=None if n % 2 else "AB"[n % 4 // 2],
            at=NOW_US - WEEK_US * (n % 3) - n,
        )
        for n in range(1, 21)
    ]
    await market.sort(*fish, market.fish(50, lot="L2"))
    lot = await market.do(find_lot, "echo-1", "L1")
    columns = await market.do(read_lot, lot.id)
    expected = sorted(fish, key=lambda one: one.at)
    assert columns.seq.tolist() == [one.seq for one in expected]
    assert columns.at.tolist() == [one.at for one in expected]
    assert columns.cls.tolist() == [one.cls for one in expected]
    assert columns.fish.tolist() == [one.fish for one in expected]
    assert columns.placing.tolist() == [one.placing for one in expected]
    assert np.allclose(columns.probabilities, [one.probabilities for one in expected])
    assert np.array_equal(
        columns.weight_g,
        [np.nan if one.weight_g is None else one.weight_g for one in expected],
        equal_nan=True,
    )
    assert np.isnan(columns.spine_ratio).all()
    assert set(columns.received.tolist()) == {NOW_US}
    with pytest.raises(StoreMissing):
        await market.do(read_lot, 99)


async def test_columns_of_a_unit_are_half_open_and_of_one_product(market: Market):
    await market.sort(*(market.fish(n) for n in range(1, 11)), market.fish(3, unit="echo-2"))
    two = {"classes": ("a", "b"), "probabilities": (0.5, 0.5), "product": "other"}
    await market.sort(market.fish(11, lot="L2", **two))
    begin, end = (EPOCH + timedelta(microseconds=market.fish(n).at) for n in (3, 7))
    unit = market.ids["echo-1"]
    columns = await market.do(read_unit, unit, begin, end, product="cod-sex", classes=CLASSES)
    assert columns.seq.tolist() == [3, 4, 5, 6]
    assert columns.probabilities.shape == (4, 3)
    nothing = await market.do(read_unit, unit, end, begin, product="cod-sex", classes=CLASSES)
    assert (len(nothing), nothing.probabilities.shape) == (0, (0, 3))
    later = await market.do(
        read_unit, unit, begin, end + timedelta(days=1), product="other", classes=("a", "b")
    )
    assert later.seq.tolist() == [11]


@pytest.mark.parametrize("newest_first", [False, True])
async def test_pages_follow_each_other_and_meet_no_fish_twice(market: Market, newest_first: bool):
    await market.sort(*(market.fish(n, at=NOW_US - n // 3) for n in range(1, 21)))
    lot = await market.do(find_lot, "echo-1", "L1")
    seen, after = [], None
    while page := await market.do(page_of_lot, lot.id, limit=7, after=after, newest_first=newest_first):
        seen += page
        after = (page[-1].at, page[-1].boot_id, page[-1].seq)
    assert sorted(fish.seq for fish in seen) == list(range(1, 21))
    assert seen == sorted(seen, key=lambda fish: (fish.at, fish.seq), reverse=newest_first)
    begin, end = seen[0].at, seen[-1].at
    of_unit = await market.do(
        page_of_unit, "echo-1", min(begin, end), max(begin, end), limit=99, newest_first=newest_first
    )
    assert of_unit == [fish for fish in seen if fish.at < max(begin, end)]


async def test_a_lab_sees_its_own_fish(market: Market):
    await market.sort(market.fish(1))
    lot = await market.do(find_lot, "echo-1", "L1")
    (fish,) = await market.do(page_of_lot, lot.id, limit=9, lab="sendai")
    assert await market.do(get_event, fish.boot_id, 1, "sendai") == fish
    assert await market.do(page_of_lot, lot.id, limit=9, lab="shihoro") == []
    for lab, seq in (("shihoro", 1), (None, 2)):
        with pytest.raises(StoreMissing):
            await market.do(get_event, fish.boot_id, seq, lab)


async def test_a_units_course_is_kept_by_ten_minutes(market: Market):
    start = NOW_US // 600_000_000 * 600_000_000 - 600_000_000
    await market.sort(
        *(market.fish(n, at=start + n * 60_000_000, latency_ms=100.0 + n, coupling=None) for n in range(20)),
        market.fish(50, at=start, cls=1, coupling=0.5, bin_commanded="A", bin_confirmed="B"),
    )
    begin = EPOCH + timedelta(microseconds=start)
    spans = await market.do(read_unit_spans, market.ids["echo-1"], begin, begin + timedelta(minutes=20))
    assert [(one.cls, one.fish, one.latency_n, one.coupling_n, one.placed) for one in spans] == [
        (0, 10, 10, 0, 0),
        (1, 1, 0, 1, 1),
        (0, 10, 10, 0, 0),
    ]
    assert spans[2].latency_sum == sum(100 + n for n in range(10, 20))
    assert spans[0].score_sum == pytest.approx(9.0)
    assert (spans[1].misplaced, spans[1].coupling_sum, spans[1].model) == (1, 0.5, "echo-7")


async def test_lots_are_added_up_apart(market: Market):
    await market.sort(*(market.fish(n, lot=f"L{n % 2}", cls=n % 3) for n in range(1, 13)))
    lots = [await market.do(find_lot, "echo-1", code) for code in ("L0", "L1")]
    cells = await market.do(read_many_cells, [lot.id for lot in lots] + [99])
    assert {lot_id: found.fish.sum() for lot_id, found in cells.items()} == {lot.id: 6 for lot in lots}
    for found in cells.values():
        assert sorted(found.cls.tolist()) == [0, 1, 2]
        assert found.scores.shape == found.cell.shape == (3, 3)
        assert np.allclose(found.scores / found.fish[:, None], np.log([9, 8 / 92, 2 / 98]), atol=1e-5)
