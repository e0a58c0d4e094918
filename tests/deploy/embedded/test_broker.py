"""The embedded mosquitto honours what Chiiki rests on."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from deploy.embedded import ports, versions
from deploy.embedded.broker import EmbeddedBroker, TlsListener
from deploy.embedded.recipes import MIN_MOSQUITTO
from deploy.errors import PortTaken, ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable

    from deploy.embedded.provision import Programs
    from tests.conftest import Broker

MESSAGES = 1500
"""More than the 1000 that mosquitto would queue by default."""


def test_the_version_is_new_enough(programs: Programs) -> None:
    assert versions.at_least(versions.mosquitto_version(programs.mosquitto), MIN_MOSQUITTO)


def test_nobody_gets_in_without_an_account(broker: Broker, connect: Callable[..., Any], wait: Any) -> None:
    broker.account("north-1", "right")
    wrong = connect(broker.port, "north-1", "wrong")
    unknown = connect(broker.port, "south-1", "right")
    wait(lambda: bool(wrong.refused and unknown.refused))
    assert (wrong.refused, unknown.refused) == ("Not authorized", "Not authorized")


@pytest.mark.parametrize("ending", ["stay", "stop", "kill"])
def test_all_is_kept_for_a_gateway_that_is_away(
    broker: Broker, connect: Callable[..., Any], wait: Any, ending: str
) -> None:
    """More messages than the default queue takes, also over a restart or a crash of the broker."""
    broker.gateway("g")
    broker.account("north-1", "n")
    gateway = connect(broker.port, "chiiki-gateway", "g", session_s=3600)
    wait(gateway.connected.is_set)
    gateway.subscribe("chiiki/v1/+/up/#")
    gateway.close()
    device = connect(broker.port, "north-1", "n")
    wait(device.connected.is_set)
    for n in range(MESSAGES):
        device.publish("chiiki/v1/north-1/up/readings", b"%d" % n, wait=n == MESSAGES - 1)
    if ending == "kill":
        # The store is written by the clock; what came after the last time may go (docs/decisions/0003).
        wait((broker.folder / "data/mosquitto.db").exists, 10)
    if ending != "stay":
        getattr(broker, ending)()
        broker.start()
    back = connect(broker.port, "chiiki-gateway", "g", session_s=3600)
    wait(lambda: len(back.messages) >= MESSAGES, 10)
    assert [int(payload) for _, payload in back.messages] == list(range(MESSAGES))


def test_a_gateway_may_hold_more_than_twenty_unacknowledged(
    broker: Broker, connect: Callable[..., Any], wait: Any
) -> None:
    broker.gateway("g")
    broker.account("north-1", "n")
    gateway = connect(broker.port, "chiiki-gateway", "g", session_s=3600, manual_ack=True)
    wait(gateway.connected.is_set)
    gateway.subscribe("chiiki/v1/+/up/#")
    device = connect(broker.port, "north-1", "n")
    wait(device.connected.is_set)
    for n in range(300):
        device.publish("chiiki/v1/north-1/up/readings", b"%d" % n, wait=n == 299)
    wait(lambda: len(gateway.messages) == 300)


def test_who_sends_far_too_much_is_disconnected(
    broker: Broker, connect: Callable[..., Any], wait: Any
) -> None:
    broker.account("north-1", "n")
    device = connect(broker.port, "north-1", "n")
    wait(device.connected.is_set)
    device.publish("chiiki/v1/north-1/up/readings", bytes(1_300_000), wait=False)
    wait(device.disconnected.is_set)
    again = connect(broker.port, "north-1", "n")
    wait(again.connected.is_set)
    assert again.publish("chiiki/v1/north-1/up/readings", bytes(1_000_000)) == "No matching subscribers"


def test_a_taken_port_is_told_with_its_holder(programs: Programs, state_dir: Path, broker: Broker) -> None:
    second = EmbeddedBroker(state_dir / "second", programs, port=broker.port)
    holder = rf"mosquitto \(pid {broker.pid}\)"
    with pytest.raises(PortTaken, match=rf"port {broker.port} is taken by {holder}.*CHIIKI_MQTT_PORT"):
        second.start()


def test_an_address_of_another_machine_is_told(programs: Programs, state_dir: Path) -> None:
    broker = EmbeddedBroker(state_dir, programs, host="203.0.113.1", port=18830)
    with pytest.raises(ServiceError, match=r"cannot listen on 203\.0\.113\.1:18830 .*CHIIKI_MQTT_PORT"):
        broker.start()


def test_why_it_does_not_start_is_told(programs: Programs, state_dir: Path) -> None:
    broker = EmbeddedBroker(state_dir, programs)
    broker.prepare()
    broker.password_file.unlink()
    broker.password_file.mkdir()
    with pytest.raises(ServiceError, match=r"mosquitto did not start: .*Error.*log"):
        broker.start()


def test_mqtt_over_tls(programs: Programs, state_dir: Path) -> None:
    # A pair for tests only, valid for a hundred years: a machine without openssl can run this.
    cert, key = (Path(__file__).parent / "tls" / name for name in ("cert.pem", "key.pem"))
    tls = TlsListener(port=ports.free_port(), host="127.0.0.1", cert_file=cert, key_file=key)
    broker = EmbeddedBroker(state_dir, programs, tls=tls)
    try:
        broker.start()
        context = ssl.create_default_context(cafile=str(cert))
        with (
            socket.create_connection(("127.0.0.1", tls.port), timeout=5) as plain,
            context.wrap_socket(plain, server_hostname="localhost") as secured,
        ):
            assert secured.version() == "TLSv1.3"
    finally:
        broker.stop()
