"""The fields of one event, verification or image, read one by one."""

from __future__ import annotations

import hashlib
import math
import re
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec

from devices.ulid import read_ulid
from ingest.moments import read_at
from ingest.samples import read_boot, read_seq
from ingest.shown import clean, show

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_TEXT: Final = 64
MOST_MORE: Final = 4096
"""Bytes of JSON that an event may carry beside what is known."""
MOST_FISH: Final = 2**31 - 1
HASH_BYTES: Final = 32
ULID_BYTES: Final = 16
Value = TypeVar("Value")

_HEX: Final = re.compile(r"[0-9a-fA-F]{64}")


class Fields:
    """Reads an object's fields. The first fault of one that must be there is kept; what is read then is void.

    Attributes
    ----------
    fault : tuple[str, str] | None
        Reason and detail.
    """

    def __init__(self, body: Mapping[str, object]) -> None:
        self._body = body
        self._read: set[str] = set()
        self.fault: tuple[str, str] | None = None

    def complain(self, reason: str, detail: str) -> None:
        """Keep a fault, unless there is one."""
        self.fault = self.fault or (reason, detail)

    def get(self, key: str) -> object:
        """Give a field as it is."""
        self._read.add(key)
        return self._body.get(key)

    def at(self, received_us: int) -> int:
        """Read `at`, µs since 1970."""
        if "at" not in self._body:
            self.complain("bad_shape", "at is missing")
        at = read_at(self.get("at"), received_us)
        if isinstance(at, str):
            self.complain("bad_time", at)
            return 0
        return at

    def sequence(self) -> tuple[str, int]:
        """Read `boot` and `seq`."""
        boot, seq = read_boot(self.get("boot")), read_seq(self.get("seq"))
        for key, value in (("boot", boot), ("seq", seq)):
            if value is None:
                self.complain("bad_sequence", f"{key} is {show(self._body.get(key))}")
        return boot or "", seq or 0

    def text(self, key: str, *, needed: bool = False, most: int = MOST_TEXT) -> str:
        """Read a short text, which a whole number may stand for; empty if it is not there and not needed."""
        value = self.get(key)
        text = _read_text(value, most)
        if text is None and (needed or value is not None):
            self.complain("bad_field", f"{key} is {show(value)}: send a text of 1 to {most} characters")
        return text or ""

    def tag(self, key: str, most: int = 32) -> str | None:
        """Read a short text that may be missing; what is none stays among the rest."""
        value = self._body.get(key)
        text = _read_text(value, most)
        return self._settle(key, value, text)

    def number(self, key: str, low: float, high: float) -> float | None:
        """Read a number that may be missing; what is none, or out of bounds, stays among the rest."""
        value = self._body.get(key)
        return self._settle(key, value, _read_number(value, low, high))

    def whole(self, key: str) -> int | None:
        """Read a number from 1 that may be missing; what is none stays among the rest."""
        value = self._body.get(key)
        number = _read_number(value, 1, MOST_FISH)
        return self._settle(key, value, int(number) if number is not None and number == int(number) else None)

    def ulid(self, key: str) -> bytes | None:
        """Read a ULID that may be missing; what is none stays among the rest."""
        value = self._body.get(key)
        return self._settle(key, value, to_ulid(value))

    def sha256(self, key: str) -> bytes | None:
        """Read a SHA-256 (bytes or hexadecimal digits) that may be missing; what is none stays."""
        value = self._body.get(key)
        return self._settle(key, value, to_hash(value))

    def _settle(self, key: str, given: object, value: Value | None) -> Value | None:
        if value is not None or given is None:
            self._read.add(key)
        return value

    def rest(self) -> str | None:
        """Write what was not read as JSON; None if there is nothing."""
        left = {clean(str(key)): value for key, value in self._body.items() if key not in self._read}
        if not left:
            return None
        text = write_json(left)
        if text is None or len(text) > MOST_MORE:
            self.complain("bad_shape", f"what else is sent must be at most {MOST_MORE} bytes of JSON")
        return text


def _read_text(value: object, most: int) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 63:
        return str(value)
    if isinstance(value, str) and 0 < len(value) <= most and value.isprintable():
        return value
    return None


def _read_number(value: object, low: float, high: float) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if low <= value <= high else None


def read_chance(value: object) -> float | None:
    """Read a probability above 0 and at most 1."""
    number = _read_number(value, 0.0, 1.0)
    return number or None


def to_ulid(value: object) -> bytes | None:
    """Read a ULID as text or as 16 bytes."""
    if isinstance(value, bytes) and len(value) == ULID_BYTES:
        return value
    return read_ulid(value) if isinstance(value, str) else None


def to_hash(value: object) -> bytes | None:
    """Read a SHA-256 as bytes or as hexadecimal digits."""
    if isinstance(value, bytes) and len(value) == HASH_BYTES:
        return value
    return bytes.fromhex(value) if isinstance(value, str) and _HEX.fullmatch(value) else None


def read_vector(value: object, classes: tuple[str, ...], tolerance: float) -> tuple[float, ...] | str:
    """Read a probability for each class, or say what is wrong."""
    if not isinstance(value, dict):
        return f"probabilities is {show(value)}, not an object with each of {', '.join(classes)}"
    if value.keys() != set(classes):
        wrong = {str(key) for key in value} ^ set(classes)
        return f"probabilities must hold each of {', '.join(classes)}: see {clean(min(wrong, default=''))}"
    vector = tuple(_read_number(value[name], 0.0, 1.0) for name in classes)
    for name, number in zip(classes, vector, strict=True):
        if number is None:
            return f"the probability of {name} is {show(value[name])}, not a number from 0 to 1"
    numbers = tuple(number for number in vector if number is not None)
    total = math.fsum(numbers)
    return numbers if abs(total - 1) <= tolerance else f"the probabilities add up to {total:.4g}, not to 1"


def write_json(value: object) -> str | None:
    """Write JSON as the database takes it, the same for the same; None if it cannot be."""
    try:
        text = msgspec.json.encode(value, order="deterministic")
    except (TypeError, ValueError, OverflowError, RecursionError, msgspec.MsgspecError):
        return None
    return None if b"\\u0000" in text else text.decode()


def digest_of(value: object) -> int:
    """Give 64 bits that tell equal from different."""
    text = msgspec.json.encode(value, order="deterministic")
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big", signed=True)
