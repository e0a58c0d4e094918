"""Is a device talking, is its clock right: as the API tells it, from what the gateway books."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from psycopg.types.json import Jsonb

from store.ledger import NO_DELAY, Entries, add_entries
from tests.api.conftest import HOUR, add_quarantined

if TYPE_CHECKING:
    from psycopg_pool import AsyncConnectionPool

    from tests.api.conftest import Asker

DAY = timedelta(days=1)


async def book(pool: AsyncConnectionPool, device_id: int, fate: str, delay: timedelta | None) -> None:
    """Book ten readings of the current hour as the gateway does; a delay of None: not live."""
    hour = int(datetime.now(UTC).timestamp()) // 3600 * 3_600_000_000
    counts = dict.fromkeys(("committed", "duplicate", "conflicting", "quarantined"), 0) | {fate: 10}
    delay_ms = NO_DELAY if delay is None else delay // timedelta(milliseconds=1)
    columns = {name: np.array([count]) for name, count in counts.items()}
    async with pool.connection() as conn:
        await add_entries(
            conn,
            Entries(
                device=np.array([device_id], np.int32),
                hour=np.array([hour]),
                messages=np.array([1]),
                received=np.array([10]),
                min_delay_ms=np.array([delay_ms]),
                **columns,
            ),
        )


async def health(ask: Asker, name: str = "shihoro-1") -> dict[str, Any]:
    """What is told of a device, the same in the list as by itself."""
    alone = (await ask("GET", f"/api/v1/devices/{name}", role="operator")).data["health"]
    listed = (await ask("GET", "/api/v1/devices")).data["items"]
    assert alone == next(device for device in listed if device["name"] == name)["health"]
    return dict(alone)


async def test_a_clock_that_is_ahead_and_one_that_is_behind(ask: Asker, pool: AsyncConnectionPool) -> None:
    await book(pool, ask.world.devices["shihoro-1"], "committed", -3 * HOUR)
    await book(pool, ask.world.devices["sendai-1"], "committed", 2 * DAY)
    ahead, behind = await health(ask), await health(ask, "sendai-1")
    assert ahead["clock"] == {"offset_s": -10_800.0, "state": "ahead", "hours": 1}
    assert behind["clock"] == {"offset_s": 172_800.0, "state": "behind", "hours": 1}
    assert (ahead["state"], behind["state"]) == ("online", "online")


@pytest.mark.parametrize("fate", ["duplicate", "conflicting"])
async def test_a_device_that_sends_nothing_new_is_not_silent(
    ask: Asker, pool: AsyncConnectionPool, fate: str
) -> None:
    device, series = ask.world.devices["shihoro-1"], ask.world.series["shihoro-1"]
    async with pool.connection() as conn:
        await conn.execute("UPDATE quarantine SET seen_at = %s", [long_ago := datetime.now(UTC) - DAY])
        await conn.execute(
            "INSERT INTO series_latest VALUES (%s, %s, %s, 1, 1)", [series, long_ago, long_ago]
        )
    assert (await health(ask))["state"] == "silent"
    await book(pool, device, fate, timedelta(seconds=1))
    told = await health(ask)
    assert told["state"] == "online"
    assert datetime.now(UTC) - datetime.fromisoformat(told["last_received_at"]) < timedelta(minutes=1)


async def test_an_import_is_not_a_sign_of_life(ask: Asker, pool: AsyncConnectionPool) -> None:
    device = ask.world.devices["shihoro-1"]
    async with pool.connection() as conn:
        number = await add_quarantined(conn, device, b"1", "bad_time")
        await conn.execute("UPDATE quarantine SET seen_at = %s", [datetime.now(UTC) - DAY])
        await conn.execute("UPDATE quarantine SET origin = 'import', seen_at = now() WHERE id = %s", [number])
    await book(pool, device, "committed", None)
    told = await health(ask)
    assert (told["state"], told["clock"]) == ("silent", None)


async def test_a_device_that_sends_only_nonsense_is_talking(ask: Asker, pool: AsyncConnectionPool) -> None:
    async with pool.connection() as conn:
        for number in range(3):
            await add_quarantined(conn, ask.world.devices["shihoro-1"], b"%d" % number, "bad_json")
        await conn.execute("UPDATE quarantine SET seen_at = now() WHERE payload = '0'")
    told = await health(ask)
    assert (told["state"], told["open_quarantine"]) == ("online", 4)


async def test_the_day_counts_and_what_it_says_of_itself_is_shown(
    ask: Asker, pool: AsyncConnectionPool
) -> None:
    device, series = ask.world.devices["shihoro-1"], ask.world.series["shihoro-1"]
    now = datetime.now(UTC)
    async with pool.connection() as conn:
        await conn.execute("INSERT INTO series_latest VALUES (%s, %s, %s, 1, 1)", [series, now, now])
        for hours, delay in ((1, -3_600_000), (2, -3_599_000), (48, -9_000_000)):
            await conn.execute(
                "INSERT INTO ledger (device_id, hour, min_delay_ms) VALUES (%s, %s, %s)",
                [device, now - hours * HOUR, delay],
            )
        status = Jsonb({"online": True, "version": "1.2"})
        await conn.execute("INSERT INTO device_status VALUES (%s, true, %s, %s)", [device, status, now])
    told = await health(ask)
    assert told["state"] == "online"
    assert told["clock"] == {"offset_s": -3600.0, "state": "ahead", "hours": 2}
    assert (told["online"], told["status"]["version"], told["open_quarantine"]) == (True, "1.2", 1)
    await ask("POST", "/api/v1/devices/shihoro-1/revoke", role="staff")
    revoked = await health(ask)
    assert (revoked["state"], revoked["online"], revoked["status"]["online"]) == ("revoked", False, True)
    await ask("POST", "/api/v1/devices/shihoro-1/restore", role="staff")
    assert await health(ask) == told
