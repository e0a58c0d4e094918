from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from store.errors import StoreConflict, StoreMissing
from store.labs import add_lab, find_lab, list_labs

if TYPE_CHECKING:
    from psycopg_pool import AsyncConnectionPool


async def test_a_lab_by_hand_has_no_round(pool: AsyncConnectionPool) -> None:
    async with pool.connection() as connection:
        lab = await add_lab(connection, slug="nakasatsunai", name_ja="中札内村", name_en="Nakasatsunai")
        assert (lab.slug, lab.name_ja, lab.selection_round) == ("nakasatsunai", "中札内村", None)
        assert await find_lab(connection, "nakasatsunai") == lab


async def test_a_slug_is_taken_once_and_the_transaction_goes_on(pool: AsyncConnectionPool) -> None:
    async with pool.connection() as connection:
        with pytest.raises(StoreConflict, match="already a lab 'kaga'"):
            await add_lab(connection, slug="kaga", name_ja="", name_en="")
        assert (await find_lab(connection, "kaga")).name_ja == "加賀市"


async def test_a_lab_that_is_not_there_is_named(pool: AsyncConnectionPool) -> None:
    async with pool.connection() as connection:
        with pytest.raises(StoreMissing, match="no lab 'atlantis'"):
            await find_lab(connection, "atlantis")


async def test_pages_add_up(pool: AsyncConnectionPool) -> None:
    async with pool.connection() as connection:
        everything = await list_labs(connection)
        seen, after = [], None
        while page := await list_labs(connection, after=after, limit=30):
            seen += page
            after = page[-1].slug
    assert len(everything) == 101
    assert seen == everything


async def test_a_lab_sees_itself_only(pool: AsyncConnectionPool) -> None:
    async with pool.connection() as connection:
        assert [lab.slug for lab in await list_labs(connection, lab="kaga")] == ["kaga"]
        assert await list_labs(connection, lab="kaga", after="kaga") == []
