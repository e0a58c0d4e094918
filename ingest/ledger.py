"""Counting: received = committed + duplicate + conflicting + quarantined, per device and hour."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from ingest.batch import HOUR_US
from store.ledger import NO_DELAY, Entries
from store.readings import Fate
from store.sort_rows import SortEvent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ingest.batch import Sheet
    from store.verdicts import Verdict


def tally(
    sheet: Sheet, fate: NDArray[np.int8], verdicts: Sequence[Verdict] = (), *, live: bool = True
) -> Entries:
    """Count what became of the readings, items and rejected messages of a sheet.

    Parameters
    ----------
    fate : int8[n]
        `store.readings.Fate` of each reading, as `Sheet.spread` gives it.
    verdicts : Sequence[Verdict]
        Of each item.
    live : bool
        Whether the delay between device time and receipt says something about the device's clock.
    """
    of_message = np.fromiter(chain.from_iterable(chunk.devices for chunk in sheet.chunks), np.int32)
    devices, message = np.unique(of_message, return_inverse=True)
    width = len(devices)
    reading = np.searchsorted(devices, sheet.device)
    items = np.searchsorted(devices, np.array([sent.item.device_id for _, sent in sheet.items], np.int32))
    of_items = items * len(Fate) + np.array([verdict.fate for verdict in verdicts], np.intp)
    places = np.concatenate((reading * len(Fate) + fate, of_items))
    outcome = np.bincount(places, minlength=width * len(Fate)).reshape(width, len(Fate))
    counted = outcome[:, [Fate.COMMITTED, Fate.DUPLICATE, Fate.CONFLICTING]]
    quarantined = outcome[:, Fate.REFUSED] + _count_rejections(sheet, devices)
    return Entries(
        device=devices,
        hour=np.full(width, sheet.chunks[0].received_us // HOUR_US * HOUR_US, np.int64),
        messages=np.bincount(message, minlength=width),
        received=counted.sum(axis=1) + quarantined,
        committed=counted[:, 0],
        duplicate=counted[:, 1],
        conflicting=counted[:, 2],
        quarantined=quarantined,
        min_delay_ms=_least_delays(sheet, reading, items, width) if live else np.full(width, NO_DELAY),
    )


def _count_rejections(sheet: Sheet, devices: NDArray[np.int32]) -> NDArray[np.int64]:
    """Count each device's readings that never came to the sheet."""
    rejected = [(device, item.readings) for chunk in sheet.chunks for _, device, item in chunk.rejections]
    counts = np.zeros(len(devices), np.int64)
    if rejected:
        device, readings = np.array(rejected).T
        np.add.at(counts, np.searchsorted(devices, device), readings)
    return counts


def _least_delays(
    sheet: Sheet, device: NDArray[np.intp], device_of_item: NDArray[np.intp], width: int
) -> NDArray[np.int64]:
    """Give each device's least receipt minus device time, in ms; what people write comes later."""
    delays = np.full(width, NO_DELAY)
    delay_ms = (sheet.rows.received - sheet.rows.at)[sheet.row] // 1000
    np.minimum.at(delays, device, delay_ms)
    for place, (_, sent) in zip(device_of_item.tolist(), sheet.items, strict=True):
        if isinstance(sent.item, SortEvent):
            delays[place] = min(delays[place], (sent.item.received - sent.item.at) // 1000)
    return delays
