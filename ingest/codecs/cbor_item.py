"""CBOR (RFC 8949): exactly one item, from a sender that may be hostile."""

from __future__ import annotations

import io

import cbor2

from ingest.codecs import Undecodable

MAX_DEPTH = 16
"""Readings need three levels; status messages may have a few more."""


def decode(payload: bytes) -> object:
    r"""Decode one CBOR item; never raises.

    Examples
    --------
    >>> decode(b"\xa1\x61a\x01")
    {'a': 1}
    >>> decode(b"\xa1").reason
    'bad_cbor'
    """
    stream = io.BytesIO(payload)
    try:
        item: object = cbor2.CBORDecoder(stream, max_depth=MAX_DEPTH, strict_hashable_types=True).decode()
    except Exception as error:  # noqa: BLE001  tags decode to many types, each with errors of its own
        return Undecodable("bad_cbor", " ".join(str(error).split()) or type(error).__name__)
    if stream.tell() != len(payload):
        return Undecodable("bad_cbor", f"{len(payload) - stream.tell()} bytes follow after the first item")
    return item
