"""Which codec carries a link: the only place that knows them all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingest import link_mqtt5, link_paho, link_session
from ingest.link import LinkSettingError

if TYPE_CHECKING:
    from ingest.link import Codec, Link, LinkSettings


def make_link(settings: LinkSettings, codec: Codec = "mqtt5") -> Link:
    """Return a link that is not yet connected: start `Link.run` as a task.

    Raises
    ------
    LinkSettingError
        Unknown codec, or a version of MQTT that it does not speak.
    """
    if codec == "paho":
        return link_session.SessionLink(settings, link_paho.connect)
    if codec != "mqtt5":
        raise LinkSettingError(f"codec {codec!r}: choose 'paho' or 'mqtt5'")
    if settings.mqtt_version != "5":
        raise LinkSettingError("the codec 'mqtt5' speaks MQTT 5 only: choose 'paho' for MQTT 3.1.1")
    return link_session.SessionLink(settings, link_mqtt5.connect)
