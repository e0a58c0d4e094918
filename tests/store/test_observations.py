from __future__ import annotations

import asyncio
from datetime import date
from typing import TYPE_CHECKING

import psycopg
import pytest

from store.errors import StoreConflict, StoreMissing
from store.observations import (
    add_observation,
    correct_observation,
    get_observation,
    list_observations,
    observations_of_crop,
    restore_observation,
    withdraw_observation,
)
from store.plantings import remove_planting

if TYPE_CHECKING:
    from tests.store.farm import Farm

HEADING = {"bbch": 55, "observed_on": date(2026, 6, 8)}


async def test_an_observation_comes_back_as_it_was_given(farm: Farm):
    planting = await farm.plant()
    seen = await farm.do(add_observation, planting.id, **HEADING, observer="佐藤", note="半分", lab="shihoro")
    assert (seen.bbch, seen.observed_on, seen.observer, seen.note) == (55, date(2026, 6, 8), "佐藤", "半分")
    assert (seen.planting_id, seen.noted_by, seen.withdrawn_at) == (planting.id, None, None)
    assert await farm.do(list_observations, planting.id, lab="shihoro") == [seen]


async def test_a_stage_is_noted_once(farm: Farm):
    planting = await farm.plant()
    await farm.do(add_observation, planting.id, **HEADING)
    with pytest.raises(StoreConflict, match="already a observation of this planting 'BBCH 55'"):
        await farm.do(add_observation, planting.id, bbch=55, observed_on=date(2026, 6, 9))
    with pytest.raises(psycopg.errors.CheckViolation):
        await farm.do(add_observation, planting.id, bbch=100, observed_on=date(2026, 6, 9))


async def test_of_two_who_note_the_same_stage_at_once_one_is_told(farm: Farm):
    planting = await farm.plant()
    results = await asyncio.gather(
        *(farm.do(add_observation, planting.id, **HEADING) for _ in range(4)), return_exceptions=True
    )
    assert sum(isinstance(result, StoreConflict) for result in results) == 3
    assert len(await farm.do(list_observations, planting.id)) == 1


async def test_a_correction_keeps_what_was_believed(farm: Farm):
    planting = await farm.plant()
    first = await farm.do(add_observation, planting.id, **HEADING, observer="佐藤")
    second = await farm.do(correct_observation, first.id, observed_on=date(2026, 6, 10))
    assert (second.bbch, second.observed_on, second.observer) == (55, date(2026, 6, 10), "佐藤")
    assert await farm.do(list_observations, planting.id) == [second]
    history = await farm.do(list_observations, planting.id, withdrawn=True)
    assert [(o.id, o.observed_on.day, o.withdrawn_at is None) for o in history] == [
        (first.id, 8, False),
        (second.id, 10, True),
    ]
    with pytest.raises(StoreConflict):
        await farm.do(correct_observation, first.id, note="again")


async def test_a_correction_to_a_stage_that_was_noted_changes_nothing(farm: Farm):
    planting = await farm.plant()
    first = await farm.do(add_observation, planting.id, **HEADING)
    await farm.do(add_observation, planting.id, bbch=61, observed_on=date(2026, 6, 14))
    with pytest.raises(StoreConflict):
        await farm.do(correct_observation, first.id, bbch=61)
    assert await farm.do(get_observation, first.id) == first


async def test_a_withdrawal_can_be_undone_unless_the_stage_was_noted_again(farm: Farm):
    planting = await farm.plant()
    first = await farm.do(add_observation, planting.id, **HEADING)
    gone = await farm.do(withdraw_observation, first.id)
    assert gone.withdrawn_at is not None
    assert await farm.do(withdraw_observation, first.id) == gone
    assert await farm.do(restore_observation, first.id) == first
    await farm.do(withdraw_observation, first.id)
    await farm.do(add_observation, planting.id, **HEADING)
    with pytest.raises(StoreConflict, match="BBCH 55"):
        await farm.do(restore_observation, first.id)


async def test_a_lab_sees_and_changes_its_own_only(farm: Farm):
    planting = await farm.plant()
    seen = await farm.do(add_observation, planting.id, **HEADING)
    for work in (get_observation, withdraw_observation, restore_observation):
        with pytest.raises(StoreMissing, match="no observation"):
            await farm.do(work, seen.id, "kaga")
    with pytest.raises(StoreMissing):
        await farm.do(correct_observation, seen.id, note="x", lab="kaga")
    with pytest.raises(StoreMissing):
        await farm.do(add_observation, planting.id, bbch=61, observed_on=date(2026, 6, 9), lab="kaga")
    assert await farm.do(list_observations, planting.id, lab="kaga") == []
    assert await farm.do(get_observation, seen.id) == seen


async def test_what_is_pooled_is_open_observations_of_plantings_that_are_there(farm: Farm):
    north, south, potato = await farm.plant(), await farm.plant("south"), await farm.plant(crop="potato")
    kept = await farm.do(add_observation, north.id, **HEADING)
    for planting in (south, potato):
        await farm.do(add_observation, planting.id, **HEADING)
    withdrawn = await farm.do(add_observation, north.id, bbch=10, observed_on=date(2025, 10, 1))
    await farm.do(withdraw_observation, withdrawn.id)
    await farm.do(remove_planting, south.id)
    assert await farm.do(observations_of_crop, "shihoro", "wheat") == [kept]
