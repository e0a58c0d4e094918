"""Lots, what they hold and what they are worth, single fish, and images, as the API shows them."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

import pytest

from analytics.jobs.app import build_app
from analytics.jobs.desk import Desk
from analytics.jobs.lots import describe_lots, slice_of
from store.sort_batch import add_items
from tests.api.conftest import fish_of

if TYPE_CHECKING:
    from psycopg_pool import AsyncConnectionPool

    from tests.api.conftest import Asker


async def describe(ask: Asker, pool: AsyncConnectionPool) -> str:
    """Have shihoro's lot described; gives its address."""
    desk = Desk(pool=pool, app=build_app())
    await describe_lots(desk, slice_of(ask.world.devices["shihoro-1"]))
    return f"/api/v1/lots/{ask.world.grown['shihoro lot']}"


async def test_a_lot_before_its_first_description(ask: Asker) -> None:
    url = f"/api/v1/lots/{ask.world.grown['shihoro lot']}"
    lot = (await ask("GET", url, role="viewer")).data
    assert (lot["state"], lot["fish"], lot["classes"][0]["share"]) == ("waiting", 30, None)
    assert lot["classes"][1]["label"] == {"ja": "鱈子", "en": "roe"}
    told = (await ask("GET", f"{url}/composition", role="viewer")).data
    assert (told["state"], told["composition"]) == ("waiting", None)
    assert told["text"]["en"].startswith("Not computed yet")
    value = (await ask("GET", f"{url}/value", role="viewer")).data
    assert (value["yen"], value["missing"]) == (None, ["description"])


async def test_a_composition_says_what_it_rests_on(ask: Asker, pool: AsyncConnectionPool) -> None:
    url = await describe(ask, pool)
    told = (await ask("GET", f"{url}/composition", role="viewer")).data["composition"]
    assert (told["fish"], told["checked"], told["history_fish"]) == (30, 1, 0)
    assert [one["level"] for one in told["classes"][0]["intervals"]] == [50, 80, 95]
    assert [part["said"] for part in told["classes"]] == [15, 15, 0]
    assert told["classes"][1]["presence"] == "certain"
    assert told["beside"][0] == {
        "method": "counts",
        "share": [0.5, 0.5, 0.0],
        "low": pytest.approx([0.332, 0.332, 0.0], abs=1e-3),
        "high": pytest.approx([0.668, 0.668, 0.1135], abs=1e-3),
    }
    few = {one["doubt"]: one for one in told["warnings"]}["few_checks"]
    assert "0 fish" in few["text"]["en"]
    assert "0尾" in few["text"]["ja"]
    assert told["advice"]["en"].startswith("Fish to check, chosen at random: ")
    listed = (await ask("GET", "/api/v1/labs/shihoro/lots", role="viewer")).data["items"]
    assert [(lot["state"], lot["checked"]) for lot in listed] == [("described", 1)]
    before = await ask("GET", f"{url}/composition", role="viewer", params={"as_of": "2020-01-01"})
    assert before.data["composition"] is None


async def test_a_value_needs_prices_and_weights(ask: Asker, pool: AsyncConnectionPool) -> None:
    url = await describe(ask, pool)
    assert (await ask("GET", f"{url}/value", role="viewer")).data["missing"] == ["prices"]
    changed = await ask(
        "PATCH", url, role="team", json={"prices": {"milt": 600.0}, "landing_place": "久慈港"}
    )
    assert (changed.data["prices"], changed.data["landing_place"]) == ({"milt": 600.0}, "久慈港")
    value = (await ask("GET", f"{url}/value", role="viewer")).data
    assert value["low"] <= value["yen"] <= value["high"]
    assert value["classes"][0]["weight_g"] == pytest.approx(3016, abs=150)
    assert value["classes"][0]["weight_from"] == "measured"
    dearer = await ask("GET", f"{url}/value", role="viewer", params={"prices": "milt:1200"})
    assert dearer.data["yen"] == pytest.approx(2 * value["yen"])
    twice = await ask("GET", f"{url}/value", role="viewer", params={"prices": "milt:1,milt:2"})
    assert (twice.status, twice.data["code"]) == (400, "invalid-parameter")
    wrong = await ask("PATCH", url, role="team", json={"prices": {"tuna": 1.0}})
    assert (wrong.status, wrong.data["errors"][0]["field"]) == (422, "prices")
    assert (await ask("PATCH", url, role="viewer", json={})).status == 403


async def test_sizes_and_the_course_of_a_lot(ask: Asker, pool: AsyncConnectionPool) -> None:
    url = await describe(ask, pool)
    told = (await ask("GET", f"{url}/distributions", role="viewer")).data
    assert told["weight_g"][0]["low"] < told["weight_g"][0]["mean"] < told["weight_g"][0]["high"]
    assert told["length_mm"][0]["mean"] is None
    assert [hour["fish"] for hour in told["hours"]] == [30]


async def test_closed_and_opened_again(ask: Asker) -> None:
    url = f"/api/v1/lots/{ask.world.grown['shihoro lot']}"
    assert (await ask("POST", f"{url}/close", role="team")).data["closed_at"] is not None
    assert (await ask("GET", "/api/v1/lots", role="viewer", params={"closed": "false"})).data["items"] == []
    assert (await ask("POST", f"{url}/reopen", role="team")).data["closed_at"] is None


async def test_fish_page_by_page_and_as_a_table(ask: Asker) -> None:
    url = f"/api/v1/lots/{ask.world.grown['shihoro lot']}/events"
    first = (await ask("GET", url, role="viewer", params={"limit": "20"})).data
    params = {"limit": "20", "cursor": first["next"]}
    rest = (await ask("GET", url, role="viewer", params=params)).data
    seqs = [fish["seq"] for page in (first, rest) for fish in page["events"]]
    assert (seqs, rest["next"]) == (list(range(1, 31)), None)
    assert (first["events"][0]["verified"], first["events"][0]["said"]) == ("roe", "roe")
    assert first["events"][0]["corrected"] is None
    table = await ask("GET", url, role="viewer", params={"format": "csv"})
    rows = list(csv.DictReader(io.StringIO(table.text)))
    assert (len(rows), rows[1]["said"], float(rows[1]["p_milt"])) == (
        30,
        "milt",
        pytest.approx(0.9, abs=1e-6),
    )
    assert table.headers["Content-Disposition"].endswith('.csv"')
    newest = (await ask("GET", url, role="viewer", params={"order": "desc", "limit": "1"})).data
    assert newest["events"][0]["seq"] == 30


async def test_numbers_that_never_came(ask: Asker, pool: AsyncConnectionPool) -> None:
    async with pool.connection() as conn:
        await add_items(conn, fish_of(ask.world.devices["shihoro-1"], 2, first=33))
    found = (await ask("GET", "/api/v1/units/shihoro-1/missing", role="viewer")).data["items"]
    # Without the gateway's own list of numbers nothing is known to be missing.
    assert isinstance(found, list)


async def test_an_image_comes_back_bit_by_bit(ask: Asker) -> None:
    url = f"/api/v1/frames/{ask.world.frames['shihoro']}"
    answer = await ask("GET", url, role="viewer")
    assert (answer.text, answer.headers["Content-Type"]) == ("image of shihoro", "image/png")
    again = await ask("GET", url, role="viewer", headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status == 304
    listed: list[dict[str, Any]] = (await ask("GET", "/api/v1/units/shihoro-1/frames", role="viewer")).data[
        "items"
    ]
    assert [(one["sha256"], one["media"]) for one in listed] == [(ask.world.frames["shihoro"], "image/png")]
    assert (await ask("GET", f"/api/v1/frames/{'0' * 64}", role="viewer")).status == 404
