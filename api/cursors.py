"""Opaque places to go on from in a list.

A cursor names the last row seen and the question it belongs to. It carries no rights: labs and ranges are
checked at every page, so a forged cursor can only name another place in what its bearer may see anyway.
"""

import base64
import binascii
import hashlib
from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec

from api.problems import invalid_parameter

Place = TypeVar("Place")
Row = TypeVar("Row")

_STALE = "is not a cursor of this list; take the one in `next`, with the same other parameters"


def question(*parts: object) -> bytes:
    """Return a short fingerprint of what was asked, so that a cursor is not used for another question."""
    return hashlib.sha256(repr(parts).encode("utf-8", "surrogatepass")).digest()[:6]


def write_cursor(asked: bytes, place: object) -> str:
    """Return the cursor for a place (anything msgspec can encode)."""
    return base64.urlsafe_b64encode(asked + msgspec.json.encode(place)).decode().rstrip("=")


def read_cursor(text: str, asked: bytes, kind: type[Place]) -> Place:
    """Return the place that a cursor names.

    Raises
    ------
    Problem
        The text is no cursor, or one of another question.
    """
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        if raw[: len(asked)] != asked:
            raise invalid_parameter("cursor", _STALE)
        return msgspec.json.decode(raw[len(asked) :], type=kind)
    except (binascii.Error, ValueError) as error:
        raise invalid_parameter("cursor", _STALE) from error


def cut(
    rows: Sequence[Row], limit: int, asked: bytes, place: Callable[[Row], object]
) -> tuple[list[Row], str | None]:
    """Cut a page off `limit` + 1 rows; the one too many tells that there is a next page."""
    shown = list(rows[:limit])
    more = len(rows) > limit
    return shown, write_cursor(asked, place(shown[-1])) if more else None
