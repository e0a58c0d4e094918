"""The exact way: one message at a time, with a good reason for whatever is rejected."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

import numpy as np

from ingest.channels import Channels
from ingest.chunk import Chunk, Columns, Sent
from ingest.codecs import Undecodable, decode
from ingest.patience import Turn, persist
from ingest.samples import Contents, Reading, reject_all, walk
from ingest.seldom import Seldom
from ingest.shown import clean
from ingest.sort_frames import FRAME_BYTES
from ingest.sort_messages import walk_sorting
from ingest.statuses import take_status
from ingest.topics import FRAMES, READINGS, SORTING, STATUS, parse_topic

if TYPE_CHECKING:
    from collections.abc import Callable

    from ingest.registry import Registry, Sender

LARGE_BYTES: Final = 8192
"""Size of a message from which it may hold thousands of readings, which take milliseconds."""

Result = TypeVar("Result")
_log = logging.getLogger(__name__)
_log.addFilter(Seldom())


@dataclass(frozen=True, slots=True, kw_only=True)
class Odd:
    """A message to be examined."""

    number: int
    topic: str
    payload: bytes
    retained: bool = False


@dataclass(frozen=True, slots=True)
class Findings:
    """What an odd message came to; `slots` by key of ``contents.readings``."""

    device_id: int
    contents: Contents
    slots: dict[str, int]

    def fill(self, chunk: Chunk, odd: Odd) -> None:
        """Put them into a chunk."""
        chunk.devices.append(self.device_id)
        if self.contents.readings:
            chunk.parts.append(_to_columns(odd.number, self.contents.readings, self.slots))
        chunk.items.extend(Sent(odd.number, index, item) for index, item in self.contents.items)
        if self.device_id:
            chunk.seqs.extend((self.device_id, boot, seq) for boot, seq in self.contents.seqs)
        for rejection in self.contents.rejections.values():
            if rejection.indices is not None:
                rejection.indices.sort()
            chunk.rejections.append((odd.number, self.device_id, rejection))


async def examine(registry: Registry, chunk: Chunk, messages: list[Odd], largest: int) -> None:
    """Examine messages and put what they hold into the chunk.

    Devices and channels that are not known are asked of the database first, so that one which was added a
    moment ago is found.
    """
    await _meet_senders(registry, messages)
    found = await find_out(registry, chunk, messages, largest)
    for odd, findings in zip(messages, found, strict=True):
        findings.fill(chunk, odd)


async def _meet_senders(registry: Registry, messages: list[Odd]) -> None:
    """Read the senders that are unknown or not welcome again, all at once."""
    names = {parse_topic(odd.topic).device for odd in messages}
    strange = {name for name in names if name and not _is_welcome(registry.by_name.get(name))}
    if strange:
        # A name with a NUL byte is no query's parameter, and no device's name.
        asked = [name for name in strange if name.isprintable()]
        await persist(lambda: registry.find(asked), "look for devices")


def _is_welcome(sender: Sender | None) -> bool:
    return sender is not None and not sender.revoked and sender.kind is not None


async def find_out(registry: Registry, chunk: Chunk, messages: list[Odd], largest: int) -> list[Findings]:
    """Find out what messages hold; a fault of ours rejects the message and nothing else."""
    channels, turn = Channels(registry), Turn()
    looks = []
    for odd in messages:
        looks.append(await _look(registry, channels, chunk, odd, largest))
        await turn.end()
    await channels.open()
    found = []
    for odd, sender, contents in looks:
        found.append(await _place(channels, odd, sender, contents))
        await turn.end()
    return found


async def _look(
    registry: Registry, channels: Channels, chunk: Chunk, odd: Odd, largest: int
) -> tuple[Odd, Sender | None, Contents]:
    sender = registry.by_name.get(parse_topic(odd.topic).device)

    def read() -> Contents:
        contents = _read(chunk, sender, odd, largest)
        if sender is not None:
            channels.want(sender, contents)
        return contents

    try:
        return odd, sender, await _apart(len(odd.payload), read)
    except Exception as error:  # noqa: BLE001  one message must never stop the line
        return odd, sender, _blame_us(odd, error)


async def _place(channels: Channels, odd: Odd, sender: Sender | None, contents: Contents) -> Findings:
    if sender is None:
        return Findings(0, contents, {})
    try:
        slots = await _apart(len(odd.payload), partial(channels.place, sender, contents))
    except Exception as error:  # noqa: BLE001
        return Findings(sender.id, _blame_us(odd, error), {})
    return Findings(sender.id, contents, slots)


async def _apart(size: int, work: Callable[[], Result]) -> Result:
    """Do the work of a large message beside the loop, that of others at once."""
    return await asyncio.to_thread(work) if size > LARGE_BYTES else work()


def _blame_us(odd: Odd, error: Exception) -> Contents:
    _log.error("a message on %s could not be examined", clean(odd.topic), exc_info=error)
    return reject_all("internal", f"{type(error).__name__}: {clean(str(error), 200)}")


def _read(chunk: Chunk, sender: Sender | None, odd: Odd, largest: int) -> Contents:
    topic = parse_topic(odd.topic)
    refusal = _refuse(topic.device, topic.kind, sender)
    if refusal is not None:
        return refusal
    assert sender is not None
    most = max(largest, FRAME_BYTES) if topic.kind == FRAMES else largest
    if len(odd.payload) > most:
        return reject_all("oversized", f"the message has {len(odd.payload)} bytes; at most {most} are taken")
    if topic.kind == STATUS:
        return take_status(chunk, sender.id, odd.payload, retained=odd.retained)
    message = decode(odd.payload)
    if isinstance(message, Undecodable):
        return reject_all(message.reason, message.detail)
    if topic.kind in SORTING:
        return walk_sorting(topic.kind, sender, message, chunk.received_us)
    return walk(message, chunk.received_us)


def _refuse(device: str, kind: str, sender: Sender | None) -> Contents | None:
    """Say why nothing can be taken from this topic, or None."""
    if not device or not kind:
        return reject_all("bad_topic", "the topic is not chiiki/v1/DEVICE/up/readings, nor another of ours")
    if sender is None:
        return reject_all("unknown_device", f"there is no device {clean(device)!r}")
    if sender.revoked:
        return reject_all("device_revoked", f"{sender.name} was revoked")
    if sender.kind is None:
        return reject_all(
            "unknown_kind", f"{sender.name} is of the kind {sender.kind_name!r}, which has no file"
        )
    assert kind in {READINGS, STATUS} | SORTING
    return None


def _to_columns(number: int, readings: list[Reading], slots: dict[str, int]) -> Columns:
    """Make each reading a record of its own."""
    return Columns(
        slot=np.array([slots[reading.key] for reading in readings], np.int32),
        at=np.array([reading.at_us for reading in readings], np.int64),
        value=np.array([reading.value for reading in readings], np.float64),
        owner=np.full(len(readings), number, np.int64),
        first=np.array([reading.index for reading in readings], np.int64),
        count=np.ones(len(readings), np.int64),
    )
