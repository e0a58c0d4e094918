"""The contract of `ingest.link.Link`: how a connection is had, kept, lost and refused. Every codec."""

from __future__ import annotations

import asyncio
import logging
import re
import socket
from pathlib import Path

import pytest

from deploy.embedded import broker as embedded
from deploy.embedded.ports import free_port
from ingest.link import LinkSettingError, LinkSettings, SubscriptionRefused
from ingest.link_choice import make_link
from tests.ingest.link_lab import (
    PASSWORD,
    collect,
    every_codec,
    link_on,
    nothing_more,
    readings,
    running,
    send,
    until,
)

TLS = Path(__file__).parent / "tls"


def warnings(caplog):
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


@every_codec
@pytest.mark.parametrize("held_bytes", [1 << 25, 1000], ids=["reading", "reading paused"])
async def test_the_connection_outlives_an_application_that_stalls(broker, codec, held_bytes):
    slow = link_on(broker, codec, keepalive_s=1, receive_maximum=50, held_bytes=held_bytes)
    async with running(slow) as link:
        await send(broker, readings(200))
        await asyncio.sleep(3.5)
        assert (link.stats.connected, link.stats.reconnects) == (True, 0)
        assert link._inbox.paused == (held_bytes == 1000 or codec == "paho 3.1.1")
        assert await collect(link, 200) == readings(200)
        assert link.stats.reconnects == 0


@every_codec
async def test_a_silent_broker_is_given_up(broker, codec):
    async with running(link_on(broker, codec, keepalive_s=1)) as link:
        await send(broker, readings(1))
        await collect(link, 1)
        broker.process.signal(19)  # SIGSTOP
        try:
            await until(lambda: not link.stats.connected, 4)
            assert link.stats.last_error == "no answer for 1 s"
        finally:
            broker.process.signal(18)  # SIGCONT
        await until(lambda: link.stats.connected)
        await nothing_more(broker, link)


@every_codec
async def test_a_wrong_password_is_said_once_and_tried_slowly(broker, codec, caplog):
    link = link_on(broker, codec, password="wrong")
    async with running(link, connected=False):
        await asyncio.sleep(1.0)
        assert link._tries == 1
        assert link.stats.last_error.startswith("the broker refuses account 'chiiki-gateway' (")
        broker.gateway("wrong")
        await until(lambda: link.stats.connected, 5)
        await nothing_more(broker, link)
    assert len(warnings(caplog)) == 1
    assert PASSWORD not in caplog.text
    assert "wrong" not in repr(link._settings)


@every_codec
async def test_a_broker_that_grants_only_qos_0_is_refused(broker, codec, caplog, monkeypatch):
    monkeypatch.setattr(SubscriptionRefused, "pause_s", 0.3)
    link = link_on(broker, codec)  # makes the account: a reload would make mosquitto forget max_qos
    broker.stop()
    monkeypatch.setattr(embedded, "OWN", embedded.OWN + "max_qos 0\n")
    broker.start()
    async with running(link, connected=False):
        await until(lambda: "does not grant QoS 1" in link.stats.last_error)
        assert not link.stats.connected
        broker.stop()
        monkeypatch.undo()
        broker.start()
        await until(lambda: link.stats.connected)
        await send(broker, readings(3))
        assert await collect(link, 3) == readings(3)
    assert sum("does not grant" in line for line in warnings(caplog)) == 1


@every_codec
async def test_a_subscription_lost_with_an_old_session_is_noticed(broker, codec, monkeypatch):
    monkeypatch.setattr(SubscriptionRefused, "pause_s", 0.1)
    async with running(link_on(broker, codec)):
        pass
    broker.stop()
    monkeypatch.setattr(embedded, "OWN", embedded.OWN + "max_qos 0\n")
    broker.start()
    async with running(link_on(broker, codec), connected=False) as link:
        await until(lambda: "does not grant QoS 1" in link.stats.last_error)


@every_codec
async def test_no_broker_is_said_once_and_tried_again(broker, codec, caplog):
    link = link_on(broker, codec)
    broker.stop()
    async with running(link, connected=False):
        await until(lambda: link._tries >= 3)
        assert link.stats.last_error.startswith("cannot connect: ")
        broker.start()
        await until(lambda: link.stats.connected)
    assert len(warnings(caplog)) == 1


@every_codec
async def test_a_listener_that_says_nothing_is_given_up_in_time(broker, codec):
    with socket.create_server(("127.0.0.1", 0)) as mute:
        url = f"mqtt://127.0.0.1:{mute.getsockname()[1]}"
        async with running(link_on(broker, codec, url=url, connect_timeout_s=0.3), connected=False) as link:
            await until(lambda: link._tries >= 2, 3)
            assert link.stats.last_error == "no answer within 0.3 s"


@every_codec
async def test_close_and_cancel_end_a_connection_that_is_being_made(broker, codec):
    with socket.create_server(("127.0.0.1", 0)) as mute:
        url = f"mqtt://127.0.0.1:{mute.getsockname()[1]}"
        link = link_on(broker, codec, url=url)
        task = asyncio.create_task(link.run())
        await asyncio.sleep(0.1)
        await asyncio.wait_for(link.close(5), 1)
        await task
        link = link_on(broker, codec, url=url)
        task = asyncio.create_task(link.run())
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(task, 1)
        await asyncio.sleep(0.05)
    assert not [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]


@every_codec
async def test_cancelling_run_ends_the_connection(broker, codec):
    link = link_on(broker, codec)
    task = asyncio.create_task(link.run())
    await until(lambda: link.stats.connected)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not link.stats.connected
    async with running(link_on(broker, codec)) as link:
        await nothing_more(broker, link)


@every_codec
async def test_two_links_with_one_client_id_do_not_fight(broker, codec, caplog):
    links = [link_on(broker, codec, backoff_s=(0.5, 30)) for _ in range(2)]
    async with running(links[0]), running(links[1], connected=False):
        await until(lambda: links[0].stats.last_error != "" or links[0].stats.reconnects > 0)
        await asyncio.sleep(2)
        assert sum(link._connections for link in links) <= 6
    if codec != "paho 3.1.1":  # it has no word for it
        assert any("another client connected as 'chiiki-gateway-1'" in line for line in warnings(caplog))


@pytest.fixture
def tls_broker(broker):
    """The broker with a listener for TLS besides."""
    broker.gateway(PASSWORD)
    broker.stop()
    broker.tls = embedded.TlsListener(
        host="127.0.0.1", port=free_port(), cert_file=TLS / "cert.pem", key_file=TLS / "key.pem"
    )
    broker.start()
    return broker


@every_codec
async def test_tls_with_an_own_authority(tls_broker, codec):
    url = f"mqtts://127.0.0.1:{tls_broker.tls.port}"
    secure = link_on(tls_broker, codec, url=url, ca_file=TLS / "ca.pem", receive_maximum=500)
    large = [("chiiki/v1/farm-1/up/frames", bytes([i]) * 200_000) for i in range(20)]
    async with running(secure) as link:
        await send(tls_broker, readings(2000))
        assert await collect(link, 2000) == readings(2000)
        await send(tls_broker, large)
        assert await collect(link, 20) == large
        await nothing_more(tls_broker, link)
    async with running(link_on(tls_broker, codec)) as link:
        await nothing_more(tls_broker, link)


@every_codec
async def test_what_is_wrong_with_tls_is_said(tls_broker, codec, tmp_path):
    secure = f"mqtts://127.0.0.1:{tls_broker.tls.port}"
    cases = [
        (secure, None, r"the broker's certificate is not trusted \(.*\): set its CA file"),
        (secure, tmp_path / "none.pem", r"CA file .*none\.pem cannot be used \(.*\): give the PEM"),
        (
            f"mqtts://127.0.0.1:{tls_broker.port}",
            TLS / "ca.pem",
            r"no TLS on port \d+ \(.*\)|cannot connect: .*",
        ),
    ]
    for url, ca_file, words in cases:
        link = link_on(tls_broker, codec, url=url, ca_file=ca_file)
        async with running(link, connected=False):
            await until(lambda link=link: link._tries >= 1)
        assert re.fullmatch(words + ".*", link.stats.last_error)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"url": "tcp://127.0.0.1"}, "write mqtt://host:port"),
        ({"url": "mqtt://"}, "write mqtt://host:port"),
        ({"client_id": ""}, "needs a client id"),
        ({"receive_maximum": 65536}, "set 1 to 65535"),
        ({"keepalive_s": 0}, "set 1 or more"),
    ],
)
def test_settings_that_cannot_work_are_refused(settings, words):
    with pytest.raises(LinkSettingError, match=words):
        LinkSettings(**({"url": "mqtt://127.0.0.1", "client_id": "g"} | settings))


def test_codecs_that_cannot_work_are_refused():
    settings = LinkSettings(url="mqtt://127.0.0.1", client_id="g", mqtt_version="3.1.1")
    with pytest.raises(LinkSettingError, match="choose 'paho'"):
        make_link(settings, "mqtt5")
    with pytest.raises(LinkSettingError, match="choose 'paho' or 'mqtt5'"):
        make_link(settings, "other")


def test_addresses_have_the_usual_ports():
    plain = LinkSettings(url="mqtt://broker.test", client_id="g", share="gateways")
    secure = LinkSettings(url="mqtts://[::1]", client_id="g")
    assert (plain.host, plain.port, plain.tls) == ("broker.test", 1883, False)
    assert (secure.host, secure.port, secure.tls) == ("::1", 8883, True)
    assert plain.filters == ["$share/gateways/chiiki/v1/+/up/#"]
