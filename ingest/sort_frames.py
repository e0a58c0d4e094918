"""Images of fish: one CBOR object with a header and the lossless bytes, checked before they are kept."""

from __future__ import annotations

import hashlib
import math
import struct
import zlib
from typing import TYPE_CHECKING, Final

from ingest.shown import show
from ingest.sort_fields import Fields, digest_of, to_hash
from store.frames import FrameSent

if TYPE_CHECKING:
    from collections.abc import Sequence

FRAME_BYTES: Final = 1 << 20
"""Size of the largest message with an image: more than a lossless one of a megapixel needs."""
MOST_PIXELS: Final = 1 << 24
_PNG: Final = b"\x89PNG\r\n\x1a\n"
_WIDTHS: Final = {"uint8": 1, "uint16": 2, "float32": 4}
_SAMPLES: Final = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""PNG (ISO/IEC 15948), colour types: samples a pixel."""


def read_frame(fields: Fields, device_id: int, received_us: int) -> FrameSent:
    """Read an image; its header is whatever else the message holds."""
    for key in ("boot", "seq"):  # read by whoever notes them
        fields.get(key)
    at, data, kind = fields.at(received_us), fields.get("data"), fields.get("format")
    shape, dtype = _read_shape(fields.get("shape")), fields.get("dtype")
    given = fields.get("sha256")
    body = data if isinstance(data, bytes) else b""
    digest = hashlib.sha256(body).digest()
    fault = _find_fault(data, kind, shape, dtype)
    if fault is None and given is not None and to_hash(given) != digest:
        fault = f"sha256 is not that of data, which is {digest.hex()}"
    if fault is not None:
        fields.complain("bad_frame", fault)
    rest = fields.rest()
    named = f'{{"dtype":"{dtype}","shape":{list(shape or ())}'
    header = named + (f",{rest[1:]}" if rest else "}")
    return FrameSent(
        device_id=device_id,
        at=at,
        received=received_us,
        sha256=digest,
        format=str(kind),
        header=header,
        data=body,
        digest=digest_of((str(kind), header)),
    )


def _read_shape(value: object) -> tuple[int, ...] | None:
    """Read rows, columns and perhaps samples a pixel."""
    if not isinstance(value, list) or len(value) not in {2, 3}:
        return None
    sizes = tuple(size for size in value if type(size) is int and 1 <= size <= MOST_PIXELS)
    return sizes if len(sizes) == len(value) and math.prod(sizes) <= MOST_PIXELS else None


def _find_fault(data: object, kind: object, shape: Sequence[int] | None, dtype: object) -> str | None:
    if not isinstance(data, bytes) or not data:
        return f"data is {show(data)}, not bytes: send the image in CBOR"
    if shape is None:
        return f"shape must be [rows, columns] or [rows, columns, samples] of at most {MOST_PIXELS} numbers"
    if not isinstance(dtype, str) or dtype not in _WIDTHS:
        return f"dtype is {show(dtype)}; choose one of {', '.join(_WIDTHS)}"
    if kind == "png":
        return _check_png(data, shape, dtype)
    if kind == "zlib":
        return _check_pixels(data, math.prod(shape) * _WIDTHS[dtype])
    return f"format is {show(kind)}; choose png or zlib"


def _check_pixels(data: bytes, expected: int) -> str | None:
    unpacker = zlib.decompressobj()
    try:
        pixels = unpacker.decompress(data, expected + 1)
    except zlib.error as error:
        return f"data cannot be unpacked: {error}"
    if len(pixels) != expected or not unpacker.eof or unpacker.unused_data:
        return f"data does not unpack to {expected} bytes, as shape and dtype have it"
    return None


def _check_png(data: bytes, shape: Sequence[int], dtype: str) -> str | None:
    """Check a PNG's chunks and their sums, and that its header says what the message says."""
    if not data.startswith(_PNG):
        return "data is no PNG"
    kinds, place = [], len(_PNG)
    while place + 12 <= len(data):
        (size,) = struct.unpack_from(">I", data, place)
        end = place + 12 + size
        if (
            end > len(data)
            or zlib.crc32(data[place + 4 : end - 4]) != struct.unpack_from(">I", data, end - 4)[0]
        ):
            return f"the PNG is damaged at byte {place}"
        kinds.append(data[place + 4 : place + 8])
        place = end
    if place != len(data) or kinds[:1] != [b"IHDR"] or kinds[-1:] != [b"IEND"]:
        return "the PNG is not complete"
    columns, rows, bits, colour = struct.unpack_from(">IIBB", data, len(_PNG) + 8)
    samples = _SAMPLES.get(colour, 0)
    said = (rows, columns, samples) if len(shape) == 3 else (rows, columns)  # noqa: PLR2004
    if tuple(shape) != said or bits != 8 * _WIDTHS[dtype]:
        has = f"{rows} × {columns} pixels of {samples} × {bits} bits"
        return f"the PNG has {has}, which is not what shape and dtype say"
    return None
