"""The queue: procrastinate on the same database, with the tasks that it knows."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from procrastinate import App, PsycopgConnector
from procrastinate.exceptions import ProcrastinateException

from analytics.jobs.bookkeeping import Bookkeeper
from analytics.jobs.desk import utc_now
from analytics.jobs.lots import due_of_slice
from analytics.jobs.retries import ATTEMPTS, Patience, is_transient
from analytics.jobs.tasks import TASKS
from store.batches import transaction
from store.dues import put_off
from store.lot_dues import put_off_lots
from store.plantings import plantings_of_crop
from store.queue import note_failure
from store.unit_watches import put_off_watch

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from procrastinate import JobContext
    from procrastinate.worker import Worker

    from analytics.jobs.desk import Desk
    from store.pool import AsyncConnection

__all__ = ["Bookkeeper", "ProcrastinateException", "build_app", "watch"]

QUEUE: Final = "chiiki"
PUT_OFF: Final = timedelta(hours=1)


def build_app() -> App:
    """Make an app that knows every task; open it with a pool of connections that see the queue's schema.

    Each process makes its own; to ask for a job, use `analytics.jobs.desk.Desk.ask`.
    """
    app = App(connector=PsycopgConnector())
    app.job_manager = Bookkeeper(app.connector)
    for name, work in TASKS.items():
        app.task(name=name, queue=QUEUE, retry=Patience(), pass_context=True)(work)
    return app


async def watch(call_next: Callable[[], Awaitable[Any]], context: JobContext, _worker: Worker) -> Any:
    """Count each job, and keep why one failed, where a person can read it."""
    desk: Desk = context.additional_context["desk"]
    began_s = time.monotonic()
    try:
        result = await call_next()
    except Exception as error:
        if is_transient(error):
            desk.counters.retried += 1
        else:
            await _note(desk, context, error)
        raise
    else:
        desk.counters.done += 1
        return result
    finally:
        desk.counters.busy_s += time.monotonic() - began_s


async def _put_off(conn: AsyncConnection, context: JobContext) -> None:
    """Leave what a job was about alone for a while, or until there is news of it."""
    arguments: dict[str, Any] = dict(context.job.task_kwargs)
    until = utc_now() + PUT_OFF
    match context.job.task_name:
        case "forecast_crop":
            found = await plantings_of_crop(conn, arguments["lab"], arguments["crop"])
            await put_off(conn, [each.id for each in found], until)
        case "describe_lots":
            lots = [lot.lot_id for lot in await due_of_slice(conn, arguments["slice_"])]
            await put_off_lots(conn, lots, until)
        case "watch_unit":
            await put_off_watch(conn, arguments["device_id"], arguments["product"], until)


async def _note(desk: Desk, context: JobContext, error: Exception) -> None:
    job = context.job
    given_up = job.attempts + 1 >= ATTEMPTS
    if given_up:
        desk.counters.failed += 1
    else:
        desk.counters.retried += 1
    assert job.id is not None
    reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
    async with transaction(desk.pool) as conn:
        if given_up:
            await _put_off(conn, context)
        await note_failure(
            conn,
            job.id,
            job.task_name,
            job.task_kwargs,
            attempt=job.attempts + 1,
            given_up=given_up,
            reason=reason,
        )
