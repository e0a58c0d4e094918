"""The process: serves, speaks HTTPS where told, and stops without cutting calls off."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
import pytest

from api.app import ApiSettings, serve

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from psycopg_pool import AsyncConnectionPool

    from tests.api.conftest import Asker, World


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


async def until_up(url: str, **options: object) -> aiohttp.ClientSession:
    session = aiohttp.ClientSession()
    for _ in range(100):
        try:
            async with session.get(f"{url}/health", **options) as answer:
                assert answer.status == 200
                return session
        except aiohttp.ClientConnectionError:
            await asyncio.sleep(0.05)
    raise AssertionError("it does not come up")


@pytest.fixture
async def stop() -> AsyncIterator[asyncio.Event]:
    event = asyncio.Event()
    yield event
    event.set()


async def test_stopping_lets_calls_under_way_end(
    database_url: str,
    world: World,
    pool: AsyncConnectionPool,
    stop: asyncio.Event,
    caplog: pytest.LogCaptureFixture,
) -> None:
    port = free_port()
    caplog.set_level(logging.INFO)
    settings = ApiSettings(database_url=database_url, port=port)
    server = asyncio.create_task(serve(settings, stop), name="test.serve")
    session = await until_up(f"http://127.0.0.1:{port}")
    headers = {"Authorization": f"Bearer {world.tokens['viewer']}"}
    async with pool.connection() as conn:
        await conn.execute("LOCK TABLE labs IN ACCESS EXCLUSIVE MODE")
        waiting = asyncio.create_task(session.get(f"http://127.0.0.1:{port}/api/v1/labs", headers=headers))
        await asyncio.sleep(0.3)
        stop.set()
        await asyncio.sleep(0.3)
        assert not waiting.done()
        with pytest.raises(OSError, match="Connect"):
            await asyncio.open_connection("127.0.0.1", port)
    assert (await waiting).status == 200
    await session.close()
    await asyncio.wait_for(server, 10)
    assert "GET /api/v1/labs 200" in caplog.text
    assert world.tokens["viewer"] not in caplog.text


async def test_https(database_url: str, stop: asyncio.Event) -> None:
    port = free_port()
    # A pair for tests only, valid for a hundred years: a machine without openssl can run this.
    cert, key = (Path(__file__).parents[1] / "deploy/embedded/tls" / name for name in ("cert.pem", "key.pem"))
    settings = ApiSettings(database_url=database_url, port=port, tls_cert=cert, tls_key=key)
    server = asyncio.create_task(serve(settings, stop), name="test.serve")
    context = ssl.create_default_context(cafile=str(cert))
    session = await until_up(f"https://127.0.0.1:{port}", ssl=context)
    async with session.get(f"https://127.0.0.1:{port}/health", ssl=context) as answer:
        assert answer.headers["Strict-Transport-Security"].startswith("max-age=")
    await session.close()
    stop.set()
    await asyncio.wait_for(server, 10)


async def test_pages_are_whole_and_need_nothing_from_elsewhere(ask: Asker) -> None:
    page = await ask("GET", "/api", role=None)
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "script-src 'self'" in page.headers["Content-Security-Policy"]
    for address in ("/api/app/reference.js", "/api/app/reference.css"):
        assert f'"{address}"' in page.text
        answer = await ask("GET", address, role=None)
        assert answer.status == 200
        assert "//" not in answer.text.replace("// ", "").replace("/*", ""), "an address of another host?"
    start = await ask("GET", "/", role=None)
    assert (start.status, start.headers["Location"]) == (302, "/api")
