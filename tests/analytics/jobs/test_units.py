"""Units end to end: fish and checks in the table; quality, calibration, charts and alarms in the table."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
import pytest

from analytics.jobs.lots import describe_lots, slice_of
from analytics.jobs.units import watch_unit
from store.unit_charts import begin_anew, list_alarms, read_charts
from store.unit_watches import list_calibrations, list_due_watches, note_watches, read_watches
from tests.analytics.jobs.market import Market

if TYPE_CHECKING:
    from store.pool import AsyncConnectionPool

UNIT, PRODUCT = "kuji-echo-0", "cod-sex"
HOUR = 3600.0


@pytest.fixture
async def market(pool: AsyncConnectionPool) -> Market:
    return await Market.make(pool)


async def watched(market: Market) -> dict:
    """What the unit is found to be, after its lots were described."""
    device_id = market.devices[UNIT]
    await describe_lots(market.desk(), slice_of(device_id), budget_s=0.0)
    assert await watch_unit(market.desk(), device_id, PRODUCT)
    async with market.pool.connection() as conn:
        (watch,) = await read_watches(conn, device_id)
    return watch.body


def chart(body: dict, name: str) -> dict:
    (found,) = [one for one in body["charts"] if one["chart"] == name]
    return found


async def test_without_checks_the_unit_says_so(market: Market) -> None:
    assert not await watch_unit(market.desk(), market.devices[UNIT], PRODUCT)
    await market.sort(UNIT, "l1", 60, first_at=time.time() - HOUR)
    body = await watched(market)
    assert body["quality"]["refused"] == "no fish was checked"
    assert (body["raw"], body["calibration"], body["calibration_kept"]) == (None, None, "no fish was checked")
    assert chart(body, "confidence")["waiting_for"] == "a start period of 2000 fish, 60 so far"
    assert chart(body, "mistakes")["waiting_for"] == "60 checked fish that were chosen alike, not 0"


async def test_quality_and_a_calibration_that_keeps_its_versions(market: Market) -> None:
    """Probabilities of twice the log-odds that are due are corrected, and raw ones stay."""
    for day in (3, 2):
        lot = f"l{day}"
        await market.sort(UNIT, lot, 300, first_at=time.time() - day * 86400, sharpness=3.0, boast=2.0)
        await market.check(lot, 150)
    body = await watched(market)
    accuracy = body["quality"]["accuracy"]
    assert 0.85 < accuracy["low"] < accuracy["value"] < accuracy["high"] < 1
    assert body["calibrated"]["log_loss"] < body["raw"]["log_loss"]
    assert body["calibration"] == 1
    async with market.pool.connection() as conn:
        (version,) = await list_calibrations(conn, market.devices[UNIT], PRODUCT)
    assert (version.fish, version.model) == (300, "m1")
    again = await watched(market) if await due(market) else body
    assert again["calibration"] == 1


async def due(market: Market) -> bool:
    async with market.pool.connection() as conn:
        await note_watches(conn, {(market.devices[UNIT], PRODUCT): True})
        return bool(await list_due_watches(conn, every_s=1e6))


async def test_a_unit_that_becomes_unsure_alarms_once_and_is_begun_anew(market: Market) -> None:
    now = time.time()
    await market.sort(UNIT, "usual", 2500, first_at=now - 2 * HOUR, every_s=0.2)
    assert chart(await watched(market), "confidence")["seen"] == 500
    # An honest change of the sex ratio, then a fault.
    await market.sort(UNIT, "males", 1500, first_at=now - HOUR, shares=np.array([0.8, 0.15, 0.05]))
    await watched(market)
    assert await alarms(market) == []
    await market.sort(UNIT, "blunt", 1000, first_at=now - HOUR / 2, sharpness=1.2)
    await watched(market)
    found = await alarms(market)
    assert {one.moved for one in found} == {"confidence_down"}
    assert all(one.size < 0 and one.cleared_at is None for one in found)
    began = max(one.since.timestamp() for one in found)
    assert began >= now - HOUR
    await watched(market)
    assert len(await alarms(market)) == len(found)
    async with market.pool.connection() as conn:
        await begin_anew(conn, market.devices[UNIT], PRODUCT, "confidence")
        row = (await read_charts(conn, market.devices[UNIT], PRODUCT))["confidence"]
    assert (row.start, row.state) == (None, None)
    assert all(one.cleared_at is not None for one in await alarms(market))
    assert chart(await watched(market), "confidence")["waiting_for"] != ""


async def alarms(market: Market) -> list:
    async with market.pool.connection() as conn:
        return await list_alarms(conn, market.devices[UNIT])


async def test_checked_fish_that_are_called_wrongly_alarm(market: Market) -> None:
    await market.sort(UNIT, "l1", 400, first_at=time.time() - HOUR)
    await market.check("l1", 70)
    assert chart(await watched(market), "mistakes")["seen"] == 10
    await market.sort(UNIT, "l2", 100, first_at=time.time() - HOUR / 2)
    await market.check("l2", 40, wrong=True)
    await watched(market)
    (alarm,) = [one for one in await alarms(market) if one.chart == "mistakes"]
    assert (alarm.moved, alarm.cls) == ("mistakes_up", "")
    assert alarm.size > 0.5


async def test_another_model_begins_anew(market: Market) -> None:
    await market.sort(UNIT, "l1", 2100, first_at=time.time() - HOUR)
    await watched(market)
    await market.sort(UNIT, "l2", 50, first_at=time.time() - 60, model="m2")
    body = await watched(market)
    assert chart(body, "confidence")["waiting_for"] != ""
    assert chart(body, "confidence")["start_fish"] == 0
