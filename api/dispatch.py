"""From a declared operation to an aiohttp handler: who asks, what is asked, answer, send."""

import asyncio
import contextlib
import hashlib
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import Any, Final

from aiohttp import web

from api.auth import NOBODY, Principal, authenticate, demand, read_token
from api.house import HOUSE, House
from api.operations import (
    Accepted,
    Call,
    Created,
    Csv,
    Document,
    Image,
    Operation,
    Text,
    TomlFile,
    Unready,
    has,
)
from api.problems import BEGUN, Problem, abort
from api.wire import Nothing, read_body, read_path, read_query, write_json
from store.pool import AsyncConnection

JSON: Final = "application/json"


def handler_of(operation: Operation) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """Return the aiohttp handler of an operation."""

    async def handle(request: web.Request) -> web.StreamResponse:
        house = request.app[HOUSE]
        async with asyncio.timeout(house.settings.request_s):
            answer = await _call(operation, request, house)
        return await _send(operation, request, house, answer)

    return handle


async def _call(operation: Operation, request: web.Request, house: House) -> object:
    """Run the handler in one transaction, which is committed before the answer goes out."""
    if operation.least is not None:
        read_token(request.headers.get("Authorization"))
    raw = await _receive(request, house) if has(operation.body) else b""
    if not operation.needs_store and operation.least is None:
        return await operation.handle(_read_call(operation, request, raw, NOBODY, None))
    async with house.connection() as conn:
        principal = await _identify(operation, request, conn)
        return await operation.handle(_read_call(operation, request, raw, principal, conn))


async def _identify(operation: Operation, request: web.Request, conn: AsyncConnection) -> Principal:
    """Find out who asks and whether they may, in a transaction of its own: it locks the token's row."""
    if operation.least is None:
        return NOBODY
    async with conn.transaction():
        principal = await authenticate(conn, request.headers.get("Authorization"))
    demand(principal, operation.least)
    return principal


def _read_call(
    operation: Operation,
    request: web.Request,
    raw: bytes,
    principal: Principal,
    conn: AsyncConnection | None,
) -> Call[Any, Any, Any]:
    counts = Counter(name for name, _ in request.query.items())
    repeated = [name for name, count in counts.items() if count > 1]
    return Call(
        principal=principal,
        path=read_path(request.match_info, operation.path, request.path)
        if has(operation.path)
        else Nothing(),
        query=read_query(dict(request.query), repeated, operation.query),
        body=_read_json(request, raw, operation.body) if has(operation.body) else Nothing(),
        conn=conn,  # type: ignore[arg-type]  # None only where the operation declares that it needs none
        house=request.app[HOUSE],
    )


def _read_json(request: web.Request, raw: bytes, kind: type) -> object:
    if request.content_type != JSON:
        raise Problem("unsupported-media-type", f"Send 'Content-Type: {JSON}', not {request.content_type!r}.")
    return read_body(raw, kind)


async def _receive(request: web.Request, house: House) -> bytes:
    """Read the body before a connection is taken: who sends slowly holds nothing."""
    try:
        async with asyncio.timeout(house.settings.body_s):
            return await request.read()
    except TimeoutError as error:
        raise Problem("too-slow", f"The body did not come in within {house.settings.body_s:g} s.") from error


async def _send(
    operation: Operation, request: web.Request, house: House, answer: object
) -> web.StreamResponse:
    match answer:
        case Csv():
            return await _stream(request, house, answer)
        case Text() | TomlFile():
            return _text(answer)
        case Created() | Accepted():
            status = 201 if isinstance(answer, Created) else 202
            headers = {"Location": answer.location}
            return web.Response(
                status=status, body=write_json(answer.value), content_type=JSON, headers=headers
            )
        case Unready():
            return web.Response(status=503, body=write_json(answer.value), content_type=JSON)
        case Document() | Image():
            return tagged(request, answer.raw, answer.media)
    body = write_json(answer)
    return tagged(request, body, JSON) if operation.cacheable else web.Response(body=body, content_type=JSON)


def _text(answer: Text | TomlFile) -> web.Response:
    if isinstance(answer, Text):
        return web.Response(text=answer.text, headers={"Content-Type": answer.media})
    headers = {
        "Content-Disposition": f'attachment; filename="{answer.name}"',
        "Content-Type": "application/toml; charset=utf-8",
    }
    return web.Response(body=answer.text.encode(), headers=headers)


def tagged(request: web.Request, body: bytes, media: str) -> web.Response:
    """Answer with an ETag, or 304 where the client has it."""
    etag = hashlib.sha256(body).hexdigest()[:16]
    headers = {"ETag": f'"{etag}"', "Cache-Control": "no-cache"}
    if any(known.value in {etag, "*"} for known in request.if_none_match or ()):
        return web.Response(status=304, headers=headers)
    return web.Response(body=body, headers=headers | {"Content-Type": media})


async def _stream(request: web.Request, house: House, answer: Csv) -> web.StreamResponse:
    """Send a table piece by piece; until the first is made, the answer may still become a problem."""
    headers = {"Content-Disposition": f'attachment; filename="{answer.name}"'}
    response = web.StreamResponse(headers=headers)
    response.content_type, response.charset = "text/csv", "utf-8"
    async with contextlib.aclosing(_timed(answer.pieces, house.settings.request_s)) as pieces:
        first = await anext(pieces, "")
        request[BEGUN] = True
        await response.prepare(request)
        try:
            if request.method != "HEAD":
                await _write(response, first, house)
                async for piece in pieces:
                    await _write(response, piece, house)
            await response.write_eof()
        except (TimeoutError, ConnectionError) as error:
            abort(request, error)
    return response


async def _write(response: web.StreamResponse, piece: str, house: House) -> None:
    async with asyncio.timeout(house.settings.write_s):
        await response.write(piece.encode())


async def _timed(pieces: AsyncIterator[str], limit_s: float) -> AsyncGenerator[str, None]:
    """Bound the time that each piece may take to make."""
    while True:
        async with asyncio.timeout(limit_s):
            try:
                piece = await anext(pieces)
            except StopAsyncIteration:
                return
        yield piece
