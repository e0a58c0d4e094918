from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from rich.cells import cell_len

from devices.errors import DeviceError
from devices.geometry import GeometryError
from store.errors import StoreConflict, StoreMissing

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NAMES = ("--name-ja", "東の畑", "--name-en", "East field")
RING = [[143.24, 43.16], [143.25, 43.16], [143.25, 43.17], [143.24, 43.16]]


def test_list_has_all_labs(ask: Callable[..., Any], tell: Callable[..., str]) -> None:
    labs = ask("lab", "list")
    assert len(labs) == 101
    assert {"slug": "shihoro", "name_ja": "士幌町"}.items() <= next(
        x for x in labs if x["slug"] == "shihoro"
    ).items()
    assert "士幌町" in tell("lab", "list")


def test_columns_stand_below_each_other_in_japanese(tell: Callable[..., str]) -> None:
    lines = tell("lab", "list").splitlines()
    column = (
        cell_len(lines[0].partition("name")[0])
        if "name" in lines[0]
        else cell_len(lines[1].partition("name")[0])
    )
    rows = [line for line in lines if "Prefecture" in line or " City" in line]
    starts = set()
    for line in rows:
        cells = [index for index in range(len(line)) if cell_len(line[:index]) == column]
        starts.add(line[cells[0] - 1] == " " and line[cells[0]].isascii() and line[cells[0]] != " ")
    assert len(rows) > 50
    assert starts == {True}


def test_add_and_show(ask: Callable[..., Any], tell: Callable[..., str]) -> None:
    assert (
        ask("lab", "add", "nakasatsunai", "--name-ja", "中札内村", "--name-en", "Nakasatsunai")["slug"]
        == "nakasatsunai"
    )
    tell("lab", "site", "add", "nakasatsunai", "field", *NAMES)
    shown = ask("lab", "show", "nakasatsunai")
    assert shown["lab"]["name_ja"] == "中札内村"
    assert [site["slug"] for site in shown["sites"]] == ["field"]
    assert shown["devices"] == []
    text = tell("lab", "show", "nakasatsunai")
    assert "中札内村" in text
    assert "東の畑" in text


def test_what_cannot_be_is_told(command: Callable[..., int]) -> None:
    with pytest.raises(StoreConflict, match="already a lab 'kaga'"):
        command("lab", "add", "kaga", "--name-ja", "x", "--name-en", "x")
    with pytest.raises(StoreMissing, match="no lab 'atlantis'"):
        command("lab", "show", "atlantis")
    with pytest.raises(DeviceError, match="lower-case"):
        command("lab", "add", "Not a slug", "--name-ja", "x", "--name-en", "x")


def test_a_site_with_position_and_polygon(ask: Callable[..., Any], tmp_path: Path) -> None:
    file = tmp_path / "field.geojson"
    polygon = {"type": "Polygon", "coordinates": [RING]}
    file.write_text(json.dumps({"type": "Feature", "geometry": polygon, "properties": {}}))
    place = ("--latitude", "43.16", "--longitude", "143.24", "--elevation", "191")
    site = ask("lab", "site", "add", "shihoro", "field", *NAMES, *place, "--polygon", file)
    assert (site["latitude"], site["longitude"], site["elevation_m"]) == (43.16, 143.24, 191.0)
    assert site["polygon"] == polygon
    assert ask("lab", "site", "list", "--lab", "shihoro") == [site]
    assert ask("lab", "site", "list", "--lab", "kaga") == []


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--latitude", "43"], "both latitude and longitude"),
        (["--latitude", "143", "--longitude", "43"], "latitude 143 is outside"),
        (["--timezone", "Asia/Obihiro"], "no time zone 'Asia/Obihiro'"),
        (["--polygon", "/nowhere.json"], "cannot be read as GeoJSON"),
    ],
)
def test_a_site_that_makes_no_sense_is_refused(
    command: Callable[..., int], ask: Callable[..., Any], options: list[str], complaint: str
) -> None:
    with pytest.raises(GeometryError, match=complaint):
        command("lab", "site", "add", "shihoro", "field", *NAMES, *options)
    assert ask("lab", "site", "list") == []
