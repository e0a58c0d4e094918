"""The demonstration's fish market: what is sent again, what the clerk does, and where the truth stays."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from deploy.demo import DEVICES, DemoDevice, register
from deploy.demo_fish import Share, Told, expected, lots_to_send, summary, tend
from devices.simulator.market import day_of, is_market_day, opening_s
from devices.simulator.sorting import find_lot
from devices.simulator.sorting_unit import SortingUnit
from devices.simulator.trades import TRADES
from store.boots import BootNews, add_seqs
from store.devices import get_device
from store.lots import list_lots

if TYPE_CHECKING:
    from pathlib import Path

    from psycopg_pool import AsyncConnectionPool

ECHO = next(device for device in DEVICES if device.role == "echo-unit")
TRADE = TRADES["echo-unit"]
UNIT = SortingUnit(TRADE, ECHO.seed)
NOW = time.time()
MARKET_DAY = next(day for day in range(day_of(NOW) - 1, 0, -1) if is_market_day(day))
CODE = SortingUnit(TRADE, ECHO.seed).boot(MARKET_DAY).removeprefix(f"sim{ECHO.seed}-") + "-01"


async def store(pool: AsyncConnectionPool, device: DemoDevice, boot: str, seq: int) -> None:
    async with pool.connection() as connection:
        number = (await get_device(connection, device.name)).id
        await add_seqs(connection, [BootNews(device_id=number, boot=boot, ranges=((1, seq),))])


class TestLotsToSend:
    async def test_of_a_new_unit_all_is_missing(self, pool: AsyncConnectionPool) -> None:
        async with pool.connection() as connection:
            await register(connection)
            config = await lots_to_send(connection, ECHO, now=NOW)
            assert config is not None
            assert (config.stored, config.fault) == ({}, None)
            station = next(device for device in DEVICES if device.role == "farm-station")
            assert await lots_to_send(connection, station, now=NOW) is None

    async def test_what_is_stored_is_left_out(self, pool: AsyncConnectionPool) -> None:
        async with pool.connection() as connection:
            await register(connection)
        await store(pool, ECHO, UNIT.boot(MARKET_DAY), 7)
        async with pool.connection() as connection:
            config = await lots_to_send(connection, ECHO, now=NOW)
        assert config is not None
        assert config.stored == {UNIT.boot(MARKET_DAY): 7}

    async def test_a_fault_begins_with_the_last_market_day_or_after_what_is_stored(
        self, pool: AsyncConnectionPool
    ) -> None:
        noon = opening_s(MARKET_DAY) + 6 * 3_600
        async with pool.connection() as connection:
            await register(connection)
            fresh = await lots_to_send(connection, ECHO, now=noon, fault="gain")
        await store(pool, ECHO, UNIT.boot(MARKET_DAY), 200)
        async with pool.connection() as connection:
            later = await lots_to_send(connection, ECHO, now=noon, fault="gain")
        assert fresh is not None
        assert later is not None
        assert fresh.fault is not None
        assert later.fault is not None
        assert fresh.fault.from_s == opening_s(MARKET_DAY)
        assert later.fault.from_s > UNIT.sent_until(MARKET_DAY, 200) > fresh.fault.from_s


async def sorted_lot(pool: AsyncConnectionPool) -> int:
    """A lot of the echo unit as the gateway leaves it; returns how many fish it truly has."""
    fish = find_lot(TRADE, ECHO.seed, CODE).true.size
    async with pool.connection() as connection:
        await register(connection)
        cursor = await connection.execute(
            "INSERT INTO lots (lab_id, device_id, code, product, classes, opened_at, simulated)"
            " SELECT lab_id, id, %s, 'cod-sex', '{milt,roe,other}', to_timestamp(%s), true FROM devices"
            " WHERE name = %s RETURNING id",
            (CODE, opening_s(MARKET_DAY), ECHO.name),
        )
        row = await cursor.fetchone()
        assert row is not None
        await connection.execute(
            "INSERT INTO lot_progress (lot_id, events, since) VALUES (%s, %s, now())"
            " ON CONFLICT (lot_id) DO UPDATE SET events = excluded.events",
            (row[0], fish),
        )
    return fish


async def test_the_clerk_writes_down_and_closes_a_lot_whose_fish_have_all_come(
    pool: AsyncConnectionPool,
) -> None:
    fish = await sorted_lot(pool)
    true = find_lot(TRADE, ECHO.seed, CODE)
    async with pool.connection() as connection:
        while_sorting = datetime.fromtimestamp(float(true.at_ms[-1]) / 1_000, UTC)
        assert await tend(connection, [ECHO], while_sorting) == []
        (lot,) = await list_lots(connection, device=ECHO.name)
        assert (lot.landing_place, lot.closed_at) == (true.place, None)
        assert lot.prices == dict(zip(TRADE.classes, TRADE.prices, strict=True))
        assert lot.landed_at is not None
        assert lot.landed_at < lot.opened_at

        assert await tend(connection, [ECHO], datetime.now(UTC)) == [], "it is not described yet"
        (lot,) = await list_lots(connection, device=ECHO.name)
        assert lot.closed_at is not None
        assert lot.events == fish
        assert "truth" not in lot.note


def told(**shares: tuple[float, float, float, float]) -> Told:
    classes = {
        name: Share(estimate=estimate, low=low, high=high, truth=truth)
        for name, (estimate, low, high, truth) in shares.items()
    }
    return Told(id=1, device="unit", lot="a-01", fish=100, checked=9, classes=classes)


def test_the_summary_counts_what_holds(tmp_path: Path) -> None:
    text = summary([told(milt=(0.4, 0.35, 0.45, 0.42), roe=(0.6, 0.55, 0.65, 0.5))], tmp_path / "lots.json")
    assert text.startswith("Of 1 lots, 1 of 2 intervals (95 %) hold the simulator's truth:")
    assert "unit a-01, 100 fish, 9 checked: milt 40 % (35-45), truly 42; roe 60 % (55-65), truly 50" in text
    assert str(tmp_path / "lots.json") in text


@pytest.mark.parametrize("hour", [1, 12])
def test_expected_are_the_lots_that_are_over(hour: int) -> None:
    now = opening_s(MARKET_DAY) + hour * 3_600
    codes = {code for name, code in expected([ECHO], now) if name == ECHO.name}
    of_day = {code for code in codes if code.startswith(CODE[:-3])}
    assert len(of_day) == (1 if hour == 1 else TRADE.lots_a_day)
    assert len(codes - of_day) >= 2 * TRADE.lots_a_day
