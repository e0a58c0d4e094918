"""A virtual device: an outbox, and the MQTT connection that carries it.

Each device runs in a thread of its own and makes a new paho client for every connection, so that nothing of
an older connection (acknowledgements, half-sent messages) can be mistaken for the present one: what to send
again is the outbox's to decide, not paho's.
"""

from __future__ import annotations

import random
import ssl
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import cbor2
import msgspec
from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from devices.errors import DeviceError
from devices.simulator.protocol import FRAMES, READINGS

if TYPE_CHECKING:
    from paho.mqtt.reasoncodes import ReasonCode

    from devices.simulator.protocol import Body, Outgoing, Sender

PORTS = {"mqtt": 1883, "mqtts": 8883}
RECONNECT_MOST_S = 10.0
TICK_S = 0.05
KEEPALIVE_S = 20
GOODBYE_S = 2.0


class DeviceUrlError(DeviceError):
    """The broker's address is not ``mqtt://host[:port]`` or ``mqtts://host[:port]``."""


@dataclass(frozen=True, slots=True)
class Broker:
    """Where the broker is."""

    host: str
    port: int
    tls: bool = False
    ca_file: str | None = None


def parse_broker(url: str, ca_file: str | None = None) -> Broker:
    """Read a broker's address.

    Raises
    ------
    DeviceUrlError
        It is not one.
    """
    parts = urlsplit(url)
    if parts.scheme not in PORTS or not parts.hostname:
        raise DeviceUrlError(f"{url!r} is no broker's address: write mqtt://host:port or mqtts://host:port")
    port = parts.port or PORTS[parts.scheme]
    return Broker(parts.hostname, port, tls=parts.scheme == "mqtts", ca_file=ca_file)


class _Received(msgspec.Struct):
    boot: str | int
    seq: int


class VirtualDevice:
    """A simulated device on a real broker.

    Parameters
    ----------
    broker : Broker
    name, password : str
        The account on the broker; the name is the level of the topics too.
    outbox : Sender
        What decides on sending.
    """

    def __init__(self, broker: Broker, name: str, password: str, outbox: Sender) -> None:
        self.name = name
        self.connections = 0
        self.refused = ""
        self._broker = broker
        self._password = password
        self._outbox = outbox
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._up = False
        self._tokens: dict[int, int] = {}
        self._thread = threading.Thread(target=self._run, name=f"simulator.{name}", daemon=True)

    @property
    def held(self) -> int:
        """How many sample objects the device still keeps."""
        with self._lock:
            return self._outbox.held

    def start(self) -> None:
        """Begin to connect and to send."""
        self._thread.start()

    def record(self, body: Body, topic: str = READINGS) -> None:
        """Take a sample object, or what else is sent, to be sent when there is a connection."""
        with self._lock:
            self._outbox.record(body, topic)

    def stop(self, deadline_s: float = GOODBYE_S + 3) -> None:
        """Say goodbye (status offline), disconnect and end."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(deadline_s)

    def _run(self) -> None:
        wait_s = 0.1
        while not self._stop.is_set():
            before = self.connections
            self._serve_connection()
            wait_s = 0.1 if self.connections > before else min(2 * wait_s, RECONNECT_MOST_S)
            self._stop.wait(wait_s * random.uniform(0.5, 1))  # noqa: S311 -- jitter, not a secret

    def _serve_connection(self) -> None:
        client = self._make_client()
        try:
            client.connect(self._broker.host, self._broker.port, KEEPALIVE_S)
            while client.loop(TICK_S) == mqtt.MQTT_ERR_SUCCESS and not self._stop.is_set():
                self._send(client)
            if self._stop.is_set() and self._up:
                self._say_goodbye(client)
        except OSError:
            pass  # away or refusing: the next attempt comes after the back-off
        finally:
            self._up = False
            with self._lock:
                self._outbox.disconnected()

    def _make_client(self) -> mqtt.Client:
        client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=self.name, reconnect_on_failure=False)
        client.username_pw_set(self.name, self._password)
        client.will_set(self._topic("up/status"), _encode(_status(online=False)), qos=1, retain=True)
        client.max_inflight_messages_set(0)  # the outbox bounds what is on its way
        if self._broker.tls:
            client.tls_set(ca_certs=self._broker.ca_file, cert_reqs=ssl.CERT_REQUIRED)
        client.on_connect = self._on_connect
        client.on_publish = self._on_publish
        client.on_message = self._on_message
        self._tokens = {}
        return client

    def _on_connect(
        self, client: mqtt.Client, _data: Any, _flags: Any, reason: ReasonCode, _properties: Any
    ) -> None:
        if reason.is_failure:
            self.refused = str(reason)
            return
        client.subscribe(self._topic("down/committed"), qos=1)
        client.publish(self._topic("up/status"), _encode(_status(online=True)), qos=1, retain=True)
        self._up = True
        self.refused = ""
        self.connections += 1
        with self._lock:
            self._outbox.connected(time.monotonic())

    def _on_publish(self, _client: mqtt.Client, _data: Any, mid: int, _reason: Any, _properties: Any) -> None:
        token = self._tokens.pop(mid, None)
        if token is not None:
            with self._lock:
                self._outbox.acknowledged(token)

    def _on_message(self, _client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        try:
            received = msgspec.json.decode(message.payload, type=_Received)
        except msgspec.DecodeError:
            return  # not for this version of the device
        with self._lock:
            self._outbox.committed(str(received.boot), received.seq, time.monotonic())

    def _send(self, client: mqtt.Client) -> None:
        if not self._up:
            return
        with self._lock:
            messages = self._outbox.outgoing(time.monotonic())
        for message in messages:
            self._publish(client, message)

    def _publish(self, client: mqtt.Client, message: Outgoing) -> None:
        payload = message.payload
        if message.topic == "status" and isinstance(payload, dict):
            payload = {**payload, "simulated": True}
        topic = self._topic(f"up/{message.topic}")
        # Images are bytes, which JSON has not.
        encoded = cbor2.dumps(payload) if message.topic == FRAMES else _encode(payload)
        info = client.publish(topic, encoded, qos=1, retain=message.retain)
        self._tokens[info.mid] = message.token

    def _say_goodbye(self, client: mqtt.Client) -> None:
        info = client.publish(self._topic("up/status"), _encode(_status(online=False)), qos=1, retain=True)
        until = time.monotonic() + GOODBYE_S
        while not info.is_published() and time.monotonic() < until:
            if client.loop(TICK_S) != mqtt.MQTT_ERR_SUCCESS:
                return
        client.disconnect()

    def _topic(self, rest: str) -> str:
        return f"chiiki/v1/{self.name}/{rest}"


def _status(*, online: bool) -> Body:
    return {"online": online, "simulated": True}


def _encode(payload: Body | list[Body]) -> bytes:
    return msgspec.json.encode(payload)
