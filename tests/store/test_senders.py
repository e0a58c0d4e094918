from __future__ import annotations

from store.devices import add_device
from store.senders import find_senders
from store.series import open_series


async def test_a_few_names_at_once_with_their_series(pool):
    async with pool.connection() as conn:
        for name in ("north-1", "north-2", "north-3"):
            device = await add_device(conn, name=name, lab="shihoro", kind="farm-station", password_hash="-")
            await open_series(conn, device.id, "air_temperature", "", "degC")
        devices, series = await find_senders(conn, ["north-1", "north-3", "nobody"])
        assert {device.name for device in devices} == {"north-1", "north-3"}
        assert {item.device_id for item in series} == {device.id for device in devices}
        assert await find_senders(conn, []) == ([], [])
