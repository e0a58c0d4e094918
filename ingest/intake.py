"""Deliveries into chunks: the quick way for what is as usual, the exact way for the rest."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from ingest.chunk import Chunk
from ingest.examine import Odd, examine
from ingest.seldom import Seldom
from ingest.tape import Tape, record
from ingest.validate import lay_flat

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator, Sequence

    from ingest.link import Delivery
    from ingest.registry import Registry

AT_ONCE: Final = 250
"""Messages read before other tasks get their turn: a few milliseconds."""
BYTES_AT_ONCE: Final = 256 * 1024
"""The same by size: large messages must not make a batch that takes the database minutes."""

_log = logging.getLogger(__name__)
_log.addFilter(Seldom())


async def take_in(registry: Registry, delivery: Delivery, largest: int) -> AsyncGenerator[Chunk, None]:
    """Read a delivery, slice by slice.

    Parameters
    ----------
    largest : int
        Size in bytes of the largest payload that is decoded.
    """
    for numbers in cut(delivery.payloads):
        chunk, odd = sift(registry, delivery, numbers, largest)
        if odd:
            messages = [
                Odd(
                    number=n,
                    topic=delivery.topics[n],
                    payload=delivery.payloads[n],
                    retained=delivery.retained[n],
                )
                for n in odd
            ]
            await examine(registry, chunk, messages, largest)
        yield chunk
        await asyncio.sleep(0)


def cut(payloads: Sequence[bytes]) -> Iterator[range]:
    """Cut messages into slices of at most `AT_ONCE` messages and `BYTES_AT_ONCE` bytes, or one message."""
    start = size = 0
    for number, payload in enumerate(payloads):
        size += len(payload)
        if number > start and (number - start == AT_ONCE or size > BYTES_AT_ONCE):
            yield range(start, number)
            start, size = number, len(payload)
    if start < len(payloads):
        yield range(start, len(payloads))


def sift(registry: Registry, delivery: Delivery, numbers: range, largest: int) -> tuple[Chunk, list[int]]:
    """Read the usual messages of a slice; the numbers of the others are given back."""
    chunk = Chunk(source=delivery, received_us=delivery.received_us)
    try:
        tape = record(delivery.topics, delivery.payloads, numbers, registry.by_topic, largest)
        columns = lay_flat(tape, delivery.received_us)
    except Exception:  # noqa: BLE001  the exact way finds out which message it was
        _log.exception("a slice of %d messages could not be read the quick way", len(numbers))
        return chunk, list(numbers)
    _put(chunk, tape)
    if len(columns):
        chunk.parts.append(columns)
    return chunk, sorted(tape.odd)


def _put(chunk: Chunk, tape: Tape) -> None:
    chunk.devices = tape.devices
    chunk.seqs = [(device, boot, seq) for _, device, boot, seq in tape.seqs]
