"""An ordinary paho client as a device would use it: QoS 1, everything confirmed before it leaves."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

if TYPE_CHECKING:
    from collections.abc import Sequence

WINDOW = 400


class Publisher:
    """One connection of one device."""

    def __init__(self, port: int, name: str, password: str) -> None:
        self.name = name
        self._slots = threading.Semaphore(WINDOW)
        self._ready = threading.Event()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=name)
        self._client.username_pw_set(name, password)
        self._client.max_inflight_messages_set(WINDOW)
        self._client.on_connect = self._connected
        self._client.on_publish = lambda *_: self._slots.release()
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        assert self._ready.wait(10), f"{name} was not let in"

    def _connected(self, _client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if not reason.is_failure:
            self._ready.set()

    def publish(self, payloads: Sequence[bytes], kind: str = "readings") -> None:
        """Send them all, in order, and return when the broker has confirmed every one."""
        for payload in payloads:
            assert self._slots.acquire(timeout=60), f"{self.name}: no PUBACK for 60 s"
            self._client.publish(f"chiiki/v1/{self.name}/up/{kind}", payload, qos=1)
        for _ in range(WINDOW):
            assert self._slots.acquire(timeout=60), f"{self.name}: no PUBACK for 60 s"
        for _ in range(WINDOW):
            self._slots.release()

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()
