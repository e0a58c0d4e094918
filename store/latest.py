"""The reading that arrived last, per series."""

from __future__ import annotations

from typing import TYPE_CHECKING

from store.arrays import float8_array, int2_array, int4_array, timestamptz_array

if TYPE_CHECKING:
    from psycopg import AsyncConnection

    from store.readings import Rows

_PUT_LATEST = """
INSERT INTO series_latest AS l (series_id, at, received_at, value, quality)
SELECT * FROM unnest(%s, %s, %s, %s, %s)
ON CONFLICT (series_id) DO UPDATE SET
    at = excluded.at, received_at = excluded.received_at, value = excluded.value, quality = excluded.quality
WHERE l.received_at <= excluded.received_at
"""


async def put_latest(conn: AsyncConnection, rows: Rows) -> None:
    """Note rows as the last to arrive, unless a later one is known.

    Parameters
    ----------
    rows : Rows
        Committed readings, each series once.
    """
    if len(rows):
        columns = (
            int4_array(rows.series),
            timestamptz_array(rows.at),
            timestamptz_array(rows.received),
            float8_array(rows.value),
            int2_array(rows.quality),
        )
        await conn.execute(_PUT_LATEST, columns)
