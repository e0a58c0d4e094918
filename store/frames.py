"""Images of single fish, apart from the events that name them by their hash.

In the database and not in files: they are committed with their acknowledgement, and a backup or a replica has
them. They are kept until `drop_frames`; those of fish that were checked by hand stay.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from store.arrays import timestamptz_array
from store.errors import StoreMissing
from store.query import fetch_all, fetch_one
from store.readings import Fate
from store.verdicts import COMMITTED, CONFLICTING, DUPLICATE, Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from psycopg import AsyncConnection


@dataclass(slots=True, kw_only=True)
class FrameSent:
    """An image as a unit sent it, checked.

    Attributes
    ----------
    at, received : int
        µs since 1970.
    sha256 : bytes
        Of `data`.
    format : str
        ``png``, or ``zlib`` (the pixels, row by row).
    header : str
        JSON.
    digest : int
        Of format and header, 64 bits.
    """

    device_id: int
    at: int
    received: int
    sha256: bytes
    format: str
    header: str
    data: bytes
    digest: int


_SELECT_KNOWN = """
SELECT f.device_id, f.sha256, came.n - 1, f.digest
FROM unnest(%s::int4[], %s::bytea[], %s) WITH ORDINALITY AS came (device_id, sha256, at, n)
JOIN frames f USING (device_id, sha256, at)
"""
_INSERT_BYTES = """
INSERT INTO frame_bytes (sha256, data)
SELECT * FROM unnest(%s::bytea[], %s::bytea[]) AS came (sha256, data) ORDER BY 1
ON CONFLICT (sha256) DO NOTHING
"""
_INSERT_FRAMES = """
INSERT INTO frames (device_id, sha256, at, received_at, format, header, size_bytes, digest)
SELECT * FROM unnest(%s::int4[], %s::bytea[], %s, %s, %s::text[], %s::jsonb[], %s::int4[], %s::int8[])
"""


async def add_frames(conn: AsyncConnection, frames: Sequence[FrameSent]) -> list[Verdict]:
    """Store images that are new: once for a unit, hash and time; their bytes once for all."""
    if not frames:
        return []
    keys = [(frame.device_id, frame.sha256, frame.at) for frame in frames]
    stored = await _known(conn, frames)
    verdicts, fresh = [], []
    for frame, key in zip(frames, keys, strict=True):
        known = stored.get(key)
        if known is None:
            stored[key] = frame.digest
            fresh.append(frame)
        verdicts.append(_judge(frame, known))
    if fresh:
        await conn.execute(_INSERT_BYTES, ([f.sha256 for f in fresh], [f.data for f in fresh]))
        await conn.execute(_INSERT_FRAMES, _columns(fresh))
    return verdicts


async def _known(conn: AsyncConnection, frames: Sequence[FrameSent]) -> dict[tuple[int, bytes, int], int]:
    at = timestamptz_array(np.array([frame.at for frame in frames], np.int64))
    columns = ([frame.device_id for frame in frames], [frame.sha256 for frame in frames], at)
    cursor = await conn.execute(_SELECT_KNOWN, columns)
    return {
        (device_id, sha256, frames[place].at): digest
        for device_id, sha256, place, digest in await cursor.fetchall()
    }


def _judge(frame: FrameSent, known: int | None) -> Verdict:
    if known is None:
        return COMMITTED
    if known == frame.digest:
        return DUPLICATE
    return Verdict(Fate.CONFLICTING, CONFLICTING, f"frame {frame.sha256.hex()} is stored with another header")


def _columns(frames: Sequence[FrameSent]) -> tuple[Any, ...]:
    return (
        [frame.device_id for frame in frames],
        [frame.sha256 for frame in frames],
        timestamptz_array(np.array([frame.at for frame in frames], np.int64)),
        timestamptz_array(np.array([frame.received for frame in frames], np.int64)),
        [frame.format for frame in frames],
        [frame.header for frame in frames],
        [len(frame.data) for frame in frames],
        [frame.digest for frame in frames],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """An image without its bytes.

    Attributes
    ----------
    sha256 : str
        Hexadecimal.
    header : dict
        As the unit sent it: dtype, shape, mm_per_px, …
    dropped_at : datetime | None
        When its bytes were dropped.
    """

    device: str
    sha256: str
    at: datetime
    received_at: datetime
    format: str
    header: dict[str, Any]
    size_bytes: int
    dropped_at: datetime | None


_FRAMES = """
SELECT d.name AS device, encode(f.sha256, 'hex') AS sha256, f.at, f.received_at, f.format, f.header,
       f.size_bytes, f.dropped_at
FROM frames f JOIN devices d ON d.id = f.device_id JOIN labs ON labs.id = d.lab_id
WHERE (%(lab)s::text IS NULL OR labs.slug = %(lab)s)
"""
_SELECT_FRAME = _FRAMES + "AND f.sha256 = decode(%(sha256)s, 'hex') ORDER BY f.id LIMIT 1"


async def get_frame(conn: AsyncConnection, sha256: str, lab: str | None = None) -> Frame:
    """Find an image by its hash (64 hexadecimal digits).

    Raises
    ------
    StoreMissing
        There is none, or it is another lab's.
    """
    found = None
    if is_hash(sha256):
        found = await fetch_one(conn, Frame, _SELECT_FRAME, {"sha256": sha256, "lab": lab})
    if found is None:
        raise StoreMissing("frame", sha256)
    return found


def is_hash(text: str) -> bool:
    """Tell whether a text is a SHA-256 in hexadecimal digits."""
    return len(text) == 64 and set(text.lower()) <= set("0123456789abcdef")  # noqa: PLR2004


_SELECT_BYTES = "SELECT data FROM frame_bytes WHERE sha256 = decode(%s, 'hex')"


async def read_frame(conn: AsyncConnection, sha256: str, lab: str | None = None) -> bytes:
    """Read the bytes of an image.

    Raises
    ------
    StoreMissing
        There is none, it is another lab's, or it was dropped.
    """
    await get_frame(conn, sha256, lab)
    async with conn.cursor(binary=True) as cursor:
        await cursor.execute(_SELECT_BYTES, [sha256])
        row = await cursor.fetchone()
    if row is None:
        raise StoreMissing("frame", sha256)
    return bytes(row[0])


_SELECT_FRAMES = (
    _FRAMES
    + """
AND d.name = %(device)s AND (%(before)s::timestamptz IS NULL OR f.received_at < %(before)s)
ORDER BY f.received_at DESC, f.id DESC
LIMIT %(limit)s
"""
)


async def list_frames(
    conn: AsyncConnection,
    device: str,
    *,
    lab: str | None = None,
    before: datetime | None = None,
    limit: int = 100,
) -> list[Frame]:
    """List a unit's images, the last to arrive first."""
    parameters = {"device": device, "lab": lab, "before": before, "limit": limit}
    return await fetch_all(conn, Frame, _SELECT_FRAMES, parameters)


# A hash goes when no younger frame has it, whichever unit's, and no checked fish.
_DROP_FRAMES = """
WITH old AS (
    SELECT DISTINCT f.sha256 FROM frames f
    WHERE f.dropped_at IS NULL AND f.received_at < %(older_than)s
      AND NOT EXISTS (
          SELECT FROM frames younger WHERE younger.sha256 = f.sha256 AND younger.received_at >= %(older_than)s
      )
      AND NOT EXISTS (
          SELECT FROM verifications v JOIN sort_events e
            ON e.boot_id = v.event_boot_id AND e.seq = v.event_seq AND e.at = v.event_at
          WHERE v.device_id = f.device_id AND v.withdrawn_at IS NULL AND e.frame = f.sha256
      )
    LIMIT %(limit)s
), gone AS (
    DELETE FROM frame_bytes b USING old WHERE b.sha256 = old.sha256
)
UPDATE frames f SET dropped_at = now() FROM old WHERE f.sha256 = old.sha256
RETURNING f.id
"""


async def drop_frames(conn: AsyncConnection, older_than: datetime, *, limit: int = 1000) -> int:
    """Drop the bytes of up to `limit` images that arrived before; give how many rows this touched."""
    cursor = await conn.execute(_DROP_FRAMES, {"older_than": older_than, "limit": limit})
    return len(await cursor.fetchall())
