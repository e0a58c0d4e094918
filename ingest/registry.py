"""The gateway's memory of who may send what; the truth is in the database."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from devices.errors import ChannelError
from devices.registry import split_channel
from ingest.shown import clean
from ingest.topics import readings_topic
from store.batches import transaction
from store.devices import all_devices
from store.senders import find_senders
from store.series import SeriesKey, all_series, open_all_series

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from devices.model import Channel, Device, Kind, Series
    from store.pool import AsyncConnectionPool

MAX_LAYOUTS: Final = 256
"""Orders of keys that are remembered for one device; a device that shuffles them must not fill the memory."""

_SLOT: Final = np.dtype(
    [
        ("series", "i4"),
        ("device", "i4"),
        ("low", "f8"),
        ("high", "f8"),
        ("usual_low", "f8"),
        ("usual_high", "f8"),
        ("quality", "i2"),
    ]
)


@dataclass(slots=True, eq=False)
class Sender:
    """A registered device.

    Attributes
    ----------
    channels : dict[str, int]
        Slot of each open series by its key in ``values``.
    layouts : dict[tuple[str, ...], int32[n]]
        Slots by the keys of a message in their order.
    columns : bool
        Whether its last message came as columns: what to try first.
    """

    id: int
    name: str
    kind: Kind | None
    kind_name: str
    revoked: bool
    channels: dict[str, int] = field(default_factory=dict)
    layouts: dict[tuple[str, ...], NDArray[np.int32]] = field(default_factory=dict)
    columns: bool = False

    def lay_out(self, keys: tuple[str, ...]) -> NDArray[np.int32] | None:
        """Give the slots of these keys, None if one has no open series yet, or there are none."""
        slots = [self.channels.get(key, -1) for key in keys]
        if not slots or min(slots) < 0:
            return None
        if len(self.layouts) >= MAX_LAYOUTS:
            self.layouts.clear()
        layout = np.array(slots, np.int32)
        self.layouts[keys] = layout
        return layout

    def refuse(self, key: str, *, ahead: int = 0, hint: bool = True) -> tuple[str, str] | None:
        """Say why a key can have no series: reason and detail; None if it can.

        Parameters
        ----------
        ahead : int
            Series that are to be begun before this one.
        hint : bool
            Whether to look for the key that may be meant, which takes a while.
        """
        if key in self.channels:
            return None
        assert self.kind is not None
        try:
            quantity, position = split_channel(key)
        except ChannelError as error:
            return "unknown_quantity", clean(str(error), 200)
        channel = self.kind.quantities.get(quantity)
        if channel is None:
            return "unknown_quantity", _suggest(quantity, self.kind, hint=hint)
        if channel.positions != "any" and position not in channel.positions:
            return "unknown_position", _name_positions(quantity, position, channel, self.kind)
        if len(self.channels) + ahead >= self.kind.max_series:
            return (
                "too_many_series",
                f"{key} would be one more than the {self.kind.max_series} of {self.kind.name}",
            )
        return None


def _suggest(quantity: str, kind: Kind, *, hint: bool) -> str:
    near = difflib.get_close_matches(quantity, kind.quantities, n=1) if hint else None
    meant = f"; did you mean {near[0]}?" if near else ""
    return f"the kind {kind.name} has no {clean(quantity)}{meant}"


def _name_positions(quantity: str, position: str, channel: Channel, kind: Kind) -> str:
    allowed = ", ".join(repr(name) for name in channel.positions)
    return f"the kind {kind.name} has no {quantity} at {position!r}; it has {allowed}"


class Registry:
    """Devices by name and by topic, and a table of slots: one row for each open series.

    Attributes
    ----------
    by_topic : dict[str, Sender]
        Topics on which readings are welcome.
    slots : structured array
        Series id, device id and limits by slot; only its first rows are in use.
    """

    def __init__(self, pool: AsyncConnectionPool, kinds: Mapping[str, Kind]) -> None:
        self.by_name: dict[str, Sender] = {}
        self.by_topic: dict[str, Sender] = {}
        self.slots = np.zeros(1024, _SLOT)
        self._slot_of: dict[int, int] = {}
        self._names: dict[int, str] = {}
        self._pool = pool
        self._kinds = kinds

    async def load(self) -> None:
        """Read all devices and series."""
        async with transaction(self._pool) as conn:
            devices, series = await all_devices(conn), await all_series(conn)
        self._remember(devices, series)

    async def refresh(self) -> None:
        """Forget the devices that changed; they are read again when they next send."""
        async with transaction(self._pool) as conn:
            devices = {device.name: device for device in await all_devices(conn)}
        for sender in list(self.by_name.values()):
            device = devices.get(sender.name)
            now = device and (device.id, device.kind, device.revoked)
            if now != (sender.id, sender.kind_name, sender.revoked):
                del self.by_name[sender.name]
                self.by_topic.pop(readings_topic(sender.name), None)

    async def find(self, names: Iterable[str]) -> None:
        """Read devices, or read them again."""
        async with transaction(self._pool) as conn:
            devices, series = await find_senders(conn, names)
        self._remember(devices, series)

    async def open_channels(self, wanted: Sequence[tuple[Sender, str]]) -> None:
        """Begin series for keys that `Sender.refuse` does not refuse, all in one transaction."""
        keys = []
        for sender, key in wanted:
            assert sender.kind is not None
            quantity, position = split_channel(key)
            keys.append(SeriesKey(sender.id, quantity, position, sender.kind.quantities[quantity].unit))
        async with transaction(self._pool) as conn:
            opened = await open_all_series(conn, keys)
        for (sender, _), found in zip(wanted, keys, strict=True):
            self._add_series(sender, opened[found])

    def name_of(self, device_id: int) -> str | None:
        """Give a device's name, None if it was never met."""
        return self._names.get(device_id)

    def _remember(self, devices: list[Device], series: list[Series]) -> None:
        by_id = {device.id: self._add_device(device) for device in devices}
        for item in series:
            if item.device_id in by_id:
                self._add_series(by_id[item.device_id], item)

    def _add_device(self, device: Device) -> Sender:
        kind = self._kinds.get(device.kind)
        sender = Sender(device.id, device.name, kind, device.kind, device.revoked)
        self.by_name[device.name] = sender
        self._names[device.id] = device.name
        self.by_topic.pop(readings_topic(device.name), None)
        if kind is not None and not device.revoked:
            self.by_topic[readings_topic(device.name)] = sender
        return sender

    def _add_series(self, sender: Sender, series: Series) -> None:
        """Give a series its slot, unless the kind now has another unit or not this channel any more."""
        channel = None if sender.kind is None else sender.kind.quantities.get(series.quantity)
        if channel is None or channel.unit != series.unit:
            return
        if channel.positions != "any" and series.position not in channel.positions:
            return
        slot = self._slot_of.setdefault(series.id, len(self._slot_of))
        if slot == len(self.slots):
            self.slots = np.concatenate((self.slots, np.zeros_like(self.slots)))
        self.slots[slot] = _describe(series, channel)
        key = f"{series.quantity}@{series.position}" if series.position else series.quantity
        sender.channels[key] = slot


def _describe(series: Series, channel: Channel) -> tuple[float, ...]:
    """Give a row of the table of slots; quality 2 (not evaluated) where there is nothing to check against."""
    everything = (-np.inf, np.inf)
    known = channel.limits is not None or channel.usual is not None
    limits, usual = channel.limits or everything, channel.usual or everything
    return (series.id, series.device_id, *limits, *usual, 1 if known else 2)
