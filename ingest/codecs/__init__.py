"""Bytes into plain objects, whatever the bytes are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_JSON_STARTS: Final = b" \t\r\n{[\xef"
"""White space, '{', '[' or a byte order mark. No CBOR map or array begins with one of these."""


@dataclass(frozen=True, slots=True)
class Undecodable:
    """Why bytes are no message: a code of `ingest.errors.REASONS` and the facts."""

    reason: str
    detail: str


def is_json(payload: bytes) -> bool:
    """Tell JSON from CBOR by the first byte; empty payloads count as JSON."""
    return payload[:1] in _JSON_STARTS


def decode(payload: bytes) -> object:
    """Decode JSON or CBOR into dicts, lists, numbers and text; `Undecodable` if it is neither."""
    from ingest.codecs import cbor_item, json_text  # noqa: PLC0415  they build on this module

    decoder: Callable[[bytes], object] = json_text.decode if is_json(payload) else cbor_item.decode
    return decoder(payload)
