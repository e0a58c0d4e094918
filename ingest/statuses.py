"""What devices say of themselves on ``up/status``."""

from __future__ import annotations

from typing import Final

import msgspec

from ingest.chunk import Ask, Chunk
from ingest.codecs import Undecodable, decode
from ingest.moments import from_us
from ingest.samples import Contents, read_boot, read_seq, reject_all
from ingest.shown import show
from store.status import StatusNews

LARGEST: Final = 16_384
"""Bytes; a status is a few words."""


def take_status(chunk: Chunk, device_id: int, payload: bytes, *, retained: bool) -> Contents:
    """Note a status, or a question, in the chunk; the contents tell what was rejected.

    A question (``"ask": "committed"``) that does not say ``online`` leaves the stored status as it is.
    """
    if not payload:  # how a retained message is cleared
        return Contents()
    if len(payload) > LARGEST:
        return reject_all("oversized", f"a status of {len(payload)} bytes; at most {LARGEST} are taken")
    message = decode(payload)
    if isinstance(message, Undecodable):
        return reject_all(message.reason, message.detail)
    if not isinstance(message, dict):
        return reject_all("bad_shape", f"the status is {show(message)}, not an object")
    return _take_object(chunk, device_id, message, retained=retained)


def _take_object(chunk: Chunk, device_id: int, message: dict[str, object], *, retained: bool) -> Contents:
    online = message.get("online")
    if online is not None and not isinstance(online, bool):
        return reject_all("bad_shape", f"online is {show(online)}, not true or false")
    fault = _take_ask(chunk, device_id, message) if "ask" in message else None
    if fault is not None:
        return fault
    if "ask" in message and online is None:
        return Contents()
    return _keep(chunk, device_id, message, retained=retained)


def _take_ask(chunk: Chunk, device_id: int, message: dict[str, object]) -> Contents | None:
    if message["ask"] != "committed":
        return reject_all("bad_shape", f'ask is {show(message["ask"])}; only "committed" can be asked for')
    boot = read_boot(message.get("boot"))
    if boot is None:
        return reject_all("bad_sequence", f"boot is {show(message.get('boot'))}")
    oldest = read_seq(message.get("oldest", 1))
    if oldest is None:
        return reject_all("bad_sequence", f"oldest is {show(message['oldest'])}")
    chunk.asks.append(Ask(device_id=device_id, boot=boot, oldest=oldest))
    return None


def _keep(chunk: Chunk, device_id: int, message: dict[str, object], *, retained: bool) -> Contents:
    try:
        text = msgspec.json.encode(
            {key: value for key, value in message.items() if key not in {"ask", "oldest"}}
        )
    except (TypeError, ValueError, OverflowError, RecursionError, msgspec.MsgspecError) as error:
        return reject_all("bad_shape", f"the status cannot be kept as JSON: {error}")
    if b"\\u0000" in text:
        return reject_all("bad_shape", "the status holds the character U+0000")
    online = message.get("online")
    news = StatusNews(
        device_id=device_id,
        online=online if isinstance(online, bool) else None,
        payload=text.decode(),
        received_at=from_us(chunk.received_us),
        retained=retained,
    )
    chunk.statuses.append(news)
    return Contents()
