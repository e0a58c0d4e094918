"""A table of a TOML file that is read strictly: what is not asked for is not allowed."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, TypeVar

from analytics.farm.errors import RecipeError

if TYPE_CHECKING:
    from collections.abc import Sequence

Choice = TypeVar("Choice", bound=str)


class Table:
    """A table and where it stands; each reading method takes one key away.

    Parameters
    ----------
    content : Any
        What TOML made of it.
    path : str
        Where it stands, e.g. ``stages[2]``; empty for the whole file.

    Raises
    ------
    RecipeError
        It is no table; and, of every method, the key is missing or has the wrong type.
    """

    def __init__(self, content: Any, path: str) -> None:
        if not isinstance(content, dict):
            raise RecipeError(path, "must be a table")
        self._content = dict(content)
        self._known: list[str] = []
        self.path = path

    def at(self, key: str) -> str:
        """Tell where a key of this table stands."""
        return f"{self.path}.{key}" if self.path else key

    def _take(self, key: str, default: Any) -> Any:
        self._known.append(key)
        value = self._content.pop(key, default)
        if value is ...:
            raise RecipeError(self.at(key), "is missing")
        return value

    def text(self, key: str, default: Any = ...) -> str:
        """Take a text; without a default it must be there and not be empty."""
        value = self._take(key, default)
        if not isinstance(value, str) or (default is ... and not value.strip()):
            raise RecipeError(self.at(key), "must be a text")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """Take a list of texts, empty where it is missing."""
        value = self._take(key, [])
        if not isinstance(value, list) or not all(isinstance(item, str) and item.strip() for item in value):
            raise RecipeError(self.at(key), "must be a list of texts")
        return tuple(value)

    def choice(self, key: str, allowed: Sequence[Choice], default: Any = ...) -> Choice:
        """Take one of a few words."""
        value = self._take(key, default)
        for word in allowed:
            if value == word:
                return word
        raise RecipeError(self.at(key), f"is {value!r}; allowed are {', '.join(map(repr, allowed))}")

    def number(self, key: str, default: Any = ...) -> float:
        """Take a finite number."""
        return as_number(self._take(key, default), self.at(key))

    def optional_number(self, key: str) -> float | None:
        """Take a finite number, or nothing where the key is missing."""
        return self.number(key) if key in self._content else self._take(key, None)

    def whole(self, key: str, default: Any = ...) -> int:
        """Take a whole number."""
        value = self._take(key, default)
        if isinstance(value, bool) or not isinstance(value, int):
            raise RecipeError(self.at(key), "must be a whole number")
        return value

    def flag(self, key: str, default: bool) -> bool:
        """Take true or false."""
        value = self._take(key, default)
        if not isinstance(value, bool):
            raise RecipeError(self.at(key), "must be true or false")
        return value

    def anything(self, key: str, default: Any = ...) -> Any:
        """Take whatever stands there, for a caller who looks at it himself."""
        return self._take(key, default)

    def table(self, key: str) -> Table:
        """Take a table."""
        return Table(self._take(key, ...), self.at(key))

    def tables(self, key: str) -> list[Table]:
        """Take a list of tables, empty where it is missing."""
        value = self._take(key, [])
        if not isinstance(value, list):
            raise RecipeError(self.at(key), f"must be a list of tables, as [[{self.at(key)}]]")
        return [Table(item, f"{self.at(key)}[{i}]") for i, item in enumerate(value)]

    def close(self) -> None:
        """Refuse what was not asked for."""
        for key in self._content:
            raise RecipeError(self.at(key), f"unknown key; allowed are {', '.join(sorted(self._known))}")


def as_number(value: Any, path: str) -> float:
    """Check that a value is a finite number.

    Raises
    ------
    RecipeError
        It is not.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise RecipeError(path, "must be a finite number")
    return float(value)
