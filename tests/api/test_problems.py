"""Every class of failure ends in a problem document."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
import logging
from typing import TYPE_CHECKING, Any

import pytest

from api.problems import SORTS
from api.routes.kinds import get_kinds
from store.pool import open_pool

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aiohttp.test_utils import TestClient

    from tests.api.conftest import Answer, Asker, World


def check(answer: Answer, code: str) -> None:
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.status == answer.data["status"] == SORTS[code].status
    assert answer.data["code"] == code
    assert answer.data["type"] == f"/api#problem-{code}"
    assert answer.data["detail"]
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    "path", ["/nothing", "/api/v1/", "/api/v1/devices/", "/api/v1/series/x/readings", "/api/v2/labs"]
)
async def test_unknown_address(ask: Asker, path: str) -> None:
    check(await ask("GET", path), "not-found")


@pytest.mark.parametrize(
    "name", ["Shihoro-1", "a" * 64, "shihoro%0A", "shihoro-1%00", "%F0%9F%8C%BE", "%ff", "..%2F"]
)
async def test_what_cannot_be_a_name_does_not_exist(ask: Asker, name: str) -> None:
    answer = await ask("GET", f"/api/v1/devices/{name}")
    check(answer, "not-found")


async def test_method_not_allowed_names_those_that_are(ask: Asker) -> None:
    answer = await ask("DELETE", "/api/v1/devices")
    check(answer, "method-not-allowed")
    assert answer.headers["Allow"] == "GET, HEAD, POST"
    check(await ask("OPTIONS", "/api/v1/devices"), "method-not-allowed")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=-1", "limit"),
        ("limit=x", "limit"),
        ("limit=99999999999999999999999", "limit"),
        ("limit=5&limit=6", "limit"),
        ("colour=red", "colour"),
        ("lab=A%00", "lab"),
        ("cursor=!!", "cursor"),
        ("cursor=AAAA", "cursor"),
    ],
)
async def test_invalid_parameter_names_it(ask: Asker, query: str, field: str) -> None:
    answer = await ask("GET", f"/api/v1/devices?{query}")
    check(answer, "invalid-parameter")
    assert [error["field"] for error in answer.data["errors"]] == [field]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "malformed-json"),
        (b"{", "malformed-json"),
        (b"\xff", "malformed-json"),
        (b'{"name": "\\ud800"}', "malformed-json"),
        (b'{"name": NaN}', "malformed-json"),
        (b"[" * 100_000, "invalid-body"),
        (b"[]", "invalid-body"),
        (b"{}", "invalid-body"),
        (b'{"name": "x-1", "kind": "farm-station", "colour": 1}', "invalid-body"),
        (b'{"name": "x-1", "kind": "farm-station", "label": "\\u0000"}', "invalid-body"),
        (b'{"name": "X", "kind": "farm-station"}', "invalid-body"),
        (b'{"name": "x-1\\n", "kind": "farm-station"}', "invalid-body"),
        (b'{"name": "chiiki-x", "kind": "farm-station", "lab": "shihoro"}', "invalid-body"),
        (b'{"name": "x-1", "kind": "toaster", "lab": "shihoro"}', "invalid-body"),
        (b'{"name": "x-1", "kind": "farm-station", "lab": "nowhere"}', "invalid-body"),
        (b'{"name": "x-1", "kind": "farm-station", "lab": "shihoro", "site": "nowhere"}', "invalid-body"),
        (b'{"name": "x-1", "kind": "farm-station"}', "invalid-body"),
        (b'{"name": "sendai-1", "kind": "farm-station", "lab": "shihoro"}', "conflict"),
    ],
)
async def test_bodies(ask: Asker, body: bytes, code: str) -> None:
    answer = await ask("POST", "/api/v1/devices", data=body, headers={"Content-Type": "application/json"})
    check(answer, code)
    if code == "invalid-body":
        assert len(answer.data["errors"]) == 1


async def test_body_of_another_type(ask: Asker) -> None:
    check(await ask("POST", "/api/v1/devices", data={"name": "x"}), "unsupported-media-type")


async def test_body_too_large(ask: Asker) -> None:
    body = io.BytesIO(json.dumps({"label": "x" * 2_000_000}).encode())
    answer = await ask("POST", "/api/v1/devices", data=body, headers={"Content-Type": "application/json"})
    check(answer, "too-large")


async def test_body_that_swells(ask: Asker) -> None:
    """What counts is what it unpacks to, and it is not unpacked to the end."""
    body = gzip.compress(b'{"label": "' + b"x" * 50_000_000 + b'"}')
    assert len(body) < 100_000
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    check(await ask("POST", "/api/v1/devices", data=body, headers=headers), "too-large")


async def raw(client: TestClient[Any, Any], request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", client.port)
    writer.write(request)
    answer = await asyncio.wait_for(reader.read(65_536), 10)
    writer.close()
    return answer


async def test_body_too_slow(
    make_client: Callable[..., Awaitable[TestClient[Any, Any]]], world: World
) -> None:
    client = await make_client(body_s=0.2)
    token = world.tokens["operator"]
    lines = (
        "POST /api/v1/devices HTTP/1.1",
        "Host: x",
        f"Authorization: Bearer {token}",
        "Content-Length: 9",
    )
    answer = await raw(client, "\r\n".join([*lines, "", "{"]).encode())
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b'"code":"too-slow"' in answer
    await client.close()


async def test_unforeseen_failures_are_told_by_reference_only(
    ask: Asker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    operation = next(op for op in get_operations() if op.handle is get_kinds)

    async def fail(call: object) -> None:
        raise ValueError("a secret")

    object.__setattr__(operation, "handle", fail)
    try:
        with caplog.at_level(logging.ERROR):
            answer = await ask("GET", "/api/v1/kinds")
    finally:
        object.__setattr__(operation, "handle", get_kinds)
    check(answer, "internal")
    assert "secret" not in answer.text
    assert answer.data["reference"] in caplog.text
    assert "a secret" in caplog.text


def get_operations() -> Any:
    from api.routes import DECLARED

    return DECLARED


async def test_database_away(
    make_client: Callable[..., Awaitable[TestClient[Any, Any]]],
    world: World,
    ask: Asker,
    database_url: str,
    postgres_url: str,
) -> None:
    """Its backends are killed and nobody is let in: 503 until it is back, and then all is well at once."""
    import psycopg

    name = psycopg.conninfo.conninfo_to_dict(database_url)["dbname"]
    own = await open_pool(database_url, process="api", min_size=2)
    client = await make_client(own, connection_wait_s=0.5)
    away = type(ask)(client, world)
    assert (await away("GET", "/api/v1/labs")).status == 200
    with psycopg.connect(postgres_url, autocommit=True) as admin:
        admin.execute(f"ALTER DATABASE {name} CONNECTION LIMIT 0")
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
        try:
            answer = await away("GET", "/api/v1/labs")
            check(answer, "unavailable")
            assert answer.headers["Retry-After"] == "5"
            assert (await away("GET", "/health", role=None)).status == 200
            ready = await away("GET", "/ready", role=None)
            assert (ready.status, ready.data["database"]) == (503, False)
            metrics = await away("GET", "/metrics", role=None)
            assert "chiiki_database_up 0" in metrics.text
        finally:
            admin.execute(f"ALTER DATABASE {name} CONNECTION LIMIT -1")
    for _ in range(50):
        if (answer := await away("GET", "/api/v1/labs")).status == 200:
            break
        await asyncio.sleep(0.1)
    assert answer.status == 200
    await client.close()
    await own.close()


async def test_pool_exhausted(
    make_client: Callable[..., Awaitable[TestClient[Any, Any]]],
    world: World,
    ask: Asker,
    database_url: str,
) -> None:
    own = await open_pool(database_url, process="api", max_size=1)
    client = await make_client(own, connection_wait_s=0.2)
    async with own.connection():
        check(await type(ask)(client, world)("GET", "/api/v1/labs"), "unavailable")
    await client.close()
    await own.close()


async def test_a_call_that_takes_too_long(
    make_client: Callable[..., Awaitable[TestClient[Any, Any]]], world: World, ask: Asker, pool: Any
) -> None:
    client = await make_client(request_s=0.3)
    async with pool.connection() as conn:
        await conn.execute("LOCK TABLE labs IN ACCESS EXCLUSIVE MODE")
        check(await type(ask)(client, world)("GET", "/api/v1/labs"), "unavailable")
    await client.close()


async def test_cors_only_where_a_setting_allows_it(
    make_client: Callable[..., Awaitable[TestClient[Any, Any]]], world: World, ask: Asker
) -> None:
    origin = {"Origin": "https://lab.example"}
    assert "Access-Control-Allow-Origin" not in (await ask("GET", "/api/v1/labs", headers=origin)).headers
    client = await make_client(cors_origins=("https://lab.example",))
    allowed = type(ask)(client, world)
    answer = await allowed("GET", "/api/v1/labs", headers=origin)
    assert answer.headers["Access-Control-Allow-Origin"] == "https://lab.example"
    preflight = await allowed(
        "OPTIONS", "/api/v1/devices", role=None, headers=origin | {"Access-Control-Request-Method": "POST"}
    )
    assert (preflight.status, preflight.headers["Access-Control-Allow-Origin"]) == (
        204,
        "https://lab.example",
    )
    other = await allowed("GET", "/api/v1/labs", headers={"Origin": "https://evil.example"})
    assert "Access-Control-Allow-Origin" not in other.headers
    await client.close()
