"""The worker: what is due is done once, whatever dies."""

from __future__ import annotations

import asyncio
import signal
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from analytics.jobs import forecasts, retries
from analytics.jobs.sweep import sweep
from store import queue
from store.dues import list_due
from store.errors import StoreUnavailable
from store.heartbeats import list_beats
from tests.analytics.jobs.farm import CROP, LAB, TODAY, Farm, eventually, working

if TYPE_CHECKING:
    import pytest

    from store.pool import AsyncConnectionPool

ROOT = Path(__file__).parents[3]


async def all_forecast(farm: Farm) -> bool:
    return all([await farm.forecasts(each) for each in farm.plantings])


async def idle(farm: Farm) -> bool:
    async with farm.pool.connection() as conn:
        state = await queue.state(conn)
        return not (state.waiting or state.running or await list_due(conn))


async def test_what_is_due_is_done_and_the_worker_tells(farm: Farm) -> None:
    async with working(farm.settings()):
        await eventually(lambda: all_forecast(farm))
        await farm.see(farm.plantings[0], 31, TODAY - timedelta(days=1))

        async def again() -> bool:
            return all([len(await farm.forecasts(each)) == 2 for each in farm.plantings])

        await eventually(again)
        await eventually(lambda: idle(farm))
    async with farm.pool.connection() as conn:
        (beat,) = [each for each in await list_beats(conn) if each.process == "worker-1"]
    assert beat.metrics["done"] >= 2
    assert (beat.metrics["failed"], beat.metrics["queue"]["running"], beat.metrics["behind_s"]) == (0, 0, 0)


async def test_two_workers_do_each_job_once(farm: Farm, monkeypatch: pytest.MonkeyPatch) -> None:
    running: list[int] = []
    together: list[int] = []
    real = forecasts.forecast_crop

    async def watched(*arguments: object) -> list[int]:
        running.append(1)
        together.append(len(running))
        try:
            await asyncio.sleep(0.2)
            return await real(*arguments)
        finally:
            running.pop()

    monkeypatch.setattr(forecasts, "forecast_crop", watched)
    async with working(farm.settings("worker-1")), working(farm.settings("worker-2")):
        await eventually(lambda: all_forecast(farm))
        for bbch in range(32, 38):
            await farm.see(farm.plantings[0], bbch, TODAY - timedelta(days=1))
        await eventually(lambda: idle(farm))
    assert max(together) == 1
    assert 2 <= len(together) <= 5
    made = await farm.forecasts(farm.plantings[1])
    assert len({each.inputs_digest for each in made}) == len(made)


async def test_killed_in_the_middle_of_a_job(farm: Farm) -> None:
    desk_url = farm.url
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.analytics.jobs.worker_process", desk_url, cwd=ROOT
    )

    async def busy() -> bool:
        async with farm.pool.connection() as conn:
            return (await queue.state(conn)).running == 1

    await eventually(busy)
    process.send_signal(signal.SIGKILL)
    await process.wait()
    assert not await all_forecast(farm)
    async with working(farm.settings()):
        await eventually(lambda: all_forecast(farm))


async def test_an_outage_in_the_middle_of_a_job(farm: Farm, monkeypatch: pytest.MonkeyPatch) -> None:
    real, tries = forecasts.forecast_crop, []
    monkeypatch.setattr(retries, "FIRST_PAUSE_S", 0)

    async def cut_off(desk: object, lab: str, crop: str) -> list[int]:
        tries.append(1)
        if len(tries) == 1:
            await end_the_workers_connections(farm.pool)
        return await real(desk, lab, crop)

    monkeypatch.setattr(forecasts, "forecast_crop", cut_off)
    async with working(farm.settings()):
        await eventually(lambda: all_forecast(farm))
        await eventually(lambda: idle(farm))


async def end_the_workers_connections(pool: AsyncConnectionPool) -> None:
    async with pool.connection() as conn:
        await conn.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name LIKE 'chiiki worker-1%'"
        )


async def test_the_store_is_away_for_a_while(farm: Farm, monkeypatch: pytest.MonkeyPatch) -> None:
    real, tries = forecasts.forecast_crop, []
    monkeypatch.setattr(retries, "FIRST_PAUSE_S", 0)

    async def away_at_first(desk: object, lab: str, crop: str) -> list[int]:
        tries.append(1)
        if len(tries) < 3:
            raise StoreUnavailable("gone for tea")
        return await real(desk, lab, crop)

    monkeypatch.setattr(forecasts, "forecast_crop", away_at_first)
    async with working(farm.settings()):
        await eventually(lambda: all_forecast(farm))
    async with farm.pool.connection() as conn:
        assert await queue.list_failures(conn) == []


async def test_a_bug_is_given_up_and_shown(farm: Farm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "FIRST_PAUSE_S", 0)

    async def broken(*_: object) -> list[int]:
        raise ValueError("cannot divide a field by zero")

    monkeypatch.setattr(forecasts, "forecast_crop", broken)

    async def given_up() -> bool:
        async with farm.pool.connection() as conn:
            failures = await queue.list_failures(conn)
        return bool(failures) and failures[0].given_up

    async with working(farm.settings()):
        await eventually(given_up)
    async with farm.pool.connection() as conn:
        failures = await queue.list_failures(conn)
        assert await list_due(conn) == []
        assert (await queue.state(conn)).failed == 1
    assert failures[0].reason == "ValueError: cannot divide a field by zero"
    assert failures[0].arguments == {"lab": LAB, "crop": CROP}
    assert [each.attempt for each in failures[::-1]] == [1, 2, 3, 4]


async def test_stopping_gives_back_what_runs(farm: Farm, monkeypatch: pytest.MonkeyPatch) -> None:
    began = asyncio.Event()

    async def endless(*_: object) -> list[int]:
        began.set()
        await asyncio.sleep(3600)
        return []

    monkeypatch.setattr(forecasts, "forecast_crop", endless)
    async with working(farm.settings(shutdown_s=0.3)):
        async with asyncio.timeout(10):
            await began.wait()
    async with farm.pool.connection() as conn:
        state = await queue.state(conn)
    assert (state.running, state.waiting + state.scheduled) == (0, 1)


async def test_asked_twice_waits_once(farm: Farm) -> None:
    desk = farm.desk()
    url = queue.queue_url(farm.url)
    from store.pool import open_pool

    pool = await open_pool(url, process="test queue")
    async with desk.app.open_async(pool):
        await sweep(desk)
        await sweep(desk)
        async with farm.pool.connection() as conn:
            assert (await queue.state(conn)).waiting == 1
    await pool.close()
