"""The units of a fish market in Sendai: housekeeping readings while the market works."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from devices.simulator.feed import Columns, normal
from devices.simulator.market import CLOSE_S, OPEN_S, working
from devices.simulator.sorting import arrivals
from devices.simulator.trades import COD, MACKEREL
from devices.simulator.weather import DAY_S, JST_S

if TYPE_CHECKING:
    from devices.simulator.feed import Floats, Instants
    from devices.simulator.trades import Trade

PERIOD_S = 60


def _working_minutes(start_s: int, end_s: int) -> Instants:
    first = -(-start_s // PERIOD_S) * PERIOD_S
    minutes = np.arange(first, max(first, end_s), PERIOD_S, dtype=np.int64)
    return minutes[working(minutes)]


def _pace(trade: Trade, seed: int, at_s: Instants) -> Floats:
    """Count the fish sorted in the minute before each instant."""
    if not at_s.size:
        return np.zeros(0)
    sorted_s = arrivals(trade, seed, int(at_s[0]) - PERIOD_S, int(at_s[-1]) + 1)
    fish: Floats = np.diff(np.searchsorted(sorted_s, [at_s - PERIOD_S, at_s]), axis=0)[0].astype(np.float64)
    return fish


def _since_open(at_s: Instants) -> Floats:
    """Share of the working day that has passed."""
    return ((at_s + JST_S) % DAY_S - OPEN_S) / (CLOSE_S - OPEN_S)


def _hall(at_s: Instants) -> Floats:
    """Temperature of the hall, deg C: about Sendai's seasons, warming as the morning goes."""
    year = (at_s % 31_557_600) / 31_557_600
    return 12.0 - 10.5 * np.cos(2 * np.pi * (year - 0.07)) + 3 * _since_open(at_s)


@dataclass(frozen=True, slots=True)
class EchoUnit:
    """Readings of a unit of kind ``echo-unit``: a hand probe that tells the sex of cod."""

    seed: int
    period_s: int = PERIOD_S

    def columns(self, start_s: int, end_s: int) -> Columns:
        """All samples with ``start_s <= at < end_s``; none while the market is closed."""
        at_s = _working_minutes(start_s, end_s)
        done = _since_open(at_s)
        noise = [normal(self.seed, channel, at_s) for channel in range(8)]
        values = {
            "fish_throughput": _pace(COD, self.seed, at_s),
            "coupling_quality": np.round(1 / (1 + np.exp(-(1.9 + 0.5 * noise[1]))), 3),
            "fish_temperature": np.round(1.2 + 1.5 * done + 0.4 * noise[2], 1),
            "device_temperature": np.round(_hall(at_s) + 9 * (1 - np.exp(-6 * done)) + 0.2 * noise[3], 1),
            "battery_voltage": np.round(12.5 - 1.7 * done + 0.01 * noise[4], 2),
            "battery_charge": np.round(100 - 72 * done),
            "classifier_latency": np.round(180 * np.exp(0.15 * noise[5])),
            "signal_strength": np.round(-67 + 3 * noise[6]),
            "uptime": np.round(done * (CLOSE_S - OPEN_S)),
        }
        return Columns(at_s, values)


@dataclass(frozen=True, slots=True)
class FishSorter:
    """Readings of a unit of kind ``fish-sorter``: a conveyor with cameras that tells species of mackerel."""

    seed: int
    period_s: int = PERIOD_S

    def columns(self, start_s: int, end_s: int) -> Columns:
        """All samples with ``start_s <= at < end_s``; none while the market is closed."""
        at_s = _working_minutes(start_s, end_s)
        done = _since_open(at_s)
        noise = [normal(self.seed, channel, at_s) for channel in range(8)]
        pace = _pace(MACKEREL, self.seed, at_s)
        busy = pace > 0
        values = {
            "fish_throughput": pace,
            "conveyor_speed": np.where(busy, np.round(0.9 + 0.01 * noise[1], 3), 0.0),
            "lens_cleanliness": np.round(np.clip(0.99 - 0.35 * (done * 4 % 1) + 0.01 * noise[2], 0, 1), 3),
            "classifier_latency": np.round(38 * np.exp(0.1 * noise[3])),
            "device_temperature": np.round(_hall(at_s) + np.where(busy, 22, 15) + 0.4 * noise[4], 1),
            "air_temperature": np.round(_hall(at_s) + 0.1 * noise[5], 1),
            "water_temperature": np.round(0.55 * _hall(at_s) + 4 + 0.1 * noise[6], 1),
            "supply_power": np.round(np.where(busy, 1850, 420) + 15 * noise[7]),
            "uptime": np.round(done * (CLOSE_S - OPEN_S)),
        }
        return Columns(at_s, values)
