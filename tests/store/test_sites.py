from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

from store.errors import StoreConflict, StoreMissing
from store.sites import add_site, change_site, find_site, list_sites

if TYPE_CHECKING:
    from psycopg_pool import AsyncConnectionPool

FIELD = {
    "type": "Polygon",
    "coordinates": [[[143.24, 43.16], [143.25, 43.16], [143.25, 43.17], [143.24, 43.16]]],
}


async def test_a_site_comes_back_as_it_was_given(pool: AsyncConnectionPool) -> None:
    given = {
        "lab": "kaga",
        "slug": "east-field",
        "name_ja": "東の畑",
        "name_en": "East field",
        "latitude": 43.165,
        "longitude": 143.245,
        "elevation_m": 191.0,
        "polygon": FIELD,
        "timezone": "Asia/Tokyo",
    }
    async with pool.connection() as connection:
        site = await add_site(connection, **given)
        assert await find_site(connection, "kaga", "east-field") == site
    assert {name: getattr(site, name) for name in given} == given


async def test_a_slug_is_a_labs_own(pool: AsyncConnectionPool) -> None:
    async with pool.connection() as connection:
        for lab in ("kaga", "hakusan"):
            await add_site(connection, lab=lab, slug="field", name_ja="畑", name_en="Field")
        with pytest.raises(StoreConflict, match="already a site 'kaga/field'"):
            await add_site(connection, lab="kaga", slug="field", name_ja="", name_en="")
        with pytest.raises(StoreMissing, match="no site 'kahoku/field'"):
            await find_site(connection, "kahoku", "field")
        with pytest.raises(StoreMissing, match="no lab 'atlantis'"):
            await add_site(connection, lab="atlantis", slug="field", name_ja="", name_en="")
        assert [site.lab for site in await list_sites(connection, lab="hakusan")] == ["hakusan"]


async def test_pages_add_up(pool: AsyncConnectionPool) -> None:
    async with pool.connection() as connection:
        for number in range(5):
            await add_site(connection, lab="kaga", slug=f"field-{number}", name_ja="畑", name_en="Field")
        first = await list_sites(connection, limit=3)
        rest = await list_sites(connection, limit=3, after=first[-1].id)
    assert [site.slug for site in first + rest] == [f"field-{number}" for number in range(5)]


async def test_a_site_is_changed_and_its_neighbours_are_not(pool: AsyncConnectionPool) -> None:
    async with pool.connection() as connection:
        for lab in ("kaga", "hakusan"):
            await add_site(connection, lab=lab, slug="field", name_ja="畑", name_en="Field", polygon=FIELD)
        site = await find_site(connection, "kaga", "field")
        changed = dataclasses.replace(site, name_ja="南の畑", latitude=43.1, longitude=143.2, polygon=None)
        assert (
            await change_site(connection, changed) == changed == await find_site(connection, "kaga", "field")
        )
        assert (await find_site(connection, "hakusan", "field")).polygon == FIELD
        with pytest.raises(StoreMissing, match="no site 'kaga/elsewhere'"):
            await change_site(connection, dataclasses.replace(site, slug="elsewhere"))
