"""Around every call: counts, access log, security headers, and CORS where a setting allows it."""

import logging
import time
from typing import Final

from aiohttp import web

from api.house import HOUSE
from api.problems import Handler

log = logging.getLogger("api.access")

_SECURITY: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Server": "chiiki",
}
_HSTS: Final = "max-age=31536000"
_PREFLIGHT: Final = {
    "Access-Control-Allow-Methods": "GET, HEAD, POST, PATCH",
    "Access-Control-Allow-Headers": "Authorization, Content-Type",
    "Access-Control-Max-Age": "600",
}


@web.middleware
async def observe(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Count the call and write a line of access log."""
    tally = request.app[HOUSE].tally
    started = time.perf_counter()
    tally.under_way += 1
    status = 499  # as nginx has it: the client left, or the answer was cut off
    try:
        response = await handler(request)
        status = response.status
    except web.HTTPException as error:
        status = error.status
        raise
    finally:
        took_s = time.perf_counter() - started
        tally.under_way -= 1
        tally.add(request.method, address_of(request), status, took_s)
        path = request.rel_url.raw_path  # as it came: what is decoded could forge a line
        log.info("%s %s %s %d %.1f ms", request.remote, request.method, path, status, took_s * 1e3)
    return response


def address_of(request: web.Request) -> str:
    """Return the declared address, not the one asked for, which has no end of values."""
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else "unknown"


async def set_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Set what every answer carries; what the handler has set stays."""
    for name, value in _SECURITY.items():
        if name == "Server":
            response.headers[name] = value
        response.headers.setdefault(name, value)
    if request.secure:
        response.headers.setdefault("Strict-Transport-Security", _HSTS)
    _allow_origin(request, response)


def _allow_origin(request: web.Request, response: web.StreamResponse) -> None:
    origins = request.app[HOUSE].settings.cors_origins
    if not origins:
        return
    response.headers.add("Vary", "Origin")
    if request.headers.get("Origin") in origins:
        response.headers["Access-Control-Allow-Origin"] = request.headers["Origin"]
        response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        response.headers["Access-Control-Expose-Headers"] = "Location, ETag"


@web.middleware
async def answer_preflight(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer what a browser asks before it lets a page of another, allowed origin call."""
    allowed = request.headers.get("Origin") in request.app[HOUSE].settings.cors_origins
    if allowed and request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers:
        return web.Response(status=204, headers=_PREFLIGHT)
    return await handler(request)
