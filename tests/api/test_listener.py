"""What is not HTTP: a problem document, and nothing of it in the log."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import TYPE_CHECKING

import pytest

from api.app import ApiSettings, serve
from tests.api.test_app import free_port, until_up

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

TOKEN = b"ck_this-is-secret"
POST = b"POST /api/v1/labs HTTP/1.1\r\nHost: x\r\n"
FAULTS = {
    "bad header": b"GET /api/v1/labs HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\x00\r\n\r\n" % TOKEN,
    "no colon": b"GET /api/v1/labs HTTP/1.1\r\nHost: x\r\nAuthorization Bearer %s\r\n\r\n" % TOKEN,
    "two lengths": POST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n{}",
    "smuggling": POST + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "long address": b"GET /%s HTTP/1.1\r\nHost: x\r\n\r\n" % (b"a" * 10_000),
    "long header": b"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n" % (TOKEN * 1_000),
    "not HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
}


@pytest.fixture
async def port(database_url: str) -> AsyncIterator[int]:
    stop, number = asyncio.Event(), free_port()
    settings = ApiSettings(database_url=database_url, port=number, shutdown_s=1)
    server = asyncio.create_task(serve(settings, stop), name="test.serve")
    await (await until_up(f"http://127.0.0.1:{number}")).close()
    yield number
    stop.set()
    await asyncio.wait_for(server, 10)


async def test_what_is_not_http(port: int, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for name, request in FAULTS.items():
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request)
        head, _, body = (await asyncio.wait_for(reader.read(), 10)).partition(b"\r\n\r\n")
        writer.close()
        assert head.split()[1] == b"400", name
        assert b"Content-Type: application/problem+json" in head, name
        assert b"Server: chiiki" in head, name
        assert json.loads(body)["code"] == "bad-request", name
        assert b"secret" not in body, name
    assert "does not speak HTTP" in caplog.text
    assert "secret" not in caplog.text
