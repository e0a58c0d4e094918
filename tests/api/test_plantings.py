from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from psycopg_pool import AsyncConnectionPool

    from tests.api.conftest import Asker

WHEAT = {"site": "farm", "field": "north", "crop": "wheat", "sown_on": "2025-09-20", "label": "区1"}


async def note(ask: Asker, **fields: Any) -> dict[str, Any]:
    answer = await ask("POST", "/api/v1/labs/shihoro/plantings", role="team", json=WHEAT | fields)
    assert answer.status == 201, answer.text
    return answer.data


async def reasons(pool: AsyncConnectionPool, planting_id: int) -> set[str]:
    async with pool.connection() as conn:
        query = "SELECT unnest(reasons) FROM planting_dues WHERE planting_id = %s AND noted > done"
        return {reason for (reason,) in await (await conn.execute(query, [planting_id])).fetchall()}


async def test_a_team_notes_a_planting_and_a_forecast_is_due(ask: Asker, pool: AsyncConnectionPool) -> None:
    planting = await note(ask, cultivar="kitahonami", target_t_ha=6.5, goal="たんぱく質 11 %")
    assert planting["goal"] == "たんぱく質 11 %"
    assert planting["timezone"] == "Asia/Tokyo"
    assert not planting["simulated"]
    assert await reasons(pool, planting["id"]) == {"planting"}
    listed = (await ask("GET", "/api/v1/labs/shihoro/plantings?crop=wheat&ended=false", role="viewer")).data
    assert planting["id"] in [item["id"] for item in listed["items"]]
    waiting = await ask("GET", f"/api/v1/plantings/{planting['id']}/forecast", role="viewer")
    assert waiting.data == {"state": "waiting", "newest": None}


async def test_the_same_planting_twice_is_a_conflict_and_a_viewer_notes_none(ask: Asker) -> None:
    await note(ask)
    again = await ask("POST", "/api/v1/labs/shihoro/plantings", role="team", json=WHEAT)
    assert (again.status, again.data["code"]) == (409, "conflict")
    viewer = await ask("POST", "/api/v1/labs/shihoro/plantings", role="viewer", json=WHEAT | {"label": "x"})
    assert viewer.status == 403


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"crop": "rye_of_mars"}, "crop"),
        ({"sown_on": "1850-01-01"}, "sown_on"),
        ({"sown_on": "2999-01-01"}, "sown_on"),
        ({"target_t_ha": -1}, "target_t_ha"),
        ({"sown_on": "31.2.2025"}, "sown_on"),
    ],
)
async def test_what_cannot_be_is_refused_by_name(ask: Asker, fields: dict[str, Any], named: str) -> None:
    answer = await ask("POST", "/api/v1/labs/shihoro/plantings", role="team", json=WHEAT | fields)
    assert answer.status == 422
    assert named in answer.data["errors"][0]["field"]


async def test_a_station_and_a_recipe_of_another_lab_do_not_exist(ask: Asker) -> None:
    foreign = {"station": "sendai-1"}, {"recipe_id": ask.world.grown["sendai recipe"]}
    for fields in foreign:
        answer = await ask("POST", "/api/v1/labs/shihoro/plantings", role="team", json=WHEAT | fields)
        assert answer.status == 404, answer.text


async def test_a_change_an_end_and_a_removal_can_be_undone(ask: Asker) -> None:
    url = f"/api/v1/plantings/{(await note(ask))['id']}"
    changed = await ask("PATCH", url, role="team", json={"cultivar": "yumechikara", "target_t_ha": None})
    assert changed.data["cultivar"] == "yumechikara"
    ended = await ask("POST", f"{url}/end", role="team", json={"ended_on": "2026-07-25", "yield_t_ha": 6.8})
    assert (ended.data["ended_on"], ended.data["yield_t_ha"]) == ("2026-07-25", 6.8)
    assert (await ask("POST", f"{url}/reopen", role="team")).data["ended_on"] is None
    assert (await ask("POST", f"{url}/remove", role="team")).data["removed_at"] is not None
    listed = await ask("GET", "/api/v1/labs/shihoro/plantings?removed=true", role="viewer")
    assert [item["label"] for item in listed.data["items"]] == ["区1"]
    assert (await ask("POST", f"{url}/restore", role="team")).data["removed_at"] is None


async def test_it_cannot_end_before_it_began_nor_tomorrow(ask: Asker) -> None:
    url = f"/api/v1/plantings/{(await note(ask))['id']}/end"
    for day in ("2025-09-19", str(date.today() + timedelta(days=2))):  # noqa: DTZ011
        answer = await ask("POST", url, role="team", json={"ended_on": day})
        assert answer.status == 422, answer.text


async def test_pages_of_plantings_go_on_where_the_last_one_ended(ask: Asker) -> None:
    for number in range(3):
        await note(ask, label=f"区{number + 10}")
    url, seen = "/api/v1/labs/shihoro/plantings?limit=2", []
    page = (await ask("GET", url, role="viewer")).data
    while True:
        seen += [item["id"] for item in page["items"]]
        if page["next"] is None:
            break
        page = (await ask("GET", f"{url}&cursor={page['next']}", role="viewer")).data
    assert len(seen) == len(set(seen)) == 4
    wrong = await ask("GET", f"/api/v1/labs/shihoro/fields?cursor={'q80wYy1aMTc2'}", role="viewer")
    assert wrong.status == 400


async def test_an_observation_makes_the_neighbours_due_and_can_be_corrected(
    ask: Asker, pool: AsyncConnectionPool
) -> None:
    mine, neighbour = (await note(ask))["id"], (await note(ask, label="区2"))["id"]
    url = f"/api/v1/plantings/{mine}/observations"
    seen = {"bbch": 55, "observed_on": "2026-06-03", "observer": "2年A組", "note": "低い所は遅い"}
    noted = await ask("POST", url, role="team", json=seen)
    assert noted.status == 201
    assert noted.headers["Location"] == f"/api/v1/observations/{noted.data['id']}"
    assert noted.data["noted_by"] is not None
    assert "observation" in await reasons(pool, mine)
    assert "neighbour" in await reasons(pool, neighbour)
    twice = await ask("POST", url, role="team", json=seen)
    assert twice.status == 409
    corrected = await ask("PATCH", noted.headers["Location"], role="team", json={"observed_on": "2026-06-04"})
    assert corrected.data["observed_on"] == "2026-06-04"
    assert corrected.data["note"] == "低い所は遅い"
    kept = (await ask("GET", f"{url}?withdrawn=true", role="viewer")).data["items"]
    assert {item["observed_on"]: item["withdrawn_at"] is None for item in kept} == {
        "2026-06-03": False,
        "2026-06-04": True,
    }
    here = f"/api/v1/observations/{corrected.data['id']}"
    assert (await ask("POST", f"{here}/withdraw", role="team")).data["withdrawn_at"] is not None
    assert (await ask("GET", url, role="viewer")).data["items"] == []
    assert (await ask("POST", f"{here}/restore", role="team")).data["withdrawn_at"] is None


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        ({"bbch": 56, "observed_on": "2026-06-03"}, "10, 21"),
        ({"bbch": 55, "observed_on": "2025-09-19"}, "before the day of sowing"),
        ({"bbch": 55, "observed_on": "2999-01-01"}, "future"),
    ],
)
async def test_an_observation_that_cannot_be_says_why(ask: Asker, seen: dict[str, Any], said: str) -> None:
    url = f"/api/v1/plantings/{(await note(ask))['id']}/observations"
    answer = await ask("POST", url, role="team", json=seen)
    assert answer.status == 422
    assert said in answer.data["detail"]
