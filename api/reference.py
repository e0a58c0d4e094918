"""The reference page at /api: what the description says, readable, and a form to try it; works offline."""

from pathlib import Path
from typing import Final

from aiohttp import web

from api.dispatch import tagged
from api.problems import Handler

WEB: Final = Path(__file__).with_name("web")
_FILES: Final = {
    "/api": ("reference.html", "text/html; charset=utf-8"),
    "/api/app/reference.js": ("app/reference.js", "text/javascript; charset=utf-8"),
    "/api/app/reference.css": ("app/reference.css", "text/css; charset=utf-8"),
}
PAGES: Final = ("/", *_FILES)
"""Addresses of pages, which the description does not list."""

_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def add_reference(app: web.Application) -> None:
    """Add the page, its files, and the way to it from /."""
    app.router.add_get("/", _go)
    for address, (name, media) in _FILES.items():
        app.router.add_get(address, _page((WEB / name).read_bytes(), media))


async def _go(_: web.Request) -> web.StreamResponse:
    return web.Response(status=302, headers={"Location": "/api"})


def _page(body: bytes, media: str) -> Handler:
    """Return a handler that serves a file which was read once."""

    async def serve(request: web.Request) -> web.StreamResponse:
        response = tagged(request, body, media)
        response.headers["Content-Security-Policy"] = _POLICY
        return response

    return serve
