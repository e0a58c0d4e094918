from __future__ import annotations

from store.devices import add_device
from store.imports import begin_import, count_imports, end_import


async def test_only_imports_that_ended_count(pool):
    async with pool.connection() as conn:
        device = await add_device(conn, name="north-1", lab="shihoro", kind="farm-station", password_hash="-")
        number = await begin_import(conn, device.id, "a.csv", b"digest")
        assert await count_imports(conn, device.id, b"digest") == 0
        await end_import(conn, number, {"committed": 5})
        assert await count_imports(conn, device.id, b"digest") == 1
        assert await count_imports(conn, device.id, b"other") == 0
        cursor = await conn.execute("SELECT outcome FROM imports WHERE ended_at IS NOT NULL")
        assert await cursor.fetchall() == [({"committed": 5},)]
