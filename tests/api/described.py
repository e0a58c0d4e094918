"""Calls made up from the declarations of operations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from analytics.farm.recipes.render import render_recipe
from analytics.library import recipes
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
NAMES = {"lab", "device", "site", "station", "recipe_id", "expires_at"}
"""Of other things, and an end that has passed: left out of bodies that can do without."""
GROWN = ("planting", "observation", "forecast", "recipe", "lot", "verification", "alarm")
KNOWN = {"site": "farm", "field": "north", "body": render_recipe(recipes()["wheat"])}
"""What the world has, where the description's example names something else."""


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
        field="north",
        crop="wheat",
        sha256=world.frames[lab],
        **{noun: world.grown[f"{lab} {noun}"] for noun in GROWN},
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
    required = {f.encode_name for f in msgspec.structs.fields(operation.body) if f.required}
    body = {name: value for name, value in body.items() if name in required or name not in NAMES}
    body |= {name: value for name, value in KNOWN.items() if name in required}
    if body.get("role") == "operator":
        body["role"] = "viewer"
    return body
