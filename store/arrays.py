"""Numpy arrays as PostgreSQL's binary arrays and COPY rows, without a Python object per element."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import psycopg
from psycopg.adapt import Dumper
from psycopg.pq import Format

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from psycopg.abc import Buffer, DumperKey, PyFormat

PG_EPOCH_US: Final = 946_684_800_000_000
"""2000-01-01T00:00Z in µs since 1970: where PostgreSQL's binary timestamps begin (pq, timestamp.h)."""

_HEADER: Final = np.dtype(
    [("dimensions", ">i4"), ("nulls", ">i4"), ("oid", ">u4"), ("length", ">i4"), ("lower", ">i4")]
)


@dataclass(frozen=True, slots=True)
class PgArray:
    """A parameter of a query: an array in PostgreSQL's binary form."""

    oid: int
    buffer: bytes


class _PgArrayDumper(Dumper):
    """Hand the bytes over as they are; the type travels with the object."""

    format = Format.BINARY

    def get_key(self, obj: PgArray, format: PyFormat) -> DumperKey:  # noqa: A002, ARG002 - psycopg's names
        return (self.cls, obj.oid)  # type: ignore[return-value]  # the key is only ever hashed

    def upgrade(self, obj: PgArray, format: PyFormat) -> _PgArrayDumper:  # noqa: A002, ARG002
        dumper = type(self)(self.cls)
        dumper.oid = obj.oid
        return dumper

    def dump(self, obj: PgArray) -> Buffer:
        return obj.buffer


psycopg.adapters.register_dumper(PgArray, _PgArrayDumper)


def int2_array(values: NDArray[Any]) -> PgArray:
    """Give ``int2[]``."""
    return _array(values, ">i2", "int2")


def int4_array(values: NDArray[Any]) -> PgArray:
    """Give ``int4[]``."""
    return _array(values, ">i4", "int4")


def int8_array(values: NDArray[Any]) -> PgArray:
    """Give ``int8[]``."""
    return _array(values, ">i8", "int8")


def float8_array(values: NDArray[Any]) -> PgArray:
    """Give ``float8[]``."""
    return _array(values, ">f8", "float8")


def timestamptz_array(unix_us: NDArray[np.int64]) -> PgArray:
    """Give ``timestamptz[]`` of µs since 1970."""
    return _array(unix_us - PG_EPOCH_US, ">i8", "timestamptz")


def _array(values: NDArray[Any], element: str, name: str) -> PgArray:
    """Pack a one-dimensional array: a header, then each element behind its length."""
    info = psycopg.adapters.types[name]
    header = np.zeros((), _HEADER)
    header["oid"] = info.oid
    if len(values) == 0:
        return PgArray(info.array_oid, header.tobytes()[:12])
    header["dimensions"], header["length"], header["lower"] = 1, len(values), 1
    packed = np.empty(len(values), np.dtype([("size", ">i4"), ("value", element)]))
    packed["size"] = np.dtype(element).itemsize
    packed["value"] = values
    return PgArray(info.array_oid, header.tobytes() + packed.tobytes())
