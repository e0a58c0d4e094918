"""How an operation is declared: its handler's signature and docstring are the declaration.

``Call[Path, Query, Body]`` names the structs that are decoded for the handler, the return annotation what it
answers; routing, checking, and the OpenAPI description are all derived from these.
"""

import inspect
import types
import typing
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar

from api.auth import Principal, Role
from api.house import House
from api.wire import Nothing
from store.pool import AsyncConnection

Path = TypeVar("Path")
Query = TypeVar("Query")
Body = TypeVar("Body")
Value = TypeVar("Value")

PREFIX: Final = "/api/v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Generic[Path, Query, Body]):
    """What a handler gets: who asks, what is asked, and a connection (one transaction for the whole call)."""

    principal: Principal
    path: Path
    query: Query
    body: Body
    conn: AsyncConnection
    house: House


@dataclass(frozen=True, slots=True)
class Created(Generic[Value]):
    """201 with the thing and its address."""

    value: Value
    location: str


@dataclass(frozen=True, slots=True)
class Accepted(Generic[Value]):
    """202 with the request that was filed and its address."""

    value: Value
    location: str


@dataclass(frozen=True, slots=True)
class Csv:
    """A table as text, sent piece by piece after the call's connection has been given back."""

    name: str
    pieces: AsyncIterator[str]


@dataclass(frozen=True, slots=True)
class Text:
    """Plain text with a media type of its own."""

    text: str
    media: str


@dataclass(frozen=True, slots=True)
class TomlFile:
    """A TOML file to be kept."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Image:
    """Bytes that never change, with their media type; they get an ETag."""

    raw: bytes
    media: str


@dataclass(frozen=True, slots=True)
class Document:
    """JSON that changes only with the program; it gets an ETag."""

    raw: bytes
    media: str = "application/json"


@dataclass(frozen=True, slots=True)
class Unready(Generic[Value]):
    """503 with details instead of a problem document."""

    value: Value


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method of one address.

    Attributes
    ----------
    least : Role | None
        The least role that may; None: no token needed.
    conflicts : bool
        Whether 409 is one of its answers.
    cacheable : bool
        Whether the answer changes only with the program: it gets an ETag.
    needs_store : bool
        Whether a connection is taken.
    """

    name: str
    tag: str
    method: str
    address: str
    least: Role | None
    summary: str
    summary_ja: str
    description: str
    path: type
    query: type
    body: type
    answers: tuple[Any, ...]
    conflicts: bool
    cacheable: bool
    needs_store: bool
    handle: Callable[[Any], Awaitable[object]]


Handle = TypeVar("Handle", bound=Callable[..., Awaitable[object]])


@dataclass(slots=True)
class Routes:
    """The operations of one noun, filled by decorators."""

    tag: str
    prefix: str = PREFIX
    operations: list[Operation] = field(default_factory=list)

    def get(
        self,
        address: str,
        *,
        least: Role | None,
        ja: str,
        cacheable: bool = False,
        needs_store: bool = True,
    ) -> Callable[[Handle], Handle]:
        """Declare what GET answers at an address."""
        return self._declare("GET", address, least, ja, False, cacheable, needs_store)

    def post(
        self, address: str, *, least: Role, ja: str, conflicts: bool = False
    ) -> Callable[[Handle], Handle]:
        """Declare what POST does at an address."""
        return self._declare("POST", address, least, ja, conflicts, False, True)

    def patch(
        self, address: str, *, least: Role, ja: str, conflicts: bool = False
    ) -> Callable[[Handle], Handle]:
        """Declare what PATCH does at an address."""
        return self._declare("PATCH", address, least, ja, conflicts, False, True)

    def _declare(  # noqa: PLR0917
        self,
        method: str,
        address: str,
        least: Role | None,
        ja: str,
        conflicts: bool,
        cacheable: bool,
        needs_store: bool,
    ) -> Callable[[Handle], Handle]:
        def keep(handle: Handle) -> Handle:
            hints = typing.get_type_hints(handle)
            path, query, body = typing.get_args(hints["call"])
            summary, description = _sentences(handle)
            self.operations.append(
                Operation(
                    name=handle.__name__,
                    tag=self.tag,
                    method=method,
                    address=self.prefix + address,
                    least=least,
                    summary=summary,
                    summary_ja=ja,
                    description=description,
                    path=path,
                    query=query,
                    body=body,
                    answers=_alternatives(hints["return"]),
                    conflicts=conflicts,
                    cacheable=cacheable,
                    needs_store=needs_store,
                    handle=handle,
                )
            )
            return handle

        return keep


def _sentences(handle: Callable[..., object]) -> tuple[str, str]:
    summary, _, rest = (inspect.getdoc(handle) or "").partition("\n\n")
    return " ".join(summary.split()), rest.strip()


def _alternatives(answer: Any) -> tuple[Any, ...]:
    is_union = typing.get_origin(answer) in {typing.Union, types.UnionType}
    return typing.get_args(answer) if is_union else (answer,)


def has(struct: type) -> bool:
    """Tell whether an operation's part carries anything."""
    return struct is not Nothing
