"""A fish market on the test's database: units, their fish, and what people find out about them."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from store.devices import add_device
from store.sort_batch import add_items
from store.sort_pages import find_fish
from store.sort_rows import SortEvent
from store.verifications import add_verification

if TYPE_CHECKING:
    from store.lots import Lot
    from store.pool import AsyncConnectionPool
    from store.verdicts import Verdict
    from store.verifications import Verification

NOW_US = time.time_ns() // 1000
CLASSES = ("milt", "roe", "other")


@dataclass
class Market:
    """Units of Sendai's; every call is a transaction of its own."""

    pool: AsyncConnectionPool
    ids: dict[str, int] = field(default_factory=dict)

    async def do(self, work: Any, *args: Any, **kwargs: Any) -> Any:
        async with self.pool.connection() as conn:
            return await work(conn, *args, **kwargs)

    async def unit(self, name: str, lab: str = "sendai") -> int:
        device = await self.do(add_device, name=name, lab=lab, kind="echo-unit", password_hash="-")
        self.ids[name] = device.id
        return int(device.id)

    def fish(self, seq: int, unit: str = "echo-1", **more: Any) -> SortEvent:
        given: dict[str, Any] = {
            "boot": "b1",
            "at": NOW_US - 3_600_000_000 + seq * 1_000_000,
            "received": NOW_US,
            "lot": "L1",
            "product": "cod-sex",
            "species": "マダラ",
            "classes": CLASSES,
            "fish": seq,
            "cls": 0,
            "probabilities": (0.9, 0.08, 0.02),
            "model": "echo-7",
            "calibration": "c3",
            "weight_g": 2000.0 + seq,
        }
        row = given | more
        row.setdefault("digest", hash(tuple(sorted((key, str(row[key])) for key in row))))
        return SortEvent(device_id=self.ids[unit], seq=seq, **row)

    async def sort(self, *fish: SortEvent) -> list[Verdict]:
        verdicts: list[Verdict] = await self.do(add_items, fish)
        return verdicts

    async def check(self, lot: Lot, fish: int, cls: str = "milt", **more: Any) -> Verification:
        (event,) = await self.do(find_fish, lot.id, fish)
        given = {"method": "cut", "selection_probability": 0.2, "reason": "random"} | more
        found: Verification = await self.do(
            add_verification, boot_id=event.boot_id, seq=event.seq, cls=cls, **given
        )
        return found

    async def rows(self, query: str, *parameters: Any) -> list[Any]:
        async with self.pool.connection() as conn:
            cursor = await conn.execute(query, parameters)
            return await cursor.fetchall()
