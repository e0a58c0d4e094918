"""A school farm on the test's database: sites, fields, stations, plantings."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from store.devices import add_device
from store.dues import list_due, marks_of, settle
from store.fields import add_field
from store.plantings import add_planting, get_planting
from store.series import open_series
from store.sites import add_site

if TYPE_CHECKING:
    from devices.model import Series
    from store.dues import Due
    from store.plantings import Planting
    from store.pool import AsyncConnectionPool

SOWN = date(2025, 9, 20)


@dataclass
class Farm:
    """What a lab has; every call is a transaction of its own."""

    pool: AsyncConnectionPool

    async def do(self, work: Any, *args: Any, **kwargs: Any) -> Any:
        async with self.pool.connection() as conn:
            return await work(conn, *args, **kwargs)

    async def site(self, lab: str = "shihoro", site: str = "farm", *fields: str, **more: Any) -> Any:
        added = await self.do(add_site, lab=lab, slug=site, name_ja="農場", name_en="Farm", **more)
        for field in fields or ("north", "south"):
            await self.do(add_field, lab=lab, site=site, slug=field, name_ja="畑", name_en="Field")
        return added

    async def plant(self, field: str = "north", crop: str = "wheat", **more: Any) -> Planting:
        given = {"lab": "shihoro", "site": "farm", "sown_on": SOWN} | more
        planting: Planting = await self.do(add_planting, field=field, crop=crop, **given)
        return planting

    async def get(self, planting: Planting) -> Planting:
        found: Planting = await self.do(get_planting, planting.id)
        return found

    async def station(self, name: str, site: str | None = "farm", lab: str = "shihoro") -> Series:
        device = await self.do(
            add_device, name=name, lab=lab, site=site, kind="farm-station", password_hash="-"
        )
        series: Series = await self.do(open_series, device.id, "air_temperature", "", "degC")
        return series

    async def due(self) -> dict[int, list[str]]:
        """Reasons of what is due, by planting."""
        due: list[Due] = await self.do(list_due)
        return {item.planting_id: item.reasons for item in due}

    async def settle_all(self) -> None:
        due: list[Due] = await self.do(list_due)
        marks = await self.do(marks_of, [item.planting_id for item in due])
        assert await self.do(settle, marks) == []

    async def one(self, query: str, *parameters: Any) -> Any:
        async with self.pool.connection() as conn:
            cursor = await conn.execute(query, parameters)
            row = await cursor.fetchone()
        assert row is not None
        return row[0]
