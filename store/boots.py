"""Which sequence numbers of a device's boot are safe: in the database or in quarantine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg import AsyncConnection


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class BootNews:
    """What a batch learnt of one boot of one device.

    Attributes
    ----------
    ranges : tuple[tuple[int, int], ...]
        Sequence numbers now safe, first and last of each run.
    oldest : int
        Lowest number that the device still holds; what is below and not safe is given up. 0: not said.
    """

    device_id: int
    boot: str
    ranges: tuple[tuple[int, int], ...] = ()
    oldest: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Committed:
    """Everything of a boot up to `seq` is safe or given up; 0: not even the first."""

    device_id: int
    boot: str
    seq: int


MOST_RUNS: Final = 10_000
"""A boot with more gaps learns nothing new until some are filled, so that a device sending numbers at random
cannot grow its row without end. What is not noted is sent again, and absorbed."""

_ADD_SEQS = """
INSERT INTO device_boots AS b (device_id, boot, seqs, given_up)
SELECT device_id, boot, seqs::int8multirange,
       CASE WHEN oldest > 1 THEN int8multirange(int8range(1, oldest)) ELSE '{}' END
           - seqs::int8multirange
FROM unnest(%s::int4[], %s::text[], %s::text[], %s::int8[]) AS came (device_id, boot, seqs, oldest)
ORDER BY device_id, boot
ON CONFLICT (device_id, boot) DO UPDATE SET
    (seqs, given_up) = (
        SELECT safe, (b.given_up + excluded.given_up) - safe
        FROM (SELECT b.seqs + excluded.seqs AS merged) AS new,
             LATERAL (SELECT CASE WHEN (SELECT count(*) FROM unnest(merged)) <= %s
                                  THEN merged ELSE b.seqs END AS safe) AS kept
    ),
    last_at = now()
RETURNING device_id, boot, COALESCE((
    SELECT upper(run) - 1 FROM unnest(seqs + given_up) AS run WHERE lower(run) <= 1
), 0) AS seq
"""


async def add_seqs(conn: AsyncConnection, news: Sequence[BootNews]) -> list[Committed]:
    """Note sequence numbers and tell how far each boot is safe without a gap.

    Parameters
    ----------
    news : Sequence[BootNews]
        Each (device, boot) once.
    """
    if not news:
        return []
    ordered = sorted(news)
    columns = (
        [item.device_id for item in ordered],
        [item.boot for item in ordered],
        [_multirange(item.ranges) for item in ordered],
        [item.oldest for item in ordered],
    )
    cursor = await conn.execute(_ADD_SEQS, (*columns, MOST_RUNS))
    return [
        Committed(device_id=device_id, boot=boot, seq=seq) for device_id, boot, seq in await cursor.fetchall()
    ]


def _multirange(ranges: tuple[tuple[int, int], ...]) -> str:
    """Write PostgreSQL's text of a multirange."""
    return "{" + ",".join(f"[{first},{last}]" for first, last in ranges) + "}"
