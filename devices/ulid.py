"""ULIDs (github.com/ulid/spec): 128 bits as 26 characters of Crockford's base 32."""

from __future__ import annotations

from typing import Final

ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LENGTH: Final = 26
_VALUE: Final = {letter: value for value, letter in enumerate(ALPHABET)}
_BITS: Final = 128


def read_ulid(text: str) -> bytes | None:
    """Give a ULID's 16 bytes; None if the text is none.

    Examples
    --------
    >>> read_ulid("00000000000000000000000010").hex()
    '00000000000000000000000000000020'
    """
    if len(text) != LENGTH:
        return None
    number = 0
    for letter in text.upper():
        value = _VALUE.get(letter)
        if value is None:
            return None
        number = number << 5 | value
    return number.to_bytes(16, "big") if number < 1 << _BITS else None


def write_ulid(value: bytes) -> str:
    """Write 16 bytes as a ULID.

    Examples
    --------
    >>> write_ulid(bytes(15) + b" ")
    '00000000000000000000000010'
    """
    number = int.from_bytes(value, "big")
    return "".join(ALPHABET[number >> shift & 31] for shift in range(5 * (LENGTH - 1), -1, -5))
