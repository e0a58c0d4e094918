r"""What goes over the wire: types shared by the operations, and strict decoding.

Names are snake_case, unknown fields are refused, instants are RFC 3339. A `$` in a pattern is followed by
``(?!\n)`` because Python lets `$` match before a last line feed.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Final, Generic, TypeVar

import msgspec
from msgspec import Meta

from api.problems import FieldError, Problem
from devices.registry import DEVICE_NAME, POSITION, QUANTITY_NAME, SLUG

END: Final = r"$(?!\n)"
INT4: Final = 2**31 - 1
INT8: Final = 2**63 - 1
_LINE: Final = rf"^[^\x00-\x1f\x7f]*{END}"

Slug = Annotated[str, Meta(pattern=f"^{SLUG.pattern}{END}", examples=["shihoro"])]
LabSlug = Annotated[
    str, Meta(pattern=f"^{SLUG.pattern}{END}", description="Short name of a lab.", examples=["shihoro"])
]
SiteSlug = Annotated[
    str, Meta(pattern=f"^{SLUG.pattern}{END}", description="Short name of a site.", examples=["school-farm"])
]
DeviceName = Annotated[
    str,
    Meta(
        pattern=f"^{DEVICE_NAME.pattern}{END}",
        description="Name of a device, which is its MQTT user name.",
        examples=["shihoro-farm-1"],
    ),
]
QuantityName = Annotated[
    str,
    Meta(
        pattern=f"^{QUANTITY_NAME.pattern}{END}",
        description="Name of a quantity.",
        examples=["air_temperature"],
    ),
]
Position = Annotated[
    str,
    Meta(
        pattern=f"^({POSITION.pattern})?{END}",
        description="Label of a position; empty: the plain one.",
        examples=["10cm"],
    ),
]
Line = Annotated[str, Meta(pattern=_LINE, max_length=200, examples=["南の畑"])]
Id4 = Annotated[int, Meta(ge=1, le=INT4, description="Its number.", examples=[17])]
Id8 = Annotated[int, Meta(ge=1, le=INT8, description="Its number.", examples=[17])]
At = Annotated[datetime, Meta(tz=True, examples=["2026-07-01T03:00:00Z"])]
Simulated = Annotated[
    bool,
    Meta(description="Whether the device is a simulated one, and nothing was measured.", examples=[False]),
]
Count = Annotated[int, Meta(ge=0, examples=[288])]
Cursor = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9_-]+$(?!\n)",
        max_length=200,
        description="Where to go on: `next` of the page before.",
        examples=["q80wYy1aMTc2MDAwMDAwMDAwMDAwMA"],
    ),
]
Next = Annotated[
    str | None,
    Meta(description="`cursor` of the next page; null: this was the last.", examples=[None]),
]
Limit = Annotated[int, Meta(ge=1, le=1000, description="At most so many on one page.", examples=[100])]
Instant = Annotated[
    str,
    Meta(
        max_length=40,
        description="RFC 3339 with offset, or a date (its first moment in the time zone).",
        examples=["2026-07-01"],
    ),
]
Zone = Annotated[
    str,
    Meta(
        pattern=rf"^[A-Za-z0-9_+/-]{{1,64}}{END}",
        description="IANA time zone; default: the site's, or else Asia/Tokyo.",
        examples=["Asia/Tokyo"],
    ),
]


class Nothing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """No fields."""


class LabPath(msgspec.Struct, frozen=True):
    """A lab in an address."""

    lab: LabSlug


class DevicePath(msgspec.Struct, frozen=True):
    """A device in an address."""

    device: DeviceName


class PageQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A page of a list."""

    limit: Limit = 100
    cursor: Cursor | None = None


Item = TypeVar("Item")


class Page(msgspec.Struct, Generic[Item], frozen=True, kw_only=True):
    """A page of a list."""

    items: list[Item]
    next: Next


Struct = TypeVar("Struct")

_AT_FIELD: Final = re.compile(r" - at `\$\.?(?P<field>.*)`$")
_NAMED_FIELD: Final = re.compile(r"field `(?P<field>[^`]*)`")


def explain(error: msgspec.ValidationError) -> FieldError:
    """Split msgspec's sentence into the field and what is wrong with it."""
    text = str(error)
    detail = _AT_FIELD.sub("", text)
    place = _AT_FIELD.search(text)
    named = _NAMED_FIELD.search(detail)
    names = [match["field"] for match in (place, named) if match and match["field"]]
    return FieldError(".".join(names) or "body", detail)


def read_path(values: Mapping[str, str], kind: type[Struct], address: str) -> Struct:
    """Decode the variable parts of an address; what cannot be one does not exist."""
    try:
        return msgspec.convert(values, kind, strict=False)
    except msgspec.ValidationError as error:
        raise Problem("not-found", f"There is nothing at {address!r}.", errors=[explain(error)]) from error


def read_query(pairs: Mapping[str, str], repeated: list[str], kind: type[Struct]) -> Struct:
    """Decode the parameters of a query."""
    if repeated:
        detail = "given more than once"
        raise Problem(
            "invalid-parameter", f"{repeated[0]}: {detail}", errors=[FieldError(repeated[0], detail)]
        )
    try:
        return msgspec.convert(pairs, kind, strict=False)
    except msgspec.ValidationError as error:
        fault = explain(error)
        raise Problem("invalid-parameter", f"{fault.field}: {fault.detail}", errors=[fault]) from error


def read_body(raw: bytes, kind: type[Struct]) -> Struct:
    """Decode a JSON body."""
    try:
        return msgspec.json.decode(raw, type=kind)
    except msgspec.ValidationError as error:
        fault = explain(error)
        raise Problem("invalid-body", f"{fault.field}: {fault.detail}", errors=[fault]) from error
    except (ValueError, RecursionError) as error:
        raise Problem("malformed-json", f"The body is not JSON: {error}.") from error


def write_json(value: Any) -> bytes:
    """Encode an answer."""
    return msgspec.json.encode(value)
