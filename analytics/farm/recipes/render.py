"""Write a recipe as the text of a TOML file, and tell one recipe from another by its digest."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

from analytics.farm.recipes.model import FORMAT, Channel, Range, Recipe, Stage, Text, Work

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}
DELETE = 0x7F

Value: TypeAlias = str | float | bool | Sequence[str] | Sequence[float] | None
Line: TypeAlias = tuple[str, Value]


def render_recipe(recipe: Recipe) -> str:
    r"""Write a recipe as TOML that `parse_recipe` reads back to an equal one, with its digest on top.

    Examples
    --------
    >>> from analytics import library
    >>> render_recipe(library.recipe("wheat")).splitlines()[2]
    'name = "wheat"'
    """
    return f"digest = {_text(digest(recipe))}\n{_body(recipe)}"


def digest(recipe: Recipe) -> str:
    """Tell what a recipe holds in one word: ``sha256:`` and 64 hexadecimal digits.

    Comments, the order of keys and the way numbers are written do not matter; every value does.
    """
    return f"sha256:{hashlib.sha256(_body(recipe).encode()).hexdigest()}"


def is_as_stamped(recipe: Recipe) -> bool | None:
    """Tell whether a recipe is what its file's digest says; None where the file has none.

    False means that somebody changed the file after it was handed on.
    """
    return recipe.stamp == digest(recipe) if recipe.stamp else None


def _body(recipe: Recipe) -> str:
    origin = recipe.origin
    lines: list[str] = [
        *_lines(
            ("format", FORMAT),
            ("name", recipe.name),
            ("version", recipe.version),
            ("crop", recipe.crop),
            ("cultivars", recipe.cultivars),
            *_both("title", recipe.title),
            *_both("note", recipe.note),
            ("author", recipe.author),
            ("licence", recipe.licence),
        ),
        "\n[origin]",
        *_lines(
            ("how", origin.how),
            ("simulated", origin.simulated),
            ("farm", origin.farm),
            ("seasons", origin.seasons),
            ("parent", origin.parent),
        ),
    ]
    for stage in recipe.stages:
        lines.extend(_stage(stage))
    return "\n".join(lines) + "\n"


def _stage(stage: Stage) -> Iterator[str]:
    yield "\n[[stages]]"
    yield from _lines(
        ("name", stage.name),
        ("bbch", (stage.bbch_from, stage.bbch_to)),
        *_both("label", stage.label),
        *_both_lists("warnings", stage.warnings),
    )
    for part in stage.ranges:
        yield "\n[[stages.ranges]]"
        yield from _range(part)
    for work in stage.work:
        yield "\n[[stages.work]]"
        yield from _work(work)


def _range(part: Range) -> Iterator[str]:
    yield from _channel(part.channel)
    yield from _lines(
        ("unit", part.unit),
        ("harmful_below", part.harmful_below),
        ("favourable_from", part.favourable_from),
        ("favourable_to", part.favourable_to),
        ("harmful_above", part.harmful_above),
        ("source", part.source),
        ("certainty", part.certainty),
        *_both("low", part.low),
        *_both("high", part.high),
        ("n_hours", part.n_hours),
        ("coverage", part.coverage),
    )


def _channel(channel: Channel) -> Iterator[str]:
    yield from _lines(("quantity", channel.quantity), ("when", channel.when), ("window", channel.window))
    if channel.days > 1:
        yield from _lines(("days", channel.days))


def _work(work: Work) -> Iterator[str]:
    yield from _lines(
        ("name", work.name),
        *_both("text", work.text),
        ("at", work.at),
        ("days", (work.from_day, work.to_day)),
        *_both_lists("checklist", work.checklist),
        ("source", work.source),
    )


def _both(key: str, text: Text | None) -> list[Line]:
    return [] if text is None else [(f"{key}_ja", text.ja), (f"{key}_en", text.en)]


def _both_lists(key: str, texts: Iterable[Text]) -> list[Line]:
    listed = list(texts)
    return [(f"{key}_ja", [text.ja for text in listed]), (f"{key}_en", [text.en for text in listed])]


def _lines(*pairs: Line) -> Iterator[str]:
    """Write key by key; what is empty is left out."""
    for key, value in pairs:
        if value is not None and not (isinstance(value, str | list | tuple) and not value):
            yield f"{key} = {_value(value)}"


def _value(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, int | float):
        # -0.0 and 0.0 are equal, and so must their texts be.
        return repr(value + 0 if value else 0 * abs(value))
    assert value is not None
    return f"[{', '.join(_value(item) for item in value)}]"


def _text(text: str) -> str:
    return f'"{"".join(_character(character) for character in text)}"'


def _character(character: str) -> str:
    if character in ESCAPES:
        return ESCAPES[character]
    code = ord(character)
    return f"\\u{code:04x}" if code < ord(" ") or code == DELETE else character
