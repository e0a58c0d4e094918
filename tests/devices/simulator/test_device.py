"""Virtual devices on a real broker, with a small gateway of their own that is a real client too."""

from __future__ import annotations

import json
import threading
import time
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import pytest
from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from devices.simulator.device import DeviceUrlError, VirtualDevice, parse_broker
from devices.simulator.protocol import Outbox, SimpleOutbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DEVICE, PASSWORD = "farm-1", "a password of the test"
GATEWAY = "chiiki-gateway"


class Peer:
    """Stores what arrives and, when told to, says what is committed."""

    def __init__(self, port: int) -> None:
        self.lock = threading.Lock()
        self.values: list[float] = []
        self.seqs: dict[str, set[int]] = defaultdict(set)
        self.statuses: list[dict[str, Any]] = []
        self.answering = True
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="peer", clean_session=False)
        self.client.username_pw_set(GATEWAY, PASSWORD)
        self.client.reconnect_delay_set(1, 1)
        self.client.on_connect = lambda client, *_: client.subscribe("chiiki/v1/+/up/#", qos=1)
        self.client.on_message = self.take
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()

    def take(self, _client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        payload = json.loads(message.payload)
        with self.lock:
            if message.topic.endswith("status"):
                self.statuses.append({**payload, "retain": message.retain})
            for sample in payload if isinstance(payload, list) else [payload]:
                if "values" in sample:
                    self.values.append(sample["values"]["air_temperature"])
                    self.seqs[sample.get("boot", "")].add(sample.get("seq", 0))
        if self.answering:
            self.answer()

    def committed(self, boot: str) -> int:
        seq = 0
        while seq + 1 in self.seqs[boot]:
            seq += 1
        return seq

    def answer(self) -> None:
        with self.lock:
            answers = [{"boot": boot, "seq": self.committed(boot)} for boot in list(self.seqs) if boot]
        for answer in answers:
            self.client.publish(f"chiiki/v1/{DEVICE}/down/committed", json.dumps(answer), qos=1)

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


def until(condition: Callable[[], bool], deadline_s: float = 15.0) -> None:
    end_at = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end_at, "did not happen in time"
        time.sleep(0.02)


def sample(number: int) -> dict[str, Any]:
    return {"at": 1_760_000_000_000 + number, "values": {"air_temperature": float(number)}}


@pytest.fixture
def peer(broker: Any) -> Iterator[Peer]:
    broker.account(DEVICE, PASSWORD)
    broker.gateway(PASSWORD)
    peer = Peer(broker.port)
    until(peer.client.is_connected)
    yield peer
    peer.close()


@pytest.fixture
def start(broker: Any) -> Iterator[Callable[..., VirtualDevice]]:
    devices = []

    def start(outbox: Outbox | SimpleOutbox, password: str = PASSWORD) -> VirtualDevice:
        device = VirtualDevice(parse_broker(broker.url), DEVICE, password, outbox)
        devices.append(device)
        device.start()
        return device

    yield start
    for device in devices:
        device.stop()


def test_what_is_committed_is_dropped(peer: Peer, start: Callable[..., VirtualDevice]) -> None:
    device = start(Outbox("b1"))
    for number in range(500):
        device.record(sample(number))
    until(lambda: device.held == 0)
    assert sorted(peer.values) == [float(number) for number in range(500)]
    assert peer.seqs["b1"] <= set(range(1, 501))


def test_what_is_only_acknowledged_is_kept_and_sent_again_after_a_time_out(
    peer: Peer, start: Callable[..., VirtualDevice]
) -> None:
    peer.answering = False
    device = start(Outbox("b1", resend_s=0.5, ask_s=0.1))
    device.record(sample(1))
    until(lambda: len(peer.values) >= 2)
    assert device.held == 1
    asked = [status for status in peer.statuses if status.get("ask") == "committed"]
    assert asked[0]["boot"] == "b1"
    assert asked[0]["oldest"] == 1
    assert asked[0]["simulated"] is True
    peer.answer()
    until(lambda: device.held == 0)


def test_a_broker_killed_in_the_middle_costs_nothing(
    broker: Any, peer: Peer, start: Callable[..., VirtualDevice]
) -> None:
    device = start(Outbox("b1", resend_s=1, ask_s=0.2, batch=1, unacknowledged=10))
    for number in range(3000):
        device.record(sample(number))
        if number in {1000, 2000}:
            until(lambda seen=number - 900: len(set(peer.values)) > seen)
            broker.kill()
            broker.start()
    until(lambda: device.held == 0, 40)
    assert device.connections == 3
    assert set(peer.values) == {float(number) for number in range(3000)}
    assert peer.committed("b1") == 3000


def test_a_simple_device_loses_nothing_that_the_broker_did_not_acknowledge(
    broker: Any, peer: Peer, start: Callable[..., VirtualDevice]
) -> None:
    device = start(SimpleOutbox(unacknowledged=5))
    device.record(sample(0))
    until(lambda: device.held == 0)
    broker.stop()
    for number in range(1, 200):
        device.record(sample(number))
    assert device.held == 199
    broker.start()
    until(lambda: device.held == 0 and len(set(peer.values)) == 200)
    assert peer.seqs[""] == {0}, "neither boot nor number"


def test_the_status_is_retained_marked_and_told_by_the_will(
    broker: Any, peer: Peer, start: Callable[..., VirtualDevice]
) -> None:
    device = start(Outbox("b1"))
    until(lambda: len(peer.statuses) == 1)
    assert peer.statuses[0] == {"online": True, "simulated": True, "retain": 0}
    device.stop()
    until(lambda: len(peer.statuses) == 2)
    assert peer.statuses[1] == {"online": False, "simulated": True, "retain": 0}
    peer.client.unsubscribe("chiiki/v1/+/up/#")
    peer.client.subscribe("chiiki/v1/+/up/#", qos=1)
    until(lambda: len(peer.statuses) == 3)
    assert peer.statuses[2] == {"online": False, "simulated": True, "retain": 1}


def test_the_will_speaks_for_a_device_that_is_gone_without_a_word(
    peer: Peer, start: Callable[..., VirtualDevice]
) -> None:
    device = start(Outbox("b1"))
    until(lambda: len(peer.statuses) == 1)
    device._up = False  # so that it does not say goodbye
    device.stop()
    until(lambda: len(peer.statuses) == 2)
    assert peer.statuses[1]["online"] is False


def test_a_revoked_device_is_cut_off_and_told(
    broker: Any, peer: Peer, start: Callable[..., VirtualDevice]
) -> None:
    device = start(Outbox("b1"))
    until(lambda: device.connections == 1)
    broker.remove(DEVICE)
    until(lambda: device.refused == "Not authorized")
    assert device.connections == 1


def test_a_wrong_password_is_told(peer: Peer, start: Callable[..., VirtualDevice]) -> None:
    device = start(Outbox("b1"), password="wrong")
    until(lambda: bool(device.refused))
    assert device.refused == "Not authorized"
    assert device.connections == 0


def test_an_answer_that_cannot_be_read_is_passed_over(
    peer: Peer, start: Callable[..., VirtualDevice]
) -> None:
    peer.answering = False
    device = start(Outbox("b1"))
    device.record(sample(1))
    until(lambda: len(peer.values) == 1)
    for payload in (b"", b"\xff", b"[]", b'{"boot": "b1"}', b'{"boot": "b1", "seq": "1"}'):
        peer.client.publish(f"chiiki/v1/{DEVICE}/down/committed", payload, qos=1)
    device.record(sample(2))
    until(lambda: len(peer.values) == 2)
    assert device.held == 2
    assert device.connections == 1


@pytest.mark.parametrize("url", ["", "broker", "http://host", "mqtt://"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(DeviceUrlError, match="mqtt://host:port"):
        parse_broker(url)


def test_addresses_have_the_usual_ports() -> None:
    assert parse_broker("mqtt://host").port == 1883
    assert parse_broker("mqtts://host").port == 8883
    assert parse_broker("mqtts://host").tls
    assert parse_broker("mqtt://127.0.0.1:18830").port == 18830
