"""Stands in for mosquitto_pub where that is not installed: the same options, another client library."""

from __future__ import annotations

import sys

from paho.mqtt import publish
from paho.mqtt.enums import MQTTProtocolVersion

OPTIONS = {"-h", "-p", "-u", "-P", "-q", "-t", "-m"}

words = sys.argv[1:]
given = dict(zip(words[::2], words[1::2], strict=True))  # a password may begin with a hyphen
if given.keys() != OPTIONS:
    sys.exit(f"mosquitto_pub: {given.keys() ^ OPTIONS} are missing or not known here")
publish.single(
    given["-t"],
    given["-m"],
    qos=int(given["-q"]),
    hostname=given["-h"],
    port=int(given["-p"]),
    auth={"username": given["-u"], "password": given["-P"]},
    protocol=MQTTProtocolVersion.MQTTv311,
)
