"""Every declared operation, asked with another lab's token: generated, so that none can be forgotten."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from api.auth import Role
from api.operations import Operation, has
from api.routes import DECLARED
from tests.api.described import body_for, path_for, query_for

if TYPE_CHECKING:
    from tests.api.conftest import Asker

# What takes neither an address, a filter nor a body by which another lab's things could be named.
NAMES_NOTHING = {
    "get_health",
    "get_ready",
    "get_metrics",
    "get_openapi",
    "get_labs",
    "get_kinds",
    "get_kind",
    "get_quantities",
    "get_crops",
    "get_crop",
}
NAMES_A_LAB = {"lab", "device"}


def naming(operation: Operation) -> list[str]:
    """In which ways an operation can name another lab's things."""
    ways = ["path"] if has(operation.path) and operation.name not in NAMES_NOTHING else []
    ways += [f"query {name}" for name in NAMES_A_LAB & set(operation.query.__struct_fields__)]
    return ways + [f"body {name}" for name in NAMES_A_LAB & set(operation.body.__struct_fields__)]


def test_each_operation_names_something_or_is_listed() -> None:
    silent = {op.name for op in DECLARED if not naming(op) and op.least is not Role.OPERATOR}
    assert silent == NAMES_NOTHING


def sendais(operation: Operation, way: str, asker: Asker) -> tuple[str, dict[str, Any]]:
    """The address and body of a call that names something of sendai's."""
    address = path_for(operation, asker.world, "sendai" if way == "path" else "shihoro")
    query, body = query_for(operation), body_for(operation)
    where, _, name = way.partition(" ")
    value = {"lab": "sendai", "device": "sendai-1"}.get(name)
    if where == "query":
        query[name] = value
    if where == "body":
        body[name] = value
    options: dict[str, Any] = {"params": query}
    return address, options | ({"json": body} if has(operation.body) else {})


CASES = [(op, way) for op in DECLARED for way in naming(op) if op.least is not Role.OPERATOR]


async def test_another_labs_things_do_not_exist(ask: Asker) -> None:
    for operation, way in CASES:
        address, options = sendais(operation, way, ask)
        foreign = await ask(operation.method, address, role="staff", **options)
        assert foreign.status == 404, (operation.name, way, foreign.status, foreign.text)
        assert foreign.data["code"] == "not-found"


async def test_the_same_calls_find_them_with_their_own_token(ask: Asker) -> None:
    """Otherwise the 404 above could come from a wrong address."""
    for operation, way in CASES:
        address, options = sendais(operation, way, ask)
        if way != "path":
            address = path_for(operation, ask.world, "sendai")
        own = await ask(operation.method, address, role="sendai-staff", **options)
        assert own.status in {200, 201, 202, 403, 409, 422}, (operation.name, way, own.status, own.text)


async def test_lists_show_nothing_of_another_lab(ask: Asker) -> None:
    for operation in DECLARED:
        if operation.method != "GET" or operation.least in {None, Role.OPERATOR}:
            continue
        address = path_for(operation, ask.world, "shihoro")
        answer = await ask("GET", address, role="staff", params=query_for(operation))
        assert answer.status == 200, (operation.name, answer.text)
        assert "sendai" not in answer.text, operation.name


@pytest.mark.parametrize("role", ["staff", "operator"])
async def test_a_missing_thing_and_a_foreign_one_look_the_same(ask: Asker, role: str) -> None:
    missing = await ask("GET", "/api/v1/devices/nobody-1", role=role)
    assert missing.status == 404
    if role == "staff":
        foreign = await ask("GET", "/api/v1/devices/sendai-1", role=role)
        assert foreign.data == missing.data | {"detail": "There is no device 'sendai-1'."}
