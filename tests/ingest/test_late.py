"""Late data: what is committed long after it was measured marks its day, whichever way it came."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from devices.kinds import load_kinds
from ingest.backfill import Backfill
from ingest.history import History, Layout
from store.readings import Fates, Rows
from store.sites import add_site
from store.stale_days import late_days
from tests.ingest.desk import NOW_MS, Desk, sample

if TYPE_CHECKING:
    from datetime import date
    from pathlib import Path

    from psycopg_pool import AsyncConnectionPool

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


@pytest.fixture
async def desk(pool: AsyncConnectionPool) -> Desk:
    """A desk with the station north-1 at a site, and loose-1 at none."""
    desk = Desk(pool)
    async with pool.connection() as conn:
        await add_site(conn, lab="shihoro", slug="farm", name_ja="農場", name_en="Farm")
    await desk.register(site="farm")
    await desk.register("loose-1")
    return desk


async def marked(desk: Desk) -> list[tuple[str, date]]:
    rows: list[dict[str, Any]] = await desk.rows(
        "SELECT d.name, m.day FROM stale_days m JOIN series s ON s.id = m.series_id "
        "JOIN devices d ON d.id = s.device_id ORDER BY m.day, s.quantity"
    )
    return [(row["name"], row["day"]) for row in rows]


def day(ago: int) -> date:
    return (datetime.fromtimestamp(NOW_MS / 1000, UTC) - timedelta(days=ago)).date()


async def test_what_comes_in_time_marks_nothing(desk: Desk):
    await desk.send(*(sample(NOW_MS - n * HOUR_MS) for n in range(4)))
    await desk.send(sample(NOW_MS - 30 * DAY_MS), device="loose-1")
    assert await marked(desk) == []


async def test_a_buffer_sent_late_marks_its_days_once(desk: Desk):
    await desk.send(*(sample(NOW_MS - n * DAY_MS - m) for n in (0, 2, 3) for m in range(50)))
    assert await marked(desk) == [("north-1", day(3)), ("north-1", day(2))]


async def test_what_is_there_already_or_refused_marks_nothing(desk: Desk):
    await desk.send(sample(NOW_MS - 2 * DAY_MS))
    await desk.rows("DELETE FROM stale_days RETURNING day")
    await desk.send(sample(NOW_MS - 2 * DAY_MS), sample(NOW_MS - DAY_MS, moonlight=1))
    await desk.send(sample(NOW_MS - 2 * DAY_MS, air_temperature=3))
    assert await desk.ledger() == {
        "messages": 4, "received": 4, "committed": 1, "duplicate": 1, "conflicting": 1, "quarantined": 1,
    }  # fmt: skip
    assert await marked(desk) == []


async def test_new_among_known_marks_its_own_day_only(desk: Desk):
    await desk.send(sample(NOW_MS - 2 * DAY_MS))
    await desk.rows("DELETE FROM stale_days RETURNING day")
    await desk.send(sample(NOW_MS - 2 * DAY_MS), sample(NOW_MS - 3 * DAY_MS))
    assert await marked(desk) == [("north-1", day(3))]


async def test_the_mark_is_committed_with_the_readings_or_not_at_all(desk: Desk):
    async with desk.pool.connection() as conn:
        await conn.execute("ALTER TABLE ledger ADD CONSTRAINT no_more CHECK (received < 2)")
    sending = asyncio.create_task(desk.send(sample(NOW_MS - 2 * DAY_MS), sample(NOW_MS - 3 * DAY_MS)))
    done, _ = await asyncio.wait([sending], timeout=0.5)
    assert not done
    assert (await marked(desk), await desk.values()) == ([], {})
    async with desk.pool.connection() as conn:
        await conn.execute("ALTER TABLE ledger DROP CONSTRAINT no_more")
    await asyncio.wait_for(sending, 20)
    assert await marked(desk) == [("north-1", day(3)), ("north-1", day(2))]


async def test_a_refused_value_among_late_ones_does_not_take_their_marks_along(desk: Desk):
    async with desk.pool.connection() as conn:
        await conn.execute("ALTER TABLE readings ADD CONSTRAINT no_seven CHECK (value <> 7)")
    await desk.send(sample(NOW_MS - 2 * DAY_MS, air_temperature=7), sample(NOW_MS - 3 * DAY_MS))
    assert await desk.ledger() == {"messages": 2, "received": 2, "committed": 1, "quarantined": 1}
    assert await marked(desk) == [("north-1", day(3))]


async def test_what_comes_out_of_quarantine_is_late_though_it_was_received_in_time(desk: Desk):
    then = NOW_MS - 5 * DAY_MS
    await desk.send(sample(then), device="south-1", received_ms=then)
    await desk.register("south-1", site="farm")
    assert await desk.replay() == {"rows": 1, "closed": 1, "committed": 1}
    assert await marked(desk) == [("south-1", day(5))]


async def test_an_import_marks_every_day_of_the_file(desk: Desk, tmp_path: Path):
    path = tmp_path / "farm.csv"
    lines = [f"2025-01-{1 + n // 24:02}T{n % 24:02}:30:00Z,{n}" for n in range(24 * 20)]
    path.write_text("\n".join(["time,air_temperature", *lines]), encoding="utf-8")
    backfill = Backfill(desk.pool, load_kinds(), "north-1", path.name)
    history = History(path, Layout())
    history.check_channels(await backfill.meet())
    done = await backfill.take_in(history.pieces(), b"1" * 32)
    assert done.committed == 480
    assert [(name, at.day) for name, at in await marked(desk)] == [("north-1", 1 + n) for n in range(20)]


def test_the_hot_path_pays_next_to_nothing():
    n = 50_000
    now = time.time_ns() // 1000
    rows = Rows(
        series=np.repeat(np.arange(500, dtype=np.int32), 100),
        at=np.tile(now - 1_000_000 * np.arange(100)[::-1], 500),
        received=np.full(n, now),
        value=np.zeros(n),
        quality=np.ones(n, np.int16),
    )
    late_days(rows, Fates.all_committed(rows), now)
    took = []
    for _ in range(20):
        started_at = time.perf_counter()
        assert not len(late_days(rows, Fates.all_committed(rows), now)[0])
        took.append(time.perf_counter() - started_at)
    assert min(took) < 2e-3, "a batch of 50,000 rows takes some 100 ms to commit"
