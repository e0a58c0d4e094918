"""Shipped kinds load; a broken file is refused with its name, the key and the reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from devices.errors import KindError
from devices.kinds import load_kinds
from devices.quantities import QUANTITIES
from devices.units import convert

if TYPE_CHECKING:
    from pathlib import Path

GOOD = """
name = "orchard"
label_ja = "果樹園"
label_en = "orchard"
period_s = 300
[quantities.air_temperature]
unit = "degF"
limits = [-40, 176]
usual = [-20, 110]
positions = ["", "crown"]
"""


def write(folder: Path, text: str, name: str = "orchard") -> Path:
    file = folder / f"{name}.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_the_shipped_kinds_load() -> None:
    kinds = load_kinds()
    assert set(kinds) == {"farm-station", "echo-unit", "fish-sorter", "generic-logger"}
    assert kinds["farm-station"].period_s == 600
    assert "10cm" in kinds["farm-station"].quantities["soil_temperature"].positions
    assert {"fish_throughput", "coupling_quality", "fish_temperature"} <= set(kinds["echo-unit"].quantities)


def test_the_generic_logger_takes_every_quantity_anywhere_in_its_canonical_unit() -> None:
    channels = load_kinds()["generic-logger"].quantities
    assert {name: channel.unit for name, channel in channels.items()} == {
        name: quantity.unit for name, quantity in QUANTITIES.items()
    }
    assert {channel.positions for channel in channels.values()} == {"any"}


def test_what_one_kind_calls_possible_the_generic_logger_does_not_reject() -> None:
    kinds = load_kinds()
    generic = kinds.pop("generic-logger").quantities
    for kind in kinds.values():
        for name, channel in kind.quantities.items():
            wide, narrow = generic[name].limits, channel.limits
            if wide and narrow:
                unit = QUANTITIES[name].unit
                low, high = (convert(float(bound), channel.unit, unit) for bound in narrow)
                assert wide[0] <= low, (kind.name, name)
                assert high <= wide[1], (kind.name, name)


def test_a_lab_adds_a_kind(tmp_path: Path) -> None:
    write(tmp_path, GOOD)
    kinds = load_kinds(tmp_path)
    channel = kinds["orchard"].quantities["air_temperature"]
    assert (channel.unit, channel.limits, channel.positions) == ("degF", (-40.0, 176.0), ["", "crown"])
    assert "farm-station" in kinds


def test_a_lab_replaces_a_kind(tmp_path: Path) -> None:
    write(tmp_path, GOOD.replace("orchard", "farm-station"), "farm-station")
    assert load_kinds(tmp_path)["farm-station"].period_s == 300


@pytest.mark.parametrize(
    ("good", "bad", "key", "reason"),
    [
        ("period_s = 300", "", "", "period_s"),
        ("period_s = 300", "period_s = 'often'", "period_s", "float"),
        ("period_s = 300", "period_s = 0", "period_s", "positive"),
        ("period_s = 300", "period_s = inf", "period_s", "positive"),
        ("period_s = 300", "period_s = 300\nclock_tolerance_s = -1", "clock_tolerance_s", "positive"),
        ("period_s = 300", "period_s = 300\nmax_series = 1", "max_series", "name 2 series"),
        ("period_s = 300", "period_s = 300\ncolour = 'red'", "", "colour"),
        ('name = "orchard"', 'name = "Orchard!"', "name", "lower-case"),
        ('name = "orchard"', 'name = "garden"', "name", "make them equal"),
        ("air_temperature", "air_temprature", "quantities.air_temprature", "unknown quantity"),
        ('"degF"', '"lx"', "quantities.air_temperature.unit", "illuminance"),
        ('"degF"', '"furlong"', "quantities.air_temperature.unit", "furlong"),
        ('unit = "degF"', "", "quantities.air_temperature", "unit"),
        ("limits = [-40, 176]", "limits = [176, -40]", "quantities.air_temperature.limits", "order"),
        ("limits = [-40, 176]", "limits = [-40, inf]", "quantities.air_temperature.limits", "finite"),
        ("limits = [-40, 176]", "limits = [-40]", "quantities.air_temperature.limits", "length"),
        ("limits = [-40, 176]", "limit = [-40, 176]", "quantities.air_temperature", "limit"),
        ("usual = [-20, 110]", "usual = [-50, 110]", "quantities.air_temperature.usual", "within limits"),
        ("usual = [-20, 110]", "usual = [-20, 200]", "quantities.air_temperature.usual", "within limits"),
        ('["", "crown"]', "[]", "quantities.air_temperature.positions", "at least one"),
        ('["", "crown"]', '["a", "a"]', "quantities.air_temperature.positions", "once"),
        ('["", "crown"]', '["a b"]', "quantities.air_temperature.positions", "'a b'"),
        ('["", "crown"]', '"all"', "quantities.air_temperature.positions", "all"),
        ("[quantities.air_temperature]", "[quantities]\n[x]", "quantities", "at least one"),
        ("period_s = 300", "period_s = = 300", "", "cannot be read"),
    ],
)
def test_a_broken_file_is_refused(tmp_path: Path, good: str, bad: str, key: str, reason: str) -> None:
    assert good in GOOD
    file = write(tmp_path, GOOD.replace(good, bad))
    with pytest.raises(KindError) as caught:
        load_kinds(tmp_path)
    assert caught.value.file == file
    assert caught.value.key == key
    assert reason in caught.value.reason
    assert str(file) in str(caught.value)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(KindError, match="no such folder"):
        load_kinds(tmp_path / "missing")
