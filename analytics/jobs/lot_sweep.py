"""Which lots and units are due, put into the queue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analytics.jobs.lots import slice_of
from store import lot_dues, queue, unit_watches
from store.batches import transaction

if TYPE_CHECKING:
    from analytics.jobs.desk import Desk

WATCH_EVERY_S: Final = 30.0
"""How often a unit's charts go on while fish come; its checks are looked at at once."""


async def sweep_lots(desk: Desk) -> None:
    """Ask for what is due; what waits in the queue already is not asked for twice."""
    async with transaction(desk.pool) as conn:
        due = await lot_dues.list_due_lots(conn)
        units = await unit_watches.list_due_watches(conn, every_s=WATCH_EVERY_S)
        wanted = {f"describe_lots {n}": n for n in sorted({slice_of(lot.device_id) for lot in due})}
        waiting = await queue.waiting_locks(conn, [*wanted, *(f"watch_unit {d} {p}" for d, p in units)])
    for lock, number in wanted.items():
        if lock not in waiting:
            await desk.ask("describe_lots", str(number), {"slice_": number})
    for device_id, product in units:
        if f"watch_unit {device_id} {product}" not in waiting:
            await desk.ask(
                "watch_unit", f"{device_id} {product}", {"device_id": device_id, "product": product}
            )
