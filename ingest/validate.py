"""From a tape to columns, and the checks that need all of them at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from devices.model import Quality
from ingest.chunk import EMPTY, Columns
from ingest.moments import AHEAD_US

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ingest.tape import Tape


def lay_flat(tape: Tape, received_us: int) -> Columns:
    """Make columns of a tape; messages with a reading that is not finite or too late go to ``tape.odd``.

    Parameters
    ----------
    received_us : int
        When the messages arrived, µs since 1970.
    """
    if not tape.layouts:
        return EMPTY
    keys = np.array([len(layout) for layout in tape.layouts])
    lengths = np.array(tape.lengths)
    repeats = np.repeat(lengths, keys)
    at_ms = np.array(tape.ats, np.int64)
    columns = Columns(
        slot=np.repeat(np.concatenate(tape.layouts), repeats),
        at=at_ms[_times_of_rows(keys, lengths, repeats)] * 1000,
        value=np.array(tape.values, np.float64),
        owner=np.array(tape.owners),
        first=_first_of_records(np.array(tape.owners), keys * lengths),
        count=keys * lengths,
    )
    latest_us = received_us + AHEAD_US
    if at_ms.max() * 1000 <= latest_us and np.isfinite(columns.value).all():
        return columns
    return _set_aside(tape, columns, ~np.isfinite(columns.value) | (columns.at > latest_us))


def _times_of_rows(
    keys: NDArray[np.int64], lengths: NDArray[np.int64], repeats: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Tell for each reading which of the tape's times is its own.

    A record has `keys` columns of `lengths` readings; all columns share the record's times.
    """
    if len(repeats) == repeats.sum():  # nothing but single samples
        return np.repeat(np.arange(len(keys)), keys)
    first_time = np.repeat(np.cumsum(lengths) - lengths, keys)
    first_row = np.cumsum(repeats) - repeats
    shift: NDArray[np.int64] = np.repeat(first_time - first_row, repeats)
    return np.arange(repeats.sum()) + shift


def _first_of_records(owners: NDArray[np.int64], count: NDArray[np.int64]) -> NDArray[np.int64]:
    """Count readings before each record within its own message."""
    before = np.cumsum(count) - count
    begins = np.ones(len(owners), np.bool_)
    begins[1:] = owners[1:] != owners[:-1]
    beginning = np.maximum.accumulate(np.where(begins, np.arange(len(owners)), 0))
    base: NDArray[np.int64] = before[beginning]
    return before - base


def _set_aside(tape: Tape, columns: Columns, bad: NDArray[np.bool_]) -> Columns:
    """Take whole messages off the tape, wherever one of their readings is bad."""
    owner_of_row = np.repeat(columns.owner, columns.count)
    odd = set(np.unique(owner_of_row[bad]).tolist())
    tape.odd.extend(sorted(odd))
    tape.seqs = [seq for seq in tape.seqs if seq[0] not in odd]
    kept = [
        (number, device)
        for number, device in zip(tape.messages, tape.devices, strict=True)
        if number not in odd
    ]
    tape.messages = [number for number, _ in kept]
    tape.devices = [device for _, device in kept]
    away = list(odd)
    rows, records = ~np.isin(owner_of_row, away), ~np.isin(columns.owner, away)
    return Columns(
        slot=columns.slot[rows],
        at=columns.at[rows],
        value=columns.value[rows],
        owner=columns.owner[records],
        first=columns.first[records],
        count=columns.count[records],
    )


def flag(slots: NDArray[Any], slot: NDArray[np.int32], value: NDArray[np.float64]) -> NDArray[np.int16]:
    """Set quality flags after QARTOD's gross range test (IOC 54:V3): they mark, they do not reject.

    Parameters
    ----------
    slots : structured array
        `ingest.registry.Registry.slots`.
    slot : int32[n]
    value : float64[n], unit of the series

    Returns
    -------
    int16[n]
        4 outside what the sensor can show, 3 outside what is usual, 2 where neither is known, else 1.
    """
    quality: NDArray[np.int16] = slots["quality"][slot]
    unusual = (value < slots["usual_low"][slot]) | (value > slots["usual_high"][slot])
    impossible = (value < slots["low"][slot]) | (value > slots["high"][slot])
    quality[unusual] = Quality.SUSPECT
    quality[impossible] = Quality.FAIL
    return quality
