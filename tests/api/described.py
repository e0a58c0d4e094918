"""Calls made up from the declarations of operations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from api.openapi import describe, example_of
from api.operations import has
from api.routes import DECLARED

if TYPE_CHECKING:
    from api.operations import Operation
    from tests.api.conftest import World

DESCRIPTION = describe(DECLARED)
COMPONENTS = DESCRIPTION["components"]["schemas"]
MESSAGES = {"shihoro": 1, "sendai": 2}
"""Quarantined messages and requests by lab, in the order in which the world is made."""


def path_for(operation: Operation, world: World, lab: str) -> str:
    """The address of an operation, naming things of a lab."""
    prefix = "" if lab == "shihoro" else f"{lab}-"
    return operation.address.format(
        lab=lab,
        site="farm",
        device=f"{lab}-1",
        kind="farm-station",
        series=world.series[f"{lab}-1"],
        quarantine=MESSAGES[lab],
        request=MESSAGES[lab],
        token=world.token_ids[f"{prefix}viewer"],
    )


def query_for(operation: Operation) -> dict[str, Any]:
    """The parameters that an operation cannot do without."""
    required = [f.encode_name for f in msgspec.structs.fields(operation.query) if f.required]
    return {name: {"quantity": "air_temperature"}[name] for name in required}


def body_for(operation: Operation) -> dict[str, Any]:
    """A body as the description gives it as an example, without a lab."""
    if not has(operation.body):
        return {}
    body: dict[str, Any] = example_of({"$ref": f"#/components/schemas/{operation.body.__name__}"}, COMPONENTS)
    body = {
        name: value for name, value in body.items() if name not in {"lab", "device", "site", "expires_at"}
    }
    if body.get("role") == "operator":
        body["role"] = "viewer"
    return body
