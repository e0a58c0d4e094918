"""A unit's course: fish, scores, coupling, latency and misplaced fish by ten minutes of device time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from store.arrays import float8_array, int2_array, int4_array, int8_array, timestamptz_array
from store.query import fetch_all

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from psycopg import AsyncConnection

    from store.sort_rows import Placed

SPAN_US: Final = 600 * 1_000_000

_ADD_SPANS = """
INSERT INTO unit_spans AS u (device_id, begin_at, model_id, class, product, fish, score_sum, score_sq,
                             coupling_n, coupling_sum, latency_n, latency_sum, misplaced, placed)
SELECT * FROM unnest(%s, %s, %s, %s, %s::text[], %s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (device_id, begin_at, model_id, class, product) DO UPDATE SET
    fish = u.fish + excluded.fish,
    score_sum = u.score_sum + excluded.score_sum,
    score_sq = u.score_sq + excluded.score_sq,
    coupling_n = u.coupling_n + excluded.coupling_n,
    coupling_sum = u.coupling_sum + excluded.coupling_sum,
    latency_n = u.latency_n + excluded.latency_n,
    latency_sum = u.latency_sum + excluded.latency_sum,
    misplaced = u.misplaced + excluded.misplaced,
    placed = u.placed + excluded.placed
"""


async def add_spans(conn: AsyncConnection, rows: Sequence[Placed]) -> None:
    """Add fish to their units' course."""
    sums: dict[tuple[int, int, int, int, str], list[float]] = {}
    for row in rows:
        event = row.event
        key = (event.device_id, event.at // SPAN_US * SPAN_US, row.model_id, event.cls, event.product)
        score = event.probabilities[event.cls]
        values = (1, score, score * score, *_once(event.coupling), *_once(event.latency_ms))
        added = (*values, event.placing == 1, event.placing >= 0)
        mine = sums.setdefault(key, [0.0] * len(added))
        for n, value in enumerate(added):
            mine[n] += value
    keys = sorted(sums)
    column: Any = np.array([sums[key] for key in keys]).T
    await conn.execute(
        _ADD_SPANS,
        (
            int4_array(np.array([key[0] for key in keys])),
            timestamptz_array(np.array([key[1] for key in keys], np.int64)),
            int4_array(np.array([key[2] for key in keys])),
            int2_array(np.array([key[3] for key in keys])),
            [key[4] for key in keys],
            int8_array(column[0]),
            float8_array(column[1]),
            float8_array(column[2]),
            int8_array(column[3]),
            float8_array(column[4]),
            int8_array(column[5]),
            float8_array(column[6]),
            int8_array(column[7]),
            int8_array(column[8]),
        ),
    )


def _once(value: float | None) -> tuple[float, float]:
    """Give number and sum of a value that may be missing."""
    return (0.0, 0.0) if value is None else (1.0, value)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitSpan:
    """Ten minutes of a unit, model and class.

    Attributes
    ----------
    begin_at : datetime
    cls : int
        What the classifier said.
    score_sum, score_sq : float
        Of the probabilities of that class.
    misplaced, placed : int
        Fish confirmed in another bin than commanded, among those of which both bins are known.
    """

    begin_at: datetime
    model_id: int
    model: str
    calibration: str
    cls: int
    product: str
    fish: int
    score_sum: float
    score_sq: float
    coupling_n: int
    coupling_sum: float
    latency_n: int
    latency_sum: float
    misplaced: int
    placed: int


_SELECT_SPANS = """
SELECT u.begin_at, u.model_id, m.model, m.calibration, u.class AS cls, u.product, u.fish, u.score_sum,
       u.score_sq, u.coupling_n, u.coupling_sum, u.latency_n, u.latency_sum, u.misplaced, u.placed
FROM unit_spans u JOIN sort_models m ON m.id = u.model_id
WHERE u.device_id = %s AND u.begin_at >= %s AND u.begin_at < %s
ORDER BY u.begin_at, u.model_id, u.class
"""


async def read_unit_spans(
    conn: AsyncConnection, device_id: int, begin: datetime, end: datetime
) -> list[UnitSpan]:
    """Read the spans that begin in a time, by time; spans without fish are left out."""
    return await fetch_all(conn, UnitSpan, _SELECT_SPANS, [device_id, begin, end])
