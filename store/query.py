"""Run one named query and give its rows as objects of the domain."""

from __future__ import annotations

from typing import TYPE_CHECKING, LiteralString, TypeVar

from psycopg.rows import class_row

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from psycopg import AsyncConnection

Row = TypeVar("Row")


async def fetch_all(
    conn: AsyncConnection,
    row: type[Row],
    query: LiteralString,
    parameters: Mapping[str, object] | Sequence[object] = (),
) -> list[Row]:
    """Run a query; each row becomes ``row(**columns)``."""
    async with conn.cursor(row_factory=class_row(row)) as cursor:
        await cursor.execute(query, parameters)
        return await cursor.fetchall()


async def fetch_one(
    conn: AsyncConnection,
    row: type[Row],
    query: LiteralString,
    parameters: Mapping[str, object] | Sequence[object] = (),
) -> Row | None:
    """Run a query that gives one row or none."""
    async with conn.cursor(row_factory=class_row(row)) as cursor:
        await cursor.execute(query, parameters)
        return await cursor.fetchone()
