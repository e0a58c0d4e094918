"""What an attacker would try: tokens in odd places, other people's requests, names that break headers."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

import api.auth
from devices.credentials import new_token, token_digest
from store.requests import add_request
from store.series import open_series
from store.tokens import add_token, revoke_token
from tests.api.conftest import add_quarantined

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from psycopg_pool import AsyncConnectionPool

    from tests.api.conftest import Asker

NAMES = ("token", "access_token", "api_key", "key", "Authorization", "bearer")


async def test_a_token_in_the_address_is_none(ask: Asker, caplog: pytest.LogCaptureFixture) -> None:
    """Addresses end up in logs and histories. It is not logged here either."""
    caplog.set_level(logging.DEBUG, logger="api")
    token = ask.world.tokens["operator"]
    for name in NAMES:
        answer = await ask("GET", "/api/v1/labs", role=None, params={name: token})
        assert answer.status == 401
        answer = await ask("GET", "/api/v1/labs", params={name: token})
        assert (answer.status, answer.data["errors"][0]["field"]) == (400, name)
        assert token not in answer.text
    for header in ("Cookie", "X-Api-Key", "Proxy-Authorization"):
        answer = await ask("GET", "/api/v1/labs", role=None, headers={header: f"Bearer {token}"})
        assert answer.status == 401
    assert token not in caplog.text


async def test_wrong_tokens_cost_the_same_and_tell_nothing(
    ask: Asker, pool: AsyncConnectionPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One hash and one look-up, whatever is wrong: nothing to be measured, nothing to be guessed by."""
    right, revoked, expired = ask.world.tokens["viewer"], new_token(), new_token()
    async with pool.connection() as conn:
        ended = await add_token(conn, digest=token_digest(revoked), hint="x", lab="shihoro", role="viewer")
        await revoke_token(conn, ended.id)
        past = datetime.now(UTC) - timedelta(seconds=1)
        await add_token(
            conn, digest=token_digest(expired), hint="y", lab="shihoro", role="viewer", expires_at=past
        )
    looked_up: list[bytes] = []
    find = api.auth.find_token

    async def count(conn: Any, digest: bytes) -> Any:
        looked_up.append(digest)
        return await find(conn, digest)

    monkeypatch.setattr(api.auth, "find_token", count)
    wrong = [right[:-1] + ("A" if right[-1] != "A" else "B"), "ck_", new_token(), revoked, expired]
    answers = []
    for token in wrong:
        headers = {"Authorization": f"Bearer {token}"}
        answers.append(await ask("GET", "/api/v1/labs", role=None, headers=headers))
    assert {answer.status for answer in answers} == {401}
    assert len({(answer.text, answer.headers["WWW-Authenticate"]) for answer in answers}) == 1
    assert looked_up == [token_digest(token) for token in wrong]


async def test_a_request_is_its_labs_own(ask: Asker, pool: AsyncConnectionPool) -> None:
    async with pool.connection() as conn:
        of_all = await add_request(conn, verb="replay", argument={"device": "sendai-1"})
        of_sendai = await add_request(conn, verb="replay", argument={}, lab="sendai")
    for number in (of_all.id, of_sendai.id, 999):
        answer = await ask("GET", f"/api/v1/requests/{number}", role="staff")
        assert (answer.status, answer.data["detail"]) == (404, f"There is no request '{number}'.")
    assert (await ask("GET", f"/api/v1/requests/{of_sendai.id}", role="sendai-staff")).status == 200
    assert (await ask("GET", f"/api/v1/requests/{of_all.id}")).status == 200


async def test_what_strangers_sent_is_the_operators(ask: Asker, pool: AsyncConnectionPool) -> None:
    async with pool.connection() as conn:
        stray = await add_quarantined(conn, 0, b"stray", "unknown_device")
    for role in ("team", "staff", "sendai-staff"):
        for query in ("", "?state=all", "?reason=unknown_device"):
            listed = await ask("GET", f"/api/v1/quarantine{query}", role=role)
            assert stray not in {item["id"] for item in listed.data["items"]}
        assert (await ask("GET", f"/api/v1/quarantine/{stray}", role=role)).status == 404
        assert (await ask("GET", "/api/v1/ledger/unregistered", role=role)).status == 403
    for role in ("staff", "sendai-staff"):
        assert (await ask("POST", f"/api/v1/quarantine/{stray}/replay", role=role)).status == 404
    assert (await ask("GET", f"/api/v1/quarantine/{stray}")).data["device"] is None


@pytest.mark.parametrize(
    "position", ['a"b', "a\r\nSet-Cookie: x=1", "a;b", "../../etc", "畑", "a b", "%0d%0a"]
)
async def test_a_tables_name_cannot_break_a_header(ask: Asker, position: str) -> None:
    query = {"quantity": "air_temperature", "format": "csv", "position": position}
    answer = await ask("GET", "/api/v1/devices/shihoro-1/readings", params=query)
    assert (answer.status, answer.data["errors"][0]["field"]) == (400, "position")
    assert "Set-Cookie" not in answer.headers


async def test_a_tables_name_is_safe_whatever_the_database_holds(
    ask: Asker, pool: AsyncConnectionPool
) -> None:
    """Positions are checked where they come in; a row made by hand must still not break the header."""
    async with pool.connection() as conn:
        odd = await open_series(
            conn, ask.world.devices["shihoro-1"], "air_temperature", 'a"\r\nX-A: 畑', "degC"
        )
    answer = await ask("GET", f"/api/v1/series/{odd.id}/readings", params={"format": "csv"})
    assert answer.headers["Content-Disposition"] == (
        'attachment; filename="shihoro-1-air_temperature-a___X-A___.csv"'
    )
    assert "X-A" not in answer.headers


async def test_readiness_names_no_host_and_no_user(
    make_client: Callable[..., Awaitable[Any]], caplog: pytest.LogCaptureFixture
) -> None:
    """Anybody may ask; what the driver says is for the log."""
    url = "postgresql://secret_user:secret_word@127.0.0.1:1/secret_name"
    client = await make_client(database_url=url)
    with caplog.at_level(logging.WARNING, logger="api"):
        async with client.get("/ready") as response:
            text = await response.text()
    await client.close()
    assert response.status == 503
    assert "secret" not in text
    assert "127.0.0.1" not in text
    assert "127.0.0.1" in caplog.text
    assert "secret_word" not in caplog.text
