"""A small MQTT client for the tests of broker and accounts."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest
from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from paho.mqtt.reasoncodes import ReasonCode


class Client:
    """A paho client that remembers what happened to it."""

    def __init__(
        self, port: int, name: str, password: str, *, session_s: int = 0, manual_ack: bool = False
    ) -> None:
        self.name = name
        self.messages: list[tuple[str, bytes]] = []
        self.connected = threading.Event()
        self.answered = threading.Event()
        self.refused = ""
        self.disconnected = threading.Event()
        self.granted: list[int] = []
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id=name, protocol=mqtt.MQTTv5,
            reconnect_on_failure=False, manual_ack=manual_ack,
        )  # fmt: skip
        self._client.username_pw_set(name, password)
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = lambda *_: self.disconnected.set()
        self._client.on_message = lambda _c, _u, message: self.messages.append(
            (message.topic, message.payload)
        )
        self._client.on_subscribe = lambda _c, _u, _mid, codes, _p: self.granted.extend(
            code.value for code in codes
        )
        properties = Properties(PacketTypes.CONNECT)
        properties.SessionExpiryInterval = session_s
        self._client.connect("127.0.0.1", port, clean_start=session_s == 0, properties=properties)
        self._client.loop_start()

    def _on_connect(self, _c: object, _u: object, _f: object, code: ReasonCode, _p: object) -> None:
        if code.is_failure:
            self.refused = str(code)
            self.disconnected.set()
        else:
            self.connected.set()
        self.answered.set()

    def subscribe(self, topic: str) -> None:
        before = len(self.granted)
        self._client.subscribe(topic, qos=1)
        wait_for(lambda: len(self.granted) > before)

    def publish(self, topic: str, payload: bytes, *, wait: bool = True) -> str:
        """Publish with QoS 1; returns what PUBACK said."""
        said: list[str] = []
        self._client.on_publish = lambda _c, _u, _mid, code, _p: said.append(str(code))
        info = self._client.publish(topic, payload, qos=1)
        if wait:
            info.wait_for_publish(5)
            wait_for(lambda: bool(said))
        return said[0] if said else ""

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def wait_for(condition: Callable[[], bool], deadline_s: float = 5.0) -> float:
    """Wait until a condition holds; returns how long it took, in seconds."""
    started_at = time.monotonic()
    while not condition():
        assert time.monotonic() - started_at < deadline_s, f"not within {deadline_s} s"
        time.sleep(0.005)
    return time.monotonic() - started_at


@pytest.fixture
def connect() -> Iterator[Callable[..., Client]]:
    """Connect clients that are closed after the test."""
    clients: list[Client] = []

    def make(*args: object, **kwargs: object) -> Client:
        clients.append(Client(*args, **kwargs))  # type: ignore[arg-type]
        return clients[-1]

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def wait() -> Callable[..., float]:
    return wait_for
