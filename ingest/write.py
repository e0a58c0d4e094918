"""One batch into the database: all of it in one transaction, or none of it."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Final

import numpy as np

from ingest.batch import seal
from ingest.ledger import tally
from ingest.patience import persist
from ingest.quarantine import collect
from ingest.seldom import Seldom
from ingest.sequences import gather_boots
from store.batches import attempt, keep_replays_out, transaction
from store.boots import add_seqs
from store.errors import RowsRefused, RowsRepeated, StoreUnavailable
from store.ledger import add_entries
from store.quarantine import add_refusals
from store.readings import Fate, Fates, bisect_readings, copy_readings, merge_readings
from store.sort_batch import add_items
from store.stale_days import note_late
from store.status import StatusNews, put_status

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ingest.batch import Sheet
    from ingest.chunk import Chunk
    from ingest.registry import Registry
    from store.boots import Committed
    from store.ledger import Entries
    from store.pool import AsyncConnection, AsyncConnectionPool
    from store.verdicts import Verdict

SUSPECT_S: Final = 30.0
"""For so long after a duplicate a device's readings are merged: it is likely to be sending more of them."""

REFUSALS_AT_ONCE: Final = 250
"""Messages put into quarantine before other tasks get their turn: some ten milliseconds."""

_log = logging.getLogger(__name__)
for _name in (__name__, attempt.__module__):
    logging.getLogger(_name).addFilter(Seldom())


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What became of a batch that is committed.

    Attributes
    ----------
    counts : int64[4], readings and items by `Fate`; those refused are among the quarantined
    quarantined : int
        Readings kept in quarantine, those that the database refused among them.
    """

    sheet: Sheet
    fate: NDArray[np.int8]
    counts: NDArray[np.int64]
    messages: int
    quarantined: int
    committed: list[Committed]


@dataclass(slots=True)
class Suspects:
    """Devices that sent duplicates lately: for their readings COPY would be in vain."""

    until_s: dict[int, float] = field(default_factory=dict)

    def note(self, sheet: Sheet, fate: NDArray[np.int8]) -> None:
        """Suspect the devices of duplicates and conflicts."""
        old = (fate == Fate.DUPLICATE) | (fate == Fate.CONFLICTING)
        if old.any():
            until_s = time.monotonic() + SUSPECT_S
            self.until_s.update(dict.fromkeys(np.unique(sheet.device[old]).tolist(), until_s))

    def among(self, sheet: Sheet) -> NDArray[np.bool_]:
        """Tell which rows are of suspected devices."""
        now_s = time.monotonic()
        self.until_s = {device: until_s for device, until_s in self.until_s.items() if until_s > now_s}
        if not self.until_s:
            return np.zeros(len(sheet.rows), np.bool_)
        suspected = np.isin(sheet.device, list(self.until_s))
        if not sheet.repeats:
            return suspected
        of_row = np.zeros(len(sheet.rows), np.bool_)
        of_row[sheet.row] = suspected
        return of_row


class Scribe:
    """Writes batches; knows the quick way and when it is in vain."""

    def __init__(self, pool: AsyncConnectionPool, registry: Registry) -> None:
        self._pool = pool
        self._registry = registry
        self._suspects = Suspects()

    def seal(self, chunks: Sequence[Chunk]) -> Sheet:
        """Make chunks ready to be written."""
        return seal(chunks, self._registry.slots)

    async def write(self, sheet: Sheet, *, live: bool = True) -> Written:
        """Commit a sheet, however long the database is away.

        COPY first; where a reading is there already, merge; where the database refuses something, find out
        what.
        """
        suspected = self._suspects.among(sheet)
        try:
            written = await persist(lambda: self._try(sheet, suspected, live=live), "write a batch")
        except (RowsRepeated, RowsRefused) as error:
            written = await self._merge(sheet, error, live=live)
        self._suspects.note(sheet, written.fate)
        return written

    async def _merge(self, sheet: Sheet, error: Exception, *, live: bool) -> Written:
        if isinstance(error, RowsRepeated):
            all_rows = np.ones(len(sheet.rows), np.bool_)
            try:
                return await persist(lambda: self._try(sheet, all_rows, live=live), "merge a batch")
            except (RowsRepeated, RowsRefused) as refusal:
                error = refusal
        _log.warning("the database refuses a part of a batch: %s", error)
        return await persist(lambda: self._try_by_parts(sheet, live=live), "write a batch by parts")

    async def _try(self, sheet: Sheet, merged: NDArray[np.bool_], *, live: bool) -> Written:
        """Write all of it once; `merged` tells which rows may be there already."""
        async with transaction(self._pool) as conn:
            await keep_replays_out(conn)
            fates = await _insert(conn, sheet, merged)
            fate = sheet.spread(fates)
            verdicts = await add_items(conn, [sent.item for _, sent in sheet.items])
            entries = tally(sheet, fate, verdicts, live=live)
            async with conn.pipeline():
                await note_late(conn, sheet.rows, fates)
                await _keep_refusals(conn, sheet, fates, fate, verdicts)
                await add_entries(conn, entries)
                await put_status(conn, _newest(sheet.chunks))
                committed = await add_seqs(conn, gather_boots(sheet.chunks))
        return _sum_up(sheet, fate, entries, committed)

    async def _try_by_parts(self, sheet: Sheet, *, live: bool) -> Written:
        """Write what the database takes; the readings that it refuses go to quarantine."""
        try:
            async with transaction(self._pool) as conn:
                await keep_replays_out(conn)
                fates = await bisect_readings(conn, sheet.rows)
                fate = sheet.spread(fates)
                verdicts = await add_items(conn, [sent.item for _, sent in sheet.items], by_parts=True)
                entries = tally(sheet, fate, verdicts, live=live)
                await note_late(conn, sheet.rows, fates)
                await _keep_refusals(conn, sheet, fates, fate, verdicts)
                await add_entries(conn, entries)
                for status in _newest(sheet.chunks):
                    await attempt(conn, put_status(conn, [status]))
                committed = [
                    await attempt(conn, add_seqs(conn, [news])) or [] for news in gather_boots(sheet.chunks)
                ]
        except (RowsRepeated, RowsRefused) as error:
            # Not the batch is at fault but the database: nothing is acknowledged until it is mended.
            raise StoreUnavailable(f"the ledger or the quarantine is refused: {error}") from error
        return _sum_up(sheet, fate, entries, [item for items in committed for item in items])


def _sum_up(sheet: Sheet, fate: NDArray[np.int8], entries: Entries, committed: list[Committed]) -> Written:
    return Written(
        sheet=sheet,
        fate=fate,
        counts=np.array(
            [entries.committed.sum(), entries.duplicate.sum(), entries.conflicting.sum(), 0], np.int64
        ),
        messages=int(entries.messages.sum()),
        quarantined=int(entries.quarantined.sum()),
        committed=committed,
    )


async def _insert(conn: AsyncConnection, sheet: Sheet, merged: NDArray[np.bool_]) -> Fates:
    """COPY the rows that are thought to be new and merge the others."""
    if not merged.any():
        return await copy_readings(conn, sheet.rows)
    fates = await merge_readings(conn, sheet.rows.take(merged))
    if not merged.all():
        await copy_readings(conn, sheet.rows.take(~merged))
    code, stored = np.zeros(len(sheet.rows), np.int8), sheet.rows.value.copy()
    code[merged], stored[merged] = fates.code, fates.stored
    return Fates(code=code, stored=stored)


async def _keep_refusals(
    conn: AsyncConnection,
    sheet: Sheet,
    fates: Fates,
    fate: NDArray[np.int8],
    verdicts: Sequence[Verdict],
) -> None:
    """Put into quarantine what is to go there: gathered in a thread, written some at a time."""
    good = not any(chunk.rejections for chunk in sheet.chunks) and not any(v.reason for v in verdicts)
    if good and not (fate >= Fate.CONFLICTING).any():
        return
    refusals = iter(await asyncio.to_thread(collect, sheet, fates, fate, verdicts))
    while some := list(islice(refusals, REFUSALS_AT_ONCE)):
        await add_refusals(conn, some)
        await asyncio.sleep(0)


def _newest(chunks: Sequence[Chunk]) -> list[StatusNews]:
    """Keep the last status of each device, and its last word on being online."""
    last: dict[int, StatusNews] = {}
    for status in (status for chunk in chunks for status in chunk.statuses):
        earlier = last.get(status.device_id)
        if status.online is None and earlier is not None and earlier.online is not None:
            news = StatusNews(
                device_id=status.device_id,
                online=earlier.online,
                payload=status.payload,
                received_at=status.received_at,
                retained=status.retained,
            )
            last[status.device_id] = news
        else:
            last[status.device_id] = status
    return list(last.values())
