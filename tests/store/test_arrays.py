from __future__ import annotations

import numpy as np
import pytest

from store.arrays import float8_array, int2_array, int4_array, int8_array, timestamptz_array

CASES = [
    (int2_array, "int2[]", [1, -2, 32767]),
    (int4_array, "int4[]", [1, -(2**31), 5]),
    (int8_array, "int8[]", [2**63 - 1, -1]),
    (float8_array, "float8[]", [1.5, -0.0, 1e300]),
    (int4_array, "int4[]", []),
]


@pytest.mark.parametrize(("make", "kind", "values"), CASES)
async def test_arrays_arrive_as_they_are(pool, make, kind, values):
    async with pool.connection() as conn:
        cursor = await conn.execute("SELECT %s, pg_typeof(%s)::text", (make(np.array(values)),) * 2)
        assert await cursor.fetchone() == (
            values,
            {
                "int2[]": "smallint[]",
                "int4[]": "integer[]",
                "int8[]": "bigint[]",
                "float8[]": "double precision[]",
            }[kind],
        )


async def test_times(pool):
    unix_us = np.array([0, 946_684_800_000_001, -1])
    async with pool.connection() as conn:
        query = "SELECT (extract(epoch FROM t) * 1000000)::int8 FROM unnest(%s) AS t"
        cursor = await conn.execute(query, (timestamptz_array(unix_us),))
        assert [row[0] for row in await cursor.fetchall()] == unix_us.tolist()
