from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from api.reference import PAGES
from api.routes import DECLARED
from tests.api.described import DESCRIPTION

if TYPE_CHECKING:
    from aiohttp import web

    from api.operations import Operation
    from tests.api.conftest import Asker


def test_the_description_is_valid() -> None:
    OpenAPIV31SpecValidator(msgspec.json.decode(msgspec.json.encode(DESCRIPTION))).validate()


def declared(ask: Asker) -> set[tuple[str, str]]:
    app: web.Application = ask.client.app
    routes = {(route.method, route.resource.canonical) for route in app.router.routes() if route.resource}
    return {(method, address) for method, address in routes if address not in PAGES and method != "HEAD"}


async def test_what_is_routed_is_described_and_the_other_way_round(ask: Asker) -> None:
    described = {
        (method.upper(), address) for address, methods in DESCRIPTION["paths"].items() for method in methods
    }
    assert declared(ask) == described


async def test_each_get_has_a_head(ask: Asker) -> None:
    for operation in DECLARED:
        if operation.method == "GET" and "{" not in operation.address:
            answer = await ask("HEAD", operation.address)
            assert answer.status == 200, operation.address
            assert answer.text == ""


@pytest.mark.parametrize("operation", DECLARED, ids=lambda operation: operation.name)
def test_each_operation_is_described_fully(operation: Operation) -> None:
    described = DESCRIPTION["paths"][operation.address][operation.method.lower()]
    assert described["operationId"] == operation.name
    assert described["summary"].endswith(".")
    assert re.search(r"[ぁ-んァ-ン一-龥]", described["x-summary-ja"])
    in_path = {p["name"] for p in described["parameters"] if p["in"] == "path"}
    assert in_path == set(re.findall(r"{(\w+)}", operation.address))
    needed = {"400", "500", "503"} | ({"401", "403"} if operation.least else set())
    assert needed <= set(described["responses"])
    for parameter in described["parameters"]:
        assert parameter["in"] == "query" or parameter["required"]
        assert "description" in parameter or "enum" in parameter["schema"], parameter


def examples() -> list[tuple[str, Any, Any]]:
    found = []
    for address, methods in DESCRIPTION["paths"].items():
        for method, operation in methods.items():
            media = [operation["requestBody"]["content"]] if "requestBody" in operation else []
            media += [answer.get("content", {}) for answer in operation["responses"].values()]
            found += [
                (f"{method} {address}", kind["schema"], kind["example"])
                for content in media
                for kind in content.values()
                if "example" in kind
            ]
            found += [
                (f"{method} {address} {p['name']}", p["schema"], p["example"])
                for p in operation["parameters"]
                if "example" in p
            ]
    return found


def test_every_example_fits_its_schema() -> None:
    assert len(examples()) > 60
    for name, schema, example in examples():
        whole = schema | {"components": DESCRIPTION["components"]}
        faults = list(Draft202012Validator(whole).iter_errors(example))
        assert not faults, (name, faults[0].message)


async def test_operation_ids_are_unique_and_it_is_served(ask: Asker) -> None:
    assert len({operation.name for operation in DECLARED}) == len(DECLARED)
    answer = await ask("GET", "/api/v1/openapi.json", role=None)
    assert answer.data == msgspec.json.decode(msgspec.json.encode(DESCRIPTION))
    again = await ask(
        "GET", "/api/v1/openapi.json", role=None, headers={"If-None-Match": answer.headers["ETag"]}
    )
    assert (again.status, again.text) == (304, "")
