"""Labs, sites, devices and tokens: made, shown, changed, ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from devices.credentials import verify_password
from store.devices import broker_accounts
from tests.api.conftest import HOUR, NOON

if TYPE_CHECKING:
    from psycopg_pool import AsyncConnectionPool

    from tests.api.conftest import Asker

POLYGON = {"type": "Polygon", "coordinates": [[[143.2, 43.1], [143.3, 43.1], [143.3, 43.2], [143.2, 43.1]]]}


async def walk(ask: Asker, url: str, **query: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while True:
        answer = await ask("GET", url, params=query)
        found += answer.data["items"]
        if answer.data["next"] is None:
            return found
        query["cursor"] = answer.data["next"]


async def test_labs_page_by_page(ask: Asker) -> None:
    slugs = [lab["slug"] for lab in await walk(ask, "/api/v1/labs", limit=40)]
    assert len(slugs) == 101
    assert slugs == sorted(set(slugs))
    own = (await ask("GET", "/api/v1/labs", role="viewer")).data["items"]
    assert [lab["slug"] for lab in own] == ["shihoro"]


async def test_a_site_is_added_and_changed(ask: Asker) -> None:
    site = {"slug": "north", "name_ja": "北", "name_en": "North", "latitude": 43.1, "longitude": 143.2}
    made = await ask("POST", "/api/v1/labs/shihoro/sites", role="staff", json=site | {"polygon": POLYGON})
    assert (made.status, made.headers["Location"]) == (201, "/api/v1/labs/shihoro/sites/north")
    assert made.data["polygon"] == POLYGON
    again = await ask("POST", "/api/v1/labs/shihoro/sites", role="staff", json=site)
    assert again.status == 409
    change = {"name_en": "Up north", "polygon": None, "timezone": "Europe/Rome"}
    changed = await ask("PATCH", made.headers["Location"], role="staff", json=change)
    assert changed.data == made.data | change
    assert (await ask("GET", made.headers["Location"])).data == changed.data
    slugs = [item["slug"] for item in await walk(ask, "/api/v1/labs/shihoro/sites", limit=1)]
    assert slugs == ["farm", "north"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"latitude": 43.0}, "latitude"),
        ({"latitude": 91.0, "longitude": 0.0}, "latitude"),
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"polygon": {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [2, 2]]]}}, "polygon"),
        ({"polygon": {"type": "Point", "coordinates": [0, 0]}}, "polygon.type"),
        ({"slug": "other"}, "slug"),
    ],
)
async def test_what_a_site_cannot_be(ask: Asker, change: dict[str, Any], field: str) -> None:
    answer = await ask("PATCH", "/api/v1/labs/shihoro/sites/farm", role="staff", json=change)
    assert (answer.status, answer.data["errors"][0]["field"]) == (422, field)


async def test_a_device_from_birth_to_revocation(ask: Asker, pool: AsyncConnectionPool) -> None:
    body = {"name": "shihoro-2", "kind": "farm-station", "site": "farm", "label": "南の畑"}
    made = await ask("POST", "/api/v1/devices", role="staff", json=body)
    assert (made.status, made.headers["Location"]) == (201, "/api/v1/devices/shihoro-2")
    assert made.data["device"]["lab"] == "shihoro"
    password = made.data["mqtt_password"]

    async def account() -> str | None:
        async with pool.connection() as conn:
            return (await broker_accounts(conn)).get("shihoro-2")

    assert verify_password(password, await account() or "")
    shown = await ask("GET", "/api/v1/devices/shihoro-2", role="viewer")
    assert password not in shown.text
    rotated = await ask("POST", "/api/v1/devices/shihoro-2/rotate", role="staff")
    assert verify_password(rotated.data["mqtt_password"], await account() or "")
    assert rotated.data["device"]["rotated_at"] is not None
    revoked = await ask("POST", "/api/v1/devices/shihoro-2/revoke", role="staff")
    assert (revoked.data["revoked_at"] is not None, await account()) == (True, None)
    assert revoked.data["health"]["state"] == "revoked"
    restored = await ask("POST", "/api/v1/devices/shihoro-2/restore", role="staff")
    assert restored.data["revoked_at"] is None
    assert verify_password(rotated.data["mqtt_password"], await account() or "")


async def test_devices_filtered_and_paged(ask: Asker) -> None:
    for number in range(5):
        body = {
            "name": f"z-{number}",
            "kind": "echo-unit" if number % 2 else "farm-station",
            "lab": "shihoro",
        }
        await ask("POST", "/api/v1/devices", json=body)
    names = [device["name"] for device in await walk(ask, "/api/v1/devices", limit=2)]
    assert names == ["sendai-1", "shihoro-1", "z-0", "z-1", "z-2", "z-3", "z-4"]
    echo = await walk(ask, "/api/v1/devices", limit=1, kind="echo-unit", lab="shihoro")
    assert [device["name"] for device in echo] == ["z-1", "z-3"]
    at_farm = await walk(ask, "/api/v1/devices", site="farm", lab="shihoro")
    assert [device["name"] for device in at_farm] == ["shihoro-1"]


async def test_latest_tells_newest_by_device_time_from_last_received(
    ask: Asker, pool: AsyncConnectionPool
) -> None:
    series = ask.world.series["shihoro-1"]
    async with pool.connection() as conn:
        for at, received_at, value in ((NOON, NOON, 1.0), (NOON - HOUR, NOON + HOUR, 2.0)):
            await conn.execute(
                "INSERT INTO readings VALUES (%s, %s, %s, %s, 1)", [series, at, received_at, value]
            )
        await conn.execute(
            "INSERT INTO series_latest VALUES (%s, %s, %s, 2, 1)", [series, NOON - HOUR, NOON + HOUR]
        )
    for url in ("/api/v1/devices/shihoro-1/latest", "/api/v1/labs/shihoro/latest"):
        (item,) = (await ask("GET", url, role="viewer")).data["items"]
        assert (item["newest"]["value"], item["last_received"]["value"]) == (1.0, 2.0)
    async with pool.connection() as conn:  # what is noted as last received lags behind
        await conn.execute(
            "INSERT INTO readings VALUES (%s, %s, %s, 3, 1)", [series, NOON + HOUR, NOON + 2 * HOUR]
        )
    (item,) = (await ask("GET", "/api/v1/devices/shihoro-1/latest")).data["items"]
    assert (item["newest"]["value"], item["last_received"]["value"]) == (3.0, 3.0)


async def test_kinds(ask: Asker) -> None:
    answer = await ask("GET", "/api/v1/kinds", role="viewer")
    assert {"farm-station", "echo-unit", "fish-sorter", "generic-logger"} <= {
        k["name"] for k in answer.data["items"]
    }
    one = await ask("GET", "/api/v1/kinds/farm-station", role="viewer")
    assert one.data in answer.data["items"]
    again = await ask(
        "GET", "/api/v1/kinds", role="viewer", headers={"If-None-Match": answer.headers["ETag"]}
    )
    assert again.status == 304
    assert (await ask("GET", "/api/v1/kinds/toaster")).status == 404


async def test_a_token_works_until_it_is_ended(ask: Asker) -> None:
    made = await ask("POST", "/api/v1/tokens", role="staff", json={"role": "team", "label": "2年A組"})
    assert made.status == 201
    ask.world.tokens["new"] = made.data["token"]
    assert made.data["token"].startswith(made.data["about"]["hint"])
    assert (await ask("GET", "/api/v1/quarantine", role="new")).status == 200
    listed = await ask("GET", "/api/v1/tokens", role="staff")
    assert made.data["token"] not in listed.text
    assert {token["lab"] for token in listed.data["items"]} == {"shihoro"}
    ended = await ask("POST", f"{made.headers['Location']}/revoke", role="staff")
    assert ended.data["revoked_at"] is not None
    assert (await ask("GET", "/api/v1/quarantine", role="new")).status == 401


@pytest.mark.parametrize(
    ("role", "body", "status"),
    [
        ("staff", {"role": "viewer"}, 201),
        ("staff", {"role": "team", "lab": "shihoro"}, 201),
        ("staff", {"role": "staff"}, 403),
        ("staff", {"role": "operator"}, 403),
        ("staff", {"role": "team", "lab": "sendai"}, 404),
        ("team", {"role": "viewer"}, 403),
        ("operator", {"role": "staff", "lab": "sendai"}, 201),
        ("operator", {"role": "operator"}, 201),
        ("operator", {"role": "operator", "lab": "sendai"}, 422),
        ("operator", {"role": "viewer"}, 422),
        ("operator", {"role": "viewer", "lab": "nowhere"}, 422),
        ("operator", {"role": "king", "lab": "sendai"}, 422),
        ("staff", {"role": "viewer", "expires_at": "2020-01-01T00:00:00Z"}, 422),
        ("staff", {"role": "viewer", "expires_at": "2030-01-01T00:00:00"}, 422),
        ("staff", {"role": "viewer", "expires_at": "9999-12-31T23:59:59-23:00"}, 422),
        ("staff", {"role": "viewer", "expires_at": "2090-01-01T00:00:00Z"}, 201),
    ],
)
async def test_who_may_make_which_token(ask: Asker, role: str, body: dict[str, Any], status: int) -> None:
    answer = await ask("POST", "/api/v1/tokens", role=role, json=body)
    assert answer.status == status, answer.text


async def test_who_may_end_which_token(ask: Asker) -> None:
    ids = ask.world.token_ids

    async def end(role: str, whose: str) -> int:
        return (await ask("POST", f"/api/v1/tokens/{ids[whose]}/revoke", role=role)).status

    assert await end("staff", "team") == 200
    assert await end("staff", "sendai-viewer") == 404
    assert await end("staff", "operator") == 404
    second = await ask("POST", "/api/v1/tokens", json={"role": "staff", "lab": "shihoro"})
    ids["second"] = second.data["about"]["id"]
    assert await end("staff", "second") == 403
    assert await end("staff", "staff") == 200
