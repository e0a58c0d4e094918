"""Images of single fish, as the unit sent them: lossless, found by their hash."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from api.auth import Role
from api.cursors import cut, question, read_cursor
from api.operations import Call, Image, Routes
from api.readings import Microseconds, from_microseconds, to_microseconds
from api.wire import At, Count, DevicePath, Nothing, Page, PageQuery
from store.devices import get_device
from store.frames import Frame, get_frame, list_frames, read_frame

routes = Routes("frames")

MEDIA = {"png": "image/png", "zlib": "application/zlib"}
Sha256 = Annotated[
    str,
    Meta(
        pattern=r"^[0-9a-f]{64}$(?!\n)",
        description="SHA-256 of the image, in hexadecimal digits.",
        examples=["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"],
    ),
]


class FramePath(msgspec.Struct, frozen=True):
    """An image in an address."""

    sha256: Sha256


class FrameView(msgspec.Struct, frozen=True, kw_only=True):
    """An image without its bytes, which are at /frames/{sha256} until they are dropped."""

    sha256: Sha256
    at: At
    received_at: At
    media: Annotated[
        str,
        Meta(description="application/zlib: pixels row by row; `header` says how.", examples=["image/png"]),
    ]
    size_bytes: Count
    header: Annotated[dict[str, Any], Meta(examples=[{"dtype": "uint8", "shape": [407, 200]}])]
    dropped_at: At | None


def view(frame: Frame) -> FrameView:
    """Return what is shown of an image."""
    return FrameView(
        sha256=frame.sha256,
        at=frame.at,
        received_at=frame.received_at,
        media=MEDIA[frame.format],
        size_bytes=frame.size_bytes,
        header=frame.header,
        dropped_at=frame.dropped_at,
    )


@routes.get("/units/{device}/frames", least=Role.VIEWER, ja="画像の一覧")
async def get_frames(call: Call[DevicePath, PageQuery, Nothing]) -> Page[FrameView]:
    """List a unit's images, the last to arrive first."""
    device = await get_device(call.conn, call.path.device, call.principal.lab)
    asked, before = question("frames", device.name), None
    if call.query.cursor is not None:
        before = from_microseconds(read_cursor(call.query.cursor, asked, Microseconds))
    rows = await list_frames(call.conn, device.name, before=before, limit=call.query.limit + 1)
    shown, next_ = cut(rows, call.query.limit, asked, lambda frame: to_microseconds(frame.received_at))
    return Page(items=[view(frame) for frame in shown], next=next_)


@routes.get("/frames/{sha256}", least=Role.VIEWER, ja="画像")
async def get_image(call: Call[FramePath, Nothing, Nothing]) -> Image:
    """Fetch an image, bit by bit as the unit sent it; it never changes."""
    frame = await get_frame(call.conn, call.path.sha256, call.principal.lab)
    return Image(await read_frame(call.conn, frame.sha256, call.principal.lab), MEDIA[frame.format])
