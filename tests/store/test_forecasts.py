from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from store.dues import marks_of, note_due, settle
from store.errors import StoreMissing
from store.forecasts import (
    add_forecast,
    get_forecast,
    list_forecasts,
    mark_revised,
    newest_forecast,
    newest_forecasts,
)

if TYPE_CHECKING:
    from store.forecasts import Forecast
    from tests.store.farm import Farm

DAY = date(2026, 6, 2)
DATA_END = datetime(2026, 6, 1, 20, tzinfo=UTC)
BODY = {"stages": [{"bbch": 55, "median": "2026-06-08"}], "skill": None, "basis": "観測 3 年"}


async def add(farm: Farm, planting_id: int, digest: bytes = b"a", **more: Any) -> tuple[Forecast, bool]:
    given: dict[str, Any] = {
        "issued_on": DAY,
        "model": "wofost-pooled",
        "model_version": "1.0.0",
        "data_end": DATA_END,
        "body": BODY,
    } | more
    answer: tuple[Forecast, bool] = await farm.do(add_forecast, planting_id, inputs_digest=digest, **given)
    return answer


async def test_a_forecast_comes_back_as_it_was_made(farm: Farm):
    planting = await farm.plant()
    forecast, added = await add(farm, planting.id)
    assert added
    assert (forecast.issued_on, forecast.data_end, forecast.body) == (DAY, DATA_END, BODY)
    assert (forecast.model, forecast.model_version, forecast.inputs_digest) == (
        "wofost-pooled",
        "1.0.0",
        b"a",
    )
    assert (forecast.supersedes, forecast.revised_at) == (None, None)
    assert await farm.do(get_forecast, forecast.id, "shihoro") == forecast


async def test_the_same_inputs_on_the_same_day_are_the_same_forecast(farm: Farm):
    planting = await farm.plant()
    first, _ = await add(farm, planting.id)
    assert await add(farm, planting.id) == (first, False)
    next_day, added = await add(farm, planting.id, issued_on=DAY + timedelta(1))
    assert added
    assert next_day.supersedes == first.id


async def test_an_undone_change_makes_the_earlier_inputs_newest_again(farm: Farm):
    planting = await farm.plant()
    chain = [await add(farm, planting.id, digest) for digest in (b"a", b"b", b"a")]
    assert [added for _, added in chain] == [True] * 3
    assert [f.supersedes for f, _ in chain] == [None, chain[0][0].id, chain[1][0].id]
    assert await farm.do(newest_forecast, planting.id) == chain[-1][0]


@pytest.mark.parametrize(
    "change",
    [
        "body = '{}'",
        "made_at = now()",
        "model_version = '2'",
        "inputs_digest = ''",
        "issued_on = '2020-01-01'",
        "revised_at = now(), revised_reason = 'x', data_end = now()",
    ],
)
async def test_a_forecast_keeps_as_it_was_made(farm: Farm, change: str):
    forecast, _ = await add(farm, (await farm.plant()).id)
    for statement in (f"UPDATE forecasts SET {change}", "DELETE FROM forecasts"):
        with pytest.raises(psycopg.errors.RestrictViolation, match="keeps as it was made"):
            await farm.one(statement)
    assert await farm.do(get_forecast, forecast.id) == forecast


async def test_the_first_mark_of_a_revision_stays(farm: Farm):
    planting, other = await farm.plant(), await farm.plant("south")
    old, _ = await add(farm, planting.id, data_end=DATA_END - timedelta(days=3))
    new, _ = await add(farm, planting.id, b"b")
    await add(farm, other.id)
    await add(farm, other.id, b"no data", data_end=None)
    begin = DATA_END - timedelta(days=1)
    assert await farm.do(mark_revised, [planting.id], "late readings of 1 June", data_after=begin) == 1
    marked = await farm.do(get_forecast, new.id)
    assert marked.revised_reason == "late readings of 1 June"
    assert await farm.do(mark_revised, [planting.id], "again", data_after=begin) == 0
    assert await farm.do(get_forecast, new.id) == marked
    assert await farm.do(get_forecast, old.id) == old
    assert await farm.do(mark_revised, [planting.id, other.id], "all") == 3
    with pytest.raises(psycopg.errors.RestrictViolation):
        await farm.one("UPDATE forecasts SET revised_reason = 'other', revised_at = now()")


async def test_an_old_forecast_is_found_as_it_was_shown(farm: Farm):
    planting = await farm.plant()
    chain = [(await add(farm, planting.id, bytes([n])))[0] for n in range(3)]
    for forecast in chain:
        assert await farm.do(newest_forecast, planting.id, as_of=forecast.made_at) == forecast
    before = chain[0].made_at - timedelta(microseconds=1)
    assert await farm.do(newest_forecast, planting.id, as_of=before) is None


async def test_history_is_paged_newest_first(farm: Farm):
    planting, other = await farm.plant(), await farm.plant("south")
    ids = [(await add(farm, planting.id, bytes([n])))[0].id for n in range(5)]
    last, _ = await add(farm, other.id)
    first = await farm.do(list_forecasts, planting.id, limit=3)
    rest = await farm.do(list_forecasts, planting.id, limit=3, before=first[-1].id)
    assert [f.id for f in first + rest] == ids[::-1]
    newest = await farm.do(newest_forecasts, [planting.id, other.id, 999])
    assert {key: f.id for key, f in newest.items()} == {planting.id: ids[-1], other.id: last.id}


async def test_a_lab_sees_its_own_only(farm: Farm):
    planting = await farm.plant()
    forecast, _ = await add(farm, planting.id)
    with pytest.raises(StoreMissing, match="no forecast"):
        await farm.do(get_forecast, forecast.id, "kaga")
    assert await farm.do(newest_forecast, planting.id, lab="kaga") is None
    assert await farm.do(list_forecasts, planting.id, lab="kaga") == []
    with pytest.raises(StoreMissing, match="no planting"):
        await add(farm, 999)


async def test_a_run_that_was_overtaken_adds_nothing(farm: Farm):
    planting = await farm.plant()
    slow = (await farm.do(marks_of, [planting.id]))[planting.id]
    await farm.do(note_due, [planting.id], "late_data")
    quick = (await farm.do(marks_of, [planting.id]))[planting.id]
    newest, added = await add(farm, planting.id, b"new", mark=quick)
    assert added
    await farm.do(settle, {planting.id: quick})
    assert await add(farm, planting.id, b"old", mark=slow) == (newest, False)
    assert (await add(farm, planting.id, b"newer", mark=quick))[1]


async def test_several_who_add_at_once_make_one_chain(farm: Farm):
    planting = await farm.plant()
    answers = await asyncio.gather(*(add(farm, planting.id, bytes([n % 3])) for n in range(9)))
    history = await farm.do(list_forecasts, planting.id)
    assert [f.supersedes for f in history] == [*(f.id for f in history[1:]), None]
    assert sum(added for _, added in answers) == len(history) >= 3
