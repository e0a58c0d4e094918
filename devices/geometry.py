"""Where a site lies: positions, GeoJSON polygons and time zones, checked before they are kept."""

from __future__ import annotations

import math
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from devices.errors import DeviceError

LATITUDE: Final = (-90.0, 90.0)
LONGITUDE: Final = (-180.0, 180.0)
MIN_RING: Final = 4
"""Positions of a linear ring, the first repeated at the end (RFC 7946, 3.1.6)."""


class GeometryError(DeviceError):
    """A position, polygon or time zone is not what it should be; the text says what to mend."""


def check_position(latitude: float | None, longitude: float | None) -> None:
    """Check a position.

    Parameters
    ----------
    latitude, longitude : float | None
        Degrees, WGS 84; both or neither.

    Raises
    ------
    GeometryError
        One is missing or out of range.
    """
    if latitude is None and longitude is None:
        return
    if latitude is None or longitude is None:
        raise GeometryError("a position needs both latitude and longitude")
    _check_degrees("latitude", latitude, LATITUDE)
    _check_degrees("longitude", longitude, LONGITUDE)


def check_polygon(polygon: Any) -> None:
    """Check the shape of a GeoJSON Polygon (RFC 7946, 3.1.6); that rings do not cross is not checked.

    Parameters
    ----------
    polygon : Any
        Decoded JSON: ``{"type": "Polygon", "coordinates": [[[longitude, latitude], …], …]}``.

    Raises
    ------
    GeometryError
        It is no Polygon, a ring is open or too short, or a position is out of range.
    """
    if not isinstance(polygon, dict) or polygon.get("type") != "Polygon":
        raise GeometryError('a polygon must be a GeoJSON object of "type": "Polygon"')
    rings = polygon.get("coordinates")
    if not isinstance(rings, list) or not rings:
        raise GeometryError("a polygon needs coordinates: a list of rings, the outer one first")
    for ring in rings:
        _check_ring(ring)


def check_timezone(name: str) -> None:
    """Check that a time zone is one of the IANA's, e.g. ``Asia/Tokyo``.

    Raises
    ------
    GeometryError
        There is no such zone.
    """
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise GeometryError(
            f"there is no time zone {name!r}; write an IANA name such as Asia/Tokyo"
        ) from error


def _check_ring(ring: Any) -> None:
    if not isinstance(ring, list) or len(ring) < MIN_RING:
        raise GeometryError(
            f"a polygon's ring needs at least {MIN_RING} positions, the first one again at the end"
        )
    for position in ring:
        # RFC 7946, 4: longitude comes first; an altitude may follow.
        if not isinstance(position, list) or len(position) not in (2, 3):
            raise GeometryError("a polygon's position must be [longitude, latitude]")
        _check_degrees("longitude", position[0], LONGITUDE)
        _check_degrees("latitude", position[1], LATITUDE)
    if ring[0] != ring[-1]:
        raise GeometryError("a polygon's ring must be closed: repeat its first position at the end")


def _check_degrees(name: str, value: Any, between: tuple[float, float]) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise GeometryError(f"{name} must be a number of degrees, not {value!r}")
    if not between[0] <= value <= between[1]:
        raise GeometryError(f"{name} {value:g} is outside {between[0]:g}…{between[1]:g} degrees")
