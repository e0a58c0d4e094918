"""What is due: sites with late readings, plantings with news, mornings, and jobs of workers that died."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from store import dues, queue, stale_days
from store.batches import transaction

if TYPE_CHECKING:
    from analytics.jobs.desk import Desk

_log = logging.getLogger(__name__)

KEEP_DAYS: Final = 30
"""For how long failed jobs and their reasons can be looked at."""


async def sweep(desk: Desk) -> None:
    """Ask for every job that is due; what waits in the queue already is not asked for twice."""
    now = desk.now()
    async with transaction(desk.pool) as conn:
        stale = await stale_days.list_stale_sites(conn)
        due = await dues.list_due(conn)
        mornings = await dues.next_mornings(conn, now=now)
    for site in stale:
        await desk.ask("refresh_days", str(site.site_id), {"site_id": site.site_id})
    crops = [(each.lab, each.crop) for each in due] + [(each.lab, each.crop) for each in mornings]
    for lab, crop in dict.fromkeys(crops):
        await desk.ask("forecast_crop", f"{lab} {crop}", {"lab": lab, "crop": crop})


async def recover(desk: Desk, stalled_s: float) -> None:
    """Have the jobs of workers that gave no sign of life for `stalled_s` done by others."""
    async with transaction(desk.pool) as conn:
        if not await queue.claim_recovery(conn):
            return
        jobs = desk.app.job_manager
        await jobs.prune_stalled_workers(stalled_s)
        for job in await jobs.get_stalled_jobs(seconds_since_heartbeat=stalled_s):
            _log.warning("the worker of %s is gone: it is done again", job.call_string)
            await jobs.retry_job(job, desk.now())


async def tidy(desk: Desk) -> None:
    """Delete failed jobs and reasons that are older than `KEEP_DAYS`."""
    await desk.app.job_manager.delete_old_jobs(
        nb_hours=24 * KEEP_DAYS, include_failed=True, include_cancelled=True, include_aborted=True
    )
    async with transaction(desk.pool) as conn:
        await queue.forget_failures(conn, KEEP_DAYS)
