"""Made-up parameters, addresses and bodies: refused or answered, never a 500."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_from_bytes

import msgspec
import pytest

from api.operations import Operation, has
from api.routes import DECLARED
from tests.api.described import body_for, path_for, query_for

if TYPE_CHECKING:
    from tests.api.conftest import Asker

ODD: tuple[bytes, ...] = (
    b"", b"0", b"-1", b"1", b"9", b"1e400", b"99999999999999999999", b"NaN", b"null", b"true", b"\x00",
    b"\xff\xfe", "１".encode(), "気温".encode(), b"'; DROP TABLE readings; --", b"%s", b"%(lab)s", b"{}",
    b"[]", b"a" * 300, b"AAAAAAAAAAAAAAAA", b"../..", b"2026-07-01", b"0001-01-01", b"2026-02-29",
    b"9999-12-31T23:59:59-23:59", b"2026-07-01T00:00:00 09:00", b"1900-01-01", b"2200-01-01", b"desc", b"raw",
    b"csv", b"1m", b"1y", b"120mo", b"366d", b"12h", b"Europe/Rome", b"America/Sao_Paulo", b"posixrules",
    b"Etc/GMT+12", b"5000", b"shihoro", b"shihoro-1", b"air_temperature", b"all", b"open",
)  # fmt: skip
VALUES: tuple[Any, ...] = (
    None, True, 0, -1, 1.5, 10**30, "", "\x00", "気温", "a" * 300, [], {}, [[]], {"type": "Polygon"},
    {"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [1, 0], [0, 0]]]}, "shihoro", "viewer", "2020-01-01",
    "2030-01-01T00:00:00+23:59", "0001-01-01T00:00:00+23:00", "9999-12-31T23:59:59-23:00", "Asia/Tokyo", 91,
)  # fmt: skip


def url_of(operation: Operation, ask: Asker, rng: random.Random) -> str:
    address = path_for(operation, ask.world, "shihoro")
    if has(operation.path) and rng.random() < 0.2:
        parts = address.split("/")
        parts[rng.randrange(2, len(parts))] = quote_from_bytes(rng.choice(ODD), safe="")
        address = "/".join(parts)
    names = [field.encode_name for field in msgspec.structs.fields(operation.query)]
    chosen = rng.sample(names, min(len(names), rng.choice([1, 1, 2, 3])))
    pairs = [f"{name}={value}" for name, value in query_for(operation).items() if name not in chosen]
    pairs += [f"{name}={quote_from_bytes(rng.choice(ODD), safe='')}" for name in chosen]
    return f"{address}?{'&'.join(pairs)}"


@pytest.mark.parametrize("seed", range(2))
async def test_parameters(ask: Asker, seed: int) -> None:
    rng = random.Random(seed)
    statuses = set()
    for operation in DECLARED:
        if operation.method != "GET":
            continue
        for _ in range(1 + 12 * len(operation.query.__struct_fields__)):
            url = url_of(operation, ask, rng)
            answer = await ask("GET", url)
            assert answer.status in {200, 400, 404}, (url, answer.status, answer.text)
            statuses.add(answer.status)
    assert statuses == {200, 400, 404}


@pytest.mark.parametrize("seed", range(2))
async def test_bodies(ask: Asker, seed: int) -> None:
    rng = random.Random(seed)
    for operation in (operation for operation in DECLARED if has(operation.body)):
        for number in range(60):
            body = body_for(operation) | ({"lab": "shihoro"} if rng.random() < 0.5 else {})
            if "name" in body:
                body["name"] = f"fuzz-{seed}-{number}"
            body[rng.choice([*operation.body.__struct_fields__, "made_up"])] = rng.choice(VALUES)
            raw = json.dumps(body).encode()
            if rng.random() < 0.1:
                cut = rng.randrange(len(raw))
                raw = raw[:cut] + rng.choice(ODD) + raw[cut + 1 :]
            answer = await ask(
                operation.method,
                path_for(operation, ask.world, "shihoro"),
                data=raw,
                headers={"Content-Type": "application/json"},
            )
            assert answer.status in {200, 201, 202, 400, 404, 409, 422}, (operation.name, raw, answer.text)


async def test_cursors(ask: Asker) -> None:
    """Cursors are bits of JSON behind a fingerprint: change each byte of a real one."""
    import base64

    from api.cursors import question, write_cursor

    asked = question("readings", [ask.world.series["shihoro-1"]], "asc", None, "Asia/Tokyo")
    url = f"/api/v1/series/{ask.world.series['shihoro-1']}/readings"
    for place in ((10**18, 1), (-(10**18), 1), (0, 0), (0, 10**12), "x", None, [], (2**53, 1), (-(2**52), 1)):
        answer = await ask("GET", url, params={"cursor": write_cursor(asked, place)})
        assert answer.status in {200, 400}, (place, answer.text)
    raw = bytearray(base64.urlsafe_b64decode(write_cursor(asked, (0, 1)) + "=="))
    for index in range(len(raw)):
        for byte in (0, 255, raw[index] ^ 1):
            changed = bytes(raw[:index]) + bytes([byte]) + bytes(raw[index + 1 :])
            cursor = base64.urlsafe_b64encode(changed).decode().rstrip("=")
            assert (await ask("GET", url, params={"cursor": cursor})).status in {200, 400}
