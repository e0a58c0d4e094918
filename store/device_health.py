"""How devices are: last receipt, delays of the last day, what they say of themselves, what is quarantined."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from store.errors import StoreMissing
from store.query import fetch_all, fetch_one

if TYPE_CHECKING:
    from datetime import datetime

    from psycopg import AsyncConnection

QUARANTINE_COUNTED: Final = 1_000
"""Open quarantined messages are counted up to here, so that a flood does not slow the list of devices."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceRecord:
    """A registered device with what its health is judged by.

    Attributes
    ----------
    last_received_at : datetime | None
        Receipt of its last reading, stored, duplicate or quarantined.
    min_delays_ms : list[int | None]
        Least delay per hour of receipt, last 24 hours.
    online : bool | None
        What its last status (or last will) said.
    open_quarantine : int
        Open quarantined messages, at most `QUARANTINE_COUNTED`.
    """

    id: int
    name: str
    lab: str
    site: str | None
    kind: str
    label: str
    simulated: bool
    created_at: datetime
    rotated_at: datetime | None
    revoked_at: datetime | None
    now: datetime
    last_received_at: datetime | None
    min_delays_ms: list[int | None]
    online: bool | None
    status: dict[str, Any] | None
    status_at: datetime | None
    open_quarantine: int


_RECORDS = """
SELECT d.id, d.name, labs.slug AS lab, sites.slug AS site, d.kind, d.label, d.simulated, d.created_at,
       d.rotated_at, d.revoked_at, clock_timestamp() AS now,
       GREATEST(latest.received_at, heard.heard_at, refused.seen_at) AS last_received_at,
       delays.min_delays_ms, st.online, st.payload AS status, st.received_at AS status_at,
       opened.open_quarantine
FROM devices d JOIN labs ON labs.id = d.lab_id LEFT JOIN sites ON sites.id = d.site_id
LEFT JOIN device_status st ON st.device_id = d.id
CROSS JOIN LATERAL (
    SELECT max(l.received_at) AS received_at FROM series s JOIN series_latest l ON l.series_id = s.id
    WHERE s.device_id = d.id
) latest
LEFT JOIN LATERAL (
    SELECT g.heard_at FROM ledger g WHERE g.device_id = d.id AND g.heard_at IS NOT NULL
    ORDER BY g.hour DESC LIMIT 1
) heard ON true
CROSS JOIN LATERAL (
    SELECT COALESCE(array_agg(g.min_delay_ms), '{}') AS min_delays_ms FROM ledger g
    WHERE g.device_id = d.id AND g.hour > now() - interval '1 day'
) delays
CROSS JOIN LATERAL (
    SELECT count(*) AS open_quarantine FROM (
        SELECT 1 FROM quarantine q WHERE q.device_id = d.id AND q.state = 'open' LIMIT %(counted)s
    ) counted
) opened
CROSS JOIN LATERAL (
    SELECT max(seen_at) AS seen_at FROM (
        SELECT q.seen_at FROM quarantine q WHERE q.device_id = d.id AND q.origin = 'mqtt'
        ORDER BY q.id DESC LIMIT 100
    ) newest
) refused
WHERE (%(lab)s::text IS NULL OR labs.slug = %(lab)s)
"""
_SELECT_RECORDS = (
    _RECORDS
    + """
AND (%(site)s::text IS NULL OR sites.slug = %(site)s) AND (%(kind)s::text IS NULL OR d.kind = %(kind)s)
AND (%(after)s::text IS NULL OR d.name > %(after)s)
ORDER BY d.name
LIMIT %(limit)s
"""
)


async def list_records(
    conn: AsyncConnection,
    *,
    lab: str | None = None,
    site: str | None = None,
    kind: str | None = None,
    after: str | None = None,
    limit: int = 100,
) -> list[DeviceRecord]:
    """List devices by name; the next page begins `after` the last name of this one."""
    parameters = {
        "lab": lab,
        "site": site,
        "kind": kind,
        "after": after,
        "limit": limit,
        "counted": QUARANTINE_COUNTED,
    }
    return await fetch_all(conn, DeviceRecord, _SELECT_RECORDS, parameters)


_SELECT_RECORD = _RECORDS + "AND d.name = %(name)s"


async def get_record(conn: AsyncConnection, name: str, lab: str | None = None) -> DeviceRecord:
    """Find a device with what its health is judged by.

    Raises
    ------
    StoreMissing
        There is none, or it is another lab's.
    """
    parameters = {"name": name, "lab": lab, "counted": QUARANTINE_COUNTED}
    record = await fetch_one(conn, DeviceRecord, _SELECT_RECORD, parameters)
    if record is None:
        raise StoreMissing("device", name)
    return record
