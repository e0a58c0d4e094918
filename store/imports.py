"""Files that were taken in by `import`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

if TYPE_CHECKING:
    from psycopg import AsyncConnection

_BEGIN_IMPORT = "INSERT INTO imports (device_id, file_name, digest) VALUES (%s, %s, %s) RETURNING id"


async def begin_import(conn: AsyncConnection, device_id: int, file_name: str, digest: bytes) -> int:
    """Note that a file is being taken in; `digest` is SHA-256 of its bytes."""
    cursor = await conn.execute(_BEGIN_IMPORT, (device_id, file_name, digest))
    row = await cursor.fetchone()
    assert row is not None
    return int(row[0])


_END_IMPORT = "UPDATE imports SET ended_at = now(), outcome = %s WHERE id = %s"


async def end_import(conn: AsyncConnection, import_id: int, outcome: dict[str, Any]) -> None:
    """Note what became of the file's readings."""
    await conn.execute(_END_IMPORT, (Jsonb(outcome), import_id))


_COUNT_IMPORTS = "SELECT count(*) FROM imports WHERE device_id = %s AND digest = %s AND ended_at IS NOT NULL"


async def count_imports(conn: AsyncConnection, device_id: int, digest: bytes) -> int:
    """Tell how often this very file was taken in for this device before."""
    cursor = await conn.execute(_COUNT_IMPORTS, (device_id, digest))
    row = await cursor.fetchone()
    assert row is not None
    return int(row[0])
