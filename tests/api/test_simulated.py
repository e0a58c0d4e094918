"""What is simulated says so wherever it is shown."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

import pytest

from tests.api.conftest import NOON, add_quarantined, add_readings
from tests.api.described import COMPONENTS

if TYPE_CHECKING:
    from psycopg_pool import AsyncConnectionPool

    from tests.api.conftest import Asker


def flags(answer: Any) -> list[bool]:
    """Every flag in an answer."""
    if isinstance(answer, list):
        return [flag for item in answer for flag in flags(item)]
    if not isinstance(answer, dict):
        return []
    own = [answer["simulated"]] if "simulated" in answer else []
    return own + [flag for item in answer.values() for flag in flags(item)]


def test_whatever_names_a_device_tells_of_it() -> None:
    """But for what a caller sends, a request, which names devices in its argument only, and a unit's alarms.

    Alarms and verifications stand under a unit or a lot, which tells.
    """
    naming = {name for name, schema in COMPONENTS.items() if "device" in schema.get("properties", {})}
    telling = {name for name, schema in COMPONENTS.items() if "simulated" in schema.get("properties", {})}
    assert naming - telling == {"ReplayNew", "DeviceSecret", "AlarmView", "VerificationView"}
    assert "DeviceView" in telling


@pytest.mark.parametrize("simulated", [True, False])
async def test_each_answer_carries_the_flag(
    ask: Asker, pool: AsyncConnectionPool, *, simulated: bool
) -> None:
    device, series = ask.world.devices["shihoro-1"], ask.world.series["shihoro-1"]
    async with pool.connection() as conn:
        await conn.execute("UPDATE devices SET simulated = %s WHERE id = %s", [simulated, device])
        number = await add_quarantined(conn, device, b"1", "bad_json")
    await add_readings(pool, series, [(NOON, 1.0, 1)])
    channel = "quantity=air_temperature"
    for address in (
        "/devices/shihoro-1",
        "/devices?lab=shihoro",
        "/devices/shihoro-1/series",
        "/devices/shihoro-1/latest",
        "/labs/shihoro/latest",
        f"/series/{series}",
        f"/series/{series}/readings",
        f"/series/{series}/readings?every=1h",
        f"/devices/shihoro-1/readings?{channel}",
        f"/devices/shihoro-1/readings?{channel}&every=1d",
        "/devices/shihoro-1/ledger",
        "/quarantine?device=shihoro-1",
        f"/quarantine/{number}",
    ):
        found = flags((await ask("GET", f"/api/v1{address}")).data)
        assert found, address
        assert set(found) == {simulated}, address


@pytest.mark.parametrize("every", ["", "&every=1h"])
@pytest.mark.parametrize("simulated", [True, False])
async def test_each_line_of_a_table_does_and_its_name(
    ask: Asker, pool: AsyncConnectionPool, *, simulated: bool, every: str
) -> None:
    async with pool.connection() as conn:
        await conn.execute("UPDATE devices SET simulated = %s", [simulated])
    series = ask.world.series["shihoro-1"]
    await add_readings(pool, series, [(NOON, 1.0, 1), (NOON.replace(hour=9), 2.0, 1)])
    answer = await ask("GET", f"/api/v1/series/{series}/readings?format=csv{every}")
    rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    assert [row["simulated"] for row in rows] == [str(simulated).lower()] * 2
    prefix = "simulated-" if simulated else ""
    name = f'attachment; filename="{prefix}shihoro-1-air_temperature.csv"'
    assert answer.headers["Content-Disposition"] == name
