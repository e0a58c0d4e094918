from __future__ import annotations

from typing import Any

import pytest

from devices.geometry import GeometryError, check_polygon, check_position, check_timezone

RING = [[143.24, 43.16], [143.25, 43.16], [143.25, 43.17], [143.24, 43.16]]


def polygon(*rings: Any) -> dict[str, Any]:
    return {"type": "Polygon", "coordinates": list(rings)}


@pytest.mark.parametrize("position", [(None, None), (0, 0), (0.0, 0.0), (-90, 180), (43.16, 143.24)])
def test_positions_that_are_right(position: tuple[float | None, float | None]) -> None:
    check_position(*position)


@pytest.mark.parametrize(
    ("position", "complaint"),
    [
        ((None, 143.0), "both latitude and longitude"),
        ((0.0, None), "both latitude and longitude"),
        ((143.24, 43.16), "latitude 143.24 is outside"),
        ((0, -180.1), "longitude -180.1 is outside"),
        ((float("nan"), 0), "must be a number of degrees, not nan"),
        ((True, 0), "must be a number of degrees, not True"),
        (("43", 0), "must be a number of degrees, not '43'"),
    ],
)
def test_positions_that_are_wrong(position: tuple[Any, Any], complaint: str) -> None:
    with pytest.raises(GeometryError, match=complaint):
        check_position(*position)


def test_polygons_that_are_right() -> None:
    hole = [[143.245, 43.161], [143.246, 43.161], [143.246, 43.162], [143.245, 43.161]]
    check_polygon(polygon(RING))
    check_polygon(polygon(RING, hole))
    check_polygon(polygon([[*position, 191.0] for position in RING]))


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        (None, "must be a GeoJSON object"),
        ([RING], "must be a GeoJSON object"),
        ({"type": "Point", "coordinates": [0, 0]}, "must be a GeoJSON object"),
        ({"type": "Polygon"}, "a list of rings"),
        (polygon(), "a list of rings"),
        (polygon("abcd"), "at least 4 positions"),
        (polygon(RING[:3]), "at least 4 positions"),
        (polygon([*RING[:3], [143.0, 43.0]]), "must be closed"),
        (polygon([[143.24], *RING[1:]]), r"must be \[longitude, latitude\]"),
        (polygon([[43.16, 143.24], *RING[1:]]), "latitude 143.24 is outside"),
        (polygon([[None, 43.16], *RING[1:]]), "longitude must be a number"),
        (polygon(RING, RING[:2]), "at least 4 positions"),
    ],
)
def test_polygons_that_are_wrong(value: Any, complaint: str) -> None:
    with pytest.raises(GeometryError, match=complaint):
        check_polygon(value)


def test_time_zones() -> None:
    check_timezone("Asia/Tokyo")
    check_timezone("UTC")
    for name in ("", "Asia/Obihiro", "../etc/passwd", "Asia", "JST-9", "/etc/localtime"):
        with pytest.raises(GeometryError, match="no time zone"):
            check_timezone(name)
