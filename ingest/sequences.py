"""Sequence numbers of a batch, as runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from store.boots import BootNews

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ingest.chunk import Chunk


def gather_boots(chunks: Sequence[Chunk]) -> list[BootNews]:
    """Gather what chunks tell of each device's boots: numbers that are safe now, and questions."""
    numbers: dict[tuple[int, str], list[int]] = {}
    oldest: dict[tuple[int, str], int] = {}
    for chunk in chunks:
        for device_id, boot, seq in chunk.seqs:
            numbers.setdefault((device_id, boot), []).append(seq)
        for ask in chunk.asks:
            key = (ask.device_id, ask.boot)
            numbers.setdefault(key, [])
            oldest[key] = max(ask.oldest, oldest.get(key, 0))
    return [
        BootNews(device_id=key[0], boot=key[1], ranges=find_runs(seqs), oldest=oldest.get(key, 0))
        for key, seqs in numbers.items()
    ]


def find_runs(numbers: Iterable[int]) -> tuple[tuple[int, int], ...]:
    """Join neighbours.

    Examples
    --------
    >>> find_runs([3, 1, 2, 2, 7])
    ((1, 3), (7, 7))
    """
    runs: list[tuple[int, int]] = []
    for number in sorted(numbers):
        if runs and number <= runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
    return tuple(runs)
