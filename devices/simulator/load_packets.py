"""MQTT 3.1.1 as bytes, made before the clock starts: what the loader writes to its sockets."""

from __future__ import annotations

import itertools
import struct
from dataclasses import dataclass

DEFAULT_QUANTITIES = (
    "air_temperature",
    "relative_humidity",
    "soil_temperature",
    "wind_speed",
    "illuminance",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingsShape:
    """Payloads of readings, all different, none twice for the same device and instant.

    Attributes
    ----------
    samples : int
        1: one sample; more: columns of so many samples. Readings a message: samples × quantities.
    start_ms, step_ms : int
        Device time of the first sample and from one to the next, in ms since 1970.
    boot : str | None
        If set, every message carries `boot` and, from 1, `seq`.
    """

    quantities: tuple[str, ...] = DEFAULT_QUANTITIES
    samples: int = 1
    start_ms: int = 1_760_000_000_000
    step_ms: int = 1000
    boot: str | None = None

    @property
    def readings(self) -> int:
        """Readings a message."""
        return self.samples * len(self.quantities)

    def payload(self, index: int) -> bytes:
        """Return the JSON of a device's message number `index`, from 0."""
        mark = f'"boot":"{self.boot}","seq":{index + 1},' if self.boot is not None else ""
        if self.samples == 1:
            values = ",".join(f'"{name}":{_value(index, k)}' for k, name in enumerate(self.quantities))
            return f'{{{mark}"at":{self.start_ms + index * self.step_ms},"values":{{{values}}}}}'.encode()
        rows = range(index * self.samples, (index + 1) * self.samples)
        at = ",".join(str(self.start_ms + row * self.step_ms) for row in rows)
        columns = ",".join(
            f'"{name}":[{",".join(_value(row, k) for row in rows)}]' for k, name in enumerate(self.quantities)
        )
        return f'{{{mark}"at":[{at}],"values":{{{columns}}}}}'.encode()


def _value(row: int, column: int) -> str:
    return f"{(row * 7 + column * 131) % 997 / 20:.2f}"


def connect_packet(client_id: str, username: str | None, password: str | None) -> bytes:
    """Return CONNECT: clean session, no keepalive."""
    flags = 0x02 | (0x80 if username is not None else 0) | (0x40 if password is not None else 0)
    strings = [client_id] + [text for text in (username, password) if text is not None]
    body = b"\x00\x04MQTT\x04" + bytes([flags]) + b"\x00\x00" + b"".join(map(_string, strings))
    return b"\x10" + _length(len(body)) + body


def publish_packet(topic: bytes, payload: bytes, packet_id: int) -> bytes:
    """Return PUBLISH of QoS 1."""
    size = 4 + len(topic) + len(payload)
    return b"".join(
        (b"\x32", _length(size), struct.pack("!H", len(topic)), topic, struct.pack("!H", packet_id), payload)
    )


class Packets:
    """Encoded messages of one connection, cut where the window ends without being touched one by one.

    Parameters
    ----------
    topics : list[str]
        Used in turn; message i of the connection is message i // len(topics) of its device.
    """

    def __init__(self, topics: list[str], shape: ReadingsShape, count: int) -> None:
        names = [topic.encode() for topic in topics]
        packets = [
            publish_packet(names[i % len(names)], shape.payload(i // len(names)), i % 65535 + 1)
            for i in range(count)
        ]
        self.offsets = list(itertools.accumulate(map(len, packets), initial=0))
        self.count = count
        self._data = memoryview(b"".join(packets))

    def cut(self, start: int, stop: int) -> memoryview:
        """Return the bytes of the messages `start` up to, not including, `stop`."""
        return self._data[self.offsets[start] : self.offsets[stop]]


def _string(text: str) -> bytes:
    data = text.encode()
    return struct.pack("!H", len(data)) + data


def _length(size: int) -> bytes:
    encoded = bytearray()
    while size > 0x7F:  # noqa: PLR2004  seven bits a byte
        encoded.append(size & 0x7F | 0x80)
        size >>= 7
    encoded.append(size)
    return bytes(encoded)
