"""What listens: aiohttp's, but what is not HTTP is a problem document too, and is not put into the log."""

import asyncio
import logging
import ssl
from typing import Any, Final

from aiohttp import web
from aiohttp.http_exceptions import LineTooLong

from api.problems import Problem

log = logging.getLogger(__name__)

SERVER_ERROR: Final = 500


class Connection(web.RequestHandler):
    """A client's connection."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - it quotes the client's lines
    ) -> web.StreamResponse:
        """Answer what could not be read as HTTP.

        aiohttp would log and send back the line at fault, which may be the one with the token.
        """
        if request.writer.output_size > 0:
            raise ConnectionError("the answer has begun already")
        if status < SERVER_ERROR:
            log.warning("%s does not speak HTTP: %s", request.remote, type(exc).__name__)
        else:
            log.error("a call of %s failed", request.remote, exc_info=exc)
        response = _problem(status, exc).response()
        response.headers["Server"] = "chiiki"
        response.force_close()
        return response


def _problem(status: int, error: BaseException | None) -> Problem:
    if isinstance(error, LineTooLong):
        return Problem("bad-request", "The address or a header is too long.")
    if status < SERVER_ERROR:
        return Problem("bad-request", "This is not HTTP as RFC 9112 has it.")
    return Problem("internal", "Unforeseen; the server's log has it.")


async def listen(
    runner: web.AppRunner, host: str, port: int, tls: ssl.SSLContext | None
) -> asyncio.AbstractServer:
    """Take clients on, for a runner that is set up.

    Raises
    ------
    OSError
        The address cannot be had.
    """
    loop, server = asyncio.get_running_loop(), runner.server
    assert server is not None
    options: dict[str, Any] = {"access_log": None}  # `observe` writes it
    return await loop.create_server(lambda: Connection(server, loop=loop, **options), host, port, ssl=tls)
