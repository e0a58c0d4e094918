"""Simulate devices: first their past season, quickly, then the present.

The configuration is JSON::

    {
      "mqtt_url": "mqtt://127.0.0.1:18830",
      "ca_file": null,
      "devices": [
        {"name": "shihoro-farm-1", "password": "…", "role": "farm-station", "seed": 1, "site": "shihoro"},
        {"name": "sendai-echo-1", "password": "…", "role": "echo-unit", "seed": 2, "history_days": 30}
      ]
    }

``role`` is farm-station, echo-unit or fish-sorter, as the device's kind. ``site`` (farm stations of one site
share its weather), ``seed`` and ``history_days`` are optional; fish units send at most 30 days of history
unless told otherwise, since they measure each minute. ``history_from`` (Unix seconds) says it for a device
whose older samples are known to have arrived, whatever the days. A device with ``"simple": true`` has no
buffer: it sends neither boot nor number.

The history goes out in columns of 60 samples, as from a device that was offline and now empties its buffer;
then each sample goes out when its time has come. With a speed above 1 the history ends a day before now, that
day is played at this speed, and from then on time is real: no sample is ever from the future. Values belong
to seed and instant, so that a second run sends duplicates of the first and no conflicts.
"""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, BinaryIO, Literal

import msgspec

from devices.errors import DeviceError
from devices.simulator.device import VirtualDevice, parse_broker
from devices.simulator.farm import FarmStation
from devices.simulator.fish import EchoUnit, FishSorter
from devices.simulator.protocol import Outbox, SimpleOutbox

if TYPE_CHECKING:
    import threading
    from pathlib import Path

    from devices.simulator.feed import Columns, Feed

CHUNK = 60
FISH_HISTORY_DAYS = 30.0
DAY_S = 86_400
TICK_S = 0.2


class ConfigError(DeviceError):
    """The simulator's configuration cannot be used."""


class DeviceConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One simulated device."""

    name: str
    password: str
    role: Literal["farm-station", "echo-unit", "fish-sorter"]
    seed: int = 0
    site: str = ""
    history_days: float | None = None
    history_from: float | None = None
    simple: bool = False


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All simulated devices of one process, and their broker."""

    mqtt_url: str
    devices: list[DeviceConfig]
    ca_file: str | None = None


def read_config(source: Path | BinaryIO) -> Config:
    """Read a configuration.

    Raises
    ------
    ConfigError
        It cannot be read, or is not what this module's docstring says.
    """
    try:
        text = source.read() if hasattr(source, "read") else source.read_bytes()
        return msgspec.json.decode(text, type=Config)
    except (OSError, msgspec.DecodeError) as error:
        raise ConfigError(f"the simulator's configuration cannot be used: {error}") from None


def run(config: Config, stop: threading.Event, *, history_days: float = 0.0, speed: float = 1.0) -> None:
    """Simulate until `stop` is set; the devices then say goodbye.

    Raises
    ------
    ConfigError, DeviceUrlError
        The settings cannot be used.
    """
    if not (history_days >= 0 and speed > 0):
        raise ConfigError("--history-days must not be negative and --speed must be above 0")
    started_at = time.time()
    live_from = started_at if speed <= 1 else started_at - DAY_S
    plays = [_Play(config, device, history_days, started_at, live_from) for device in config.devices]
    try:
        for play in plays:
            play.device.start()
        for play in plays:
            play.send_history(stop)
        while not stop.wait(TICK_S):
            now = time.time()
            for play in plays:
                play.send_until(min(now, live_from + speed * (now - started_at)))
    finally:
        for play in plays:
            play.device.stop()


class _Play:
    """One device and how far its samples have been sent."""

    def __init__(
        self, config: Config, device: DeviceConfig, history_days: float, now: float, live_from: float
    ) -> None:
        broker = parse_broker(config.mqtt_url, config.ca_file)
        outbox = SimpleOutbox() if device.simple else Outbox(boot=secrets.token_hex(8))
        self.device = VirtualDevice(broker, device.name, device.password, outbox)
        self._feed = make_feed(device)
        self._next_s = int(min(history_start(device, history_days, now), live_from))
        self._live_from = int(live_from)

    def send_history(self, stop: threading.Event) -> None:
        columns = self._feed.columns(self._next_s, self._live_from)
        for body in chunks(columns):
            if stop.is_set():
                return
            self.device.record(body)
        self._next_s = self._live_from

    def send_until(self, at: float) -> None:
        """Send the samples up to and with `at`, each by itself; after a pause of the machine all of it."""
        end_s = int(at) + 1
        period_s = self._feed.period_s
        if end_s <= -(-self._next_s // period_s) * period_s:
            return
        columns = self._feed.columns(self._next_s, end_s)
        for n, at_s in enumerate(columns.at_s.tolist()):
            values = {key: float(column[n]) for key, column in columns.values.items()}
            self.device.record({"at": at_s * 1_000, "values": values})
        self._next_s = end_s


def history_start(device: DeviceConfig, history_days: float, now: float) -> float:
    """Return the instant at which the device's history begins; all in Unix seconds but the days."""
    if device.history_from is not None:
        return device.history_from
    if device.history_days is not None:
        history_days = device.history_days
    elif device.role != "farm-station":
        history_days = min(history_days, FISH_HISTORY_DAYS)
    return now - history_days * DAY_S


def make_feed(device: DeviceConfig) -> Feed:
    """Make what the device measures."""
    if device.role == "farm-station":
        return FarmStation(device.site, device.seed)
    return EchoUnit(device.seed) if device.role == "echo-unit" else FishSorter(device.seed)


def chunks(columns: Columns) -> list[dict[str, object]]:
    """Cut into sample objects of up to 60 samples."""
    at_ms = columns.at_s * 1_000
    return [
        {
            "at": at_ms[n : n + CHUNK].tolist(),
            "values": {key: column[n : n + CHUNK].tolist() for key, column in columns.values.items()},
        }
        for n in range(0, at_ms.size, CHUNK)
    ]
