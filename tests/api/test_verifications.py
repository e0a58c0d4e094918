"""A person with a phone: which fish to check, what it was, and what the unit is then found to be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from analytics.jobs.app import build_app
from analytics.jobs.desk import Desk
from analytics.jobs.lots import describe_lots, slice_of
from analytics.jobs.units import watch_unit
from store.lot_dues import list_due_lots
from store.sort_batch import add_items
from tests.api.conftest import fish_of

if TYPE_CHECKING:
    from psycopg_pool import AsyncConnectionPool

    from tests.api.conftest import Answer, Asker

UNIT = "/api/v1/units/shihoro-1"


def lot_url(ask: Asker) -> str:
    return f"/api/v1/lots/{ask.world.grown['shihoro lot']}/verifications"


async def note(ask: Asker, **body: Any) -> Answer:
    return await ask("POST", lot_url(ask), role="team", json={"true": "milt", "method": "cut"} | body)


async def test_a_fish_that_was_asked_for_brings_its_own_chance(ask: Asker) -> None:
    asked = (await ask("GET", f"{UNIT}/check-next", role="team", params={"count": "6"})).data
    assert len(asked["fish"]) >= 6
    assert {one["said"] for one in asked["fish"]} == {"milt", "roe"}
    assert all(0 < one["selection_probability"] < 1 for one in asked["fish"])
    again = (await ask("GET", f"{UNIT}/check-next", role="team", params={"count": "6"})).data
    assert again["fish"] == asked["fish"]
    first = asked["fish"][0]
    noted = await note(ask, fish=first["fish"])
    assert noted.status == 201
    kept = {name: noted.data[name] for name in ("selection_probability", "reason", "seq", "true", "current")}
    assert kept == {
        "selection_probability": first["selection_probability"],
        "reason": "stratified_random",
        "seq": first["seq"],
        "true": "milt",
        "current": True,
    }
    left = (await ask("GET", f"{UNIT}/check-next", role="team", params={"count": "1"})).data["fish"]
    assert first["seq"] not in {one["seq"] for one in left}
    assert (await ask("GET", f"{UNIT}/check-next", role="viewer")).status == 403


async def test_a_chance_is_never_guessed(ask: Asker) -> None:
    refused = await note(ask, fish=7)
    assert (refused.status, refused.data["errors"][0]["field"]) == (422, "selection_probability")
    assert (await note(ask, fish=7, selection_probability=1.0)).data["reason"] == "random"
    by_boot = await note(ask, boot="b1", seq=8, selection_probability=0.5, reason="doubtful")
    assert (by_boot.status, by_boot.data["fish"]) == (201, 8)


async def test_what_cannot_be_is_refused(ask: Asker) -> None:
    for body, field in (
        ({"true": "tuna", "fish": 1}, "true"),
        ({"fish": 99}, "fish"),
        ({"fish": 1, "boot": "b1", "seq": 1}, "fish"),
        ({}, "fish"),
        ({"fish": 1, "at": "2199-01-01T00:00:00Z"}, "at"),
    ):
        refused = await note(ask, selection_probability=1.0, **body)
        assert (refused.status, refused.data["errors"][0]["field"]) == (422, field), body


async def test_taken_back_and_brought_back(ask: Asker, pool: AsyncConnectionPool) -> None:
    desk, number = Desk(pool=pool, app=build_app()), slice_of(ask.world.devices["shihoro-1"])
    while await describe_lots(desk, number):
        pass
    url = f"/api/v1/verifications/{ask.world.grown['shihoro verification']}"
    taken = (await ask("POST", f"{url}/withdraw", role="team")).data
    assert (taken["current"], taken["withdrawn_at"] is None) == (False, False)
    async with pool.connection() as conn:
        assert ask.world.grown["shihoro lot"] in {lot.lot_id for lot in await list_due_lots(conn)}
    assert (await ask("GET", lot_url(ask), role="viewer")).data["items"] == []
    everything = (await ask("GET", lot_url(ask), role="viewer", params={"withdrawn": "true"})).data["items"]
    assert [one["id"] for one in everything] == [taken["id"]]
    assert (await ask("POST", f"{url}/restore", role="team")).data["current"]


async def test_quality_and_alarms_of_a_unit(ask: Asker, pool: AsyncConnectionPool) -> None:
    empty = (await ask("GET", f"{UNIT}/quality", role="viewer")).data
    assert (empty["state"], empty["products"]) == ("empty", [])
    desk, device_id = Desk(pool=pool, app=build_app()), ask.world.devices["shihoro-1"]
    await describe_lots(desk, slice_of(device_id))
    for fish in (2, 3, 4):
        await note(ask, fish=fish, selection_probability=0.5)
    await watch_unit(desk, device_id, "cod-sex")
    (told,) = (await ask("GET", f"{UNIT}/quality", role="viewer")).data["products"]
    assert (told["quality"]["checked"], told["quality"]["refused"]) == (4, "")
    assert told["quality"]["accuracy"]["low"] < told["quality"]["accuracy"]["value"]
    assert told["calibration_kept"].startswith("too few checked fish")
    assert "4 fish checked" in told["text"]["en"]
    drift = (await ask("GET", f"{UNIT}/drift", role="viewer", params={"days": "400"})).data
    assert [one["chart"] for one in drift["products"][0]["charts"]] == ["confidence", "mistakes"]
    (alarm,) = drift["alarms"]
    assert (alarm["moved"], alarm["class"], alarm["cleared_at"]) == ("mistakes_up", None, None)


async def test_an_alarm_is_answered_and_its_chart_begun_anew(ask: Asker) -> None:
    url = f"/api/v1/alarms/{ask.world.grown['shihoro alarm']}"
    seen = (await ask("POST", f"{url}/acknowledge", role="team", json={"answer": "清掃した"})).data
    assert (seen["answer"], seen["cleared_at"]) == ("清掃した", None)
    assert seen["acknowledged_at"] is not None
    anew = (await ask("POST", f"{url}/acknowledge", role="team", json={"begin_anew": True})).data
    assert anew["cleared_at"] is not None
    assert (await ask("POST", f"{url}/acknowledge", role="viewer", json={})).status == 403


async def test_nothing_to_check_before_the_first_fish(ask: Asker, pool: AsyncConnectionPool) -> None:
    asked = (await ask("GET", f"{UNIT}/check-next", role="team", params={"count": "200"})).data
    assert len(asked["fish"]) == 29  # all that were not checked
    lot = asked["lot_id"]
    await ask("POST", f"/api/v1/lots/{lot}/close", role="team")
    none = (await ask("GET", f"{UNIT}/check-next", role="team")).data
    assert (none["lot_id"], none["fish"]) == (None, [])
    other = await ask("GET", f"{UNIT}/check-next", role="operator", params={"lot": str(lot + 1)})
    assert (other.status, other.data["code"]) == (400, "invalid-parameter")
    async with pool.connection() as conn:
        await add_items(conn, fish_of(ask.world.devices["shihoro-1"], 5, lot="lot-2", first=101))
    assert len((await ask("GET", f"{UNIT}/check-next", role="team")).data["fish"]) == 5
