from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from api.auth import Principal, Role, read_token
from api.operations import has
from api.problems import Problem
from api.routes import DECLARED
from devices.credentials import new_token, token_digest
from store.tokens import add_token, revoke_token
from tests.api.described import body_for, path_for, query_for

if TYPE_CHECKING:
    from psycopg_pool import AsyncConnectionPool

    from tests.api.conftest import Asker

NAMES = {role: role.name.lower() for role in Role}
LEAST = {op.name: op.least for op in DECLARED}


TEAM_LOOKS = {"get_check_next", "get_quarantined", "get_quarantined_message"}
TEAM_WRITES = {
    *("add_site_field", "change_site_field", "add_outlook"),
    *("note_planting", "change_one_planting", "end_one_planting", "reopen_one_planting"),
    *("remove_one_planting", "restore_one_planting"),
    *("note_observation", "change_observation", "take_back_observation", "bring_back_observation"),
    *("import_recipe", "learn_from_planting", "take_back_recipe", "bring_back_recipe"),
    *("change_one_lot", "close_one_lot", "reopen_one_lot", "answer_alarm"),
    *("note_verification", "take_back_verification", "bring_back_verification"),
}
"""What a farm's or a market's own people do; all of it can be undone."""


def test_the_table_of_roles() -> None:
    """Written out on purpose: who may do what must not change by accident."""
    by_role = {role: {name for name, least in LEAST.items() if least is role} for role in (None, *Role)}
    assert by_role[None] == {"get_health", "get_ready", "get_metrics", "get_openapi"}
    assert by_role[Role.TEAM] == TEAM_LOOKS | TEAM_WRITES
    assert by_role[Role.OPERATOR] == {"get_unregistered_ledger"}
    assert by_role[Role.STAFF] == {
        "add_lab_site",
        "add_past_weather",
        "change_lab_site",
        "create_device",
        "rotate",
        "revoke",
        "restore",
        "replay_one",
        "replay_many",
        "get_filed_request",
        "get_tokens",
        "get_one_token",
        "create_token",
        "end_token",
    }
    writing = {
        op.name for op in DECLARED if op.method != "GET" and op.least in {None, Role.VIEWER, Role.TEAM}
    }
    assert writing == TEAM_WRITES


async def test_lower_roles_are_refused_and_others_are_not(ask: Asker) -> None:
    for operation in DECLARED:
        address = path_for(operation, ask.world, "shihoro")
        options = {"params": query_for(operation)}
        if has(operation.body):
            options["json"] = body_for(operation)
        for role, name in NAMES.items():
            answer = await ask(operation.method, address, role=name, **options)
            may = operation.least is None or role >= operation.least
            assert (answer.status == 403) is not may, (operation.name, name, answer.status, answer.text)
            if not may:
                assert 'error="insufficient_scope"' in answer.headers["WWW-Authenticate"]


async def test_without_a_token(ask: Asker) -> None:
    for operation in DECLARED:
        if operation.least is None:
            continue
        for header in ({}, {"Authorization": "Basic eDp5"}, {"Authorization": "Bearer"}):
            address = path_for(operation, ask.world, "shihoro")
            answer = await ask(operation.method, address, role=None, headers=header)
            assert answer.status == 401, (operation.name, answer.text)
            assert answer.headers["WWW-Authenticate"] == 'Bearer realm="chiiki"'
            assert answer.data["code"] == "unauthenticated"


@pytest.mark.parametrize("token", ["ck_wrong", "wrong", "ck_é", "ck_" + "a" * 5_000, "ck_a b"])
async def test_a_wrong_token(ask: Asker, token: str) -> None:
    headers = {"Authorization": f"Bearer {token}"}
    answer = await ask("GET", "/api/v1/labs", role=None, headers=headers)
    assert answer.status == 401
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]


async def test_expired_and_revoked_tokens_end_at_once(ask: Asker, pool: AsyncConnectionPool) -> None:
    token, expired = new_token(), new_token()
    async with pool.connection() as conn:
        added = await add_token(conn, digest=token_digest(token), hint="x", lab="shihoro", role="viewer")
        past = datetime.now(UTC) - timedelta(seconds=1)
        await add_token(
            conn, digest=token_digest(expired), hint="y", lab="shihoro", role="viewer", expires_at=past
        )

    async def status(token: str) -> int:
        headers = {"Authorization": f"Bearer {token}"}
        return (await ask("GET", "/api/v1/labs", role=None, headers=headers)).status

    assert await status(token) == 200
    assert await status(expired) == 401
    async with pool.connection() as conn:
        await revoke_token(conn, added.id)
    assert await status(token) == 401


async def test_use_is_noted_even_where_the_call_fails(ask: Asker) -> None:
    await ask("GET", "/api/v1/devices/nobody-1", role="viewer")
    token = ask.world.token_ids["viewer"]
    assert (await ask("GET", f"/api/v1/tokens/{token}")).data["last_used_at"] is not None


def test_within() -> None:
    staff = Principal(token_id=1, role=Role.STAFF, lab="shihoro")
    operator = Principal(token_id=2, role=Role.OPERATOR, lab=None)
    assert (staff.within(None), staff.within("shihoro")) == ("shihoro", "shihoro")
    assert (operator.within(None), operator.within("sendai")) == (None, "sendai")
    with pytest.raises(Problem, match="There is no lab 'sendai'"):
        staff.within("sendai")


def test_read_token_is_lenient_about_case_and_space() -> None:
    assert read_token("bearer  ck_abc ") == "ck_abc"
