"""What is measured at a site: the series of the devices that stand there, and their readings as columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from store.arrays import PG_EPOCH_US
from store.query import fetch_all
from store.readings import Rows

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from psycopg import AsyncConnection

USABLE: Final = 3
"""The worst quality that is computed with unless asked otherwise: suspect, but not failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteSeries:
    """A series and the device that measures it.

    Attributes
    ----------
    unit : str
        In which the values are stored.
    kind : str
        Of the device.
    """

    id: int
    device_id: int
    device: str
    kind: str
    quantity: str
    position: str
    unit: str


_SELECT_SITE_SERIES = """
SELECT s.id, s.device_id, d.name AS device, d.kind, s.quantity, s.position, s.unit
FROM series s JOIN devices d ON d.id = s.device_id
WHERE d.site_id = %(site_id)s AND %(device_id)s IN (0, s.device_id)
  AND (%(quantities)s::text[] IS NULL OR s.quantity = ANY(%(quantities)s))
ORDER BY s.quantity, s.position, s.id
"""


async def site_series(
    conn: AsyncConnection, site_id: int, *, device_id: int = 0, quantities: Sequence[str] | None = None
) -> list[SiteSeries]:
    """List the series measured at a site, those of revoked devices too.

    Parameters
    ----------
    device_id : int
        Only of this device; 0: of all that stand there.
    quantities : Sequence[str] | None
        Only these.
    """
    names = None if quantities is None else list(quantities)
    parameters = {"site_id": site_id, "device_id": device_id, "quantities": names}
    return await fetch_all(conn, SiteSeries, _SELECT_SITE_SERIES, parameters)


# Each column comes as one string of big-endian numbers: no Python object per reading.
_SELECT_COLUMNS = """
SELECT string_agg(int4send(series_id), '' ORDER BY series_id, at),
       string_agg(timestamptz_send(at), '' ORDER BY series_id, at),
       string_agg(timestamptz_send(received_at), '' ORDER BY series_id, at),
       string_agg(float8send(value), '' ORDER BY series_id, at),
       string_agg(int2send(quality), '' ORDER BY series_id, at)
FROM readings
WHERE series_id = ANY(%(series)s::int4[]) AND at >= %(begin)s AND at < %(end)s AND quality <= %(worst)s
"""


async def read_columns(
    conn: AsyncConnection, series: Sequence[int], begin: datetime, end: datetime, *, worst: int = USABLE
) -> Rows:
    """Read readings as columns, sorted by (series, at).

    Parameters
    ----------
    begin, end : datetime
        Half open, aware. A year of a minute's values is some 50 MB: ask for years one by one.
    worst : int
        The worst quality flag that is let through.
    """
    parameters = {"series": list(series), "begin": begin, "end": end, "worst": worst}
    async with conn.cursor(binary=True) as cursor:
        await cursor.execute(_SELECT_COLUMNS, parameters)
        row = await cursor.fetchone()
    assert row is not None
    ids, at, received, value, quality = (column or b"" for column in row)
    return Rows(
        series=np.frombuffer(ids, ">i4").astype(np.int32),
        at=np.frombuffer(at, ">i8").astype(np.int64) + PG_EPOCH_US,
        received=np.frombuffer(received, ">i8").astype(np.int64) + PG_EPOCH_US,
        value=np.frombuffer(value, ">f8").astype(np.float64),
        quality=np.frombuffer(quality, ">i2").astype(np.int16),
    )
