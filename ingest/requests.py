"""What is asked of a gateway through the database; several gateways share the work."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from functools import partial
from typing import TYPE_CHECKING, Any

from ingest.patience import persist
from ingest.replay import replay
from ingest.shown import clean
from store.batches import ping, transaction
from store.errors import RowsRefused, StoreUnavailable
from store.quarantine import open_ids
from store.requests import end_request, next_request

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ingest.metrics import Metrics
    from ingest.registry import Registry
    from store.pool import AsyncConnectionPool
    from store.requests import Request

_ANSWERS = (RowsRefused, ValueError)
"""Errors that tell who asked what is wrong; others are faults of ours."""

_log = logging.getLogger(__name__)


async def serve_requests(
    pool: AsyncConnectionPool,
    registry: Registry,
    asked: asyncio.Event,
    metrics: Metrics,
    *,
    poll_s: float,
    largest: int,
) -> None:
    """Do what is asked for, for ever: when `asked` is set, and every `poll_s` s in case that was missed."""
    while True:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(poll_s):
                await asked.wait()
        asked.clear()
        while await persist(lambda: _serve_one(pool, registry, metrics, largest), "serve a request"):
            pass


async def _serve_one(pool: AsyncConnectionPool, registry: Registry, metrics: Metrics, largest: int) -> bool:
    """Take a request and do it; False if there was none."""
    async with transaction(pool) as conn:
        request = await next_request(conn)
        if request is None:
            return False
        try:
            # A connection that says nothing for minutes would be dropped, and all of it done again.
            outcome: dict[str, Any] = await _replay(pool, registry, request, largest, partial(ping, conn))
        except StoreUnavailable:
            raise
        except Exception as error:  # noqa: BLE001  whatever was asked, the line goes on
            _log.warning("request %d failed: %s", request.id, error, exc_info=not isinstance(error, _ANSWERS))
            await end_request(conn, request.id, "failed", {"error": clean(str(error), 500)})
        else:
            metrics.replayed += outcome["rows"]
            await end_request(conn, request.id, "done", outcome)
    return True


async def _replay(
    pool: AsyncConnectionPool,
    registry: Registry,
    request: Request,
    largest: int,
    after_group: Callable[[], Awaitable[object]],
) -> dict[str, int]:
    """Replay ``{"ids": [...]}``, or what ``{"lab", "device", "reason"}`` find; ``{}`` is all that is open."""
    argument = request.argument
    lab = request.lab or argument.get("lab")
    ids = argument.get("ids")
    if ids is None:
        async with transaction(pool) as conn:
            ids = await open_ids(conn, lab=lab, device=argument.get("device"), reason=argument.get("reason"))
    if not isinstance(ids, list) or not all(isinstance(number, int) for number in ids):
        raise ValueError('a replay needs {"ids": [1, 2]}, or {"device": …} or {"reason": …}')
    return await replay(pool, registry, ids, lab=lab, largest=largest, after_group=after_group)
