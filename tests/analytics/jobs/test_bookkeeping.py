"""What becomes of a job that failed or was cut off, in the queue's own tables."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import Status
from psycopg import OperationalError

from analytics.jobs import bookkeeping
from analytics.jobs.retries import ATTEMPTS, Patience, is_transient, pause_s
from store import queue
from store.errors import StoreUnavailable
from store.pool import open_pool

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from procrastinate import App
    from procrastinate.jobs import Job

    from tests.analytics.jobs.farm import Farm


@pytest.fixture
async def app(farm: Farm) -> AsyncIterator[App]:
    pool = await open_pool(queue.queue_url(farm.url), process="test queue")
    desk = farm.desk()
    async with desk.app.open_async(pool):
        await desk.ask("refresh_days", "1", {"site_id": 1})
        yield desk.app
    await pool.close()


async def fetch(app: App) -> Job:
    job = await app.job_manager.fetch_job(None, await app.job_manager.register_worker())
    assert job is not None
    return job


async def statuses(app: App) -> list[str]:
    return sorted(job.status for job in await app.job_manager.list_jobs_async())


async def test_a_job_whose_twin_waits_gives_way(app: App) -> None:
    job = await fetch(app)
    deferrer = app.configure_task("refresh_days", lock="refresh_days 1", queueing_lock="refresh_days 1")
    await deferrer.defer_async(site_id=1)
    assert await statuses(app) == ["doing", "todo"]
    await app.job_manager.retry_job(job)
    assert await statuses(app) == ["todo"]


async def test_an_end_is_written_after_an_outage(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bookkeeping, "PAUSE_S", 0.01)
    job = await fetch(app)
    break_connector(app, monkeypatch, times=3)
    await app.job_manager.finish_job(job, Status.SUCCEEDED, delete_job=False)
    assert await statuses(app) == ["succeeded"]


async def test_what_another_took_over_meanwhile_is_left_alone(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bookkeeping, "PAUSE_S", 0.01)
    job = await fetch(app)
    await app.job_manager.retry_job(job)
    taken_over = await fetch(app)
    assert taken_over.id == job.id
    break_connector(app, monkeypatch, times=1)
    await app.job_manager.finish_job(job, Status.FAILED, delete_job=False)
    assert await statuses(app) == ["doing"]


async def test_a_worker_that_stops_does_not_wait_for_the_database(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = await fetch(app)
    app.job_manager.close_by = 0.0
    break_connector(app, monkeypatch, times=1000)
    async with asyncio.timeout(1):
        with pytest.raises(ConnectorException):
            await app.job_manager.finish_job(job, Status.SUCCEEDED, delete_job=False)


def break_connector(app: App, monkeypatch: pytest.MonkeyPatch, *, times: int) -> None:
    real, left = app.connector.execute_query_async, [times]

    async def broken(*arguments: object, **more: object) -> None:
        if left[0] > 0:
            left[0] -= 1
            raise ConnectorException from OperationalError("server closed the connection")
        await real(*arguments, **more)

    monkeypatch.setattr(app.connector, "execute_query_async", broken)


async def test_retries(app: App) -> None:
    job = await fetch(app)
    patience = Patience()
    assert patience.get_retry_decision(exception=ValueError(), job=job.evolve(attempts=ATTEMPTS - 1)) is None
    later = patience.get_retry_decision(exception=StoreUnavailable(), job=job.evolve(attempts=50))
    assert later is not None
    assert patience.get_retry_decision(exception=asyncio.CancelledError(), job=job.evolve(attempts=50))
    assert (pause_s(0), pause_s(100)) == (10, 600)
    assert not is_transient(ConnectorException())
