"""Strict reading of parameter tables: what is missing, unknown or of another kind is named by its key."""

from __future__ import annotations

import math
import tomllib
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from analytics.farm.errors import CropError

if TYPE_CHECKING:
    from collections.abc import Iterator

Plain = TypeVar("Plain", str, int)


class Table:
    """One table of a file, which remembers its own key and which of its keys have been read."""

    def __init__(self, file: str, key: str, content: dict[str, Any]) -> None:
        self.file = file
        self.key = key
        self._left = dict(content)

    @classmethod
    def parse(cls, text: str, file: str) -> Table:
        """Read TOML.

        Raises
        ------
        CropError
            The text is not TOML.
        """
        try:
            return cls(file, "", tomllib.loads(text))
        except tomllib.TOMLDecodeError as error:
            raise CropError(file, "", f"cannot be read: {error}") from None

    def complain(self, key: str, reason: str) -> NoReturn:
        """Raise CropError for a key of this table (an empty key: for the table itself)."""
        raise CropError(self.file, self._path(key), reason)

    def __contains__(self, key: str) -> bool:
        return key in self._left

    def left(self) -> list[str]:
        """Name what has not been read yet."""
        return list(self._left)

    def take(self, key: str, kind: type[Plain]) -> Plain:
        """Read a text or a whole number that must be there."""
        if key not in self._left:
            self.complain(key, "is missing")
        value = self._left.pop(key)
        if not isinstance(value, kind) or isinstance(value, bool):
            self.complain(key, f"must be {'a text' if kind is str else 'a whole number'}, not {value!r}")
        if isinstance(value, str) and not value.strip():
            self.complain(key, "is empty")
        return value

    def word(self, key: str, allowed: tuple[str, ...]) -> str:
        """Read one of a few words."""
        value = self.take(key, str)
        if value not in allowed:
            self.complain(key, f"is {value!r}: use one of {', '.join(allowed)}")
        return value

    def number(self, key: str) -> float:
        """Read a finite number that must be there."""
        if key not in self._left:
            self.complain(key, "is missing")
        value = self._left.pop(key)
        if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
            self.complain(key, f"must be a finite number, not {value!r}")
        return float(value)

    def table(self, key: str) -> Table:
        """Open a table that must be there."""
        if key not in self._left:
            self.complain(key, "is missing")
        return self._open(self._path(key), self._left.pop(key))

    def tables(self, key: str) -> list[Table]:
        """Open a list of at least one table."""
        value = self._left.pop(key, None)
        if not isinstance(value, list) or not value:
            self.complain(key, f"is missing: write at least one [[{self._path(key)}]]")
        return [self._open(f"{self._path(key)}[{place}]", item) for place, item in enumerate(value)]

    def each(self) -> Iterator[tuple[str, Table]]:
        """Open all that is left, as tables."""
        for key in self.left():
            yield key, self.table(key)

    def close(self) -> None:
        """Refuse what nobody has asked for."""
        for key in self._left:
            self.complain(key, "is not known here")

    def _open(self, path: str, value: object) -> Table:
        if not isinstance(value, dict):
            raise CropError(self.file, path, f"must be a table, not {value!r}")
        return Table(self.file, path, value)

    def _path(self, key: str) -> str:
        return f"{self.key}.{key}".strip(".")
