"""Crops' parameter files: what they hold, and that a wrong one is told by its key."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from analytics.farm.errors import CropError
from analytics.farm.phenology.crop import parse_crop
from analytics.library import crop, crops
from tests.analytics.farm.phenology.crop_texts import STRECK, number

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analytics.farm.phenology.crop import Crop, Parameter

BBCH = {
    "wheat": [10, 21, 31, 39, 55, 65, 89],
    "potato": [9, 40, 60, 91],
    "garlic": [9, 41, 48],
    "carrot": [9, 41, 49],
}
ALL = list(crops().values())


def parameters(one: Crop) -> Iterator[Parameter]:
    for phase in one.phases:
        yield from phase.parameters.values()
        yield from phase.shares.values()
    for cultivar in one.cultivars.values():
        yield from cultivar.lengths.values()
    if one.sun_altitude:
        yield one.sun_altitude


def test_the_shipped_crops_have_the_stages_people_observe() -> None:
    assert {name: [stage.bbch for stage in one.stages] for name, one in crops().items()} == BBCH
    for one in ALL:
        assert set(one.errors) == set(one.skill) == set(one.stage_names)
        assert all(re.search(r"[ぁ-ヿ一-鿿]", stage.label_ja) for stage in one.stages)


def test_a_rule_of_thumb_never_passes_for_published() -> None:
    for one in ALL:
        for parameter in parameters(one):
            if "rule of thumb" in parameter.source:
                assert parameter.certainty in {"assumed", "secondary"}
            if parameter.certainty == "published" and parameter.unit != "1":
                assert "[" in parameter.source, parameter


def test_what_was_measured_is_told_as_measured_and_the_rest_is_not() -> None:
    wheat, potato = crop("wheat"), crop("potato")
    heading = wheat.errors["heading"]
    assert (heading.site_sd_d, heading.year_sd_d, heading.site_year_sd_d, heading.noise_sd_d) == (
        2.4,
        1.4,
        1.55,
        1.12,
    )
    assert heading.certainty["site_sd"] == "measured"
    assert heading.certainty["conformal_scale"] == "assumed"
    assert wheat.skill["heading"].has_skill is True
    assert potato.skill["emergence"].verdict == "some"
    assert potato.skill["tuber_initiation"].has_skill is False
    measured = {(one.name, stage) for one in ALL for stage, said in one.skill.items() if said.n}
    assert measured == {("wheat", "heading"), ("potato", "emergence"), ("potato", "tuber_initiation")}
    assert all(
        one.skill[stage].has_skill is None for one in ALL for stage in one.skill if not one.skill[stage].n
    )


def test_cultivars_change_lengths_only_where_something_is_said() -> None:
    wheat = crop("wheat")
    heading = next(phase for phase in wheat.phases if phase.end == "heading")
    assert wheat.length(heading, None) == wheat.length(heading, "never heard of")
    assert (wheat.length(heading, None).value, wheat.length(heading, None).certainty) == (873.0, "measured")
    assert wheat.length(heading, "kitahonami").value < 873.0
    assert wheat.length(heading, "kitahonami").certainty == "assumed"
    assert wheat.length(heading, "きたほなみ") == wheat.length(heading, " Kitahonami ")
    assert wheat.length(heading, "きたほなみ") == wheat.length(heading, "kitahonami")
    assert wheat.find_cultivar("never heard of") is wheat.find_cultivar(None) is None
    assert crop("carrot").cultivars["koyo_2"].label_ja == "向陽二号"


def test_a_calibration_adjusts_a_copy() -> None:
    wheat = crop("wheat").adjust("heading", "fitted in a test", length=800.0, daylength_optimum=15.0)
    phase = wheat.phases[1]
    assert (phase.parameters["length"].value, phase.parameters["length"].certainty) == (800.0, "measured")
    assert phase.parameters["daylength_optimum"].source == "fitted in a test"
    assert crop("wheat").phases[1].parameters["length"].value == 873.0
    with pytest.raises(CropError, match="no such parameter"):
        crop("wheat").adjust("heading", "a test", tsum=3.0)
    with pytest.raises(CropError, match="no phase ends with that stage"):
        crop("wheat").adjust("tillering", "a test", length=3.0)


def test_stages_are_found_by_name() -> None:
    assert crop("wheat").place("heading") == 4
    with pytest.raises(CropError, match="no such stage: one of emergence, tillering"):
        crop("wheat").place("harvest")
    with pytest.raises(CropError, match="no such crop: one of carrot, garlic, potato, wheat"):
        crop("rice")


def test_a_lab_s_own_file() -> None:
    own = parse_crop(STRECK, "streck")
    assert own.stage_names == ("emergence", "jointing", "heading")
    assert own.sun_altitude_deg == -4.0
    assert [share.value for share in own.phases[1].shares.values()] == [0.4, 1.0]
    assert crop("carrot").sun_altitude_deg is None


@pytest.mark.parametrize(
    ("before", "after", "complaint"),
    [
        ('name = "streck"', 'name = "other"', "name: is 'other', but the file is named 'streck'"),
        ('name = "streck"', 'name = "streck"\ncolour = "red"', "colour: is not known here"),
        ('label_ja = "小麦"\n', "", "label_ja: is missing"),
        ('label_ja = "小麦"', 'label_ja = " "', "label_ja: is empty"),
        ('label_ja = "小麦"', "label_ja = 3", "label_ja: must be a text, not 3"),
        ('unit = "deg"', 'unit = "degC"', "sun_altitude.unit: is 'degC', but must be 'deg'"),
        ("value = 120,", "", r"phases[0].parameters.length.value: is missing"),
        ("value = 120,", "value = nan,", "phases[0].parameters.length.value: must be a finite number"),
        ("value = 120,", 'value = "120",', "phases[0].parameters.length.value: must be a finite number"),
        ("value = 120,", "value = 0,", "phases[0].parameters.length: must be above 0"),
        (
            'value = 120, unit = "degC d"',
            'value = 120, unit = "d"',
            "parameters.length.unit: is 'd', but must be",
        ),
        ("value = 30,", "value = -1,", "phases[0].parameters.cap: must be above base, which is 0"),
        ("value = 24,", "value = 36,", "phases[1].parameters.maximum: must be above optimum, which is 36"),
        (
            "value = 4.9,",
            "value = -2,",
            "parameters.vernalisation_optimum: must be above vernalisation_minimum",
        ),
        ('model = "thermal_time"', 'model = "magic"', "phases[0].model: is 'magic': use one of thermal_time"),
        ("parameters.base", "parameters.bottom", "phases[0].parameters.base: is missing"),
        (
            f"parameters.daylength_critical = {number(8, 'h')}\n",
            "",
            "parameters.daylength_critical: is missing",
        ),
        (f"sun_altitude = {number(-4, 'deg')}\n", "", "sun_altitude: is missing"),
        ("bbch = 31", "bbch = 61", "phases: heading has BBCH 55, after jointing with 61"),
        ("bbch = 31", "bbch = 131", "phases[1].stages[0].bbch: is 131: from 0 to 99"),
        ("bbch = 31", "bbch = 3.1", "phases[1].stages[0].bbch: must be a whole number"),
        ("bbch = 31", "bbch = true", "phases[1].stages[0].bbch: must be a whole number"),
        ('name = "jointing"', 'name = "emergence"', "phases[1].stages[0].name: 'emergence' is there twice"),
        ("value = 0.4,", "value = 1.4,", "phases[1].stages: the shares must rise from above 0 to 1"),
        ("value = 0.4,", "value = 0,", "phases[1].stages: the shares must rise from above 0 to 1"),
        ("site_sd = 1\n", "", "phases[0].stages[0].errors.site_sd: is missing"),
        ("site_sd = 1\n", "site_sd = -1\n", "phases[0].stages[0].errors[0].site_sd: must not be negative"),
        ("site_sd = 1\n", "site_sd = 1\nsoil_sd = 1\n", "soil_sd: is not an error in 'd'"),
        ("conformal_scale = 1\n", "site_sd = 1\n", "site_sd: is not an error in '1'"),
        ('verdict = "unknown"', 'verdict = "skill"', "phases[0].stages[0].skill.n: is missing"),
        ('verdict = "unknown"', "verdict = true", "phases[0].stages[0].skill.verdict: must be a text"),
        ('certainty = "assumed"', 'certainty = "sure"', "certainty: is 'sure': use one of measured"),
        ("[cultivars]\n", "[cultivars]\nsome = 3\n", "cultivars.some: must be a table, not 3"),
        ("[cultivars]\n", "", "cultivars: is missing"),
        (
            "[cultivars]\n",
            f'[cultivars.a]\nlabel_ja = "甲"\nlabel_en = "a"\nlengths.jointing = {number(3, "d")}\n',
            "cultivars.a.lengths.jointing: is not known here",
        ),
        (
            "[cultivars]\n",
            f'[cultivars.a]\nlabel_ja = "甲"\nlabel_en = "a"\nlengths.heading = {number(3, "degC d")}\n',
            "cultivars.a.lengths.heading.unit: is 'degC d', but must be 'd'",
        ),
        ("[[phases]]", "[[phases", "cannot be read"),
    ],
)
def test_a_wrong_file_is_told_by_its_key(before: str, after: str, complaint: str) -> None:
    assert before in STRECK
    with pytest.raises(CropError, match=re.escape(complaint)) as error:
        parse_crop(STRECK.replace(before, after, 1), "streck")
    assert str(error.value).startswith("streck: ")


def test_a_file_without_phases_is_told() -> None:
    with pytest.raises(CropError, match="phases: is missing: write at least one"):
        parse_crop(STRECK.partition("[[phases]]")[0], "streck")
