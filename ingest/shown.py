"""Values from outside, as they may stand in a sentence for a person."""

from __future__ import annotations

from typing import Final

LONGEST: Final = 60


def show(value: object) -> str:
    """Write a value as JSON or Python would, short, and without what a database or a terminal refuses.

    Examples
    --------
    >>> show(True), show(None), show("x" * 3)
    ('true', 'null', '"xxx"')
    """
    if isinstance(value, str):
        return f'"{clean(value)}"'
    if isinstance(value, bool) or value is None:
        return "null" if value is None else str(value).lower()
    if isinstance(value, int | float) and abs(value) < 1e21:  # noqa: PLR2004  longer ones are told by kind
        return str(value)
    return _name_kind(value)


def clean(text: str, longest: int = LONGEST) -> str:
    """Cut a text and write its control characters and lone surrogates as escapes."""
    short = text if len(text) <= longest else f"{text[: longest - 1]}…"
    if short.isprintable():
        return short
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in short)


def _name_kind(value: object) -> str:
    if isinstance(value, float):
        return str(value)
    names = {int: "a huge number", list: "a list", dict: "an object", bytes: "bytes"}
    return names.get(type(value), f"a {type(value).__name__}")
