"""PCSE's phenology, run in a process of its own: seasons as JSON on its input, dates as JSON on its output.

PCSE builds a database under $HOME when it is imported: the caller gives it a home that may be thrown away.
"""

from __future__ import annotations

import gc
import json
import logging
import os
import subprocess
import sys
import warnings
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from analytics.farm.phenology.crop import Crop, Phase

CHECKOUT = Path(__file__).parents[4]
DAYS_AFTER_SOWING = 700


@dataclass(frozen=True)
class Season:
    """One planting under its weather; `start` counts from `first_day`."""

    first_day: str
    latitude: float
    start: int
    tmin: list[float]
    tmax: list[float]


@dataclass(frozen=True)
class Order:
    """Seasons of a shipped crop, some of whose phases have other lengths."""

    crop: str
    lengths: dict[str, float]
    seasons: list[Season]


def run_orders(orders: list[Order], home: Path) -> list[dict[str, Any]]:
    """Give, for each order, `stages` (day index or None [season][3]) and `daylength_h` [season][D]."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.analytics.farm.phenology.pcse_reference"],
        cwd=CHECKOUT,
        env=os.environ | {"HOME": str(home)},
        input=json.dumps([asdict(order) for order in orders]),
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    answer: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    return answer


def parameters_of(crop: Crop) -> dict[str, Any]:
    """Say in PCSE's names what the first three phases of a crop hold."""
    emerging, vegetative, reproductive = (phase.values() for phase in crop.phases[:3])
    found = {
        "TSUMEM": emerging["length"],
        "TBASEM": emerging["base"],
        "TEFFMX": emerging["cap"],
        "TSUM1": vegetative["length"],
        "TSUM2": reproductive["length"],
        "DTSMTB": degree_days(vegetative["base"], vegetative["cap"]),
        "IDSL": 0,
        "DLO": -99.0,
        "DLC": -99.0,
        "DVSI": 0.0,
        "DVSEND": 2.0,
    }
    return found | cold_of(crop.phases[1])


def degree_days(base: float, cap: float) -> list[float]:
    return [base - 1.0, 0.0, base, 0.0, cap, cap - base, cap + 20.0, cap - base]


def cold_of(phase: Phase) -> dict[str, Any]:
    values = phase.values()
    if "vernalisation_until" not in values:
        return {}
    corners = ("cold_zero", "cold_full", "warm_full", "warm_zero")
    cold_zero, cold_full, warm_full, warm_zero = (values[f"vernalisation_{name}"] for name in corners)
    return {
        "IDSL": 2,
        "DLO": values["daylength_optimum"],
        "DLC": values["daylength_critical"],
        "VERNBASE": values["vernalisation_base"],
        "VERNSAT": values["vernalisation_saturated"],
        "VERNDVS": values["vernalisation_until"],
        "VERNRTB": [
            cold_zero - 4,
            0,
            cold_zero,
            0,
            cold_full,
            1,
            warm_full,
            1,
            warm_zero,
            0,
            warm_zero + 3,
            0,
        ],
    }


def run_season(crop: Crop, season: Season) -> list[int | None]:
    """Give the day indexes on which PCSE reaches the ends of the first three phases."""
    import yaml
    from pcse.base import ParameterProvider
    from pcse.models import Wofost72_Phenology

    first = date.fromisoformat(season.first_day)
    last = min(len(season.tmin) - 1, season.start + DAYS_AFTER_SOWING)
    plan = AGRO.format(start=first + timedelta(season.start), end=first + timedelta(last))
    parameters = ParameterProvider(cropdata=parameters_of(crop))
    model = Wofost72_Phenology(parameters, in_memory(season), yaml.safe_load(plan))
    model.run_till_terminate()
    found = model.get_summary_output() or [{name: model.get_variable(name) for name in ("DOE", "DOA", "DOM")}]
    return [None if (day := found[0][name]) is None else (day - first).days for name in ("DOE", "DOA", "DOM")]


AGRO = """
- {start}:
    CropCalendar:
        crop_name: any
        variety_name: any
        crop_start_date: {start}
        crop_start_type: sowing
        crop_end_date: {end}
        crop_end_type: earliest
        max_duration: 700
    TimedEvents: null
    StateEvents: null
- {end}: null
"""


def in_memory(season: Season) -> Any:
    from pcse.base import WeatherDataContainer, WeatherDataProvider

    place = {"LAT": season.latitude, "LON": 8.0, "ELEV": 100.0}
    unused = {"IRRAD": 1e7, "VAP": 10.0, "RAIN": 0.0, "E0": 0.2, "ES0": 0.2, "ET0": 0.2, "WIND": 2.0}
    provider = WeatherDataProvider()
    provider.latitude, provider.longitude, provider.elevation = place.values()
    for number, (low, high) in enumerate(zip(season.tmin, season.tmax, strict=True)):
        day = date.fromisoformat(season.first_day) + timedelta(number)
        container = WeatherDataContainer(DAY=day, TMIN=low, TMAX=high, **place, **unused)
        provider._store_WeatherDataContainer(container, day)
    return provider


def daylengths(season: Season) -> list[float]:
    from pcse.util import daylength

    first = date.fromisoformat(season.first_day)
    return [daylength(first + timedelta(number), season.latitude) for number in range(len(season.tmin))]


def changed(name: str, lengths: dict[str, float]) -> Crop:
    """Take a shipped crop with other lengths of phases."""
    from analytics.library import crop

    found = crop(name)
    for stage, length in lengths.items():
        found = found.adjust(stage, "a test", length=length)
    return found


def answer_order(order: dict[str, Any]) -> dict[str, Any]:
    crop = changed(order["crop"], order["lengths"])
    seasons = [Season(**season) for season in order["seasons"]]
    return {
        "stages": [run_season(crop, season) for season in seasons],
        "daylength_h": [daylengths(season) for season in seasons],
    }


def quieten() -> None:
    """Let PCSE run as fast as it can: it logs each day, and collects garbage after each season."""
    import pcse  # noqa: F401  what it loads is set aside below

    logging.disable(logging.CRITICAL)
    gc.freeze()


def main() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        quieten()
        print(json.dumps([answer_order(order) for order in json.load(sys.stdin)]))


if __name__ == "__main__":
    main()
