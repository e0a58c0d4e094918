"""What could not be stored, made ready to be kept raw."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

from ingest.batch import HOUR_US
from ingest.moments import from_us
from ingest.samples import Rejection
from ingest.shown import clean
from store.quarantine import Refusal
from store.readings import Fate

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from ingest.batch import Sheet
    from ingest.chunk import Chunk
    from store.readings import Fates
    from store.verdicts import Verdict

SHOWN = 5
"""Conflicts of one message that are told one by one."""

LONGEST_DETAIL = 1000

LONGEST_TOPIC = 65_535
"""MQTT's own limit, in bytes."""


def digest_of(topic: str, payload: bytes, reason: str, rejected: list[int] | None) -> bytes:
    """Give SHA-256 of what makes two refusals the same: topic, payload, reason and rejected readings."""
    digest = hashlib.sha256(payload)
    digest.update(f"\0{len(payload)}\0{topic}\0{reason}\0{rejected}".encode("utf-8", "replace"))
    return digest.digest()


def refuse(chunk: Chunk, number: int, device_id: int, rejection: Rejection) -> Refusal:
    """Make a refusal of what was rejected of one message of a chunk."""
    reason, rejected = rejection.reason, rejection.indices
    topic, payload = chunk.source.topics[number], bytes(chunk.source.payloads[number])
    return Refusal(
        digest=digest_of(topic, payload, reason, rejected),
        device_id=device_id,
        topic=clean(topic, LONGEST_TOPIC),
        payload=payload,
        reason=reason,
        detail=clean(rejection.detail, LONGEST_DETAIL),
        rejected=rejected,
        readings=rejection.readings,
        received_at=from_us(chunk.received_us),
        hour=from_us(chunk.received_us // HOUR_US * HOUR_US),
        origin=chunk.origin,
    )


def collect(
    sheet: Sheet, fates: Fates, fate: NDArray[np.int8], verdicts: Sequence[Verdict] = ()
) -> list[Refusal]:
    """Collect all that a sheet leaves to quarantine; a message that came twice is one refusal, seen twice.

    They come in the order of their digests, in which all writers lock them.
    """
    rejected = (
        refuse(chunk, number, device, item)
        for chunk in sheet.chunks
        for number, device, item in chunk.rejections
    )
    found: dict[bytes, Refusal] = {}
    _gather(found, rejected)
    if (fate >= Fate.CONFLICTING).any():
        _gather(found, _conflicts(sheet, fates, fate))
        _gather(found, _refused(sheet, fates, fate))
    _gather(found, _items(sheet, verdicts))
    return sorted(found.values(), key=lambda refusal: refusal.digest)


def _gather(found: dict[bytes, Refusal], refusals: Iterable[Refusal]) -> None:
    for refusal in refusals:
        known = found.setdefault(refusal.digest, refusal)
        if known is not refusal:
            known.sightings += refusal.sightings


def _conflicts(sheet: Sheet, fates: Fates, fate: NDArray[np.int8]) -> Iterable[Refusal]:
    places = np.flatnonzero(fate == Fate.CONFLICTING)
    stored = fates.stored[sheet.row[places]].tolist()
    came, at = sheet.value[places].tolist(), sheet.rows.at[sheet.row[places]].tolist()
    told = [
        f"{from_us(when):%Y-%m-%dT%H:%M:%S.%fZ} stored {old!r}, came {new!r}"
        for when, old, new in zip(at, stored, came, strict=True)
    ]
    return _by_message(sheet, places, told, "conflicting")


def _refused(sheet: Sheet, fates: Fates, fate: NDArray[np.int8]) -> Iterable[Refusal]:
    places = np.flatnonzero(fate == Fate.REFUSED)
    told = [clean(fates.refusals[row], 300) for row in sheet.row[places].tolist()]
    return _by_message(sheet, places, told, "database_refused")


def _items(sheet: Sheet, verdicts: Sequence[Verdict]) -> Iterable[Refusal]:
    """Make one refusal of the items of each message and reason."""
    found: dict[tuple[int, int, str], tuple[Chunk, int, list[tuple[int, str]]]] = {}
    for (chunk, sent), verdict in zip(sheet.items, verdicts, strict=True):
        if verdict.reason:
            key = (id(chunk), sent.number, verdict.reason)
            mine = found.setdefault(key, (chunk, sent.item.device_id, []))
            mine[2].append((sent.index, clean(verdict.detail, 300)))
    for (_, number, reason), (chunk, device_id, told) in found.items():
        yield refuse(chunk, number, device_id, _reject(reason, told))


def _reject(reason: str, told: list[tuple[int, str]]) -> Rejection:
    """Put what is told of single readings into one rejection."""
    told.sort()
    detail = "; ".join(dict.fromkeys(text for _, text in told[:SHOWN]))
    more = f"; and {len(told) - SHOWN} more" if len(told) > SHOWN else ""
    return Rejection(reason, detail + more, [index for index, _ in told])


def _by_message(sheet: Sheet, places: NDArray[np.intp], told: list[str], reason: str) -> Iterable[Refusal]:
    """Make one refusal of the readings of each message."""
    messages: dict[tuple[int, int], tuple[Chunk, int, list[tuple[int, str]]]] = {}
    device: dict[tuple[int, int], int] = {}
    for place, text, (chunk, number, index) in zip(places.tolist(), told, sheet.locate(places), strict=True):
        key = (id(chunk), number)
        messages.setdefault(key, (chunk, number, []))[2].append((index, text))
        device[key] = int(sheet.device[place])
    for key, (chunk, number, readings) in messages.items():
        yield refuse(chunk, number, device[key], _reject(reason, readings))
