"""Where sorting units' control charts stand, and the alarms that they gave."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

from store.errors import StoreMissing
from store.query import fetch_all, fetch_one

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from psycopg import AsyncConnection


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartRow:
    """Where a chart stands.

    Attributes
    ----------
    chart : str
        ``confidence`` | ``mistakes``.
    start, state : dict | None
        What is usual, and where the chart stands; None while too little is known.
    begun_at : datetime
        Its start period begins here.
    upto_at, upto_boot, upto_seq : datetime | None, int | None, int | None
        The last fish that it has seen, by device time.
    """

    chart: str
    model_id: int
    start: dict[str, Any] | None
    state: dict[str, Any] | None
    begun_at: datetime
    upto_at: datetime | None
    upto_boot: int | None
    upto_seq: int | None


_SELECT_CHARTS = """
SELECT chart, model_id, start, state, begun_at, upto_at, upto_boot, upto_seq FROM unit_charts
WHERE device_id = %s AND product = %s
ORDER BY chart
"""


async def read_charts(conn: AsyncConnection, device_id: int, product: str) -> dict[str, ChartRow]:
    """Read where a unit's charts stand, by name."""
    found = await fetch_all(conn, ChartRow, _SELECT_CHARTS, [device_id, product])
    return {row.chart: row for row in found}


_UPSERT_CHART = """
INSERT INTO unit_charts (device_id, product, chart, model_id, start, state, begun_at, upto_at, upto_boot,
                         upto_seq)
VALUES (%(device_id)s, %(product)s, %(chart)s, %(model_id)s, %(start)s, %(state)s, %(begun_at)s, %(upto_at)s,
        %(upto_boot)s, %(upto_seq)s)
ON CONFLICT (device_id, product, chart) DO UPDATE SET
    model_id = excluded.model_id, start = excluded.start, state = excluded.state,
    begun_at = excluded.begun_at, upto_at = excluded.upto_at, upto_boot = excluded.upto_boot,
    upto_seq = excluded.upto_seq
"""


async def write_chart(conn: AsyncConnection, device_id: int, product: str, row: ChartRow) -> None:
    """Write where a chart stands."""
    parameters: dict[str, Any] = {name: getattr(row, name) for name in ChartRow.__slots__}
    for name in ("start", "state"):
        parameters[name] = None if parameters[name] is None else Jsonb(parameters[name])
    await conn.execute(_UPSERT_CHART, parameters | {"device_id": device_id, "product": product})


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """A unit that is not as it was.

    Attributes
    ----------
    moved : str
        What did, e.g. ``confidence_down``.
    cls : str
        Of fish called this class; empty: of all.
    size : float
        By how much, in the chart's own measure.
    since, opened_at : datetime
        When the change seems to have begun, and when the chart told it; by device time.
    acknowledged_by : str | None
        Label of the token.
    cleared_at : datetime | None
        When its chart was begun anew.
    """

    id: int
    device: str
    device_id: int
    product: str
    chart: str
    moved: str
    cls: str
    size: float
    since: datetime
    opened_at: datetime
    noted_at: datetime
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    answer: str
    cleared_at: datetime | None


_INSERT_ALARM = """
INSERT INTO unit_alarms (device_id, product, chart, moved, class, size, since, opened_at)
VALUES (%(device_id)s, %(product)s, %(chart)s, %(moved)s, %(cls)s, %(size)s, %(since)s, %(opened_at)s)
ON CONFLICT (device_id, product, chart, moved, class, opened_at) DO NOTHING
"""


async def add_alarm(conn: AsyncConnection, device_id: int, product: str, row: Mapping[str, Any]) -> None:
    """Add an alarm: chart, moved, cls, size, since, opened_at; the same one again changes nothing."""
    await conn.execute(_INSERT_ALARM, dict(row) | {"device_id": device_id, "product": product})


_ALARMS = """
SELECT a.id, d.name AS device, a.device_id, a.product, a.chart, a.moved, a.class AS cls, a.size, a.since,
       a.opened_at, a.noted_at, a.acknowledged_at,
       t.label AS acknowledged_by, a.answer, a.cleared_at
FROM unit_alarms a JOIN devices d ON d.id = a.device_id JOIN labs ON labs.id = d.lab_id
LEFT JOIN tokens t ON t.id = a.acknowledged_by
WHERE (%(lab)s::text IS NULL OR labs.slug = %(lab)s)
"""
_SELECT_ALARM = _ALARMS + "AND a.id = %(id)s"


async def get_alarm(conn: AsyncConnection, alarm_id: int, lab: str | None = None) -> Alarm:
    """Find an alarm by its number; with `lab`, only among that lab's.

    Raises
    ------
    StoreMissing
        There is none, or it is another lab's.
    """
    alarm = await fetch_one(conn, Alarm, _SELECT_ALARM, {"id": alarm_id, "lab": lab})
    if alarm is None:
        raise StoreMissing("alarm", str(alarm_id))
    return alarm


_SELECT_ALARMS = (
    _ALARMS
    + """
AND a.device_id = %(device_id)s AND (%(product)s::text IS NULL OR a.product = %(product)s)
ORDER BY a.cleared_at IS NOT NULL, a.id DESC
LIMIT %(limit)s
"""
)


async def list_alarms(
    conn: AsyncConnection, device_id: int, *, product: str | None = None, limit: int = 100
) -> list[Alarm]:
    """List a unit's alarms: those that stand first, then by their number, the newest first."""
    parameters = {"lab": None, "device_id": device_id, "product": product, "limit": limit}
    return await fetch_all(conn, Alarm, _SELECT_ALARMS, parameters)


_ACKNOWLEDGE = """
UPDATE unit_alarms SET acknowledged_at = COALESCE(acknowledged_at, clock_timestamp()),
    acknowledged_by = COALESCE(acknowledged_by, %s), answer = %s
WHERE id = %s
"""


async def acknowledge_alarm(
    conn: AsyncConnection, alarm_id: int, *, answer: str, by: int | None = None, lab: str | None = None
) -> Alarm:
    """Note that a person saw an alarm, and what they say of it.

    Raises
    ------
    StoreMissing
        There is none, or it is another lab's.
    """
    await get_alarm(conn, alarm_id, lab)
    await conn.execute(_ACKNOWLEDGE, [by, answer, alarm_id])
    return await get_alarm(conn, alarm_id)


_CLEAR = """
UPDATE unit_alarms SET cleared_at = clock_timestamp()
WHERE device_id = %s AND product = %s AND chart = %s AND cleared_at IS NULL
"""
_BEGIN_ANEW = """
UPDATE unit_charts SET start = NULL, state = NULL, begun_at = clock_timestamp(), upto_at = NULL,
    upto_boot = NULL, upto_seq = NULL
WHERE device_id = %s AND product = %s AND chart = %s
"""


async def clear_alarms(conn: AsyncConnection, device_id: int, product: str, chart: str) -> None:
    """Say that a chart's alarms no longer stand."""
    await conn.execute(_CLEAR, [device_id, product, chart])


async def begin_anew(conn: AsyncConnection, device_id: int, product: str, chart: str) -> None:
    """Forget a chart: it learns what is usual from the fish that come now, and its alarms no longer stand."""
    await conn.execute(_BEGIN_ANEW, [device_id, product, chart])
    await clear_alarms(conn, device_id, product, chart)
