from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from store.errors import StoreConflict, StoreMissing

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Ask = Callable[..., Any]

WHEAT = ("planting", "add", "shihoro", "farm", "north", "--crop", "wheat", "--sown", "2025-09-20")
PLACE = {
    "type": "Polygon",
    "coordinates": [[[143.24, 43.16], [143.25, 43.16], [143.25, 43.17], [143.24, 43.16]]],
}


@pytest.fixture
def field(ask: Ask) -> dict[str, Any]:
    names = ("--name-ja", "農場", "--name-en", "Farm")
    ask("lab", "site", "add", "shihoro", "farm", *names)
    added: dict[str, Any] = ask(
        "field",
        "add",
        "shihoro",
        "farm",
        "north",
        "--name-ja",
        "北の畑",
        "--name-en",
        "North",
        "--area-m2",
        5000,
    )
    return added


@pytest.mark.usefixtures("field")
def test_fields_are_listed(ask: Ask, tell: Callable[..., str]) -> None:
    (found,) = ask("field", "list", "--lab", "shihoro")
    assert (found["slug"], found["name_ja"], found["area_m2"]) == ("north", "北の畑", 5000.0)
    assert "北の畑" in tell("field", "list")
    assert ask("field", "list", "--lab", "kaga") == []


@pytest.mark.usefixtures("field")
def test_a_field_is_refused_that_makes_no_sense(
    command: Callable[..., int], ask: Ask, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    south = ("field", "add", "shihoro", "farm", "south", "--name-ja", "南", "--name-en", "South")
    with pytest.raises(SystemExit):
        command(*south, "--area-m2", 0)
    assert "--area-m2 must be more than 0" in capsys.readouterr().err
    with pytest.raises(StoreConflict, match="already a field 'shihoro/farm/north'"):
        command("field", "add", "shihoro", "farm", "north", "--name-ja", "北", "--name-en", "N")
    place = tmp_path / "south.json"
    place.write_text(json.dumps(PLACE))
    assert ask(*south, "--polygon", place)["polygon"] == PLACE


@pytest.mark.usefixtures("field")
def test_a_planting_from_sowing_to_harvest(ask: Ask, tell: Callable[..., str]) -> None:
    planting = ask(*WHEAT, "--cultivar", "きたほなみ", "--target-t-ha", 6.5, "--label", "1年B組")
    assert (planting["crop"], planting["cultivar"], planting["sown_on"]) == (
        "wheat",
        "きたほなみ",
        "2025-09-20",
    )
    seen = ask(
        "planting", "observe", planting["id"], "--bbch", 55, "--on", "2026-06-08", "--observer", "佐藤"
    )
    assert (seen["bbch"], seen["observed_on"], seen["observer"]) == (55, "2026-06-08", "佐藤")
    assert "きたほなみ" in tell("planting", "list", "--open")
    ended = ask("planting", "end", planting["id"], "--on", "2026-07-28", "--yield-t-ha", 6.1)
    assert (ended["ended_on"], ended["yield_t_ha"]) == ("2026-07-28", 6.1)
    assert ask("planting", "list", "--open") == []
    assert "2026-07-28, 6.1 t/ha" in tell("planting", "list", "--lab", "shihoro", "--crop", "wheat")


@pytest.mark.usefixtures("field")
def test_what_is_done_is_told(tell: Callable[..., str]) -> None:
    said = tell(*WHEAT)
    assert said.startswith("added planting ")
    number = said.split()[2].strip(":")
    assert tell("planting", "observe", number, "--bbch", 9, "--on", "2025-10-01").startswith(
        "noted BBCH 09 of"
    )
    assert tell("planting", "end", number, "--on", "2026-07-01") == f"ended planting {number} on 2026-07-01\n"


@pytest.mark.usefixtures("field")
@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((*WHEAT[:-1], "20.9.2025"), "'20.9.2025' is no date such as 2026-06-08"),
        ((*WHEAT, "--target-t-ha", "-1"), "--target-t-ha must be more than 0"),
        (("planting", "observe", "1", "--bbch", "100", "--on", "2026-06-08"), "invalid choice"),
    ],
)
def test_what_makes_no_sense_is_refused(
    command: Callable[..., int], capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:
    with pytest.raises(SystemExit):
        command(*words)
    assert said in capsys.readouterr().err


@pytest.mark.usefixtures("field")
def test_nothing_is_seen_or_ended_before_it_was_sown(
    command: Callable[..., int], ask: Ask, capsys: pytest.CaptureFixture[str]
) -> None:
    number = ask(*WHEAT)["id"]
    for words in (("observe", number, "--bbch", 10), ("end", number)):
        with pytest.raises(SystemExit):
            command("planting", *words, "--on", "2025-09-19")
        assert "--on 2025-09-19 is before the day of sowing, 2025-09-20" in capsys.readouterr().err
    (planting,) = ask("planting", "list")
    assert planting["ended_on"] is None


@pytest.mark.usefixtures("field")
def test_what_is_not_there_is_one_line(command: Callable[..., int]) -> None:
    with pytest.raises(StoreMissing, match="no field 'shihoro/farm/south'"):
        command(*WHEAT[:4], "south", *WHEAT[5:])
    with pytest.raises(Exception, match="no such crop: one of") as error:
        command(*WHEAT[:6], "rice", *WHEAT[7:])
    assert "\n" not in str(error.value)
    with pytest.raises(StoreMissing, match="no planting '7'"):
        command("planting", "end", 7, "--on", "2026-07-28")
    with pytest.raises(StoreMissing, match="no recipe 'mine'"):
        command(*WHEAT, "--recipe", "mine")


@pytest.mark.usefixtures("field")
def test_a_planting_follows_a_recipe(ask: Ask) -> None:
    number = ask(*WHEAT, "--recipe", "wheat")["recipe_id"]
    assert number in [recipe["id"] for recipe in ask("recipe", "list", "--crop", "wheat")]
