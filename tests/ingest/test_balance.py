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
from tests.ingest.fish import check, event, send

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


def make_fish(chance: random.Random) -> tuple[str, object]:
    """A fish or a verification, often one that was sent before, at times with other contents."""
    number = chance.randrange(1, 60)
    one = event(number, weight_g=chance.choice([1, 1, 1, 2]), boot=chance.choice(["b", "b", "c"]))
    bad = chance.choice([b"{", event(3, lot=None), 5])
    messages = [("events", one), ("events", [one, bad if isinstance(bad, dict) else event(number + 1)])]
    messages += [("verifications", check(100 + number, number)), ("events", bad)]
    return chance.choice(messages)


async def pour_fish(desk: Desk, chance: random.Random) -> int:
    """Send a sorting unit's messages, some of them before it is registered."""
    for _ in range(60):
        kind, body = make_fish(chance)
        hour = chance.choice([0, HOUR_MS])
        await send(desk, kind, body, received_ms=NOW_MS + hour)
    return 60


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
    pouring += [pour_fish(each, random.Random(number)) for number, each in enumerate((one, other))]
    caplog.set_level("INFO")
    *sent, _, _, _, _ = await asyncio.gather(
        *pouring, replay_on(other, 6), replay_on(one, 6), take_file(files), _register_later(desk)
    )
    await replay_on(desk, 1)
    await check_account(desk, sum(sent))
    # Each deadlock costs a second in which nothing is committed.
    assert caplog.text.count("deadlock") <= 2


async def _register_later(desk: Desk) -> None:
    await asyncio.sleep(0.2)
    await desk.register("south-1")
    await desk.register("echo-1", kind="echo-unit")


async def check_account(desk: Desk, sent: int) -> None:
    ledger = await desk.ledger()
    assert ledger["messages"] == sent + 3  # a file of forty readings stands for one message
    (stored,) = await desk.rows(
        "SELECT (SELECT count(*) FROM readings) + (SELECT count(*) FROM sort_events)"
        " + (SELECT count(*) FROM verifications) AS n"
    )
    assert stored["n"] == ledger["committed"]
    await check_fish(desk)
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


ADDED_UP = """
SELECT count(*) AS n, count(DISTINCT (boot_id, seq)) AS numbers, sum(weight_g)::float8 AS weight_g,
       (SELECT sum(events)::int8 FROM sort_boots) AS booked,
       (SELECT sum(events)::int8 FROM lot_progress) AS told,
       (SELECT sum(fish)::int8 FROM unit_spans) AS spans,
       (SELECT sum(fish)::int8 FROM lot_cells) AS cells,
       (SELECT sum(weight_sum) FROM lot_cells) AS weight_sum
FROM sort_events
"""


async def check_fish(desk: Desk) -> None:
    """Each number once, and what is added up is what is there."""
    (fish,) = await desk.rows(ADDED_UP)
    assert fish["n"] > 30
    assert {fish[name] for name in ("numbers", "booked", "told", "spans", "cells")} == {fish["n"]}
    assert fish["weight_g"] == fish["weight_sum"]
