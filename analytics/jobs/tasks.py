"""The jobs that the queue knows, by name: each reads from the store, computes, and writes to the store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from analytics.jobs import advice, days, forecasts, lots, units

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from procrastinate import JobContext

    from analytics.jobs.desk import Desk


async def refresh_days(context: JobContext, site_id: int) -> None:
    """Compute the daily values of a site; what forecasts rested on them is due again."""
    await days.refresh(_desk(context), site_id)


async def forecast_crop(context: JobContext, lab: str, crop: str) -> None:
    """Forecast all open plantings of a crop in a lab, then ask for what follows from the stages' dates."""
    desk = _desk(context)
    if await forecasts.forecast_crop(desk, lab, crop):
        await desk.ask("advise_crop", f"{lab} {crop}", {"lab": lab, "crop": crop})


async def advise_crop(context: JobContext, lab: str, crop: str) -> None:
    """Score the same plantings against their recipes, and compute their risks, by their stages' dates."""
    await advice.advise_crop(_desk(context), lab, crop)


async def describe_lots(context: JobContext, slice_: int) -> None:
    """Describe the lots that are due of a slice of the sorting units, and again as long as some are."""
    desk = _desk(context)
    if await lots.describe_lots(desk, slice_):
        await desk.ask("describe_lots", str(slice_), {"slice_": slice_})


async def watch_unit(context: JobContext, device_id: int, product: str) -> None:
    """Look at a sorting unit: its quality, its calibration, its charts and their alarms."""
    await units.watch_unit(_desk(context), device_id, product)


def _desk(context: JobContext) -> Desk:
    desk: Desk = context.additional_context["desk"]
    return desk


TASKS: Final[Mapping[str, Callable[..., Awaitable[Any]]]] = {
    "refresh_days": refresh_days,
    "forecast_crop": forecast_crop,
    "advise_crop": advise_crop,
    "describe_lots": describe_lots,
    "watch_unit": watch_unit,
}
