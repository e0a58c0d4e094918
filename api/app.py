"""The application: operations, middlewares, reference page; and the process that serves it."""

import asyncio
import contextlib
import functools
import logging
import ssl

import msgspec
from aiohttp import web

from api.dispatch import handler_of
from api.house import HOUSE, House
from api.listener import listen
from api.observe import answer_preflight, observe, set_headers
from api.openapi import describe
from api.operations import Operation
from api.problems import answer_problems
from api.reference import add_reference
from api.routes import DECLARED
from api.settings import ApiSettings
from devices.kinds import load_kinds
from store.pool import AsyncConnectionPool, open_pool

__all__ = ["ApiSettings", "make_app", "serve"]

log = logging.getLogger(__name__)


def make_app(pool: AsyncConnectionPool, settings: ApiSettings) -> web.Application:
    """Build the application on an open pool.

    Raises
    ------
    KindError
        A file of `settings.kinds_dir` is wrong.
    """
    app = web.Application(
        middlewares=[observe, answer_problems, answer_preflight], client_max_size=settings.max_body_bytes
    )
    app[HOUSE] = House(
        pool=pool,
        settings=settings,
        kinds=load_kinds(settings.kinds_dir),
        description=_description(),
    )
    for operation in DECLARED:
        _add(app, operation)
    add_reference(app)
    app.on_response_prepare.append(set_headers)
    return app


@functools.cache
def _description() -> bytes:
    return msgspec.json.encode(describe(DECLARED))


def _add(app: web.Application, operation: Operation) -> None:
    handler = handler_of(operation)
    app.router.add_route(operation.method, operation.address, handler)
    if operation.method == "GET":
        app.router.add_route("HEAD", operation.address, handler)


async def serve(settings: ApiSettings, stop: asyncio.Event) -> None:
    """Serve until `stop` is set; then take no more calls, let those under way end, and close.

    Raises
    ------
    StoreUnavailable
        The database does not answer.
    OSError
        The address cannot be had, or the TLS files cannot be read.
    """
    tls = _tls(settings)
    pool = await open_pool(settings.database_url, process=settings.process, max_size=settings.pool_size)
    try:
        runner = web.AppRunner(
            make_app(pool, settings),
            shutdown_timeout=settings.shutdown_s,
            handler_cancellation=True,
        )
        await runner.setup()
        try:
            with contextlib.closing(await listen(runner, settings.host, settings.port, tls)):
                log.info("%s://%s:%d", "https" if tls else "http", settings.host, settings.port)
                await stop.wait()
        finally:
            await runner.cleanup()
    finally:
        await pool.close()


def _tls(settings: ApiSettings) -> ssl.SSLContext | None:
    if settings.tls_cert is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(settings.tls_cert, settings.tls_key)
    return context
