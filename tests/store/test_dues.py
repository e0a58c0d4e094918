"""What makes a planting due, and that nothing is lost between those who note and those who compute."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import random
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from store.dues import (
    list_due,
    marks_of,
    next_morning_at,
    next_mornings,
    note_due,
    note_site_due,
    put_off,
    settle,
)
from store.forecasts import add_forecast
from store.notifications import PLANTINGS, listen
from store.observations import add_observation, correct_observation, withdraw_observation
from store.plantings import add_planting, change_planting, end_planting, remove_planting, reopen_planting
from store.sites import change_site, find_site
from store.weather_forecasts import ForecastDay, add_weather_forecast
from tests.store.farm import SOWN

if TYPE_CHECKING:
    from tests.store.farm import Farm

HEADING = {"bbch": 55, "observed_on": date(2026, 6, 8)}
ISSUED_AT = datetime(2026, 6, 1, tzinfo=UTC)


async def test_a_new_planting_is_due_and_is_settled(farm: Farm):
    planting = await farm.plant()
    (due,) = await farm.do(list_due)
    assert (due.planting_id, due.lab, due.crop, due.timezone) == (
        planting.id,
        "shihoro",
        "wheat",
        "Asia/Tokyo",
    )
    assert due.reasons == ["planting"]
    assert await farm.do(settle, {planting.id: due.mark}) == []
    assert await farm.due() == {}


async def test_an_observation_makes_due_the_labs_plantings_of_the_crop(farm: Farm):
    await farm.site("kaga", "farm", "north")
    await farm.site("shihoro", "hill", "top")
    seen, near, far = await farm.plant(), await farm.plant("south"), await farm.plant("top", site="hill")
    ended = await farm.plant(sown_on=date(2024, 9, 20))
    await farm.do(end_planting, ended.id, ended_on=date(2025, 7, 30))
    await farm.plant(crop="potato")
    await farm.plant(lab="kaga")
    await farm.settle_all()
    observation = await farm.do(add_observation, seen.id, **HEADING)
    expected = {seen.id: ["observation"], near.id: ["neighbour"], far.id: ["neighbour"]}
    assert await farm.due() == expected
    await farm.settle_all()
    await farm.do(correct_observation, observation.id, note="checked")
    assert set(await farm.due()) == set(expected)


async def test_an_observation_in_an_ended_planting_moves_those_that_go_on(farm: Farm):
    old, new = await farm.plant(sown_on=date(2024, 9, 20)), await farm.plant()
    await farm.do(end_planting, old.id, ended_on=date(2025, 7, 30))
    await farm.settle_all()
    seen = await farm.do(add_observation, old.id, **HEADING)
    assert await farm.due() == {new.id: ["neighbour"]}
    await farm.settle_all()
    await farm.do(withdraw_observation, seen.id)
    assert await farm.due() == {new.id: ["neighbour"]}


async def test_a_changed_planting_is_due_and_its_neighbours_if_it_was_observed(farm: Farm):
    north, south = await farm.plant(), await farm.plant("south")
    await farm.settle_all()
    await farm.do(change_planting, north)
    assert await farm.due() == {}, "nothing was changed"
    await farm.do(change_planting, dataclasses.replace(north, cultivar="きたほなみ"))
    assert await farm.due() == {north.id: ["planting"]}
    await farm.do(add_observation, north.id, **HEADING)
    await farm.settle_all()
    await farm.do(remove_planting, north.id)
    assert await farm.due() == {south.id: ["neighbour"]}


async def test_ended_plantings_are_not_due_and_reopened_ones_are(farm: Farm):
    planting = await farm.plant()
    await farm.do(end_planting, planting.id, ended_on=date(2026, 7, 28))
    assert await farm.due() == {}
    await farm.do(note_due, [planting.id], "late_data")
    await farm.do(reopen_planting, planting.id)
    assert "planting" in (await farm.due())[planting.id]


async def test_weather_and_place_make_due_what_has_that_weather(farm: Farm):
    hill = await farm.site("shihoro", "hill", "top")
    await farm.station("hill-1", "hill")
    here, there, by_station = (
        await farm.plant(),
        await farm.plant("top", site="hill"),
        await farm.plant("south", station="hill-1"),
    )
    await farm.settle_all()
    days = [ForecastDay(date(2026, 6, 2), 8.0, 21.0)]
    await farm.do(
        add_weather_forecast, lab="shihoro", site="hill", source="jma", issued_at=ISSUED_AT, days=days
    )
    assert await farm.due() == {key: ["weather_forecast"] for key in (there.id, by_station.id)}
    await farm.settle_all()
    await farm.do(note_site_due, hill.id, "late_data")
    assert await farm.due() == {key: ["late_data"] for key in (there.id, by_station.id)}
    await farm.settle_all()
    site = await farm.do(find_site, "shihoro", "farm")
    await farm.do(change_site, dataclasses.replace(site, name_en="School farm"))
    assert await farm.due() == {}
    await farm.do(change_site, dataclasses.replace(site, latitude=43.1, longitude=143.2))
    assert await farm.due() == {key: ["site"] for key in (here.id, by_station.id)}


async def test_what_is_noted_while_a_job_runs_stays_due(farm: Farm):
    planting = await farm.plant()
    marks = await farm.do(marks_of, [planting.id])
    await farm.do(add_observation, planting.id, **HEADING)
    assert await farm.do(settle, marks) == [planting.id]
    assert (await farm.due())[planting.id] == ["planting", "observation"]
    later = await farm.do(marks_of, [planting.id])
    assert await farm.do(settle, later) == []
    assert await farm.do(settle, marks) == [], "an old mark does not take a newer one back"
    assert await farm.due() == {}


async def test_what_was_put_off_comes_back_in_time_or_with_news(farm: Farm):
    planting = await farm.plant()
    await farm.do(put_off, [planting.id], datetime.now(UTC) + timedelta(hours=1))
    assert await farm.due() == {}
    await farm.do(add_observation, planting.id, **HEADING)
    assert planting.id in await farm.due()
    await farm.do(put_off, [planting.id], datetime.now(UTC) - timedelta(seconds=1))
    assert planting.id in await farm.due()


async def test_the_longest_waiting_come_first(farm: Farm):
    ids = [(await farm.plant(label=str(n))).id for n in range(4)]
    await farm.do(note_due, ids[:1], "late_data")
    assert [due.planting_id for due in await farm.do(list_due, limit=3)] == ids[:3]


async def test_listeners_hear_of_what_is_due_but_not_of_what_is_settled(farm: Farm, database_url: str):
    async with contextlib.aclosing(listen(database_url, PLANTINGS)) as notices:
        assert (await anext(notices)).payload == ""
        planting = await farm.plant()
        assert (await asyncio.wait_for(anext(notices), 5)).payload == "planting_dues"
        await farm.settle_all()
        await farm.do(put_off, [planting.id], datetime.now(UTC))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(notices), 0.2)


async def test_a_planting_that_begins_beside_an_uncommitted_observation_does_not_miss_it(farm: Farm):
    north = await farm.plant()
    await farm.settle_all()
    async with farm.pool.connection() as first, farm.pool.connection() as second:
        await first.execute("BEGIN")
        await add_observation(first, north.id, **HEADING)
        given = {"lab": "shihoro", "site": "farm", "field": "south", "crop": "wheat", "sown_on": SOWN}
        adding = asyncio.create_task(add_planting(second, **given))
        await asyncio.sleep(0.1)
        assert not adding.done(), "it waits, so that it is due after the observation can be seen"
        await first.commit()
        south = await adding
    assert set(await farm.due()) == {north.id, south.id}


async def test_writers_and_workers_at_once_lose_nothing_and_do_not_deadlock(farm: Farm):
    plantings = [await farm.plant(label=str(n)) for n in range(6)]
    ids = [planting.id for planting in plantings]
    done: dict[int, int] = {}
    stop = asyncio.Event()

    async def write(n: int) -> None:
        rng = random.Random(n)
        for stage in rng.sample(range(100), 12):
            await farm.do(add_observation, ids[n], bbch=stage, observed_on=date(2026, 6, 1 + stage % 28))

    async def work() -> None:
        while not stop.is_set() or await farm.due():
            async with farm.pool.connection() as conn:
                marks = await marks_of(conn, ids)
                cursor = await conn.execute("SELECT count(*) FROM stage_observations")
                seen = (await cursor.fetchone())[0]
                await settle(conn, marks)
            done.update(dict.fromkeys(marks, seen))

    workers = [asyncio.create_task(work()) for _ in range(2)]
    await asyncio.gather(*(write(n) for n in range(6)))
    stop.set()
    await asyncio.wait_for(asyncio.gather(*workers), 30)
    assert await farm.due() == {}
    assert done == dict.fromkeys(ids, 72), "the last to settle saw every observation"


async def test_mornings_come_by_the_clock_of_the_site(farm: Farm):
    await farm.site("kaga", "farm", "north", timezone="Europe/Zurich")
    tokyo, zurich = await farm.plant(), await farm.plant(lab="kaga")
    ended = await farm.plant("south")
    await farm.do(end_planting, ended.id, ended_on=date(2026, 1, 1))
    evening = datetime(2026, 6, 1, 19, 59, tzinfo=UTC)  # 04:59 in Tokyo on 2 June, 21:59 in Zurich
    mornings = await farm.do(next_mornings, now=evening)
    assert [(m.planting_id, m.issued_on) for m in mornings] == [(zurich.id, date(2026, 6, 1))]
    assert await farm.do(next_morning_at, now=evening) == evening + timedelta(minutes=1)
    later = evening + timedelta(minutes=1)
    mornings = await farm.do(next_mornings, now=later, limit=1)
    assert [(m.planting_id, m.issued_on) for m in mornings] == [(tokyo.id, date(2026, 6, 2))]
    assert await farm.do(next_morning_at, now=later) == datetime(2026, 6, 2, 3, tzinfo=UTC)
    for planting in (tokyo, zurich):
        await farm.do(
            add_forecast,
            planting.id,
            issued_on=date(2026, 6, 2),
            model="m",
            model_version="1",
            data_end=None,
            inputs_digest=b"",
            body={},
        )
    assert await farm.do(next_mornings, now=later) == []


async def test_without_plantings_there_is_no_morning(farm: Farm):
    assert await farm.do(next_mornings) == []
    assert await farm.do(next_morning_at) is None
