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

A fish unit sorts fish too where it has ``"lots": {}``: events, verifications and images of the lots that its
seed makes (`devices.simulator.sorting`), of the last ``"history_days": 4`` and then live. ``"checking":
"doubtful"`` has people check doubtful fish first, not at random; ``"fault": {"name": "gain", "from_s": …}``
(or dead-line, focus, shift; Unix seconds; ``until_s``) makes the scores shift, and the images show it;
``"stored": {"sim3-2026-11-23": 812}`` leaves out what is stored already, up to a number by boot. What was
stored keeps its scores: a fault holds for what is sent after it.

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
from devices.simulator.market import day_of, opening_s
from devices.simulator.protocol import Outbox, SimpleOutbox
from devices.simulator.sorting_scores import Checking, Fault, FaultName
from devices.simulator.sorting_unit import SortingUnit
from devices.simulator.trades import TRADES

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


class FaultConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is wrong with a unit, and when; Unix seconds."""

    name: FaultName
    from_s: float
    until_s: float | None = None


class LotsConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a unit that sorts fish sends of them."""

    history_days: float = 4.0
    checking: Checking = "random"
    fault: FaultConfig | None = None
    stored: dict[str, int] = {}


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
    lots: LotsConfig | None = None


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
        self._unit = make_unit(device)
        self._stored = {} if device.lots is None else device.lots.stored
        self._sorted_s = min(lots_start(device, now), live_from)

    def send_history(self, stop: threading.Event) -> None:
        columns = self._feed.columns(self._next_s, self._live_from)
        for body in chunks(columns):
            if stop.is_set():
                return
            self.device.record(body)
        self._next_s = self._live_from
        self._sort_until(self._live_from)

    def _sort_until(self, at: float) -> None:
        """Send what is said of the fish up to `at`."""
        if self._unit is None or at <= self._sorted_s:
            return
        for message in self._unit.messages(self._sorted_s, at, self._stored):
            self.device.record(message.body, message.topic)
        self._sorted_s = at

    def send_until(self, at: float) -> None:
        """Send the samples up to and with `at`, each by itself; after a pause of the machine all of it."""
        self._sort_until(at)
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


def lots_start(device: DeviceConfig, now: float) -> float:
    """Return the instant at which the history of the device's lots begins: with a whole day; Unix seconds."""
    if device.lots is None:
        return now
    return opening_s(day_of(now - device.lots.history_days * DAY_S))


def make_unit(device: DeviceConfig) -> SortingUnit | None:
    """Make what sorts fish; None where the device has no lots.

    Raises
    ------
    ConfigError
        It is none that could.
    """
    if device.lots is None:
        return None
    trade = TRADES.get(device.role)
    if trade is None or device.simple:
        raise ConfigError(f"{device.name} cannot have lots: that takes a fish unit with a buffer")
    fault = None if device.lots.fault is None else _fault(device.lots.fault)
    return SortingUnit(trade, device.seed, fault, device.lots.checking)


def _fault(config: FaultConfig) -> Fault:
    until_s = float("inf") if config.until_s is None else config.until_s
    return Fault(name=config.name, from_s=config.from_s, until_s=until_s)


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
