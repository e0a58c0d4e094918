"""When a device says that something happened."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from ingest.shown import show

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
EARLIEST_MS: Final = 946_684_800_000
"""2000-01-01T00:00Z: clocks that were never set say less."""
LATEST_MS: Final = 4_102_444_800_000
"""2100-01-01T00:00Z."""
AHEAD_US: Final = 86_400_000_000
"""A day: by as much may a device's time be later than its message's receipt."""

# RFC 3339, section 5.6; the offset is optional here, so that its absence can be told.
_RFC3339: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)?", re.ASCII
)
_HUGE: Final = 10**18
"""No time in any unit; from here on numbers grow too large to reckon with."""
_SECONDS: Final = range(EARLIEST_MS // 1000, LATEST_MS // 1000)
_MICROSECONDS: Final = range(EARLIEST_MS * 1000, LATEST_MS * 1000)


def to_us(at: datetime) -> int:
    """Give µs since 1970 of an aware datetime, exactly."""
    return (at - EPOCH) // timedelta(microseconds=1)


def from_us(unix_us: int) -> datetime:
    """Give the aware datetime (UTC) of µs since 1970."""
    return EPOCH + timedelta(microseconds=unix_us)


def read_at(value: object, received_us: int) -> int | str:
    """Read a device's time.

    Parameters
    ----------
    value : object
        Unix milliseconds (whole), RFC 3339 text with an offset, or an aware datetime (CBOR tags 0, 1).
    received_us : int
        When the message arrived, µs since 1970.

    Returns
    -------
    int | str
        µs since 1970, or the sentence that says what is wrong.
    """
    unix_us = _to_unix_us(value)
    return unix_us if isinstance(unix_us, str) else _check_range(unix_us, value, received_us)


def _to_unix_us(value: object) -> int | str:
    if isinstance(value, bool):
        return f"at is {show(value)}: send Unix milliseconds"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and abs(value) < _HUGE:
        return value * 1000
    if isinstance(value, str):
        return _read_text(value)
    if isinstance(value, datetime) and value.tzinfo is not None:
        return to_us(value)
    return f"at is {show(value)}: send whole Unix milliseconds or RFC 3339 with an offset"


def _read_text(text: str) -> int | str:
    parts = _RFC3339.fullmatch(text)
    if parts is None:
        return f"at is {show(text)}: not RFC 3339, such as 2026-04-01T09:30:00+09:00"
    day, clock, fraction, offset = parts.groups()
    if offset is None:
        return f"at is {show(text)}: the offset is missing, such as Z or +09:00"
    try:
        whole = datetime.fromisoformat(f"{day}T{clock}{offset.upper()}")
        return to_us(whole) + int((fraction or ".0")[1:].ljust(6, "0")[:6])
    except (ValueError, OverflowError) as error:
        return f"at is {show(text)}: {error}"


def _check_range(unix_us: int, value: object, received_us: int) -> int | str:
    if EARLIEST_MS * 1000 <= unix_us <= received_us + AHEAD_US:
        return unix_us
    given = value if isinstance(value, int) else None
    if given is not None and given in _SECONDS:
        return f"at is {show(value)}: these look like seconds, send milliseconds"
    if given is not None and given in _MICROSECONDS:
        return f"at is {show(value)}: these look like microseconds, send milliseconds"
    if unix_us < EARLIEST_MS * 1000:
        return f"at is {show(value)}: before 2000-01-01, set the device's clock"
    ahead = (unix_us - received_us) / 86_400_000_000
    return f"at is {show(value)}: {ahead:.1f} days after it was received, set the device's clock"
