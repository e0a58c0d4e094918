"""What devices last said of themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from psycopg import AsyncConnection


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusNews:
    """A message on ``up/status``.

    Attributes
    ----------
    online : bool | None
        None: the message does not say; what was known stays.
    payload : str
        The whole message as JSON.
    retained : bool
        The broker had kept it: if it says nothing new, the time of receipt stays.
    """

    device_id: int
    online: bool | None
    payload: str
    received_at: datetime
    retained: bool = False


_PUT_STATUS = """
INSERT INTO device_status AS s (device_id, online, payload, received_at)
SELECT device_id, online, payload::jsonb, received_at
FROM unnest(%s::int4[], %s::bool[], %s::text[], %s::timestamptz[])
     AS came (device_id, online, payload, received_at)
ORDER BY device_id
ON CONFLICT (device_id) DO UPDATE SET
    online = COALESCE(excluded.online, s.online), payload = excluded.payload,
    received_at = excluded.received_at
WHERE s.received_at <= excluded.received_at
  AND (excluded.payload IS DISTINCT FROM s.payload OR NOT (excluded.device_id = ANY (%s::int4[])))
"""


async def put_status(conn: AsyncConnection, news: Sequence[StatusNews]) -> None:
    """Keep the newest status of each device.

    Parameters
    ----------
    news : Sequence[StatusNews]
        Each device once.
    """
    if not news:
        return
    columns = (
        [item.device_id for item in news],
        [item.online for item in news],
        [item.payload for item in news],
        [item.received_at for item in news],
        [item.device_id for item in news if item.retained],
    )
    await conn.execute(_PUT_STATUS, columns)
