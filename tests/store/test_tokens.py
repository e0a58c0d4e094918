from __future__ import annotations

import dataclasses
import hashlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import psycopg
import pytest

from store import tokens
from store.errors import StoreConflict, StoreMissing

if TYPE_CHECKING:
    from psycopg import AsyncConnection
    from psycopg_pool import AsyncConnectionPool


def digest(number: int) -> bytes:
    return hashlib.sha256(bytes([number])).digest()


async def add(
    connection: AsyncConnection, number: int = 1, lab: str | None = "kaga", **more: object
) -> tokens.Token:
    row = {"role": "staff", "hint": f"ck_{number}", **more}
    return await tokens.add_token(connection, digest=digest(number), lab=lab, **row)


async def test_a_token_is_found_by_its_digest(pool: AsyncConnectionPool) -> None:
    async with pool.connection() as connection:
        added = await add(connection, label="茶畑の表示板", role="viewer")
        found = await tokens.find_token(connection, digest(1))
        assert found == added
        assert (added.lab, added.role, added.label, added.hint) == ("kaga", "viewer", "茶畑の表示板", "ck_1")
        assert added.created_at.tzinfo is not None
        assert await tokens.find_token(connection, digest(2)) is None


async def test_no_row_shows_the_digest(pool: AsyncConnectionPool) -> None:
    async with pool.connection() as connection:
        await add(connection)
        (token,) = await tokens.list_tokens(connection)
    assert digest(1) not in dataclasses.asdict(token).values()


async def test_use_is_noted_at_most_once_a_minute(pool: AsyncConnectionPool) -> None:
    async def last_used() -> datetime | None:
        async with pool.connection() as connection:
            await tokens.find_token(connection, digest(1))
        async with pool.connection() as connection:
            return (await tokens.get_token(connection, token.id)).last_used_at

    async with pool.connection() as connection:
        token = await add(connection)
    assert token.last_used_at is None
    first = await last_used()
    assert first is not None
    assert await last_used() == first
    async with pool.connection() as connection:
        await connection.execute("UPDATE tokens SET last_used_at = now() - interval '61 s'")
    third = await last_used()
    assert third is not None
    assert third > first


async def test_revoked_and_expired_tokens_are_not_found(pool: AsyncConnectionPool) -> None:
    now = datetime.now(UTC)
    async with pool.connection() as connection:
        revoked = await add(connection, 1)
        await add(connection, 2, expires_at=now - timedelta(seconds=1))
        await add(connection, 3, expires_at=now + timedelta(hours=1))
        for _ in range(2):
            assert (await tokens.revoke_token(connection, revoked.id, "kaga")).revoked_at is not None
        found = [await tokens.find_token(connection, digest(number)) is not None for number in (1, 2, 3)]
        assert found == [False, False, True]


async def test_an_operator_has_no_lab_and_others_have_one(pool: AsyncConnectionPool) -> None:
    async with pool.connection() as connection:
        assert (await add(connection, 1, lab=None, role="operator")).lab is None
    for number, lab, role in ((2, None, "staff"), (3, "kaga", "operator"), (4, "kaga", "king")):
        async with pool.connection() as connection:
            with pytest.raises(psycopg.errors.CheckViolation):
                await add(connection, number, lab=lab, role=role)
            await connection.rollback()


async def test_what_is_known_or_missing_is_named(pool: AsyncConnectionPool) -> None:
    async with pool.connection() as connection:
        token = await add(connection)
        with pytest.raises(StoreConflict, match="token 'ck_1'"):
            await add(connection)
        with pytest.raises(StoreMissing, match="no lab 'atlantis'"):
            await add(connection, 2, lab="atlantis")
        with pytest.raises(StoreMissing, match=f"no token '{token.id}'"):
            await tokens.revoke_token(connection, token.id, "hakusan")
        assert await tokens.find_token(connection, digest(1)) is not None


async def test_pages_add_up_within_a_lab(pool: AsyncConnectionPool) -> None:
    async with pool.connection() as connection:
        for number in range(6):
            await add(connection, number, lab=("kaga", "hakusan")[number % 2])
        first = await tokens.list_tokens(connection, lab="kaga", limit=2)
        rest = await tokens.list_tokens(connection, lab="kaga", limit=2, after=first[-1].id)
        assert [token.hint for token in first + rest] == ["ck_0", "ck_2", "ck_4"]
        assert len(await tokens.list_tokens(connection)) == 6
