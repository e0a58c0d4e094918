"""Stands in for mosquitto_pub where that is not installed: the same options, another client library."""

from __future__ import annotations

import argparse
import sys

from paho.mqtt import publish
from paho.mqtt.enums import MQTTProtocolVersion


def main() -> int:
    parser = argparse.ArgumentParser(add_help=False)
    for option, kind in (
        ("-h", str),
        ("-p", int),
        ("-u", str),
        ("-P", str),
        ("-q", int),
        ("-t", str),
        ("-m", str),
    ):
        parser.add_argument(option, type=kind, required=True)
    given = vars(parser.parse_args())
    publish.single(
        given["t"],
        given["m"],
        qos=given["q"],
        hostname=given["h"],
        port=given["p"],
        auth={"username": given["u"], "password": given["P"]},
        protocol=MQTTProtocolVersion.MQTTv311,
    )
    return 0


sys.exit(main())
