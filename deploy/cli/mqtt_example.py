"""A ready `mosquitto_pub` line for a new device."""

from __future__ import annotations

import json
import shlex
import socket
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from devices.kinds import load_kinds

if TYPE_CHECKING:
    from deploy.settings import Settings
    from devices.model import Channel, Device

MQTT_PORT = 1883
MQTTS_PORT = 8883
ANY_VALUE = 1.0


class Address(NamedTuple):
    """Where the broker listens."""

    host: str
    port: int
    tls: bool


def broker_address(settings: Settings) -> Address:
    """Tell where devices reach the broker: in the settings' URL, else the embedded one."""
    if settings.mqtt_url is None:
        everywhere = settings.mqtt_host in ("0.0.0.0", "::")  # noqa: S104 - compared, not bound
        return Address(
            socket.gethostname() if everywhere else settings.mqtt_host, settings.mqtt_port, tls=False
        )
    url = urlsplit(settings.mqtt_url)
    tls = url.scheme == "mqtts"
    return Address(url.hostname or "localhost", url.port or (MQTTS_PORT if tls else MQTT_PORT), tls)


def write_publish_line(settings: Settings, device: Device, password: str) -> str:
    """Write a shell line that publishes one reading of now as the device."""
    address = broker_address(settings)
    words = ["mosquitto_pub", "-h", address.host, "-p", str(address.port)]
    if address.tls:
        words += ["--tls-use-os-certs"]
    words += [
        "-u",
        device.name,
        "-P",
        password,
        "-q",
        "1",
        "-t",
        f"chiiki/v1/{device.name}/up/readings",
        "-m",
    ]
    values = json.dumps(dict([_example_reading(settings, device.kind)]))
    # The shell fills in the time: now, in milliseconds.
    return f"""{shlex.join(words)} '{{"at": '$(date +%s)'000, "values": {values}}}'"""


def _example_reading(settings: Settings, kind: str) -> tuple[str, float]:
    """Choose the kind's first quantity and a usual value."""
    quantity, channel = next(iter(load_kinds(settings.kinds_dir)[kind].quantities.items()))
    position = "" if channel.positions == "any" else channel.positions[0]
    return f"{quantity}@{position}" if position else quantity, _usual_value(channel)


def _usual_value(channel: Channel) -> float:
    between = channel.usual or channel.limits
    return ANY_VALUE if between is None else round(sum(between) / 2, 2)
