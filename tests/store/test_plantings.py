from __future__ import annotations

import dataclasses
from datetime import date
from typing import TYPE_CHECKING

import psycopg
import pytest

from store.errors import StoreConflict, StoreMissing
from store.plantings import (
    change_planting,
    end_planting,
    get_planting,
    list_plantings,
    plantings_of_crop,
    remove_planting,
    reopen_planting,
    restore_planting,
)
from store.recipes import add_recipe
from store.sites import find_site
from store.tokens import add_token
from tests.store.farm import SOWN

if TYPE_CHECKING:
    from tests.store.farm import Farm


async def test_a_planting_comes_back_as_it_was_given(farm: Farm):
    await farm.station("north-1")
    token = await farm.do(add_token, digest=b"1" * 32, hint="ck_", lab="shihoro", role="staff", label="先生")
    given = {
        "crop": "wheat",
        "cultivar": "きたほなみ",
        "sown_on": SOWN,
        "label": "1年B組",
        "goal": "製粉用",
        "target_t_ha": 6.5,
        "station": "north-1",
        "simulated": True,
    }
    planting = await farm.plant("north", by=token.id, **given)
    assert {name: getattr(planting, name) for name in given} == given
    assert (planting.lab, planting.site, planting.field) == ("shihoro", "farm", "north")
    assert (planting.created_by, planting.removed_at, planting.timezone) == ("先生", None, "Asia/Tokyo")
    assert await farm.do(get_planting, planting.id, "shihoro") == planting


async def test_the_weather_is_the_stations_else_the_sites(farm: Farm):
    here = await farm.do(find_site, "shihoro", "farm")
    hill = await farm.site("shihoro", "hill", "top")
    await farm.station("hill-1", "hill")
    await farm.station("loose-1", None)
    assert (await farm.plant()).weather_site_id == here.id
    assert (await farm.plant(label="2", station="hill-1")).weather_site_id == hill.id
    assert (await farm.plant(label="3", station="loose-1")).weather_site_id == here.id


async def test_the_same_planting_twice_is_refused_until_the_first_is_removed(farm: Farm):
    first = await farm.plant()
    with pytest.raises(StoreConflict, match="already a planting 'north wheat 2025-09-20'"):
        await farm.plant()
    await farm.do(remove_planting, first.id)
    again = await farm.plant()
    with pytest.raises(StoreConflict, match="already a planting"):
        await farm.do(restore_planting, first.id)
    await farm.do(remove_planting, again.id)
    assert (await farm.do(restore_planting, first.id)).removed_at is None
    assert [p.id for p in await farm.do(list_plantings)] == [first.id]
    assert [p.id for p in await farm.do(list_plantings, removed=True)] == [again.id]


async def test_a_lab_sees_and_changes_its_own_only(farm: Farm):
    await farm.site("kaga", "farm", "north")
    await farm.station("kaga-1", "farm", "kaga")
    planting = await farm.plant()
    other = await farm.plant(lab="kaga")
    for work in (get_planting, remove_planting, restore_planting, reopen_planting):
        with pytest.raises(StoreMissing, match="no planting"):
            await farm.do(work, planting.id, "kaga")
    with pytest.raises(StoreMissing):
        await farm.do(end_planting, planting.id, ended_on=SOWN, lab="kaga")
    with pytest.raises(StoreMissing):
        await farm.do(change_planting, dataclasses.replace(planting, label="x"), "kaga")
    with pytest.raises(StoreMissing, match="no device 'kaga-1'"):
        await farm.plant(label="2", station="kaga-1")
    recipe = await farm.do(
        add_recipe,
        lab="kaga",
        slug="r",
        version="1.0.0",
        crop="wheat",
        title_ja="",
        title_en="",
        body="",
        origin={},
    )
    with pytest.raises(StoreMissing, match="no recipe"):
        await farm.plant(label="2", recipe_id=recipe.id)
    assert [p.id for p in await farm.do(list_plantings, lab="kaga")] == [other.id]
    assert await farm.get(planting) == planting


async def test_a_planting_is_changed(farm: Farm):
    planting = await farm.plant()
    taken = await farm.plant(cultivar="ゆめちから")
    new = dataclasses.replace(planting, cultivar="きたほなみ", sown_on=date(2025, 9, 22), target_t_ha=7.0)
    assert await farm.do(change_planting, new, "shihoro") == new
    with pytest.raises(StoreConflict):
        await farm.do(change_planting, dataclasses.replace(taken, cultivar="きたほなみ", sown_on=new.sown_on))
    assert await farm.get(taken) == taken


async def test_the_end_can_be_undone(farm: Farm):
    planting = await farm.plant()
    ended = await farm.do(end_planting, planting.id, ended_on=date(2026, 7, 28), yield_t_ha=5.9)
    assert (ended.ended_on, ended.yield_t_ha) == (date(2026, 7, 28), 5.9)
    assert [p.id for p in await farm.do(list_plantings, ended=True)] == [planting.id]
    assert await farm.do(list_plantings, ended=False) == []
    assert await farm.do(reopen_planting, planting.id) == planting
    with pytest.raises(psycopg.errors.CheckViolation):
        await farm.do(end_planting, planting.id, ended_on=date(2025, 9, 1))


async def test_what_is_pooled_is_all_seasons_of_a_labs_crop(farm: Farm):
    await farm.site("kaga", "farm", "north")
    await farm.plant(lab="kaga")
    await farm.plant(crop="potato")
    old = await farm.plant(sown_on=date(2024, 9, 20))
    await farm.do(end_planting, old.id, ended_on=date(2025, 7, 30))
    new, gone = await farm.plant(), await farm.plant("south")
    await farm.do(remove_planting, gone.id)
    assert [p.id for p in await farm.do(plantings_of_crop, "shihoro", "wheat")] == [old.id, new.id]


async def test_lists_are_narrowed_and_paged(farm: Farm):
    ids = [(await farm.plant("south", label=str(n))).id for n in range(4)]
    await farm.plant("north", "potato")
    first = await farm.do(list_plantings, field="south", crop="wheat", limit=3)
    rest = await farm.do(list_plantings, field="south", crop="wheat", limit=3, after=first[-1].id)
    assert [p.id for p in first + rest] == ids
    assert await farm.do(list_plantings, site="hill") == []
