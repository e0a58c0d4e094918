"""Everything at once: the ledger, the quarantine and the readings must still tell the same story."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
import pytest

from devices.kinds import load_kinds
from ingest.backfill import Backfill, Piece
from store.pool import open_pool
from tests.ingest.desk import NOW_MS, Desk, sample

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from psycopg_pool import AsyncConnectionPool

HOUR_MS = 3_600_000
DEVICES = ("north-1", "south-1", "west-1")


def make_body(chance: random.Random) -> object:
    values = {
        key: chance.choice([1, 1, 2, None, "x"])
        for key in chance.sample(["air_temperature", "relative_humidity", "moonlight"], 2)
    }
    body = sample(NOW_MS - chance.randrange(40), **values) | {"boot": "b", "seq": chance.randrange(1, 200)}
    return chance.choice([body, body, [body, sample(0)], b"{", {"at": 5}])


async def pour(desk: Desk, chance: random.Random) -> int:
    """Send messages, each in an hour of its own choice."""
    count = 0
    for _ in range(25):
        bodies = [make_body(chance) for _ in range(8)]
        hour = chance.choice([0, HOUR_MS])
        await desk.send(*bodies, device=chance.choice(DEVICES), received_ms=NOW_MS + hour)
        count += len(bodies)
    return count


async def replay_on(desk: Desk, times: int) -> None:
    for _ in range(times):
        await desk.replay()
        await asyncio.sleep(0.02)


async def take_file(desk: Desk) -> None:
    places = np.arange(40)
    piece = Piece(
        keys=["air_temperature"],
        key=places * 0,
        at=(NOW_MS - places) * 1000,
        value=np.where(places % 7 == 0, np.nan, places % 3),
        row=places + 1,
    )
    for _ in range(3):
        await Backfill(desk.pool, load_kinds(), "north-1", "old.csv").take_in([piece], b"digest")


@pytest.fixture
async def pools(database_url: str) -> AsyncIterator[list[AsyncConnectionPool]]:
    """Two gateways' and an import's, of the size that they have."""
    sizes = {"gateway-1": 6, "gateway-2": 6, "import": 4}
    pools = [await open_pool(database_url, process=name, max_size=size) for name, size in sizes.items()]
    yield pools
    for pool in pools:
        await pool.close()


async def test_two_gateways_replays_and_an_import_at_once(desk: Desk, pools, caplog):
    one, other, files = map(Desk, pools)
    pouring = [pour(each, random.Random(number)) for number, each in enumerate((one, other, one))]
    caplog.set_level("INFO")
    *sent, _, _, _, _ = await asyncio.gather(
        *pouring, replay_on(other, 6), replay_on(one, 6), take_file(files), _register_later(desk)
    )
    await replay_on(desk, 1)
    await check(desk, sum(sent))
    # Each deadlock costs a second in which nothing is committed.
    assert caplog.text.count("deadlock") <= 2


async def _register_later(desk: Desk) -> None:
    await asyncio.sleep(0.2)
    await desk.register("south-1")


async def check(desk: Desk, sent: int) -> None:
    ledger = await desk.ledger()
    assert ledger["messages"] == sent + 3  # a file of forty readings stands for one message
    (stored,) = await desk.rows("SELECT count(*) AS n FROM readings")
    assert stored["n"] == ledger["committed"]
    kept: Counter[tuple[int, str]] = Counter()
    for row in await desk.quarantine(limit=10_000):
        name = "conflicting" if row.reason == "conflicting" else "quarantined"
        kept[row.device_id, name] += row.readings * row.sightings
    booked = await desk.rows(
        "SELECT device_id, sum(conflicting)::int8 AS conflicting, sum(quarantined)::int8 AS quarantined "
        "FROM ledger GROUP BY device_id"
    )
    for row in booked:
        for name in ("conflicting", "quarantined"):
            assert row[name] == kept[row["device_id"], name], (row, name)
    assert ledger["duplicate"] > 0
    assert kept[0, "quarantined"] > 0
