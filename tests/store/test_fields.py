from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import psycopg
import pytest

from store.errors import StoreConflict, StoreMissing
from store.fields import add_field, change_field, find_field, get_field, list_fields

if TYPE_CHECKING:
    from tests.store.farm import Farm

PLACE = {
    "type": "Polygon",
    "coordinates": [[[143.24, 43.16], [143.25, 43.16], [143.25, 43.17], [143.24, 43.16]]],
}
NAMES = {"name_ja": "東の畑", "name_en": "East field"}


async def test_a_field_comes_back_as_it_was_given(farm: Farm):
    given = {"lab": "shihoro", "site": "farm", "slug": "east", **NAMES, "area_m2": 5000.0, "polygon": PLACE}
    field = await farm.do(add_field, **given)
    assert {name: getattr(field, name) for name in given} == given
    assert await farm.do(find_field, "shihoro", "farm", "east") == field
    assert await farm.do(get_field, field.id, "shihoro") == field


async def test_a_field_is_its_labs_own(farm: Farm):
    field = await farm.do(find_field, "shihoro", "farm", "north")
    await farm.site("kaga", "farm", "north")
    with pytest.raises(StoreMissing, match="no field"):
        await farm.do(get_field, field.id, "kaga")
    with pytest.raises(StoreConflict, match="already a field 'shihoro/farm/north'"):
        await farm.do(add_field, lab="shihoro", site="farm", slug="north", **NAMES)
    with pytest.raises(StoreMissing, match="no site 'shihoro/barn'"):
        await farm.do(add_field, lab="shihoro", site="barn", slug="north", **NAMES)
    assert [f.lab for f in await farm.do(list_fields, lab="kaga")] == ["kaga"]
    with pytest.raises(psycopg.errors.CheckViolation):
        await farm.do(add_field, lab="kaga", site="farm", slug="flat", **NAMES, area_m2=0.0)


async def test_pages_add_up(farm: Farm):
    await farm.site("kaga", "a", *(f"f{n}" for n in range(5)))
    first = await farm.do(list_fields, lab="kaga", limit=3)
    rest = await farm.do(list_fields, lab="kaga", limit=3, after=first[-1].id)
    assert [f.slug for f in first + rest] == [f"f{n}" for n in range(5)]
    assert await farm.do(list_fields, lab="kaga", site="b") == []


async def test_a_field_is_changed_and_its_neighbours_are_not(farm: Farm):
    south = await farm.do(find_field, "shihoro", "farm", "south")
    north = await farm.do(find_field, "shihoro", "farm", "north")
    changed = dataclasses.replace(north, name_ja="北", area_m2=12.5, polygon=PLACE)
    assert await farm.do(change_field, changed) == changed
    assert await farm.do(find_field, "shihoro", "farm", "south") == south
    with pytest.raises(StoreMissing, match="shihoro/farm/west"):
        await farm.do(change_field, dataclasses.replace(north, slug="west"))
