"""The stations of a school farm in Shihoro: weather, and soil at two depths.

Stations of one site share its weather and differ by their sensors: small fixed offsets, noise, and a soil of
their own.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from devices.simulator.feed import Columns, normal
from devices.simulator.weather import JST_S, STEP_S, simulate

if TYPE_CHECKING:
    from devices.simulator.feed import Floats, Instants

PHOTONS_PER_JOULE = 2.02
"""umol of photosynthetic photons per J of sunlight: 0.44 of its energy, 4.57 umol/J [Thimijan and Heins
1983, HortScience 18]."""

SOIL_DEPTHS_CM = (10, 20)


@dataclass(frozen=True, slots=True)
class FarmStation:
    """Readings of one station of kind ``farm-station``.

    Attributes
    ----------
    site : str
        Stations with the same site stand under the same sky.
    seed : int
        Makes the station's own sensors.
    """

    site: str
    seed: int
    period_s: int = STEP_S

    def columns(self, start_s: int, end_s: int) -> Columns:
        """All samples with ``start_s <= at < end_s``."""
        weather = simulate(start_s, end_s, zlib.crc32(self.site.encode()))
        at_s, sun = weather.at_s, weather.global_radiation
        values = {
            "air_temperature": self._read(1, at_s, weather.air_temperature, 0.1, offset=0.2),
            "relative_humidity": np.clip(
                self._read(2, at_s, weather.relative_humidity, 0.6, offset=1), 0, 100
            ),
            "global_radiation": np.maximum(self._read(3, at_s, sun, 1.5), 0),
            "photosynthetic_photon_flux": np.maximum(self._read(4, at_s, sun * PHOTONS_PER_JOULE, 3), 0),
            "rainfall": weather.rainfall,
            "wind_speed": np.maximum(self._read(5, at_s, weather.wind_speed, 0.1), 0),
        }
        for depth in SOIL_DEPTHS_CM:
            values |= self._soil(
                depth, at_s, weather.soil_temperature[depth], weather.soil_water_content[depth]
            )
        values |= self._housekeeping(at_s, weather.air_temperature, sun)
        decimals = {"soil_water_content": 4, "battery_voltage": 3, "soil_electrical_conductivity": 3}
        return Columns(at_s, {k: np.round(v, decimals.get(k.split("@")[0], 2)) for k, v in values.items()})

    def _read(
        self, channel: int, at_s: Instants, truth: Floats, spread: float, *, offset: float = 0.0
    ) -> Floats:
        """As this station's sensor shows it: fixed offset of the given size, and noise."""
        own = normal(self.seed, 100 + channel, np.zeros(1, dtype=np.int64))
        return truth + offset * own + spread * normal(self.seed, channel, at_s)

    def _soil(self, depth: int, at_s: Instants, temperature: Floats, water: Floats) -> dict[str, Floats]:
        wet = np.clip(self._read(20 + depth, at_s, water, 0.001, offset=0.02), 0.02, 0.7)
        salt = self._read(30 + depth, at_s, 0.2 + 1.6 * wet, 0.01, offset=0.1)
        return {
            f"soil_temperature@{depth}cm": self._read(10 + depth, at_s, temperature, 0.03, offset=0.2),
            f"soil_water_content@{depth}cm": wet,
            f"soil_electrical_conductivity@{depth}cm": np.maximum(salt, 0.01),
        }

    def _housekeeping(self, at_s: Instants, air: Floats, sun: Floats) -> dict[str, Floats]:
        hour = (at_s + JST_S) % 86_400 / 3_600
        charge = 12.6 + 0.5 * np.tanh(sun / 200) - 0.15 * np.cos(2 * np.pi * (hour - 4) / 24)
        return {
            "battery_voltage": self._read(6, at_s, charge, 0.01, offset=0.05),
            "device_temperature": self._read(7, at_s, air + 0.008 * sun + 1.5, 0.1, offset=0.3),
            "signal_strength": np.round(self._read(8, at_s, np.full(at_s.size, -92.0), 2, offset=5)),
        }
