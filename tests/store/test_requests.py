from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from store.errors import StoreConflict, StoreMissing
from store.requests import add_request, end_request, get_request, next_request

if TYPE_CHECKING:
    from psycopg_pool import AsyncConnectionPool


async def ask(pool: AsyncConnectionPool, *ids: int) -> list[int]:
    async with pool.connection() as connection:
        asked = [await add_request(connection, verb="replay", argument={"ids": [n]}, lab="kaga") for n in ids]
    return [request.id for request in asked]


async def test_a_request_is_taken_once_and_ends_with_its_outcome(pool: AsyncConnectionPool) -> None:
    (number,) = await ask(pool, 7)
    async with pool.connection() as connection:
        request = await next_request(connection)
        assert request is not None
        assert (request.id, request.argument, request.state) == (number, {"ids": [7]}, "waiting")
        await end_request(connection, number, "done", {"replayed": 1})
    async with pool.connection() as connection:
        assert await next_request(connection) is None
        ended = await get_request(connection, number)
        assert (ended.state, ended.outcome) == ("done", {"replayed": 1})
        assert ended.ended_at is not None
        with pytest.raises(StoreConflict, match=f"outcome of request '{number}'"):
            await end_request(connection, number, "failed", {})


async def test_several_gateways_take_different_ones_oldest_first(pool: AsyncConnectionPool) -> None:
    numbers = await ask(pool, 1, 2, 3)
    async with pool.connection() as one, pool.connection() as two, pool.connection() as three:
        taken = [await next_request(connection) for connection in (one, two, three)]
        async with pool.connection() as four:
            assert await next_request(four) is None
    assert [request.id for request in taken if request] == numbers


async def test_what_a_dead_gateway_took_waits_again(pool: AsyncConnectionPool) -> None:
    (number,) = await ask(pool, 1)
    async with pool.connection() as connection:
        assert await next_request(connection) is not None
        await connection.rollback()
    async with pool.connection() as connection:
        request = await asyncio.wait_for(next_request(connection), 5)
        assert request is not None
        assert request.id == number


async def test_a_request_is_its_labs(pool: AsyncConnectionPool) -> None:
    (number,) = await ask(pool, 1)
    async with pool.connection() as connection:
        assert (await get_request(connection, number, "kaga")).lab == "kaga"
        with pytest.raises(StoreMissing, match=f"no request '{number}'"):
            await get_request(connection, number, "hakusan")
        with pytest.raises(StoreMissing):
            await end_request(connection, -1, "done", {})
        assert (await add_request(connection, verb="replay", argument={})).lab is None
