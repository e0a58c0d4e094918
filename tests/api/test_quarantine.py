from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest

from store.requests import end_request, next_request
from tests.api.conftest import add_quarantined

if TYPE_CHECKING:
    from psycopg_pool import AsyncConnectionPool

    from tests.api.conftest import Asker


async def add(pool: AsyncConnectionPool, device_id: int, payload: bytes, reason: str = "bad_json") -> int:
    async with pool.connection() as conn:
        return await add_quarantined(conn, device_id, payload, reason)


@pytest.mark.parametrize(
    ("payload", "encoding"),
    [
        ('{"気温": 1}'.encode(), "text"),
        (b"{", "base64"),
        (b"\xa1\x61\x61\x01", "base64"),
        (b"", "base64"),
        (b"[" * 50_000, "base64"),
        (b'{"a": "\\u0000"}', "text"),
    ],
)
async def test_payload_is_shown_as_text_only_where_it_is_json(
    ask: Asker, pool: AsyncConnectionPool, payload: bytes, encoding: str
) -> None:
    number = await add(pool, ask.world.devices["shihoro-1"], payload)
    shown = (await ask("GET", f"/api/v1/quarantine/{number}", role="team")).data
    assert (shown["encoding"], shown["size_bytes"]) == (encoding, len(payload))
    listed = (await ask("GET", "/api/v1/quarantine", role="team")).data["items"][0]
    assert listed == {name: value for name, value in shown.items() if name not in {"payload", "encoding"}}
    raw = shown["payload"].encode() if encoding == "text" else base64.b64decode(shown["payload"])
    assert raw == payload


async def test_list_filters_and_pages(ask: Asker, pool: AsyncConnectionPool) -> None:
    numbers = [await add(pool, ask.world.devices["shihoro-1"], b"%d" % i) for i in range(5)]
    stray = await add(pool, 0, b"stray", "unknown_device")
    query, found = {"limit": 2, "reason": "bad_json"}, []
    while True:
        page = (await ask("GET", "/api/v1/quarantine", role="team", params=query)).data
        found += [item["id"] for item in page["items"]]
        if page["next"] is None:
            break
        query["cursor"] = page["next"]
    assert found == numbers[::-1]
    everything = (await ask("GET", "/api/v1/quarantine")).data["items"]
    assert stray in {item["id"] for item in everything}
    own = (await ask("GET", "/api/v1/quarantine", role="staff")).data["items"]
    assert {item["lab"] for item in own} == {"shihoro"}
    assert (await ask("GET", "/api/v1/quarantine?state=replayed")).data["items"] == []
    assert (await ask("GET", f"/api/v1/quarantine/{stray}", role="staff")).status == 404


async def test_replay_is_a_request_whose_end_can_be_seen(ask: Asker, pool: AsyncConnectionPool) -> None:
    async with pool.connection() as conn:
        await conn.execute("UPDATE requests SET state = 'done'")
    filed = await ask("POST", "/api/v1/quarantine/1/replay", role="staff")
    assert (filed.status, filed.data["state"], filed.data["argument"]) == (202, "waiting", {"ids": [1]})
    async with pool.connection() as conn:
        request = await next_request(conn)
        assert request is not None
        assert (request.lab, request.argument) == ("shihoro", {"ids": [1]})
        await end_request(conn, request.id, "done", {"replayed": 1})
    seen = await ask("GET", filed.headers["Location"], role="staff")
    assert (seen.data["state"], seen.data["outcome"]) == ("done", {"replayed": 1})


async def test_bulk_replay_is_held_to_the_lab(ask: Asker) -> None:
    body = {"device": "shihoro-1", "reason": "bad_shape"}
    filed = await ask("POST", "/api/v1/quarantine/replay", role="staff", json=body)
    assert filed.data["argument"] == body | {"lab": "shihoro"}
    everything = await ask("POST", "/api/v1/quarantine/replay", json={})
    assert (everything.data["lab"], everything.data["argument"]) == (None, {})
